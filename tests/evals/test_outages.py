"""A run waits for a breaker of its target for one break, not for as long as the target is down."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai._core.outcome import Outcome
from reliai.errors import CircuitOpen
from reliai.evals._outages import Outages
from reliai.testing import virtual_clock
from tests.evals.experiments import Target, cases, experiment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.testing import VirtualClock

every_kind = pytest.mark.parametrize("kind", ["sync", "async"])


@pytest.fixture
def time() -> Iterator[VirtualClock]:
    with virtual_clock() as installed:
        yield installed


def gone(question: str, before: int) -> str:
    raise ConnectionError("refused by the host")


@every_kind
@pytest.mark.parametrize("policies", [(), (reliai.Retry(3),)])
def test_a_target_that_is_down_behind_its_breaker_costs_one_break(
    tmp_path: Path, time: VirtualClock, kind: str, policies: tuple[Any, ...]
) -> None:
    breaker = reliai.CircuitBreaker("down", consecutive=3, open_for=30.0)
    guarded = reliai.reliable(*policies, breaker)(Target(gone).of(kind))
    run = experiment(tmp_path, guarded, cases(6)).run()
    assert time.now < 45.0
    assert run.exit_code == 4


@every_kind
def test_what_a_breaker_refused_for_good_is_the_error_that_opened_it(
    tmp_path: Path, time: VirtualClock, kind: str
) -> None:
    breaker = reliai.CircuitBreaker("told", consecutive=3)
    guarded = reliai.reliable(reliai.Retry(3), breaker)(Target(gone).of(kind))
    trials = list(experiment(tmp_path, guarded, cases(12)).run().trials())
    assert {(trial.status, trial.error.type) for trial in trials if trial.error} == {
        ("error", "ConnectionError")
    }
    told = "refused by the host; asked no more since: circuit 'told' is open"
    assert trials[-1].error is not None
    assert trials[-1].error.message == told


@every_kind
def test_a_target_that_is_down_behind_its_breaker_is_asked_no_more_after_fifty(
    tmp_path: Path, time: VirtualClock, kind: str
) -> None:
    target = Target(gone)
    guarded = reliai.reliable(reliai.CircuitBreaker("many", consecutive=3))(target.of(kind))
    run = experiment(tmp_path, guarded, cases(400)).run()
    assert run.manifest["stopped"] == "max_error_rate"
    assert time.now < 45.0
    assert target.calls < 20


@every_kind
def test_a_target_that_is_back_after_the_break_loses_none_that_waited(
    tmp_path: Path, time: VirtualClock, kind: str
) -> None:
    def away(question: str, before: int) -> str:
        if time.now - began < 20.0:
            raise ConnectionError
        clock.active().sleep(0.1 if kind == "sync" else 0.0)
        return question

    began = time.now
    breaker = reliai.CircuitBreaker("away", consecutive=3)
    guarded = reliai.reliable(breaker)(Target(away).of(kind))
    run = experiment(tmp_path, guarded, cases(12)).run()
    assert [trial.status for trial in run.trials()] == ["ok"] * 12


def test_each_break_is_waited_for_while_something_goes_well_in_between(
    tmp_path: Path, time: VirtualClock
) -> None:
    def off_and_on(question: str, before: int) -> str:
        clock.active().sleep(1.0)
        if time.now % 60.0 < 20.0:
            raise ConnectionError
        return question

    breaker = reliai.CircuitBreaker("off and on", consecutive=1, open_for=20.0)
    guarded = reliai.reliable(breaker)(Target(off_and_on).sync)
    run = experiment(tmp_path, guarded, cases(150), concurrency=1).run()
    assert time.now > 180.0  # three times away
    assert {trial.status for trial in run.trials()} == {"ok"}


def test_a_breaker_that_was_open_before_is_told_as_it_is(
    tmp_path: Path, time: VirtualClock
) -> None:
    breaker = reliai.CircuitBreaker("users", consecutive=1, open_for=400.0, max_open_for=400.0)
    guarded = reliai.reliable(breaker)(Target(gone).sync)
    with pytest.raises(ConnectionError):
        guarded(question="q")
    (trial,) = experiment(tmp_path, guarded, cases(1), policies="deployed").run().trials()
    assert (trial.status, trial.error and trial.error.type) == ("error", "reliai.CircuitOpen")


# What is decided


def refused(outages: Outages, now: float, wait: float | None) -> float | None:
    return outages.patience(CircuitOpen("c", wait), now)


def test_the_first_break_is_waited_for_whole() -> None:
    outages = Outages()
    assert refused(outages, 100.0, 30.0) == inf
    assert refused(outages, 129.0, 1.0) == inf


def test_after_it_tries_come_again_soon_until_a_probe_tells() -> None:
    outages = Outages()
    refused(outages, 100.0, 30.0)
    assert refused(outages, 131.0, 29.0) == 5.0
    outages.failed(Outcome(error=ConnectionError()), 130.5)
    assert refused(outages, 132.0, 60.0) is None


def test_failures_that_began_before_the_end_of_the_break_tell_nothing() -> None:
    outages = Outages()
    refused(outages, 100.0, 30.0)
    outages.failed(Outcome(error=ConnectionError()), 99.0)
    assert refused(outages, 131.0, 29.0) == 5.0


def test_failures_that_are_not_the_targets_tell_nothing() -> None:
    outages = Outages()
    refused(outages, 100.0, 30.0)
    outages.failed(Outcome(error=CircuitOpen("c", 1.0)), 131.0)
    assert refused(outages, 131.0, 29.0) == 5.0


def test_a_probe_that_tells_nothing_is_waited_for_no_longer_than_half_a_minute() -> None:
    outages = Outages()
    refused(outages, 100.0, 30.0)
    assert refused(outages, 159.0, 1.0) == 5.0
    assert refused(outages, 160.0, 1.0) is None


def test_once_something_went_well_the_next_break_is_another() -> None:
    outages = Outages()
    refused(outages, 100.0, 30.0)
    outages.failed(Outcome(error=ConnectionError()), 131.0)
    outages.served()
    assert refused(outages, 140.0, 30.0) == inf


def test_a_circuit_that_an_operator_isolates_is_waited_for_like_a_break() -> None:
    outages = Outages()
    assert refused(outages, 100.0, None) == inf
    assert refused(outages, 160.0, None) is None
