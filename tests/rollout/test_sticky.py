"""Units that have had the candidate keep it when who takes part changes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.errors import ConfigurationError
from reliai.rollout import Rollout
from reliai.rollout import _sticky as sticky_module
from reliai.state import open_state
from reliai.state.base import StateUnavailable
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.state import State
    from reliai.testing import VirtualClock

UNITS = [f"u{number}" for number in range(300)]


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture
def state(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[State]:
    caplog.set_level(logging.ERROR, logger="reliai")
    made = open_state(f"sqlite:///{tmp_path}/state.db")
    yield made
    made.close()


def rollout(state: Any, **given: Any) -> Rollout:
    settings: dict[str, Any] = {"steps": [0.5, 1.0], "background": False, **given}
    made = Rollout("kept", "a", "b", state=state, **settings)
    made.sync()
    return made


def with_candidate(ro: Rollout) -> set[str]:
    had = {unit for unit in UNITS if ro.choose(unit).name == "candidate"}
    ro.sync()
    return had


def test_who_has_had_the_candidate_keeps_it_in_every_process_when_fewer_take_part(
    state: State, clock: VirtualClock
) -> None:
    had = with_candidate(rollout(state, sticky=True))
    fewer = rollout(state, sticky=True, exposure=0.2)
    assert had <= with_candidate(fewer)
    reasons = {fewer.choose(unit).reason for unit in had}
    assert reasons == {"SPLIT", "STICKY"}
    others = {fewer.choose(unit).name for unit in set(UNITS) - had}
    assert others == {"control"}


def test_without_the_record_fewer_have_it(state: State, clock: VirtualClock) -> None:
    had = with_candidate(rollout(state))
    assert len(with_candidate(rollout(state, exposure=0.2))) < len(had) / 2


def test_a_unit_that_is_meant_no_more_keeps_it(state: State, clock: VirtualClock) -> None:
    ro = rollout(state, sticky=True, target={"plan": "pro"})
    with reliai.context(tags={"plan": "pro"}):
        had = with_candidate(ro)
    assert {ro.choose(unit).reason for unit in had} == {"STICKY"}
    assert {ro.choose(unit).reason for unit in set(UNITS) - had} == {"NOT_TARGETED"}


def test_a_call_of_one_that_keeps_it_is_not_analysed(state: State, clock: VirtualClock) -> None:
    ro = rollout(state, sticky=True, target={"plan": "pro"})
    with reliai.context(tags={"plan": "pro"}):
        had = with_candidate(ro)
    ask = reliai.Route(ro, into="variant")(lambda variant="": variant)
    with reliai.context(subject=min(had)):
        assert ask() == "b"
    ro.sync()
    assert sum(ro.status().calls) == 0


def test_a_kill_a_rollback_and_the_held_out_come_before_it(
    state: State, clock: VirtualClock
) -> None:
    """Case 7: whatever a unit has had."""
    ro = rollout(state, sticky=True, force={"ana": "candidate"})
    had = with_candidate(ro)
    out = rollout(state, sticky=True, holdout=0.5)
    reasons = {out.choose(unit).reason for unit in had}
    assert reasons == {"HOLDOUT", "SPLIT"}
    ro.rollback(by="ana")
    assert {ro.choose(unit).reason for unit in had} == {"ROLLED_BACK"}
    ro.kill(by="ana")
    assert {ro.choose(unit).reason for unit in {*had, "ana"}} == {"KILLED"}


def test_the_state_is_asked_once_for_each_unit_and_told_off_the_path(
    state: State, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    for name in ("get", "put"):
        question = getattr(state, name)

        def heard(key: str, *args: Any, question: Any = question, **given: Any) -> Any:
            asked.append(key)
            return question(key, *args, **given)

        monkeypatch.setattr(state, name, heard)
    ro = rollout(state, sticky=True, exposure=0.5)
    ro.sync()
    asked.clear()
    for _ in range(3):
        for unit in UNITS:
            ro.choose(unit)
    outside = sum(ro.choose(unit).reason == "NOT_EXPOSED" for unit in UNITS)
    assert len(asked) == outside
    assert not any(unit in key for key in asked for unit in ("u1", "u2"))
    asked.clear()
    ro.sync()
    had = sum(ro.choose(unit).name == "candidate" for unit in UNITS)
    assert sum(":had:" in key for key in asked) == had


def test_a_state_that_is_away_is_asked_no_more_for_a_while(
    state: State, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ro = rollout(state, sticky=True, exposure=0.0)
    asked: list[str] = []

    def away(key: str, **_: Any) -> Any:
        asked.append(key)
        raise StateUnavailable(key)

    with monkeypatch.context() as patch:
        patch.setattr(state, "get", away)
        assert {ro.choose(unit).reason for unit in UNITS} == {"NOT_EXPOSED"}
        assert len(asked) == 1
    clock.advance(sticky_module._PAUSE + 1)
    assert ro.choose("u1").reason == "NOT_EXPOSED"
    assert len(asked) == 1


def test_what_the_state_does_not_take_is_told_again(
    state: State, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ro = rollout(state, sticky=True)

    def away(*_: Any, **__: Any) -> Any:
        message = "away"
        raise StateUnavailable(message)

    with monkeypatch.context() as patch:
        patch.setattr(state, "put", away)
        had = with_candidate(ro)
    ro.sync()
    assert had <= with_candidate(rollout(state, sticky=True, exposure=0.0))


def test_what_a_process_remembers_is_bounded(
    state: State, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sticky_module, "_KNOWN", 50)
    ro = rollout(state, sticky=True)
    with_candidate(ro)
    record = ro._serving.sticky
    assert record is not None
    assert len(record._known) <= 50


def test_sticky_is_yes_or_no() -> None:
    with pytest.raises(ConfigurationError, match=r"sticky='yes'\): must be True or False"):
        rollout(None, sticky="yes")
