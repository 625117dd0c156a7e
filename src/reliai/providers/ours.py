"""Reading reliai's own refusals, which say of themselves what is to be done about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

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
    OutputRefused,
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
_MOST: Final = 16


def read_ours(error: ReliaiError, classify: Callable[[BaseException], Failure]) -> Failure | None:
    """What one of our own errors means; None for a class of our family we do not know.

    Args:
        error: the error.
        classify: asked about the cause of the errors that only pass one on.
    """
    for each in type(error).__mro__:
        read = _READERS.get(each)
        if read is not None:
            return read(error)
        if each in _PASSED_ON:
            return _passed_on(error, classify)
    return None


def _time_limit(error: Any) -> Failure:
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


def _truncated(_error: Any) -> Failure:
    verdict = _of(ErrorKind.INVALID_OUTPUT)._replace(retry=False)
    return Failure(ErrorKind.INVALID_OUTPUT, sent=True, verdict=verdict)


def _invalid(_error: Any) -> Failure:
    return Failure(ErrorKind.INVALID_OUTPUT, sent=True, verdict=_of(ErrorKind.INVALID_OUTPUT))


def _refused_by_the_model(_error: Any) -> Failure:
    return Failure(ErrorKind.CONTENT_FILTER, sent=True, verdict=_of(ErrorKind.CONTENT_FILTER))


def _refused(error: Any) -> Failure:
    wait = amount(getattr(error, "retry_after", None))
    verdict = _of(ErrorKind.REJECTED)
    return Failure(ErrorKind.REJECTED, retry_after=wait, sent=False, verdict=verdict)


def _forbidden(error: Any) -> Failure:
    """No other target may have what a guard or a budget refused."""
    wait = amount(getattr(error, "retry_after", None))
    return Failure(ErrorKind.REJECTED, retry_after=wait, sent=False, verdict=NOTHING)


def _misused(_error: Any) -> Failure:
    return Failure(ErrorKind.UNKNOWN, verdict=NOTHING, programming=True)


_READERS: Final[dict[type, Callable[[Any], Failure]]] = {
    CallTimeout: _time_limit,
    OutputTruncated: _truncated,
    OutputRefused: _refused_by_the_model,
    OutputInvalid: _invalid,
    CircuitOpen: _refused,
    RateLimited: _refused,
    BulkheadFull: _refused,
    GuardRejected: _forbidden,
    BudgetExceeded: _forbidden,
    ConfigurationError: _misused,
    GateFailed: _misused,
}
_PASSED_ON: Final = (AmbiguousOutcome, StreamInterrupted)


def _passed_on(error: ReliaiError, classify: Callable[[BaseException], Failure]) -> Failure:
    """The cause tells the kind; nothing is repeated, for something was delivered or may be done."""
    cause = _behind(error)
    found = Failure(ErrorKind.UNKNOWN) if cause is None else classify(cause)
    interrupted = isinstance(error, StreamInterrupted)
    learn = BreakerVerdict.NONE if cause is None else found.verdict.breaker
    return found._replace(
        in_stream=interrupted or found.in_stream,
        sent=True if interrupted else found.sent,
        verdict=Verdict(retry=False, fall_back=False, breaker=learn),
        programming=False,
        control_flow=False,
    )


def _behind(error: BaseException) -> BaseException | None:
    """What errors that only pass one on came from; None when they go in a circle."""
    for _ in range(_MOST):
        cause = error.__cause__
        if not isinstance(cause, _PASSED_ON):
            return cause
        error = cause
    return None


def _of(kind: ErrorKind) -> Verdict:
    return verdicts.get(kind, NOTHING)
