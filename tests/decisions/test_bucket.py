"""A token bucket against a model in whole numbers, and what each of its corners does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.decisions.bucket import Buckets, TokenBucket


def test_it_begins_full_and_gives_what_it_has() -> None:
    bucket = TokenBucket(1.0, 3.0, now=0.0)
    assert [bucket.take(0.0, 1.0) for _ in range(4)] == [0, 0, 0, 1]


def test_tokens_flow_in_at_the_rate() -> None:
    bucket = TokenBucket(2.0, 4.0, now=0.0)
    bucket.take(0.0, 4.0)
    assert bucket.level(0.5) == 1.0
    assert bucket.take(0.5, 1.0) == 0.0
    assert bucket.take(0.5, 1.0) == 0.5


def test_a_long_rest_fills_it_to_its_capacity_and_no_more() -> None:
    bucket = TokenBucket(2.0, 4.0, now=0.0)
    assert bucket.level(1e9) == 4.0


def test_a_refill_never_lowers_the_level() -> None:
    bucket = TokenBucket(0.1, 10.0, now=0.0)
    bucket.take(0.0, 1.0)
    assert bucket.level(1.0) == pytest.approx(9.1)


def test_a_clock_that_comes_late_changes_nothing() -> None:
    bucket = TokenBucket(1.0, 4.0, now=0.0)
    bucket.take(10.0, 4.0)
    assert bucket.level(5.0) == 0.0
    assert bucket.level(11.0) == 1.0


def test_who_may_wait_takes_at_once_and_the_next_waits_behind() -> None:
    bucket = TokenBucket(1.0, 1.0, now=0.0)
    assert [bucket.take(0.0, 1.0, longest=9.0) for _ in range(3)] == [0, 1, 2]
    assert bucket.level(0.0) == -2.0


def test_who_would_wait_too_long_takes_nothing() -> None:
    bucket = TokenBucket(1.0, 1.0, now=0.0)
    bucket.take(0.0, 1.0)
    assert bucket.take(0.0, 1.0, longest=0.5) == 1.0
    assert bucket.level(0.0) == 0.0


def test_what_is_kept_for_others_is_not_given() -> None:
    bucket = TokenBucket(1.0, 10.0, now=0.0)
    assert bucket.take(0.0, 5.0, keep=5.0) == 0.0
    assert bucket.take(0.0, 1.0, keep=5.0) == 1.0
    assert bucket.take(0.0, 5.0) == 0.0


def test_a_correction_may_leave_a_debt_and_give_back_up_to_capacity() -> None:
    bucket = TokenBucket(1.0, 10.0, now=0.0)
    bucket.correct(0.0, 14.0)
    assert bucket.level(0.0) == -4.0
    bucket.correct(0.0, -100.0)
    assert bucket.level(0.0) == 10.0


steps = st.lists(st.tuples(st.integers(0, 40), st.integers(1, 6), st.integers(0, 8)), max_size=60)


@given(steps, st.integers(1, 5), st.integers(1, 8))
def test_in_any_time_no_more_is_used_than_flows_in_and_a_burst(
    steps: list[tuple[int, int, int]], rate: int, capacity: int
) -> None:
    bucket = TokenBucket(float(rate), float(capacity), now=0.0)
    now, used = 0.0, list[tuple[float, float]]()
    for pause, amount, longest in steps:
        now += pause / 8
        wait = bucket.take(now, float(amount), float(longest))
        if wait <= longest:
            used.append((now + wait, float(amount)))
    used.sort()
    for first in range(len(used)):
        total = 0.0
        for at, tokens in used[first:]:
            total += tokens
            most = max(float(capacity), used[first][1]) + rate * (at - used[first][0])
            assert total <= most + max(each for _, each in used) + 1e-6


def test_each_key_has_a_bucket_of_its_own() -> None:
    buckets = Buckets(1.0, 1.0)
    assert buckets.bucket("a", 0.0) is buckets.bucket("a", 0.0)
    assert buckets.bucket("a", 0.0) is not buckets.bucket("b", 0.0)


def test_buckets_that_are_full_again_are_forgotten_first() -> None:
    buckets = Buckets(1.0, 1.0, most=2)
    drained = buckets.bucket("drained", 0.0)
    drained.take(0.0, 1.0)
    buckets.bucket("full", 0.0)
    buckets.bucket("new", 0.0)
    assert [key for key, _ in buckets.items()] == ["drained", "new"]
    assert buckets.bucket("drained", 0.0) is drained
