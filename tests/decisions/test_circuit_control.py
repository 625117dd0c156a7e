"""Operators, changes of settings, snapshots and threads."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from reliai.decisions.circuit import Change, Circuit, CircuitSettings
from reliai.stats import Cusum
from tests.decisions.driving import FAILURE, NONE, SUCCESS, circuit, feed, opened, permit, state_of


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
