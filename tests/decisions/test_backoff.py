from __future__ import annotations

import math
import random
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.decisions.backoff import Delay, Stop, exponential, full_jitter, next_delay


def one_second() -> float:
    return 1.0


def test_exponential_backoff_doubles_up_to_its_maximum() -> None:
    """A32"""
    assert [exponential(n, 1.0, 30.0) for n in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize("attempt", [1, 64, 1024, 1025, 10**9])
def test_backoff_is_finite_and_capped_for_every_attempt(attempt: int) -> None:
    """A32"""
    assert 0.0 <= exponential(attempt, 0.5, 30.0) <= 30.0
    assert 0.0 <= full_jitter(attempt, lambda: 0.999, 0.5, 30.0) <= 30.0


def test_a_base_of_zero_waits_for_nothing() -> None:
    """A32"""
    assert exponential(5, 0.0) == 0.0
    assert exponential(0, 1.0) == 1.0


def test_full_jitter_fills_the_range_and_never_leaves_it() -> None:
    """A33"""
    source = random.Random(7)
    draws = [full_jitter(3, source.random, 1.0, 30.0) for _ in range(10_000)]
    assert min(draws) >= 0.0
    assert max(draws) <= 4.0
    assert min(draws) < 0.01
    assert max(draws) > 3.99
    assert abs(sum(draws) / len(draws) - 2.0) < 0.05


@pytest.mark.parametrize(
    "waited", [None, True, -1, -0.001, math.nan, math.inf, "2", timedelta(seconds=-1)]
)
def test_what_is_no_wait_leaves_it_to_the_default(waited: object) -> None:
    """A38"""
    assert next_delay(waited, one_second) == Delay(1.0, "backoff")


@pytest.mark.parametrize(
    ("waited", "seconds"), [(0, 0.0), (2, 2.0), (2.5, 2.5), (timedelta(milliseconds=1500), 1.5)]
)
def test_the_hook_decides_when_it_gives_a_wait(waited: object, seconds: float) -> None:
    """A38"""
    assert next_delay(waited, one_second) == Delay(seconds, "backoff")


def test_a_hook_that_says_false_stops() -> None:
    """A38"""
    assert next_delay(False, one_second, retry_after=3.0) == Stop("wait")


def test_the_default_is_asked_only_when_needed() -> None:
    def never() -> float:
        raise AssertionError

    assert next_delay(0.5, never) == Delay(0.5, "backoff")


def test_retry_after_beats_a_shorter_backoff_and_yields_to_a_longer_one() -> None:
    """A36"""
    assert next_delay(None, one_second, retry_after=3.0) == Delay(3.0, "retry_after")
    assert next_delay(10.0, one_second, retry_after=3.0) == Delay(10.0, "backoff")


@pytest.mark.parametrize("retry_after", [-1.0, 0.0, math.nan, math.inf, -math.inf])
def test_a_senseless_retry_after_is_ignored(retry_after: float) -> None:
    """A36"""
    assert next_delay(None, one_second, retry_after=retry_after) == Delay(1.0, "backoff")


def test_jitter_only_lengthens_retry_after() -> None:
    assert next_delay(None, one_second, retry_after=3.0, jitter=0.25) == Delay(3.25, "retry_after")
    close = next_delay(None, one_second, retry_after=3.0, jitter=5.0, remaining=4.0)
    assert close == Delay(3.5, "retry_after")


@pytest.mark.parametrize(("waited", "retry_after"), [(5.0, None), (6.0, None), (0.1, 5.0)])
def test_a_wait_that_reaches_the_deadline_stops_at_once(
    waited: float, retry_after: float | None
) -> None:
    """A36, A37"""
    stop = next_delay(waited, one_second, retry_after=retry_after, jitter=1.0, remaining=5.0)
    assert stop == Stop("deadline")


def test_the_budget_is_asked_last_and_only_for_a_wait_that_would_happen() -> None:
    """A41"""
    asked: list[str] = []

    def refuse() -> bool:
        asked.append("budget")
        return False

    assert next_delay(9.0, one_second, remaining=1.0, afford=refuse) == Stop("deadline")
    assert next_delay(False, one_second, afford=refuse) == Stop("wait")
    assert asked == []
    assert next_delay(None, one_second, afford=refuse) == Stop("budget")
    assert asked == ["budget"]
    assert next_delay(None, one_second, afford=lambda: True) == Delay(1.0, "backoff")


@given(
    st.none() | st.booleans() | st.floats() | st.timedeltas(),
    st.none() | st.floats(),
    st.floats(0.0, 10.0),
    st.none() | st.floats(0.0, 1e6),
)
def test_every_wait_is_finite_within_the_deadline_and_never_undercuts_retry_after(
    waited: object, retry_after: float | None, jitter: float, remaining: float | None
) -> None:
    """A32, A36"""
    chosen = next_delay(
        waited, one_second, retry_after=retry_after, jitter=jitter, remaining=remaining
    )
    if isinstance(chosen, Stop):
        assert waited is False or remaining is not None
        return
    assert 0.0 <= chosen.seconds < math.inf
    assert remaining is None or chosen.seconds < remaining
    if retry_after is not None and 0.0 < retry_after < math.inf:
        assert chosen.seconds >= retry_after
