"""How reliai's own refusals are told: each says of itself what is to be done about it."""

from __future__ import annotations

import pytest

from reliai import errors
from reliai.errors import BreakerVerdict, ErrorKind, ReliaiError, Verdict, verdicts
from reliai.providers import Failure, classify

NONE, FAILURE = BreakerVerdict.NONE, BreakerVerdict.FAILURE


def caused(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind", "verdict", "sent"),
    [
        (errors.GuardRejected("no"), ErrorKind.REJECTED, (False, False, NONE), False),
        (errors.BudgetExceeded("no"), ErrorKind.REJECTED, (False, False, NONE), False),
        (errors.CircuitOpen("c"), ErrorKind.REJECTED, (False, True, NONE), False),
        (errors.RateLimited("no"), ErrorKind.REJECTED, (False, True, NONE), False),
        (errors.BulkheadFull("no"), ErrorKind.REJECTED, (False, True, NONE), False),
        (errors.OutputInvalid("no"), ErrorKind.INVALID_OUTPUT, (True, True, NONE), True),
        (errors.OutputRefused("no"), ErrorKind.CONTENT_FILTER, (False, True, NONE), True),
        (errors.OutputTruncated("no"), ErrorKind.INVALID_OUTPUT, (False, True, NONE), True),
        (errors.CallTimeout("attempt", 1), ErrorKind.TIMEOUT, (True, True, FAILURE), None),
        (errors.CallTimeout("first_chunk", 1), ErrorKind.TIMEOUT, (True, True, FAILURE), None),
        (errors.CallTimeout("idle", 1), ErrorKind.TIMEOUT, (True, True, FAILURE), None),
        (errors.CallTimeout("reserve", 1), ErrorKind.TIMEOUT, (False, True, FAILURE), None),
        (errors.CallTimeout("total", 1), ErrorKind.TIMEOUT, (False, False, FAILURE), None),
        (errors.CallTimeout("inherited", 1), ErrorKind.TIMEOUT, (False, False, NONE), None),
        (errors.AmbiguousOutcome("?"), ErrorKind.UNKNOWN, (False, False, NONE), None),
        (errors.StreamInterrupted("?"), ErrorKind.UNKNOWN, (False, False, NONE), True),
        (errors.ConfigurationError("no"), ErrorKind.UNKNOWN, (False, False, NONE), None),
        (errors.GateFailed("no"), ErrorKind.UNKNOWN, (False, False, NONE), None),
    ],
    ids=lambda value: (
        f"{type(value).__name__} {getattr(value, 'layer', '')}"
        if isinstance(value, Exception)
        else ""
    ),
)
def test_a_refusal_says_what_is_to_be_done(
    error: Exception, kind: ErrorKind, verdict: tuple[object, ...], sent: bool | None
) -> None:
    """Case 24: no verdict of a guard or a validator is the provider's failure."""
    failure = classify(error)
    assert (failure.kind, failure.verdict, failure.sent) == (kind, verdict, sent)


def test_only_a_broken_stream_is_told_as_one() -> None:
    told = [classify(errors.CallTimeout(layer, 1)).in_stream for layer in ("idle", "attempt")]
    assert told == [True, False]
    assert classify(errors.StreamInterrupted("cut")).in_stream


def test_a_misuse_propagates_at_once() -> None:
    assert classify(errors.ConfigurationError("no")).programming
    assert not classify(errors.GuardRejected("no")).programming


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (errors.CircuitOpen("c", 7.0), 7.0),
        (errors.CircuitOpen("c"), None),
        (errors.RateLimited("no", retry_after=0.5), 0.5),
        (errors.BulkheadFull("no"), None),
    ],
    ids=str,
)
def test_a_refusal_says_when_to_come_again(error: Exception, seconds: float | None) -> None:
    assert classify(error).retry_after == seconds


def test_an_interrupted_stream_teaches_the_breaker_what_its_cause_would() -> None:
    failure = classify(caused(errors.StreamInterrupted("cut", chunks=3), ConnectionResetError()))
    assert failure.kind is ErrorKind.CONNECTION
    assert failure.verdict == Verdict(retry=False, fall_back=False, breaker=FAILURE)
    assert (failure.in_stream, failure.sent) == (True, True)


def test_a_stream_interrupted_by_a_mistake_is_not_a_mistake_itself() -> None:
    failure = classify(caused(errors.StreamInterrupted("cut"), TypeError()))
    assert (failure.programming, failure.verdict.breaker) == (False, NONE)


def test_an_ambiguous_outcome_has_the_kind_of_its_cause_and_goes_nowhere() -> None:
    failure = classify(caused(errors.AmbiguousOutcome("?"), TimeoutError()))
    assert failure.kind is ErrorKind.TIMEOUT
    learn = errors.BreakerVerdict.FAILURE
    assert failure.verdict == Verdict(retry=False, fall_back=False, breaker=learn)
    assert not failure.in_stream


def test_a_refusal_that_goes_in_a_circle_ends() -> None:
    first, second = errors.AmbiguousOutcome("?"), errors.AmbiguousOutcome("?")
    first.__cause__, second.__cause__ = second, first
    assert classify(first).kind is ErrorKind.UNKNOWN


def test_a_refusal_that_goes_in_a_circle_through_another_error_ends() -> None:
    first, second = errors.StreamInterrupted("cut"), RuntimeError()
    first.__cause__, second.__cause__ = second, first
    assert classify(first).kind is ErrorKind.UNKNOWN


def test_refusals_in_a_row_lead_to_what_began_it() -> None:
    inner = caused(errors.AmbiguousOutcome("?"), TimeoutError())
    assert classify(caused(errors.StreamInterrupted("cut"), inner)).kind is ErrorKind.TIMEOUT


def test_a_refusal_inside_another_error_keeps_its_verdict() -> None:
    """Case 24: an error of the application around a guard's verdict falls back nowhere either."""
    failure = classify(caused(RuntimeError("refused"), errors.GuardRejected("no")))
    assert failure.kind is ErrorKind.REJECTED
    assert not failure.verdict.fall_back


def test_an_error_of_our_family_that_we_do_not_know_is_read_like_any_other() -> None:
    class Ours(ReliaiError):
        status_code = 503

    assert classify(Ours()).kind is ErrorKind.SERVER


def test_the_table_is_asked_for_refusals_too(monkeypatch: pytest.MonkeyPatch) -> None:
    never = Verdict(retry=False, fall_back=False, breaker=NONE)
    monkeypatch.setitem(verdicts, ErrorKind.REJECTED, never)
    monkeypatch.delitem(verdicts, ErrorKind.TIMEOUT)
    assert classify(errors.BulkheadFull("no")).verdict == never
    assert classify(errors.CallTimeout("attempt", 1)) == Failure(ErrorKind.TIMEOUT)
