"""`reliai rollout`: looking at rollouts of a running application, and taking them in hand."""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.rollout import Rollout, Step
from reliai.testing import virtual_clock
from tests.cli.evaluating import run, told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.testing import VirtualClock


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture(autouse=True)
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> str:
    caplog.set_level(logging.ERROR, logger="reliai")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LOGNAME", "ana")
    made = f"sqlite:///{tmp_path}/state.db"
    monkeypatch.setenv("RELIAI_STATE", made)
    return made


def application(name: str = "tone", **given: Any) -> Rollout:
    """A rollout whose process was up once."""
    settings: dict[str, Any] = {"steps": [0.1, 0.5, 1.0], "background": False, **given}
    made = Rollout(name, "a", "b", **settings)
    made.sync()
    return made


def serve(ro: Rollout, calls: int, *, bad: bool = False) -> None:
    @reliai.Route(ro, into="variant")
    def ask(variant: str = "") -> str:
        if bad and variant == "b":
            raise ConnectionError
        return variant

    for number in range(calls):
        with reliai.context(subject=f"u{number}"):
            reliai.execute(ask)
    ro.sync()


def test_rollouts_are_listed(clock: VirtualClock) -> None:
    application().advance(1, by="ana")
    application("model").kill(by="ana")
    code, said = run("rollout", "list")
    assert code == 0
    title, model, tone = (line.split() for line in said.splitlines())
    assert title == ["rollout", "version", "status", "share", "step", "since", "why"]
    assert model[:8] == ["model", "1", "killed", "0", "%", "1", "of", "3"]
    assert tone[:8] == ["tone", "1", "ramping", "50", "%", "2", "of", "3"]


def test_a_list_as_json_has_everything(clock: VirtualClock) -> None:
    application()
    (listed,) = told("rollout", "list", "--json")[1]
    assert listed["name"] == "tone"
    assert listed["started"] == clock.time()


def test_a_state_without_rollouts_says_so(tmp_path: Path) -> None:
    assert run("rollout", "list") == (0, "no rollouts\n")
    assert run("rollout", "status", "tone") == (
        2,
        "there is no rollout 'tone'; the state holds none\n",
    )


def test_the_status_is_that_of_all_processes(clock: VirtualClock) -> None:
    for ro in (application(steps=[0.5, 1.0]), application(steps=[0.5, 1.0])):
        serve(ro, 30)
    code, said = run("rollout", "status", "tone")
    assert code == 0
    assert said.startswith("tone version 1: ramping (DWELL), step 1, 0.5 of the units")
    assert "calls in this phase: 34 control, 26 candidate" in said
    stands = told("rollout", "status", "tone", "--json")[1]
    assert (stands["status"], sum(stands["calls"])) == ("ramping", 60)


def test_a_decision_is_explained(clock: VirtualClock) -> None:
    ro = application(steps=[0.5, 1.0])
    serve(ro, 100, bad=True)
    clock.advance(2)
    ro.sync()
    code, said = run("rollout", "explain", "tone")
    assert code == 0
    assert said.startswith("2. rollback (GUARDRAIL) by reliai")
    assert "made again from these counts: the same" in said
    assert run("rollout", "explain", "tone", "1")[1].startswith("1. start (START)")
    assert run("rollout", "explain", "tone", "9") == (2, "tone: the audit has no entry 9\n")
    stands = told("rollout", "status", "tone", "--json")[1]
    assert stands["harm"] > 20


def test_the_audit_says_who_did_what_and_why(clock: VirtualClock) -> None:
    ro = application()
    ro.pause(by="ben", why="freeze")
    ro.resume(by="cleo")
    ro.advance(1, by="ana")
    lines = [line.split() for line in run("rollout", "audit", "tone")[1].splitlines()]
    assert [[line[0], line[3], *line[-2:]] for line in lines[1:3]] == [
        ["1", "start", "START", "reliai"],
        ["2", "pause", "ben", "freeze"],
    ]
    assert " ".join(lines[4][3:]) == "advance to step 2 OPERATOR ana"
    assert len(run("rollout", "audit", "tone", "-n", "2")[1].splitlines()) == 3
    entries = told("rollout", "audit", "tone", "--json")[1]
    assert [each["action"] for each in entries] == ["start", "pause", "resume", "advance"]
    assert [each["after"]["step"] for each in entries] == [1, 1, 1, 2]


def test_what_is_done_is_done_in_the_application(clock: VirtualClock) -> None:
    ro = application(steps=[Step(0.1, dwell=0, min_calls=1, approval=True), 0.5, 1.0])
    serve(ro, 40)
    clock.advance(2)
    ro.sync()
    for words, status, step in (
        (("approve", "--step", "1", "--why", "looks good"), "awaiting_approval", 1),
        (("advance", "--step", "1"), "ramping", 2),
        (("pause", "--by", "ben"), "paused", 2),
        (("resume",), "ramping", 2),
        (("rollback",), "rolled_back", 2),
        (("kill", "--why", "for good"), "killed", 2),
    ):
        code, said = run("rollout", words[0], "tone", *words[1:])
        assert (code, said.splitlines()[0].startswith(f"tone version 1: {status}")) == (0, True)
        assert (ro.status().status, ro.status().step) == (status, step)
    done = [(each.action, each.by, each.why) for each in ro.audit() if each.reason == "OPERATOR"]
    assert done == [
        ("approve", "ana", "looks good"),
        ("advance", "ana", ""),
        ("pause", "ben", ""),
        ("resume", "ana", ""),
        ("rollback", "ana", ""),
        ("kill", "ana", "for good"),
    ]


def test_what_cannot_be_is_refused_with_exit_code_1(clock: VirtualClock) -> None:
    ro = application()
    code, said = run("rollout", "advance", "tone", "--step", "2")
    assert (code, said) == (1, "advance: step 2 of tone is not under way, step 1 is\n")
    assert len(ro.audit()) == 1


def test_a_version_is_named_where_it_is_not_the_last(clock: VirtualClock) -> None:
    first = application(version="one")
    clock.advance(1)
    application(version="two")
    assert run("rollout", "kill", "tone", "--version", "one")[0] == 0
    assert first.status().status == "killed"
    assert run("rollout", "status", "tone")[1].startswith("tone version two: ramping")


def test_a_state_can_be_a_url_or_the_path_of_its_file(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch, clock: VirtualClock
) -> None:
    application()
    monkeypatch.delenv("RELIAI_STATE")
    reliai.configure(state="memory")
    for given in (url, f"{tmp_path}/state.db"):
        assert "tone" in run("rollout", "list", "--state", given)[1]
    missing = tmp_path / "other.db"
    code, said = run("rollout", "list", "--state", f"sqlite:///{missing}")
    assert (code, said) == (2, f"--state sqlite:///{missing}: there is no file {missing}\n")
    assert not missing.exists()
    assert run("rollout", "list", "--state", "mysql://x")[0] == 2


def test_without_a_state_it_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RELIAI_STATE")
    code, said = run("rollout", "list")
    assert code == 2
    assert "set RELIAI_STATE" in said


def test_a_snapshot_is_written_for_the_application_to_take(
    clock: VirtualClock, tmp_path: Path
) -> None:
    application().advance(1, by="ana")
    out = tmp_path / "app" / "tone.json"
    assert run("rollout", "snapshot", "tone", "-o", str(out)) == (0, "")
    assert told("rollout", "snapshot", "tone")[1]["key"] == "rollout:tone#1"
    reliai.configure(state=f"sqlite:///{tmp_path}/state.db/none")
    booted = Rollout("tone", "a", "b", steps=[0.1, 0.5, 1.0], background=False, bundled=str(out))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert {booted.choose(f"u{n}").share for n in range(20)} == {0.5}
