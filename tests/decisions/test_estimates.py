"""Estimates from what the last ones cost: seldom too low, and never many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reliai.decisions.estimates import Estimates
from tests.programs import printed


def learned(*values: float) -> int:
    estimates = Estimates()
    for value in values:
        estimates.learn("a", value)
    guess = estimates.guess("a")
    assert guess is not None
    return guess


def test_before_the_first_there_is_none() -> None:
    assert Estimates().guess("a") is None


def test_after_the_first_it_is_twice_that() -> None:
    assert learned(100) == 200


def test_of_equal_ones_it_becomes_their_value() -> None:
    assert learned(*[100] * 60) == 101


def test_it_follows_what_has_changed() -> None:
    assert learned(*[100] * 60, *[1_000] * 60) in range(1_000, 1_010)


@given(st.lists(st.integers(50, 150), min_size=30, max_size=200))
def test_of_values_near_each_other_it_stays_near(values: list[int]) -> None:
    assert 50 <= learned(*values) <= 351


def test_an_upper_estimate_covers_most_of_what_comes() -> None:
    from random import Random

    random = Random(7)
    estimates, covered = Estimates(), 0
    for _ in range(2_000):
        value = random.lognormvariate(0, 0.5) * 1_000
        guess = estimates.guess("a")
        covered += guess is not None and value <= guess
        estimates.learn("a", value)
    assert covered > 1_750


def test_names_are_apart_and_the_least_lately_used_goes_first() -> None:
    estimates = Estimates(max_names=2)
    for name in "aba":
        estimates.learn(name, 1)
    estimates.learn("c", 1)
    assert len(estimates) == 2
    assert estimates.guess("b") is None
    assert estimates.guess("a") is not None


def test_a_forked_child_can_go_on_learning() -> None:
    program = """
        import os
        from reliai.decisions.estimates import Estimates

        estimates = Estimates()
        estimates._lock.acquire()
        child = os.fork()
        if not child:
            estimates.learn("a", 1)
            print(estimates.guess("a"), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
    """
    assert printed(program) == ["2"]
