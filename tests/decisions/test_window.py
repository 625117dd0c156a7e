from __future__ import annotations

from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.decisions.window import CountWindow, TimeWindow


def test_failure_counts_until_the_window_is_exactly_over() -> None:
    """A5"""
    window = TimeWindow(30.0)
    window.record(0.0, failure=True, slow=False)
    assert window.counts(29.99) == (1, 1, 0)
    assert window.counts(30.0) == (0, 0, 0)


@pytest.mark.parametrize("start", [0.1, 1000.0, 12_345.678, 1e8 / 3])
def test_a_window_begun_at_an_odd_time_expires_as_exactly(start: float) -> None:
    window = TimeWindow(30.0)
    window.record(start, failure=True, slow=True)
    assert window.counts(start + 29.99) == (1, 1, 1)
    assert window.counts(start + 30.0) == (0, 0, 0)


@pytest.mark.parametrize("start", [0.0, 1000.0, 12_345.678])
@pytest.mark.parametrize("step", [0.01, 0.1, 0.3])
def test_rounding_of_a_clock_that_adds_small_steps_keeps_nothing_too_long(
    start: float, step: float
) -> None:
    window, now = TimeWindow(30.0), start
    window.record(now, failure=True, slow=False)
    for _ in range(round(30.0 / step)):
        now += step
    assert window.counts(now) == (0, 0, 0)


def test_failures_in_two_buckets_both_count_and_expire_apart() -> None:
    """A5"""
    window = TimeWindow(30.0)
    window.record(0.0, failure=True, slow=False)
    window.record(10.0, failure=True, slow=False)
    assert window.counts(29.0) == (2, 2, 0)
    assert window.counts(30.0) == (1, 1, 0)
    assert window.counts(40.0) == (0, 0, 0)


def test_an_empty_window_starts_its_buckets_anew_with_the_next_record() -> None:
    window = TimeWindow(60.0)
    window.record(0.0, failure=False, slow=False)
    window.roll(1000.25)
    window.record(1000.4, failure=True, slow=False)
    assert window.counts(1060.39) == (1, 1, 0)
    assert window.counts(1060.4) == (0, 0, 0)


def test_cleared_time_window_has_forgotten_everything() -> None:
    window = TimeWindow(60.0)
    window.record(5.0, failure=True, slow=True)
    window.clear()
    assert window.counts(5.0) == (0, 0, 0)
    window.record(5.5, failure=False, slow=True)
    assert window.counts(6.0) == (1, 0, 1)


def test_a_thread_that_comes_late_counts_and_another_clock_begins_anew() -> None:
    window = TimeWindow(10.0)
    window.record(50_000.0, failure=True, slow=False)
    window.record(49_999.0, failure=True, slow=False)
    assert window.counts(49_998.0) == (2, 2, 0)
    window.record(3.0, failure=False, slow=True)
    assert window.counts(3.0) == (1, 0, 1)
    assert window.counts(13.0) == (0, 0, 0)


@pytest.mark.parametrize("seconds", [30.0, 60.0, 120.0])
def test_resized_time_window_keeps_what_is_young_enough(seconds: float) -> None:
    window = TimeWindow(60.0)
    for second in range(60):
        window.record(float(second), failure=second % 2 == 0, slow=second % 3 == 0)
    resized = window.resized(seconds)
    kept = [second for second in range(60) if 59 - second < seconds]
    assert resized.seconds == seconds
    assert resized.counts(59.0) == (
        len(kept),
        sum(second % 2 == 0 for second in kept),
        sum(second % 3 == 0 for second in kept),
    )


def test_resized_time_window_goes_on_forgetting_in_time() -> None:
    window = TimeWindow(60.0)
    window.record(0.0, failure=True, slow=False)
    window.record(30.0, failure=True, slow=False)
    longer = window.resized(120.0)
    assert longer.counts(119.9) == (2, 2, 0)
    assert longer.counts(120.0) == (1, 1, 0)


def test_an_unused_window_can_be_resized() -> None:
    assert TimeWindow(60.0).resized(30.0).counts(5.0) == (0, 0, 0)


steps = st.lists(
    st.tuples(st.floats(0.0, 100.0), st.booleans(), st.booleans()), min_size=1, max_size=80
)


@given(steps, st.floats(0.0, 1e6), st.floats(0.1, 500.0))
def test_time_window_never_counts_too_long_and_drops_at_most_one_bucket_early(
    steps: list[tuple[float, bool, bool]], start: float, seconds: float
) -> None:
    window, now, seen = TimeWindow(seconds), start, list[tuple[float, bool, bool]]()
    rounding = 1e-9 * max(1.0, start)
    for wait, failure, slow in steps:
        now += wait
        window.record(now, failure, slow)
        seen.append((now, failure, slow))
        counts = window.counts(now)
        for age, at_least in ((seconds + rounding, False), (seconds * 59 / 60 - rounding, True)):
            live = [event for event in seen if now - event[0] < age]
            exact = (len(live), sum(e[1] for e in live), sum(e[2] for e in live))
            for counted, known in zip(counts, exact, strict=True):
                assert counted >= known if at_least else counted <= known


@given(
    st.lists(st.tuples(st.integers(0, 90), st.booleans(), st.booleans()), max_size=80),
    st.integers(0, 200),
)
def test_time_window_is_exact_when_everything_falls_on_bucket_starts(
    steps: list[tuple[int, bool, bool]], wait: int
) -> None:
    window, now, seen = TimeWindow(60.0), 1000, list[tuple[int, bool, bool]]()
    for step, failure, slow in steps:
        now += step
        window.record(float(now), failure, slow)
        seen.append((now, failure, slow))
    now += wait
    live = [event for event in seen if now - event[0] < 60]
    exact = (len(live), sum(e[1] for e in live), sum(e[2] for e in live))
    assert window.counts(float(now)) == exact


@given(
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60),
    st.integers(1, 12),
    st.integers(1, 12),
)
def test_count_window_is_the_last_calls_and_stays_so_when_resized(
    steps: list[tuple[bool, bool]], size: int, other: int
) -> None:
    window, exact = CountWindow(size), deque[tuple[bool, bool]](maxlen=size)
    for failure, slow in steps:
        window.record(0.0, failure, slow)
        exact.append((failure, slow))
        assert window.counts(0.0) == totals(exact)
    resized, kept = window.resized(other), deque(exact, maxlen=other)
    assert resized.counts(0.0) == totals(kept)
    for failure, slow in steps:
        resized.record(0.0, failure, slow)
        kept.append((failure, slow))
        assert resized.counts(0.0) == totals(kept)


def totals(calls: deque[tuple[bool, bool]]) -> tuple[int, int, int]:
    return len(calls), sum(failure for failure, _ in calls), sum(slow for _, slow in calls)


def test_time_changes_nothing_in_a_count_window_and_clear_everything() -> None:
    window = CountWindow(3)
    window.record(0.0, failure=True, slow=True)
    window.roll(1e9)
    assert window.counts(1e9) == (1, 1, 1)
    window.clear()
    assert window.counts(0.0) == (0, 0, 0)
