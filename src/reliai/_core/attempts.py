"""The bookkeeping of one attempt: its limit, its start, its end on the record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai._core.limits import nearest, overrun
from reliai._core.outcome import Outcome
from reliai._core.record import Attempt, ErrorInfo
from reliai._core.usage import note_failure
from reliai.errors import AmbiguousOutcome, CallTimeout, ErrorKind, verdicts
from reliai.providers.failure import Failure

if TYPE_CHECKING:
    from reliai._core.call import Call, Limit

__all__ = [
    "attempt_failed",
    "attempt_limit",
    "attempt_succeeded",
    "begin_attempt",
    "first_chunk_limit",
]

_TRANSIENT = {
    ErrorKind.TIMEOUT,
    ErrorKind.CONNECTION,
    ErrorKind.SERVER,
    ErrorKind.OVERLOADED,
    ErrorKind.CONFLICT,
    ErrorKind.MALFORMED,
}


def begin_attempt(call: Call, now: float) -> Attempt:
    """Put a new attempt, which reaches the function `now`, on the record."""
    record = call._record  # noqa: SLF001  the engine fills the record
    attempts = record._attempts = record.written_attempts()  # noqa: SLF001
    attempt = Attempt()
    attempt.began = now
    attempt.number = len(attempts) + 1
    attempt.target = call._target.name  # noqa: SLF001
    attempt.started_at = record.started_at + (now - call.started)
    attempt.status = None
    if call.waited:
        attempt.wait, call.waited = call.waited, 0.0
    attempts.append(attempt)
    call.own = attempt
    beside = getattr(call, "rival", None)
    if beside is not None:
        beside.append(attempt)
    return attempt


def attempt_limit(call: Call, now: float) -> Limit | None:
    """The limit of an attempt that starts `now`, also what `remaining()` reads inside it."""
    if call.deadline is None and call.attempt_limit is None and call.cut is None:
        return None
    return nearest(call, now)


def attempt_succeeded(call: Call, attempt: Attempt) -> None:
    """Close an attempt that gave a value."""
    attempt.status = "success"
    attempt.duration = call.clock.monotonic() - attempt.began


def attempt_failed(call: Call, attempt: Attempt, error: BaseException) -> Outcome:
    """Close an attempt that gave an error, and say what the policies are to make of it."""
    attempt.duration = call.clock.monotonic() - attempt.began
    own = _own_timeout(call, attempt, error)
    outcome = Outcome(error=error if own is None else own)
    if isinstance(error, CallTimeout) and own is None:
        _judge_nested(outcome, error)
    failure = outcome.failure
    kind = ErrorKind.UNKNOWN if failure is None else failure.kind
    if not isinstance(error, Exception):
        attempt.status = "cancelled"
    else:
        attempt.status = "error"
        attempt.error = ErrorInfo.of(outcome.error or error, kind)
    note_failure(call, attempt, failure)
    effects = call._site.effects  # noqa: SLF001
    if (
        effects == "once"
        and failure is not None
        and kind in _TRANSIENT
        and failure.sent is not False
    ):
        return Outcome(error=_ambiguous(call, outcome.error or error))
    return outcome


def _judge_nested(outcome: Outcome, error: CallTimeout) -> None:
    """A limit that a guarded call inside ran into is an ordinary timeout of this attempt.

    It was raised by the function, so it has a traceback; a limit of this call's own was not.
    """
    if error.__traceback__ is None or error.layer == "inherited":
        return
    outcome._failure = Failure(ErrorKind.TIMEOUT, verdict=verdicts[ErrorKind.TIMEOUT])  # noqa: SLF001


def _own_timeout(call: Call, attempt: Attempt, error: BaseException) -> CallTimeout | None:
    """This call's own limit, when a nested call ran into it as the one it inherited."""
    if not isinstance(error, CallTimeout) or error.layer != "inherited":
        return None
    limit = attempt_limit(call, attempt.began)
    # An event loop wakes up early by its clock's resolution, which is not early at all.
    if limit is None or limit[1] == "inherited" or limit[0] - 0.001 > call.clock.monotonic():
        return None
    own = overrun(call, limit)
    own.__cause__ = error
    return own


def _ambiguous(call: Call, error: BaseException) -> AmbiguousOutcome:
    ambiguous = AmbiguousOutcome(
        f"{call.name} has an effect and failed after its request may have been sent "
        f"({type(error).__name__}); it is not repeated. Ask the other side what became of "
        f"idempotency key {call.idempotency_key!r}",
        idempotency_key=call.idempotency_key,
    )
    ambiguous.__cause__ = error
    return ambiguous


def first_chunk_limit(call: Call, attempt: Attempt) -> Limit | None:
    """The limit for the first chunk, counted from where the attempt began."""
    limit = attempt_limit(call, attempt.began)
    if call.first_chunk is not None:
        until = attempt.began + call.first_chunk
        if limit is None or until < limit[0] or limit[1] == "attempt":
            limit = (until, "first_chunk", call.first_chunk)
    return limit
