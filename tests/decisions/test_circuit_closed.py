"""What opens a circuit, and what does not."""

from __future__ import annotations

import math

import pytest

from reliai.decisions.circuit import Change
from reliai.stats import Cusum
from tests.decisions.driving import circuit, feed, state_of


def test_it_opens_at_the_call_that_fills_the_minimum_and_has_no_rate_before() -> None:
    """A1"""
    subject = circuit(calls=5, min_calls=5)
    for result in "fffs":
        assert feed(subject, result) is None
        assert subject.snapshot(0.0).rate is None
        assert state_of(subject) == "closed"
    assert feed(subject, "s") == Change("opened", "failure_rate", 0.6, 30.0)
    assert subject.snapshot(0.0).rate == 0.6


@pytest.mark.parametrize("results", ["sssssfffff", "fffffsssss"])
def test_a_rate_equal_to_the_limit_opens(results: str) -> None:
    """A2"""
    subject = circuit()
    feed(subject, results)
    assert state_of(subject) == "open"


def test_a_rate_just_below_the_limit_stays_closed() -> None:
    """A2"""
    subject = circuit()
    feed(subject, "ffffssssss")
    assert state_of(subject) == "closed"
    assert subject.snapshot(0.0).rate == 0.4


@pytest.mark.parametrize(("share", "failures"), [(0.07, 7), (0.29, 29), (0.57, 57), (0.58, 58)])
def test_rates_that_floats_cannot_hold_are_met_exactly(share: float, failures: int) -> None:
    """A2"""
    subject = circuit(failure_rate=share, calls=100, min_calls=100)
    feed(subject, "s" * (100 - failures) + "f" * failures)
    assert state_of(subject) == "open"


def test_below_the_minimum_nothing_opens_and_the_next_failure_does() -> None:
    """A3"""
    subject = circuit(min_calls=10)
    feed(subject, "f" * 9)
    assert state_of(subject) == "closed"
    feed(subject, "f")
    assert state_of(subject) == "open"


def test_successes_alone_never_open() -> None:
    """A3"""
    subject = circuit(failure_rate=0.1)
    feed(subject, "s" * 10)
    assert state_of(subject) == "closed"


@pytest.mark.parametrize(("later", "state"), [(29.99, "open"), (30.0, "closed")])
def test_failures_count_until_the_window_is_over(later: float, state: str) -> None:
    """A5"""
    subject = circuit(window=30.0, min_calls=2, failure_rate=1.0)
    feed(subject, "f", 0.0)
    feed(subject, "f", later)
    assert state_of(subject) == state


def test_a_success_that_fills_the_minimum_opens() -> None:
    """A6"""
    subject = circuit(min_calls=10)
    assert feed(subject, "fffffffff") is None
    assert feed(subject, "s") == Change("opened", "failure_rate", 0.9, 30.0)


def test_slow_calls_open_though_all_succeed() -> None:
    """A7"""
    subject = circuit(slow_call=4.0, slow_rate=0.5, min_calls=5)
    for duration in (5.0, 5.0, 5.0, 1.0):
        feed(subject, "s", duration=duration)
    assert feed(subject, "s", duration=1.0) == Change("opened", "slow_rate", 0.0, 30.0)
    assert subject.snapshot(0.0).slow == 3


def test_a_share_of_slow_calls_equal_to_its_limit_opens() -> None:
    """A2, A7"""
    subject = circuit(slow_call=4.0, slow_rate=0.3)
    feed(subject, "sss", duration=5.0)
    feed(subject, "ssssss", duration=1.0)
    assert state_of(subject) == "closed"
    feed(subject, "s", duration=1.0)
    assert state_of(subject) == "open"


def test_a_call_of_exactly_the_limit_is_not_slow() -> None:
    """A7"""
    subject = circuit(slow_call=4.0, min_calls=1)
    feed(subject, "s", duration=4.0)
    assert state_of(subject) == "closed"
    feed(subject, "s", duration=math.nextafter(4.0, 5.0))
    assert subject.snapshot(0.0).slow == 1


def test_without_a_verdict_nothing_is_learnt() -> None:
    """A9"""
    subject = circuit(consecutive=3)
    feed(subject, "ff" + "n" * 50)
    seen = subject.snapshot(0.0)
    assert (seen.calls, seen.failures, seen.ignored, seen.state) == (2, 2, 50, "closed")
    feed(subject, "f")
    assert state_of(subject) == "open"


def test_failures_in_a_row_open_before_the_minimum() -> None:
    """A10"""
    subject = circuit(consecutive=5, min_calls=100)
    feed(subject, "ffffsffff")
    assert state_of(subject) == "closed"
    assert feed(subject, "f") == Change("opened", "consecutive", None, 30.0)


def test_a_window_of_calls_forgets_older_ones() -> None:
    subject = circuit(calls=10)
    feed(subject, "ffff" + "s" * 10 + "ffff")
    assert state_of(subject) == "closed"
    feed(subject, "f")
    assert state_of(subject) == "open"


def test_a_detector_sees_what_no_rate_shows_and_each_circuit_has_its_own() -> None:
    template = Cusum()
    subject = circuit(detector=template, failure_rate=1.0, min_calls=100)
    feed(subject, "s" * 50 + "fffsf")
    assert state_of(subject) == "closed"
    assert feed(subject, "f") == Change("opened", "detector", None, 30.0)
    assert template.value == 0.0


def test_a_detector_sees_slow_calls_too_and_forgets_when_the_circuit_closes() -> None:
    subject = circuit(detector=Cusum(), slow_call=1.0, min_calls=100)
    feed(subject, "s" * 4, duration=2.0)
    subject.close()
    feed(subject, "s" * 4, duration=2.0)
    assert state_of(subject) == "closed"
    feed(subject, "s", duration=2.0)
    assert state_of(subject) == "open"


class Broken:
    def update(self, x: bool, /) -> bool:
        raise ZeroDivisionError

    def copy(self) -> Broken:
        return Broken()


def test_a_detector_that_raises_fails_no_call_and_is_left_out_from_then_on() -> None:
    subject = circuit(detector=Broken())
    assert feed(subject, "s") == Change("detector_failed", "ZeroDivisionError")
    assert feed(subject, "s") is None
    assert subject.snapshot(0.0).calls == 2
