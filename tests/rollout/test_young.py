"""Calls that are too young to be judged by what people say of them: told, asked for, forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reliai.rollout._book import Phase
from reliai.rollout._young import Young
from reliai.state import open_state
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.state import State
    from reliai.testing import VirtualClock

DAY, HOUR = 86_400.0, 3_600.0


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as virtual:
        yield virtual


@pytest.fixture
def state(clock: VirtualClock) -> State:
    return open_state("memory")


def told(young: Young, state: State, clock: VirtualClock, *phases: Phase) -> tuple[float, float]:
    """Tell what was counted, and how many of the first phase are young then, in either arm."""
    now, began = clock.time(), phases or (Phase(0.5, 0.0),)
    counts = young.asked("r", began, young.take(), now)
    exchanged = state.exchange(counts, [])
    return young.counted("r", 0, DAY, exchanged.counted, now)


def noted(clock: VirtualClock, *arms: int) -> Young:
    young = Young([DAY])
    for arm in arms:
        young.note(0, arm, clock.time())
    return young


def test_young_calls_stay_so_until_their_time_though_nothing_new_is_told(
    state: State, clock: VirtualClock
) -> None:
    young = noted(clock, 0, 1, 1)
    assert told(young, state, clock) == (1, 2)
    for _ in range(23):
        clock.advance(HOUR)
        assert told(young, state, clock) == (1, 2)
    clock.advance(2 * HOUR)
    assert told(young, state, clock) == (0, 0)


def test_those_of_a_phase_that_has_ended_are_asked_for_as_long_as_they_are_young(
    state: State, clock: VirtualClock
) -> None:
    young = noted(clock, 0, 1)
    told(young, state, clock)
    phases = (Phase(0.5, clock.time()), Phase(0.8, clock.time() + HOUR))
    clock.advance(12 * HOUR)
    assert told(young, state, clock, *phases) == (1, 1)
    clock.advance(20 * HOUR)
    assert told(young, state, clock, *phases) == (0, 0)


def test_what_could_not_be_told_is_told_with_what_came_since(
    state: State, clock: VirtualClock
) -> None:
    young = noted(clock, 0, 1, 1)
    taken = young.take()
    assert young.take() == {}
    young.note(0, 1, clock.time())
    young.put_back(taken)
    assert told(young, state, clock) == (1, 3)


def test_a_forked_child_tells_nothing_of_its_parents(state: State, clock: VirtualClock) -> None:
    young = noted(clock, 0, 1)
    young.renew()
    assert told(young, state, clock) == (0, 0)


def test_where_nothing_matures_nothing_is_counted(clock: VirtualClock) -> None:
    young = Young([0.0])
    young.note(0, 1, clock.time())
    assert not young.counts
    assert young.asked("r", (Phase(0.5, 0.0),), young.take(), clock.time()) == []
