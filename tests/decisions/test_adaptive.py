"""An adaptive limit and a throttle: what each observation does to them."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.decisions.adaptive import AdaptiveLimiter
from reliai.decisions.throttle import Throttle


def limiter(initial: int = 20, minimum: int = 1, maximum: int = 200) -> AdaptiveLimiter:
    return AdaptiveLimiter(initial, minimum, maximum)


def test_an_overload_takes_a_tenth_away() -> None:
    assert limiter(20).overloaded(0.0) == 18


def test_calls_that_ran_together_fail_together_and_count_once() -> None:
    limit = limiter(20)
    limit.went_well(0.0, 20, 1.0)
    for at in (1.0, 1.1, 1.9):
        limit.overloaded(at)
    assert limit.limit == 18
    limit.overloaded(2.0)
    assert limit.limit == 16


def test_a_round_of_calls_that_went_well_makes_room_for_one_more() -> None:
    limit = limiter(20)
    for _ in range(21):
        limit.went_well(0.0, 20, None)
    assert limit.limit == 21


def test_who_uses_less_than_half_learns_nothing_about_more() -> None:
    limit = limiter(20)
    for _ in range(1000):
        limit.went_well(0.0, 9, None)
    assert limit.limit == 20


def test_a_long_rest_changes_nothing() -> None:
    limit = limiter(20)
    limit.went_well(0.0, 20, 1.0)
    for _ in range(5):
        limit.went_well(3600.0, 1, 1.0)
    assert limit.limit == 20


def test_answers_that_come_ever_later_take_room_away() -> None:
    limit = limiter(20)
    for at in range(50):
        limit.went_well(float(at), 20, 1.0)
    before = limit.limit
    for at in range(50, 80):
        limit.went_well(float(at), 20, 4.0)
    assert limit.limit < before


def test_it_recovers_when_answers_are_quick_again() -> None:
    limit = limiter(20)
    for at in range(50):
        limit.went_well(float(at), 20, 1.0)
    for at in range(50, 120):
        limit.went_well(float(at), 20, 4.0)
    lowest = limit.limit
    for at in range(120, 2000):
        limit.went_well(float(at), limit.limit, 1.0)
    assert limit.limit > lowest * 2


def test_one_slow_answer_is_no_overload() -> None:
    limit = limiter(20)
    for at in range(50):
        limit.went_well(float(at), 5, 1.0)
    limit.went_well(50.0, 5, 6.0)
    assert limit.limit == 20


seen = st.lists(
    st.tuples(
        st.sampled_from(["well", "overloaded"]),
        st.integers(0, 300),
        st.floats(0.001, 100.0),
        st.floats(0.0, 10.0),
    ),
    max_size=200,
)


@given(seen)
def test_it_never_leaves_its_bounds(steps: list[tuple[str, int, float, float]]) -> None:
    limit, now = limiter(5, 2, 9), 0.0
    for what, running, seconds, pause in steps:
        now += pause
        if what == "well":
            limit.went_well(now, running, seconds)
        else:
            limit.overloaded(now)
        assert 2 <= limit.limit <= 9


def throttle(k: float = 2.0, most: float = 0.9) -> Throttle:
    return Throttle(k, 120.0, most, Random(7).random)


def test_while_more_than_one_in_k_is_accepted_all_pass() -> None:
    made = throttle()
    for number in range(100):
        made.record(0.0, accepted=number % 2 == 0)
    assert made.chance(0.0) == 0.0


def test_the_chance_is_that_of_the_formula() -> None:
    made = throttle()
    for number in range(100):
        made.record(0.0, accepted=number < 10)
    assert made.chance(0.0) == pytest.approx((100 - 2 * 10) / 101)


def test_some_always_pass() -> None:
    made = throttle(most=0.9)
    for _ in range(1000):
        made.record(0.0, accepted=False)
    assert made.chance(0.0) == 0.9
    passed = sum(made.refusal(0.0) == 0.0 for _ in range(1000))
    assert 60 < passed < 140


def test_what_is_a_window_ago_is_forgotten() -> None:
    made = throttle()
    for _ in range(100):
        made.record(0.0, accepted=False)
    assert made.chance(121.0) == 0.0


def test_a_target_that_accepts_ten_a_second_gets_about_twenty_of_a_hundred() -> None:
    made, sent = throttle(), 0
    for second in range(300):
        room = 10
        for each in range(100):
            now = second + each / 100
            if made.refusal(now):
                continue
            made.record(now, accepted=room > 0)
            room -= 1
            sent += second >= 150
    assert 15 <= sent / 150 <= 25
