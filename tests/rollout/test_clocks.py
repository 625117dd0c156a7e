"""Clocks that are put right while a rollout is under way (case 50)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from reliai.rollout import Rollout
from reliai.state import open_state
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.state import State
    from reliai.testing import VirtualClock

HOUR = 3_600.0


class Wrong:
    """A clock of the day that can be put forward and back; the monotonic one goes on."""

    def __init__(self, clock: VirtualClock, patched: pytest.MonkeyPatch) -> None:
        self.off = 0.0
        right = clock.time
        patched.setattr(clock, "time", lambda: right() + self.off)


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, logger="reliai")


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture
def wrong(clock: VirtualClock, monkeypatch: pytest.MonkeyPatch) -> Wrong:
    return Wrong(clock, monkeypatch)


@pytest.fixture(params=["memory", "sqlite"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    url = "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/state.db"
    made = open_state(url)
    yield made
    made.close()


def rollout(state: State, **settings: Any) -> Rollout:
    given: dict[str, Any] = {
        "steps": [0.25, 0.5, 1.0],
        "min_calls": 1,
        "guardrails": [],
        **settings,
    }
    ro = Rollout("r", "a", "b", state=state, background=False, **given)
    ro.sync()
    return ro


def called(ro: Rollout) -> None:
    """Some calls of each variant, which end well."""
    for number in range(40):
        choice = ro.choose(f"user-{number}")
        record: Any = None  # there is no guardrail to read it
        ro._controller.tally.add(choice, record)


@pytest.mark.parametrize("jump", [-HOUR, HOUR])
def test_a_clock_that_jumps_begins_no_step_before_its_time(
    state: State, clock: VirtualClock, wrong: Wrong, jump: float
) -> None:
    ro = rollout(state, dwell=600.0)
    called(ro)
    clock.advance(300.0)
    wrong.off = jump
    for _ in range(2):
        ro.sync()
        clock.advance(2.0)
    assert ro.status().step == 1
    assert ro.status().reason == "DWELL"


def test_a_step_goes_on_at_its_time_once_a_jump_is_put_right(
    state: State, clock: VirtualClock, wrong: Wrong
) -> None:
    ro = rollout(state, dwell=600.0)
    called(ro)
    for jump in (-HOUR, HOUR, 0.0):
        clock.advance(190.0)
        wrong.off = jump
        ro.sync()
        assert ro.status().step == 1
    clock.advance(40.0)
    ro.sync()
    assert ro.status().step == 2


@pytest.mark.parametrize("jump", [-HOUR, 0.0])
def test_a_clock_that_jumps_back_gives_no_second_leader(
    clock: VirtualClock, wrong: Wrong, jump: float, tmp_path: Path
) -> None:
    with_sqlite = open_state(f"sqlite:///{tmp_path}/state.db")
    one, two = rollout(with_sqlite), rollout(with_sqlite)
    assert one._controller._leads() is not None
    wrong.off = jump
    clock.advance(1.0)
    assert two._controller._leads() is None
    assert one._controller._leads() is not None
    with_sqlite.close()


def test_a_clock_that_jumps_makes_nothing_stale(
    state: State, clock: VirtualClock, wrong: Wrong
) -> None:
    ro = rollout(state, dwell=0.0, min_calls=1_000, stale_after=600.0, max_staleness=60.0)
    called(ro)
    ro.sync()
    for jump in (HOUR, -HOUR):
        wrong.off = jump
        clock.advance(2.0)
        ro.sync()
        assert ro.status().reason == "SAMPLES"
        assert ro.choose("user-1").reason == "SPLIT"


def test_what_operators_do_is_dated_by_the_store(
    state: State, clock: VirtualClock, wrong: Wrong
) -> None:
    ro = rollout(state)
    told = state.exchange([], []).now
    ro.advance(step=1, by="ana")
    assert ro.audit()[-1].at == pytest.approx(told)
