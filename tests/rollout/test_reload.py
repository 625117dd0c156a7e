"""Rollouts whose settings stand in a file that is edited while they run (case 51)."""

from __future__ import annotations

import json
import logging
import os
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ConfigurationError, ReliaiWarning
from reliai.rollout import Rollout
from reliai.rollout._file import RolloutFile
from reliai.state import open_state
from reliai.state.base import StateUnavailable
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.state import State
    from reliai.testing import VirtualClock


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="reliai")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    made = open_state(f"sqlite:///{tmp_path}/state.db")
    yield made
    made.close()


class File:
    """A file of settings, edited as an editor would: another one takes its place."""

    def __init__(self, folder: Path, name: str = "tone.json") -> None:
        self.path = folder / name
        self.settings: dict[str, Any] = {"steps": [0.1, 0.5, 1.0], "dwell": 600}
        self.edit()

    def edit(self, **changes: Any) -> None:
        self.settings = {**self.settings, **changes}
        self.write(json.dumps(self.settings))

    def write(self, text: str) -> None:
        beside = self.path.with_suffix(".new")
        beside.write_text(text)
        beside.replace(self.path)


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def loaded(file: File, state: Any, **in_code: Any) -> Rollout:
    made = Rollout.load(file.path, "a", "b", state=state, background=False, **in_code)
    made.sync()
    return made


def look(*rollouts: Rollout) -> None:
    """What the thread does in half a second: a file is taken when it has come to rest."""
    for _ in range(2):
        for ro in rollouts:
            ro.sync()


def actions(ro: Rollout) -> list[str]:
    return [each.action for each in ro.audit()]


# --- reading


def test_a_file_gives_the_settings_and_a_name(
    file: File, state: State, clock: VirtualClock
) -> None:
    ro = loaded(file, state)
    assert (ro.name, ro.version) == ("tone", "1")
    assert [step.share for step in ro.plan.steps] == [0.1, 0.5, 1.0]
    assert ro.problem is None


def test_toml_has_steps_and_guardrails_with_their_settings(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(
        """
        name = "answer"
        version = 3
        unit = ["tenant", "subject"]
        steps = [0.01, {share = 0.25, approval = true, dwell = 3600}, 1.0]
        guardrails = [
            "failure_rate",
            {kind = "latency", max_ratio = 1.3},
            {kind = "score", name = "faithfulness", below = 0.6},
            {kind = "feedback", name = "thumbs", bad = 0, mature = 60},
        ]
        layer = ["search", 0.0, 0.5]
        [target]
        locale = ["de", "at"]
        """
    )
    ro = Rollout.load(path, "a", "b")
    assert (ro.name, ro.version, ro.unit) == ("answer", "3", ("tenant", "subject"))
    assert ro.plan.steps[1][:2] == (0.25, 3600.0)
    assert ro.plan.steps[1].approval
    names = [rule.name for rule in ro.plan.rules]
    assert names == ["failure_rate", "latency", "score:faithfulness", "feedback:thumbs"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", r"tone\.json: Expecting"),
        ("[]", "must be a table of settings"),
        ('{"step": [1]}', "'step' is no setting; there are .*steps"),
        ('{"steps": [{"shares": 0.1}, 1.0]}', "must have share"),
        ('{"guardrails": [{"kind": "latencies"}]}', "kind='latencies' is none of failure_rate"),
        ('{"guardrails": [{"kind": "latency", "most": 2}]}', "guardrails: latency: .*most"),
        ('{"alpha": 2}', "alpha=2"),
        ('{"background": true}', "'background' is no setting"),
    ],
)
def test_a_file_that_is_no_good_is_refused_at_the_start(file: File, text: str, said: str) -> None:
    file.write(text)
    with pytest.raises(ConfigurationError, match=said):
        Rollout.load(file.path, "a", "b")


def test_a_file_that_is_not_there_or_is_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.json: No such file"):
        Rollout.load(tmp_path / "none.json", "a", "b")
    (tmp_path / "r.yaml").write_text("a: 1")
    with pytest.raises(ConfigurationError, match=r"\.toml or \.json, not '\.yaml'"):
        Rollout.load(tmp_path / "r.yaml", "a", "b")


def test_a_setting_that_stands_in_file_and_code_is_refused(file: File) -> None:
    with pytest.raises(ConfigurationError, match="dwell stands in the file and in the code"):
        Rollout.load(file.path, "a", "b", dwell=5)


# --- editing


def test_an_edit_that_is_no_good_keeps_the_old_settings_and_says_so(
    file: File, state: State, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    ro = loaded(file, state)
    known = ro.choose("u")
    file.edit(dwell=-1)
    with pytest.warns(ReliaiWarning, match=r"tone\.json is not followed: .*dwell=-1"):
        look(ro)
    assert ro.problem is not None
    assert "dwell=-1" in ro.problem
    assert "its file is not followed" in str(ro.status())
    assert [each.levelname for each in caplog.records] == ["ERROR"]
    assert ro.plan.steps[0].dwell == 600
    assert (ro.choose("u"), actions(ro)) == (known, ["start"])
    look(ro)
    assert len(caplog.records) == 1
    file.edit(dwell=60)
    look(ro)
    assert ro.status().problem is None
    assert ro.plan.steps[0].dwell == 60


def test_a_good_edit_is_followed_and_audited_with_the_difference(
    file: File, state: State, clock: VirtualClock
) -> None:
    ro = loaded(file, state)
    file.edit(dwell=60, steps=[0.1, 0.2, 0.6, 1.0])
    look(ro)
    assert [step.share for step in ro.plan.steps] == [0.1, 0.2, 0.6, 1.0]
    entry = ro.audit()[-1]
    assert (entry.action, entry.reason, entry.by) == ("configure", "CONFIGURED", "file tone.json")
    assert entry.why == "dwell: 600 -> 60; steps: [0.1, 0.5, 1.0] -> [0.1, 0.2, 0.6, 1.0]"
    assert [step["dwell"] for step in entry.plan["steps"]] == [60.0] * 4
    ro.advance(1, by="ana")
    assert ro.status().share == 0.2


def test_who_is_meant_by_name_is_not_told_in_the_audit(
    file: File, state: State, clock: VirtualClock
) -> None:
    ro = loaded(file, state)
    file.edit(target={"subject": ["ana"]})
    look(ro)
    file.edit(target={"locale": ["de"]})
    look(ro)
    file.edit(target={"locale": ["fr"]})
    look(ro)
    whole = 'target: {"locale": ["de"]} -> {"locale": ["fr"]}'
    assert [each.why for each in ro.audit()[-3:]] == ["target changed", "target changed", whole]
    assert "ana" not in str(ro.audit())


def test_what_was_counted_is_kept_when_times_change(
    file: File, state: State, clock: VirtualClock
) -> None:
    ro = loaded(file, state)
    serve(ro, 50)
    file.edit(dwell=60)
    look(ro)
    serve(ro, 10)
    assert sum(ro.status().calls) == 60
    clock.advance(61)
    ro.sync()
    assert ro.status().reason == "SAMPLES"


def serve(ro: Rollout, calls: int, name: str = "u") -> None:
    ask = reliai.Route(ro, into="variant")(lambda variant="": variant)
    for number in range(calls):
        with reliai.context(subject=f"{name}{number}"):
            ask()
    ro.sync()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"guardrails": ["latency"]}, "guardrails, alpha, .* cannot change under way"),
        ({"alpha": 0.2}, "give the rollout another version"),
        ({"steps": [0.2, 0.5, 1.0]}, "the steps that have begun cannot change"),
        ({"steps": [0.1, 1.0]}, None),
        ({"salt": "other"}, "salt cannot change"),
        ({"unit": "tenant"}, "unit cannot change"),
        ({"name": "other"}, "the name cannot change"),
    ],
)
def test_what_would_mix_counts_needs_another_version(
    file: File, state: State, clock: VirtualClock, change: dict[str, Any], said: str | None
) -> None:
    ro = loaded(file, state)
    file.edit(**change)
    if said is None:
        look(ro)
        assert actions(ro) == ["start", "configure"]
        return
    with pytest.warns(ReliaiWarning, match=said):
        look(ro)
    assert actions(ro) == ["start"]


def test_another_version_begins_while_calls_of_the_old_one_still_count(
    file: File, state: State, clock: VirtualClock
) -> None:
    ro = loaded(file, state)
    ro.rollback(by="ana")
    old = ro.choose("u")
    file.edit(version=2, alpha=0.01)
    look(ro)
    assert (ro.version, ro.choose("u").reason) == ("2", "SPLIT")
    assert (old.version, ro.choose("u").version) == ("1", "2")
    (start,) = ro.audit()
    assert start.why == "alpha: default -> 0.01; version: default -> 2"
    assert ro.plan.alpha == 0.01


def test_calls_that_began_under_the_version_before_are_counted_there(
    file: File, state: State, clock: VirtualClock
) -> None:
    ro = loaded(file, state)

    @reliai.Route(ro, into="variant")
    def ask(variant: str = "") -> str:
        file.edit(version=2)
        look(ro)
        return variant

    with reliai.context(subject="u"):
        ask()
    look(ro)
    assert sum(ro.status().calls) == 0
    one = Rollout("tone", "a", "b", steps=[0.1, 0.5, 1.0], state=state, background=False)
    one.sync()
    assert sum(one.status().calls) == 1


def test_who_takes_part_may_change_and_begins_a_phase(
    file: File, state: State, clock: VirtualClock
) -> None:
    ro = loaded(file, state)
    serve(ro, 30)
    file.edit(exposure=0.5, force={"ana": "candidate"})
    look(ro)
    assert ro.choose("ana").reason == "FORCED"
    assert {ro.choose(f"u{n}").reason for n in range(50)} == {"SPLIT", "NOT_EXPOSED"}
    entry = ro.audit()[-1]
    assert entry.why == "exposure: default -> 0.5; force changed"
    assert (sum(ro.status().calls), ro.status().share) == (0, 0.1)
    assert ro.choose("u1").phase == 1


def test_the_mode_may_change_under_way(file: File, state: State, clock: VirtualClock) -> None:
    file.edit(mode="observe")
    ro, other = loaded(file, state), loaded(file, state)
    file.edit(mode="enforce")
    look(ro, other)
    assert (ro.mode, ro.plan.observe, other.plan.observe) == ("enforce", False, False)


def test_a_file_that_is_gone_or_half_written_changes_nothing(
    file: File, state: State, clock: VirtualClock
) -> None:
    ro = loaded(file, state)
    file.path.unlink()
    with pytest.warns(ReliaiWarning, match="No such file"):
        look(ro)
    file.write('{"steps": [0.1, 0.5')
    ro.sync()  # it has only just been written, and may not be whole
    file.edit(dwell=60)
    look(ro)
    assert (ro.plan.steps[0].dwell, ro.problem) == (60, None)


def test_a_file_that_is_only_touched_changes_nothing(
    file: File, state: State, clock: VirtualClock
) -> None:
    ro = loaded(file, state)
    os.utime(file.path, (1, 1))
    look(ro)
    assert actions(ro) == ["start"]


def test_a_file_that_is_not_to_be_watched_is_read_once(
    file: File, state: State, clock: VirtualClock
) -> None:
    ro = loaded(file, state, reload=False)
    file.edit(dwell=60)
    look(ro)
    assert ro.plan.steps[0].dwell == 600


# --- several processes


def test_of_processes_with_the_same_edit_one_writes_it(
    file: File, state: State, clock: VirtualClock
) -> None:
    fleet = [loaded(file, state) for _ in range(3)]
    file.edit(dwell=60)
    look(*fleet)
    assert {ro.plan.steps[0].dwell for ro in fleet} == {60}
    assert actions(fleet[0]) == ["start", "configure"]


def test_one_whose_file_was_not_edited_goes_by_what_the_others_wrote(
    tmp_path: Path, state: State, clock: VirtualClock
) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    ours, theirs = File(tmp_path / "one"), File(tmp_path / "two")
    one, two = loaded(ours, state), loaded(theirs, state)
    ours.edit(dwell=60)
    look(one)
    serve(two, 20)
    assert two.plan.steps[0].dwell == 60
    assert sum(one.status().calls) == 20
    with pytest.warns(ReliaiWarning, match="an older one than the rollout goes by now"):
        late = loaded(theirs, state)
    assert late.plan.steps[0].dwell == 60
    assert actions(one) == ["start", "configure"]


def test_one_that_starts_with_a_newer_file_brings_it(
    file: File, state: State, clock: VirtualClock
) -> None:
    one = loaded(file, state, reload=False)
    serve(one, 20)
    file.edit(dwell=60)
    two = loaded(file, state)
    look(one, two)
    assert one.plan.steps[0].dwell == two.plan.steps[0].dwell == 60
    assert sum(two.status().calls) == 20
    assert actions(two) == ["start", "configure"]


def test_an_edit_waits_for_a_state_that_is_away(
    file: File, state: State, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ro = loaded(file, state)

    def away(*_: Any, **__: Any) -> Any:
        message = "away"
        raise StateUnavailable(message)

    file.edit(dwell=60)
    with monkeypatch.context() as patch:
        patch.setattr(state, "exchange", away)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            look(ro)
        assert ro.plan.steps[0].dwell == 600
    ro.sync()
    assert ro.plan.steps[0].dwell == 60


def test_a_promoted_rollout_takes_on_who_takes_part_alone(
    file: File, state: State, clock: VirtualClock
) -> None:
    ro = loaded(file, state)
    ro.advance(1, by="ana")
    ro.advance(2, by="ana")
    file.edit(force={"ana": "control"})
    look(ro)
    assert ro.choose("ana").reason == "FORCED"
    assert ro.choose("ben").reason == "PROMOTED"
    assert actions(ro)[-1] == "advance"


@pytest.mark.parametrize("half", ["steps = [0.1, 1.0]", "steps = [0.1, 1.0"])
def test_a_file_that_is_written_while_it_is_read_is_read_again(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch, half: str
) -> None:
    """Half of a file may be good TOML, in which what is missing has its default."""
    path = tmp_path / "tone.toml"
    path.write_text('steps = [0.5, 1.0]\nmode = "observe"\n')
    file = RolloutFile(path)
    path.write_text(half)
    assert file.changed() is None
    read = Path.read_bytes

    def read_early(here: Path) -> bytes:
        data = read(here)
        path.write_text('steps = [0.1, 1.0]\nmode = "observe"\n')
        return data

    monkeypatch.setattr(Path, "read_bytes", read_early)
    assert file.changed() is None
    monkeypatch.undo()
    looks = [file.changed() for _ in range(2)]
    assert looks == [None, {"name": "tone", "steps": [0.1, 1.0], "mode": "observe"}]


def test_the_thread_follows_the_file_by_itself(file: File, state: State) -> None:
    told: list[str] = []
    ro = Rollout.load(
        file.path, "a", "b", state=state, notify=lambda entry: told.append(entry.action)
    )
    ro.choose("u")
    file.edit(dwell=60)
    until = time.monotonic() + 30
    while not told and time.monotonic() < until:
        time.sleep(0.01)
    assert (told, ro.plan.steps[0].dwell) == (["configure"], 60)
    assert ro.audit()[-1].why == "dwell: 600 -> 60"


def test_a_forked_child_follows_the_file_too(file: File, state: State) -> None:
    ro = loaded(file, state)
    child = os.fork()
    if not child:  # pragma: no cover  not seen from here
        status = 1
        try:
            file.edit(dwell=60)
            look(ro)
            status = 0 if ro.plan.steps[0].dwell == 60 else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    look(ro)
    assert (ro.plan.steps[0].dwell, actions(ro)) == (60, ["start", "configure"])


def test_a_part_of_a_layer_that_meets_anothers_is_refused_before_it_is_written(
    file: File, state: State, clock: VirtualClock
) -> None:
    other = Rollout("other", 1, 2, layer=("pages", 0.5, 1.0), background=False)
    ro = loaded(file, state)
    file.edit(layer=["pages", 0.0, 0.6])
    with pytest.warns(ReliaiWarning, match="meets that of 'other'"):
        look(ro)
    assert (actions(ro), ro.problem is None) == (["start"], False)
    file.edit(layer=["pages", 0.0, 0.5])
    look(ro)
    assert {ro.choose(f"u{n}").reason for n in range(50)} == {"SPLIT", "OTHER_LAYER"}
    assert other.name == "other"


def test_who_keeps_the_candidate_is_not_forgotten_by_an_edit(
    file: File, state: State, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.edit(sticky=True)
    ro = loaded(file, state)
    put = state.put

    def untold(key: str, *args: Any, **given: Any) -> Any:
        if ":had:" in key:
            raise StateUnavailable(key)
        return put(key, *args, **given)

    monkeypatch.setattr(state, "put", untold)
    had = {unit for unit in (f"u{n}" for n in range(200)) if ro.choose(unit).name == "candidate"}
    file.edit(exposure=0.0)
    look(ro)
    assert {ro.choose(unit).reason for unit in had} == {"STICKY"}
