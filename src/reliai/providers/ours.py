"""Reading reliai's own refusals, which say of themselves what is to be done about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai.errors import (
    AmbiguousOutcome,
    BreakerVerdict,
    BudgetExceeded,
    BulkheadFull,
    CallTimeout,
    CircuitOpen,
    ConfigurationError,
    ErrorKind,
    GateFailed,
    GuardRejected,
    OutputInvalid,
    OutputTruncated,
    RateLimited,
    ReliaiError,
    StreamInterrupted,
    Verdict,
    verdicts,
)
from reliai.providers.failure import NOTHING, Failure
from reliai.providers.reading import amount

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["read_ours"]

_REFUSED: Final = (CircuitOpen, RateLimited, BulkheadFull)
_FORBIDDEN: Final = (GuardRejected, BudgetExceeded)


def read_ours(
    error: ReliaiError, classify: Callable[[BaseException], Failure]
) -> Failure | None:
    """What one of our own errors means; None for a class of our family we do not know.

    Args:
        error: the error.
        classify: asked about the cause of the errors that only pass one on.
    """
    if isinstance(error, CallTimeout):
        return _time_limit(error)
    if isinstance(error, OutputInvalid):
        verdict = _of(ErrorKind.INVALID_OUTPUT)
        if isinstance(error, OutputTruncated):
            verdict = verdict._replace(retry=False)
        return Failure(ErrorKind.INVALID_OUTPUT, sent=True, verdict=verdict)
    if isinstance(error, _REFUSED):
        wait = amount(getattr(error, "retry_after", None))
        verdict = _of(ErrorKind.REJECTED)
        return Failure(ErrorKind.REJECTED, retry_after=wait, sent=False, verdict=verdict)
    if isinstance(error, _FORBIDDEN):
        return Failure(ErrorKind.REJECTED, sent=False, verdict=NOTHING)
    if isinstance(error, (AmbiguousOutcome, StreamInterrupted)):
        return _passed_on(error, classify)
    if isinstance(error, (ConfigurationError, GateFailed)):
        return Failure(ErrorKind.UNKNOWN, verdict=NOTHING, programming=True)
    return None


def _time_limit(error: CallTimeout) -> Failure:
    """A limit of the attempt may be tried again; one of the whole call, or of a caller above, not.

    A limit inherited from above says nothing about the provider either: it may have had a moment
    only.
    """
    verdict = _of(ErrorKind.TIMEOUT)
    if error.layer == "inherited":
        verdict = NOTHING
    elif error.layer == "total":
        verdict = verdict._replace(retry=False, fall_back=False)
    elif error.layer == "reserve":
        verdict = verdict._replace(retry=False)
    return Failure(ErrorKind.TIMEOUT, in_stream=error.layer == "idle", verdict=verdict)


def _passed_on(
    error: AmbiguousOutcome | StreamInterrupted, classify: Callable[[BaseException], Failure]
) -> Failure:
    """The cause tells the kind; nothing is repeated, for something was delivered or may be done."""
    cause = error.__cause__
    found = Failure(ErrorKind.UNKNOWN) if cause is None else classify(cause)
    interrupted = isinstance(error, StreamInterrupted)
    learn = found.verdict.breaker if interrupted else BreakerVerdict.NONE
    return found._replace(
        in_stream=interrupted or found.in_stream,
        sent=True if interrupted else found.sent,
        verdict=Verdict(retry=False, fall_back=False, breaker=learn),
        programming=False,
        control_flow=False,
    )


def _of(kind: ErrorKind) -> Verdict:
    return verdicts.get(kind, NOTHING)
