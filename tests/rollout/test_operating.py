"""Rollouts that are looked at and taken in hand without the application's code."""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai._core.settings import settings
from reliai.errors import ConfigurationError
from reliai.rollout import Rollout, RolloutConflict, Step, failure_rate, latency
from reliai.rollout.operating import Operated, rollouts
from reliai.state import open_state
from reliai.state.base import StateUnavailable
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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


def application(state: Any, name: str = "tone", **given: Any) -> Rollout:
    """A rollout whose process was up once."""
    settings: dict[str, Any] = {"steps": [0.1, 0.5, 1.0], "background": False, **given}
    made = Rollout(name, "a", "b", state=state, **settings)
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


def test_what_a_state_holds_is_listed_by_name_and_then_by_beginning(
    state: State, clock: VirtualClock
) -> None:
    application(state, "tone", version="b")
    clock.advance(1)
    application(state, "tone", version="a").advance(1, by="ana")
    application(state, "model").kill(by="ana")
    assert [(each.name, each.version, each.status, each.step) for each in rollouts(state)] == [
        ("model", "1", "killed", 1),
        ("tone", "b", "ramping", 1),
        ("tone", "a", "ramping", 2),
    ]
    killed, begun, advanced = rollouts(state)
    assert (killed.share, begun.share, advanced.share) == (0.0, 0.1, 0.5)
    assert (begun.steps, begun.reason, advanced.reason) == (3, "START", "OPERATOR")


def test_a_state_without_rollouts_lists_none(state: State) -> None:
    assert rollouts(state) == []
    with pytest.raises(RolloutConflict, match="no rollout 'tone'; the state holds none"):
        Operated(state, "tone")


def test_many_that_begin_at_once_are_all_listed(state: State) -> None:
    for number in range(12):
        application(state, f"r{number}")
    assert len(rollouts(state)) == 12


def test_one_that_is_forgotten_is_listed_no_more(state: State) -> None:
    application(state)
    state.delete("rollout:tone#1")
    assert rollouts(state) == []


def test_a_damaged_document_is_left_out_and_a_damaged_list_is_begun_anew(state: State) -> None:
    application(state, "tone")
    state.put("rollout:tone#1", b'{"standing": 5}')
    assert rollouts(state) == []
    state.put("rollouts", b"[[[")
    application(state, "model")
    assert [each.name for each in rollouts(state)] == ["model"]


def test_without_a_version_the_one_begun_last_is_meant(state: State, clock: VirtualClock) -> None:
    application(state, version=2)
    clock.advance(1)
    application(state, version=1)
    assert Operated(state, "tone").version == "1"
    assert Operated(state, "tone", 2).version == "2"


def test_what_is_not_there_is_refused_naming_what_is(state: State) -> None:
    application(state, version=1)
    application(state, version=2)
    with pytest.raises(RolloutConflict, match="no version 3 of tone; there are '1', '2'"):
        Operated(state, "tone", 3)
    with pytest.raises(RolloutConflict, match="no rollout 'tome'; there are 'tone'"):
        Operated(state, "tome")


def test_status_audit_and_explanation_are_the_applications(
    state: State, clock: VirtualClock
) -> None:
    ro = application(state, steps=[0.5, 1.0], guardrails=[failure_rate(), latency()])
    serve(ro, 100, bad=True)
    clock.advance(2)
    ro.sync()
    seen = Operated(state, "tone")
    ours, theirs = (json.dumps([e._asdict() for e in each.audit()]) for each in (ro, seen))
    assert theirs == ours
    assert str(seen.explain()) == str(ro.explain())
    assert seen.explain().agrees
    stands = seen.status()
    assert stands == replace(ro.status(), reasons={})
    assert (stands.status, stands.calls) == ("rolled_back", (56, 44))


def test_looking_from_outside_decides_nothing(state: State, clock: VirtualClock) -> None:
    ro = application(state, steps=[0.5, 1.0])
    clock.advance(10)
    serve(ro, 0)
    Operated(state, "tone").status()
    key = "rollout:tone#1"
    before = state.get(key)
    clock.advance(1e5)
    assert Operated(state, "tone").status().reason == "NO_DATA"
    assert state.get(key) == before


def test_each_thing_that_is_done_reaches_the_application(state: State, clock: VirtualClock) -> None:
    ro = application(state, steps=[Step(0.1, dwell=0, min_calls=1, approval=True), 0.5, 1.0])
    serve(ro, 40)
    clock.advance(2)
    ro.sync()
    operator = Operated(state, "tone")
    assert operator.status().status == "awaiting_approval"
    operator.approve(1, by="ana", why="looks good")
    clock.advance(2)
    ro.sync()
    assert ro.status().step == 2
    operator.pause(by="ana")
    assert ro.status().status == "paused"
    operator.resume(by="ana")
    assert ro.status().status == "ramping"
    operator.advance(2, by="ana")
    assert ro.choose("u").reason == "SPLIT"
    ro.sync()
    assert ro.choose("u").reason == "PROMOTED"
    operator.rollback(by="ana", why="complaints")
    ro.sync()
    assert ro.choose("u").reason == "ROLLED_BACK"
    operator.kill(by="ben", why="for good")
    ro.sync()
    assert ro.choose("u").reason == "KILLED"
    people = [(each.action, each.by, each.why) for each in ro.audit() if each.by != "reliai"]
    assert people == [
        ("approve", "ana", "looks good"),
        ("pause", "ana", ""),
        ("resume", "ana", ""),
        ("advance", "ana", ""),
        ("rollback", "ana", "complaints"),
        ("kill", "ben", "for good"),
    ]


def test_a_kill_twice_is_written_once(state: State, clock: VirtualClock) -> None:
    ro = application(state)
    Operated(state, "tone").kill(by="ana")
    Operated(state, "tone").kill(by="ben")
    assert [(each.action, each.by) for each in ro.audit()] == [("start", "reliai"), ("kill", "ana")]


def test_what_cannot_be_is_refused_as_in_the_application(state: State, clock: VirtualClock) -> None:
    application(state)
    operator = Operated(state, "tone")
    with pytest.raises(RolloutConflict, match="asks for no approval"):
        operator.approve(1, by="ana")
    with pytest.raises(RolloutConflict, match="is ramping and not paused"):
        operator.resume(by="ana")
    with pytest.raises(RolloutConflict, match="step 2 of tone is not under way, step 1 is"):
        operator.advance(2, by="ana")
    with pytest.raises(ConfigurationError, match="by=''"):
        operator.kill(by="")
    operator.kill(by="ana")
    with pytest.raises(RolloutConflict, match="is killed, for good"):
        operator.pause(by="ana")


def test_a_state_that_does_not_answer_is_a_conflict(tmp_path: Path) -> None:
    class Gone:
        shared = True

        def __getattr__(self, name: str) -> Any:
            def asked(*_: Any, **__: Any) -> Any:
                message = "away"
                raise StateUnavailable(message)

            return asked

    with pytest.raises(RolloutConflict, match="does not answer"):
        rollouts(Gone())
    with pytest.raises(RolloutConflict, match="does not answer"):
        Operated(Gone(), "tone")


def test_one_whose_state_goes_away_says_so_and_kills_nothing(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    application(state)
    operator = Operated(state, "tone")

    def away(*_: Any, **__: Any) -> Any:
        message = "away"
        raise StateUnavailable(message)

    with monkeypatch.context() as patch:
        patch.setattr(state, "exchange", away)
        with warnings.catch_warnings():  # said once for each rollout of a name
            warnings.simplefilter("ignore")
            with pytest.raises(RolloutConflict, match="try again"):
                operator.status()
        with pytest.raises(RolloutConflict, match=r"audit: .* does not answer"):
            operator.audit()
        with pytest.raises(RolloutConflict, match=r"kill: .* does not answer"):
            operator.kill(by="ana")
    assert operator.status().status == "ramping"


def test_the_configured_state_is_meant_where_none_is_given(state: State) -> None:
    with pytest.raises(ConfigurationError, match="no state is configured"):
        rollouts()
    settings.state = state
    application(None)
    assert [each.name for each in rollouts()] == ["tone"]
    assert Operated(None, "tone").status().status == "ramping"


def test_names_and_versions_may_hold_what_they_like(state: State) -> None:
    application(state, "a#b", version="1#2 ü")
    assert Operated(state, "a#b").version == "1#2 ü"
    assert "1#2 ü" in repr(Operated(state, "a#b"))


def test_a_rollout_of_memory_can_be_operated_in_its_own_process() -> None:
    memory = open_state("memory")
    ro = application(memory)
    Operated(memory, "tone").pause(by="ana")
    assert ro.status().status == "paused"
