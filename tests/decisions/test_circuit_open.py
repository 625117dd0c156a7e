"""How long a circuit stays open, and what its probes decide."""

from __future__ import annotations

import math

import pytest

from reliai.decisions.circuit import Change
from tests.decisions.driving import FAILURE, NONE, SUCCESS, circuit, feed, opened, permit, state_of


def test_an_open_circuit_refuses_until_the_break_is_over() -> None:
    """A11"""
    subject = opened(open_for=5.0)
    refused = subject.admit(3.0)
    assert (refused.permit, refused.retry_after, refused.change) == (0, 2.0, None)
    assert subject.snapshot(3.0).rejected == 1
    granted = subject.admit(5.0)
    assert granted.permit
    assert granted.change == Change("half_open", "break_over")
    assert subject.snapshot(5.0).rejected == 1


def test_breaks_double_up_to_the_longest_and_begin_anew_after_closing() -> None:
    """A14, A20"""
    subject, now, breaks = opened(open_for=5.0, max_open_for=60.0), 0.0, list[float | None]()
    for _ in range(6):
        breaks.append(subject.retry_after(now))
        now += breaks[-1] or 0.0
        change = feed(subject, "f", now)
        assert change is not None
        assert (change.kind, change.reason, change.rate) == ("opened", "probe_failed", 1.0)
    assert breaks == [5.0, 10.0, 20.0, 40.0, 60.0, 60.0]
    now += 60.0
    assert feed(subject, "s", now) == Change("closed", "probes_passed")
    feed(subject, "f", now)
    assert subject.retry_after(now) == 5.0


def test_thousands_of_failed_probes_overflow_nothing() -> None:
    """A14"""
    subject, now = opened(open_for=1.0, max_open_for=math.inf), 0.0
    for _ in range(1100):
        now += subject.retry_after(now) or 0.0
        feed(subject, "f", now)
    assert 1e19 < (subject.retry_after(now) or 0.0) < math.inf


def test_a_rate_limit_pauses_for_as_long_as_it_says_and_forgets_nothing() -> None:
    """A16"""
    subject = circuit(consecutive=3)
    feed(subject, "ff")
    change = subject.open_for_at_least(subject.permit, 0.0, 7.0)
    assert change == Change("opened", "rate_limited", None, 7.0)
    assert subject.admit(6.9).permit == 0
    admitted = [subject.admit(7.0) for _ in range(50)]
    assert admitted[0].change == Change("closed", "pause_over")
    assert {admission.permit for admission in admitted} == {subject.permit}
    seen = subject.snapshot(7.0)
    assert (seen.calls, seen.ignored, seen.opened_at) == (2, 1, None)
    feed(subject, "f", 7.0)
    assert state_of(subject) == "open"


def test_a_rate_limit_of_a_probe_leads_back_to_half_open_and_doubles_nothing() -> None:
    """A16"""
    subject = opened(open_for=30.0)
    subject.open_for_at_least(permit(subject, 30.0), 30.0, 7.0)
    assert subject.retry_after(30.0) == 7.0
    assert subject.admit(36.9).permit == 0
    feed(subject, "f", 37.0)
    assert subject.retry_after(37.0) == 60.0


def test_a_failing_target_is_probed_though_it_was_paused_before() -> None:
    subject = circuit(consecutive=1)
    subject.open_for_at_least(subject.permit, 0.0, 7.0)
    feed(subject, "f", 7.0)
    subject.admit(37.0)
    assert state_of(subject) == "half_open"


def test_a_rate_limit_never_exceeds_the_longest_break() -> None:
    subject = circuit(max_open_for=300.0)
    subject.open_for_at_least(subject.permit, 0.0, 86_400.0)
    assert subject.retry_after(0.0) == 300.0


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_a_senseless_rate_limit_opens_nothing_and_gives_the_place_back(seconds: float) -> None:
    subject = opened(open_for=5.0)
    assert subject.open_for_at_least(permit(subject, 5.0), 5.0, seconds) is None
    assert state_of(subject) == "half_open"
    assert permit(subject, 5.0)


def test_rate_limits_of_calls_under_way_prolong_the_break_but_start_none() -> None:
    subject = circuit()
    held = subject.permit
    subject.open_for_at_least(held, 0.0, 2.0)
    assert subject.open_for_at_least(held, 0.5, 20.0) is None
    assert subject.open_for_at_least(held, 0.6, 1.0) is None
    assert subject.retry_after(0.5) == 20.0
    feed(subject, "s", 20.5)
    assert subject.open_for_at_least(held, 21.0, 50.0) is None
    assert state_of(subject) == "closed"
    assert subject.snapshot(21.0).late == 3


def test_one_probe_passes_and_the_others_are_told_when_to_return() -> None:
    """A17"""
    subject = opened(open_for=5.0)
    assert subject.admit(5.0).permit
    refused = subject.admit(6.0)
    assert (refused.permit, refused.retry_after) == (0, 4.0)
    assert subject.retry_after(6.0) == 4.0
    assert state_of(subject) == "half_open"


def test_exactly_as_many_probes_pass_as_allowed() -> None:
    """A18"""
    subject = opened(open_for=5.0, probes=4)
    assert sum(subject.admit(5.0).permit > 0 for _ in range(50)) == 4
    assert subject.snapshot(5.0).rejected == 46


@pytest.mark.parametrize(
    ("results", "kind"),
    [
        ("fssf", "opened"),
        ("fsss", "closed"),
        ("ff", "opened"),
        ("sss", "closed"),
        ("sfss", "closed"),
    ],
)
def test_probes_decide_as_soon_as_it_is_certain(results: str, kind: str) -> None:
    """A19"""
    subject = opened(open_for=5.0, probes=4)
    assert feed(subject, results[:-1], 5.0) is None
    assert state_of(subject) == "half_open"
    change = feed(subject, results[-1], 5.0)
    assert change is not None
    assert change.kind == kind


def test_a_passed_probe_closes_with_an_empty_window() -> None:
    """A20"""
    subject = opened(open_for=5.0)
    feed(subject, "s", 5.0)
    seen = subject.snapshot(5.0)
    assert (seen.state, seen.calls, seen.failures, seen.opened_at) == ("closed", 0, 0, None)


def test_slow_probes_open_again() -> None:
    """A21"""
    subject = opened(open_for=5.0, probes=4, slow_call=1.0, slow_rate=0.75)
    assert feed(subject, "ss", 5.0, duration=2.0) is None
    assert feed(subject, "s", 5.0, duration=0.5) is None
    change = feed(subject, "s", 5.0, duration=2.0)
    assert change is not None
    assert change.reason == "probe_failed"


def test_successes_close_only_when_slowness_is_decided_too() -> None:
    """A21"""
    subject = opened(open_for=5.0, probes=4, slow_call=1.0, slow_rate=0.5)
    assert feed(subject, "s", 5.0, duration=2.0) is None
    assert feed(subject, "ss", 5.0, duration=0.5) is None
    assert feed(subject, "s", 5.0, duration=0.5) == Change("closed", "probes_passed")


def test_a_probe_without_a_verdict_gives_its_place_back() -> None:
    """A9"""
    subject = opened(open_for=5.0)
    for _ in range(5):
        assert feed(subject, "n", 5.0) is None
    assert state_of(subject) == "half_open"
    assert subject.retry_after(5.0) == 0.0
    feed(subject, "s", 5.0)
    assert state_of(subject) == "closed"


def test_giving_a_place_back_twice_frees_one_place() -> None:
    subject = opened(open_for=5.0, probes=2)
    first = permit(subject, 5.0)
    permit(subject, 5.0)
    subject.release(first)
    subject.release(first)
    assert permit(subject, 5.0)
    assert subject.admit(5.0).permit == 0
    assert subject.snapshot(5.0).ignored == 1


def test_releasing_a_permit_of_a_closed_circuit_does_nothing() -> None:
    subject = circuit()
    subject.release(subject.permit)
    assert subject.snapshot(0.0).ignored == 0


def test_a_hung_probe_is_replaced_after_the_break_and_its_late_result_dropped() -> None:
    """A23"""
    subject = opened(open_for=5.0)
    hung = permit(subject, 5.0)
    assert subject.admit(9.9).permit == 0
    second = permit(subject, 10.0)
    assert subject.record(hung, 10.5, SUCCESS) is None
    assert state_of(subject) == "half_open"
    assert subject.snapshot(10.5).late == 1
    assert subject.record(second, 11.0, SUCCESS) == Change("closed", "probes_passed")


def test_each_hung_probe_doubles_the_wait_so_that_a_slow_target_can_answer_in_time() -> None:
    """A23"""
    subject, now = opened(open_for=5.0), 5.0
    last = permit(subject, now)
    for wait in (5.0, 10.0, 20.0):
        assert subject.admit(now + wait - 0.125).retry_after == 0.125
        now += wait
        last = permit(subject, now)
    subject.record(last, now + 39.0, SUCCESS)
    assert state_of(subject) == "closed"


def test_results_of_a_former_spell_are_late() -> None:
    subject = circuit(consecutive=1, open_for=5.0)
    held = subject.permit
    feed(subject, "f")
    assert subject.record(held, 1.0, FAILURE) is None
    probe = permit(subject, 5.0)
    assert subject.record(held, 5.0, SUCCESS) is None
    assert state_of(subject) == "half_open"
    subject.record(probe, 5.0, SUCCESS)
    for verdict in (FAILURE, SUCCESS, NONE):
        assert subject.record(held, 6.0, verdict) is None
    seen = subject.snapshot(6.0)
    assert (seen.state, seen.calls, seen.late, seen.ignored) == ("closed", 0, 5, 0)
