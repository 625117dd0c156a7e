"""One circuit, driven by hand: f is a failure, s a success, n no verdict; L and l are slow ones."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest

from reliai.decisions.circuit import Change, Circuit, CircuitSettings
from reliai.errors import BreakerVerdict
from reliai.stats import Cusum

SUCCESS, FAILURE, NONE = BreakerVerdict.SUCCESS, BreakerVerdict.FAILURE, BreakerVerdict.NONE
VERDICTS = {"f": FAILURE, "s": SUCCESS, "n": NONE}


def circuit(**settings: Any) -> Circuit:
    return Circuit("model", CircuitSettings(**settings))


def permit(subject: Circuit, now: float) -> int:
    granted = subject.permit or subject.admit(now).permit
    assert granted
    return granted


def state_of(subject: Circuit) -> str:
    return subject.state


def feed(subject: Circuit, results: str, now: float = 0.0, duration: float = 0.1) -> Change | None:
    """Make calls one after the other; the change the last one brought."""
    change = None
    for result in results:
        change = subject.record(permit(subject, now), now, VERDICTS[result], duration)
    return change


def opened(now: float = 0.0, **settings: Any) -> Circuit:
    """A circuit that has just opened."""
    subject = circuit(consecutive=1, **settings)
    feed(subject, "f", now)
    assert state_of(subject) == "open"
    return subject


# --- closed -----------------------------------------------------------------------------


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


# --- detector ---------------------------------------------------------------------------


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


# --- open -------------------------------------------------------------------------------


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


# --- half open --------------------------------------------------------------------------


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


# --- operator ---------------------------------------------------------------------------


def test_an_isolated_circuit_refuses_for_ever_and_closes_empty() -> None:
    """A26"""
    subject = circuit()
    feed(subject, "fff")
    assert subject.isolate() == Change("isolated", "operator")
    refused = subject.admit(1e9)
    assert (refused.permit, refused.retry_after) == (0, None)
    assert subject.retry_after(1e9) is None
    assert subject.close() == Change("closed", "operator")
    seen = subject.snapshot(0.0)
    assert (seen.state, seen.calls, seen.retry_after) == ("closed", 0, 0.0)


def test_a_circuit_that_enters_its_own_state_says_nothing() -> None:
    """A27"""
    subject = circuit()
    feed(subject, "ff")
    assert subject.close() is None
    assert subject.snapshot(0.0).calls == 0
    subject.isolate()
    generation = subject.generation
    assert subject.isolate() is None
    assert subject.generation == generation


def test_an_isolated_circuit_hears_no_result_and_no_rate_limit() -> None:
    """A27"""
    subject = circuit(consecutive=1)
    held = subject.permit
    subject.isolate()
    assert subject.record(held, 0.0, FAILURE) is None
    assert subject.open_for_at_least(held, 0.0, 5.0) is None
    assert (state_of(subject), subject.snapshot(0.0).late) == ("isolated", 2)


def test_an_operator_closes_an_open_circuit_at_once() -> None:
    subject = opened(open_for=300.0)
    subject.close()
    assert permit(subject, 0.0)


def test_admission_to_a_circuit_that_closed_meanwhile_is_the_plain_permit() -> None:
    subject = circuit()
    assert subject.admit(0.0).permit == subject.permit


# --- settings ---------------------------------------------------------------------------


def test_other_settings_keep_the_window() -> None:
    """A30"""
    subject = circuit(min_calls=10)
    feed(subject, "f" * 9)
    subject.update(CircuitSettings(min_calls=5), 0.0)
    assert subject.snapshot(0.0).calls == 9
    feed(subject, "s")
    assert state_of(subject) == "open"


@pytest.mark.parametrize(
    ("before", "after", "calls"),
    [
        ({"window": 60.0}, {"window": 30.0}, 4),
        ({"window": 60.0}, {"window": 120.0}, 8),
        ({"calls": 20}, {"calls": 10}, 8),
        ({"calls": 20}, {"calls": 20, "min_calls": 2}, 8),
        ({"calls": 20}, {"window": 60.0}, 0),
        ({"window": 60.0}, {"calls": 20}, 0),
    ],
)
def test_a_window_of_the_same_kind_is_kept_when_its_length_changes(
    before: dict[str, Any], after: dict[str, Any], calls: int
) -> None:
    """A30"""
    subject = circuit(**before)
    feed(subject, "fsss", 0.0)
    feed(subject, "fsss", 40.0)
    subject.update(CircuitSettings(**after), 40.0)
    assert subject.snapshot(40.0).calls == calls


def test_other_settings_leave_the_break_alone_and_begin_the_probes_anew() -> None:
    """A30"""
    subject = opened(open_for=5.0, probes=4)
    subject.update(CircuitSettings(consecutive=1, open_for=50.0, probes=4), 1.0)
    assert subject.retry_after(1.0) == 4.0
    feed(subject, "s", 5.0)
    held = permit(subject, 5.0)
    subject.update(CircuitSettings(consecutive=1, open_for=50.0, probes=1), 5.0)
    assert subject.record(held, 5.0, FAILURE) is None
    assert state_of(subject) == "half_open"
    feed(subject, "s", 5.0)
    assert state_of(subject) == "closed"


def test_a_detector_is_kept_unless_the_settings_name_another() -> None:
    subject = circuit(detector=Cusum())
    feed(subject, "ffff")
    subject.update(CircuitSettings(detector=Cusum(), min_calls=11), 0.0)
    feed(subject, "f")
    assert state_of(subject) == "open"
    subject = circuit(detector=Cusum())
    feed(subject, "ffff")
    subject.update(CircuitSettings(detector=Cusum(shift=0.5), min_calls=11), 0.0)
    feed(subject, "f")
    assert state_of(subject) == "closed"


def test_a_snapshot_says_all_of_it() -> None:
    subject = Circuit("model", CircuitSettings(open_for=5.0), target="other", key="a")
    feed(subject, "f" * 10, 2.0)
    subject.admit(3.0)
    seen = subject.snapshot(4.0)
    assert (seen.name, seen.target, seen.key, seen.state) == ("model", "other", "a", "open")
    assert (seen.calls, seen.failures, seen.slow, seen.rate) == (10, 10, 0, 1.0)
    assert (seen.rejected, seen.opened_at, seen.retry_after, seen.generation) == (1, 2.0, 3.0, 1)
    assert subject.snapshot(100.0).calls == 0
    permit(subject, 7.0)
    seen = subject.snapshot(7.0)
    assert (seen.state, seen.calls, seen.rate, seen.retry_after) == ("half_open", 0, None, 5.0)


# --- threads ----------------------------------------------------------------------------


def together(work: list[threading.Thread]) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()


def test_threads_lose_no_count() -> None:
    """A71"""
    subject = circuit(failure_rate=1.0, window=1e6)

    def calls(number: int) -> None:
        start.wait()
        for turn in range(3000):
            verdict = (SUCCESS, FAILURE, NONE)[(turn + number) % 3]
            subject.record(permit(subject, 0.0), 0.0, verdict, 0.1)

    start = threading.Barrier(8)
    together([threading.Thread(target=calls, args=(number,)) for number in range(8)])
    seen = subject.snapshot(0.0)
    assert (seen.calls, seen.failures, seen.ignored) == (16_000, 8_000, 8_000)
    assert (seen.late, seen.rejected, seen.state) == (0, 0, "closed")


def test_threads_see_one_probe_a_spell_and_every_call_is_accounted_for() -> None:
    """A18, A71"""
    subject = circuit(consecutive=1, open_for=1.0, max_open_for=1.0, probes=1)
    now, done, lock = [0.0], {"refused": 0, "failed": 0}, threading.Lock()

    def calls() -> None:
        start.wait()
        refused = failed = 0
        for _ in range(3000):
            admission = subject.admit(now[0])
            if not admission.permit:
                refused += 1
                now[0] += 0.01  # racing on purpose: any time will do
                continue
            failed += 1
            subject.record(admission.permit, now[0], FAILURE)
        with lock:
            done["refused"] += refused
            done["failed"] += failed

    start = threading.Barrier(8)
    together([threading.Thread(target=calls) for _ in range(8)])
    seen = subject.snapshot(now[0])
    assert done["refused"] == seen.rejected
    assert done["refused"] + done["failed"] == 24_000
    # Each spell but the first begins with one half-open change and ends with one probe's result.
    probes_that_failed = (subject.generation - 1 - (seen.state == "half_open")) // 2
    assert done["failed"] == 1 + probes_that_failed + seen.late
