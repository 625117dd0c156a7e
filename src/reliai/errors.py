"""What can go wrong, and what each policy does about it. Ground floor: imports nothing of reliai.

    ReliaiError
    ├── GuardRejected(ValueError)    the input failed a check; the model was not called
    ├── OutputInvalid(ValueError)    the answer failed a check; .errors .raw
    │   ├── OutputRefused            the model, or its content filter, refused to answer
    │   └── OutputTruncated          the answer was cut off by its length limit
    ├── CallTimeout(TimeoutError)    a time limit ran out; .layer .seconds
    ├── CircuitOpen                  the circuit is open; .name .retry_after
    ├── RateLimited                  our own limiter said no; .retry_after
    ├── BulkheadFull                 no place left to run the call
    ├── BudgetExceeded               money or tokens are spent; .spent .cap .retry_after
    ├── StreamInterrupted            reliai cut a stream that had begun; .chunks .partial
    ├── AmbiguousOutcome             an effect may have happened; .idempotency_key
    ├── GateFailed                   an evaluation gate did not pass; .result
    └── ConfigurationError           the code that sets a policy up is wrong

These are raised only when reliai itself refuses. A model's own exception comes out as itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple

__all__ = [
    "AmbiguousOutcome",
    "BreakerVerdict",
    "BudgetExceeded",
    "BulkheadFull",
    "CallTimeout",
    "CircuitOpen",
    "ConfigurationError",
    "ErrorKind",
    "GateFailed",
    "GuardRejected",
    "OutputInvalid",
    "OutputRefused",
    "OutputTruncated",
    "RateLimited",
    "ReliaiError",
    "ReliaiWarning",
    "StreamInterrupted",
    "Verdict",
    "verdicts",
]


class ErrorKind(StrEnum):
    """What a failure was, whatever SDK raised it."""

    RATE_LIMITED = "rate_limited"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    CONNECTION = "connection"
    SERVER = "server"
    CONFLICT = "conflict"
    MALFORMED = "malformed"
    QUOTA = "quota"
    AUTH = "auth"
    NOT_FOUND = "not_found"
    BAD_REQUEST = "bad_request"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    INVALID_OUTPUT = "invalid_output"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


class BreakerVerdict(StrEnum):
    """What a circuit breaker learns from a call: its target is well, is ill, or nothing."""

    SUCCESS = "success"
    FAILURE = "failure"
    NONE = "none"


class Verdict(NamedTuple):
    """What the policies do about one kind of failure."""

    retry: bool
    """Try the same target again."""
    fall_back: bool
    """Try another target."""
    breaker: BreakerVerdict
    """What the circuit breaker learns."""


_LEARN, _IGNORE = BreakerVerdict.FAILURE, BreakerVerdict.NONE

verdicts: dict[ErrorKind, Verdict] = {
    # transient, the provider's
    ErrorKind.RATE_LIMITED: Verdict(retry=True, fall_back=True, breaker=_IGNORE),
    ErrorKind.OVERLOADED: Verdict(retry=True, fall_back=True, breaker=_LEARN),
    ErrorKind.TIMEOUT: Verdict(retry=True, fall_back=True, breaker=_LEARN),
    ErrorKind.CONNECTION: Verdict(retry=True, fall_back=True, breaker=_LEARN),
    ErrorKind.SERVER: Verdict(retry=True, fall_back=True, breaker=_LEARN),
    ErrorKind.CONFLICT: Verdict(retry=True, fall_back=True, breaker=_IGNORE),
    ErrorKind.MALFORMED: Verdict(retry=True, fall_back=True, breaker=_LEARN),
    # permanent
    ErrorKind.QUOTA: Verdict(retry=False, fall_back=True, breaker=_IGNORE),
    ErrorKind.AUTH: Verdict(retry=False, fall_back=True, breaker=_IGNORE),
    ErrorKind.NOT_FOUND: Verdict(retry=False, fall_back=True, breaker=_IGNORE),
    ErrorKind.BAD_REQUEST: Verdict(retry=False, fall_back=False, breaker=_IGNORE),
    ErrorKind.CONTEXT_LENGTH: Verdict(retry=False, fall_back=True, breaker=_IGNORE),
    ErrorKind.CONTENT_FILTER: Verdict(retry=False, fall_back=True, breaker=_IGNORE),
    # ours, the caller's, or nobody's
    ErrorKind.INVALID_OUTPUT: Verdict(retry=True, fall_back=True, breaker=_IGNORE),
    ErrorKind.REJECTED: Verdict(retry=False, fall_back=True, breaker=_IGNORE),
    ErrorKind.CANCELLED: Verdict(retry=False, fall_back=False, breaker=_IGNORE),
    ErrorKind.UNKNOWN: Verdict(retry=False, fall_back=True, breaker=_IGNORE),
}
"""The one table of verdicts. Assign to an entry to change what every policy does about a kind."""


class ReliaiWarning(UserWarning):
    """Something works, but not as its author probably meant."""


class ReliaiError(Exception):
    """Base of everything reliai itself raises. Each carries its numbers and survives pickling."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(kind: type[ReliaiError], args: tuple[Any, ...], state: dict[str, Any]) -> ReliaiError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigurationError(ReliaiError, ValueError):
    """A policy, a pipeline or a setting was given something it cannot honour."""


class GuardRejected(ReliaiError, ValueError):
    """An input check said no, so the model was not called.

    Attributes:
        check: name of the check that said no.
        parameter: name of the argument it looked at, or None.
        errors: of a tool's arguments, what was wrong with each, without their content.
    """

    def __init__(
        self,
        message: str,
        *,
        check: str = "",
        parameter: str | None = None,
        errors: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message)
        self.check = check
        self.parameter = parameter
        self.errors = errors


class OutputInvalid(ReliaiError, ValueError):
    """The model answered, but not with what was asked for.

    Attributes:
        errors: what was wrong, one sentence each, without the answer's content.
        raw: the answer as it came; never part of the message or of a record.
    """

    def __init__(self, message: str, *, errors: tuple[str, ...] = (), raw: object = None) -> None:
        super().__init__(message)
        self.errors = errors
        self.raw = raw


class OutputRefused(OutputInvalid):
    """The model, or a content filter behind it, refused to answer: HTTP 200, and no answer in it.

    The same model is not asked again; one fallback is. `raw` is what the model said in refusing.
    """


class OutputTruncated(OutputInvalid):
    """The answer stopped at its length limit; it is neither repaired nor asked for again."""


class CallTimeout(ReliaiError, TimeoutError):
    """A time limit ran out.

    Attributes:
        layer: which limit: "total", "attempt", "first_chunk", "idle", "inherited" (a limit set by
            an enclosing call or `deadline()`), or "reserve" (the share Fallback keeps).
        seconds: the limit that ran out, in seconds.
    """

    def __init__(self, layer: str, seconds: float, name: str = "") -> None:
        super().__init__(layer, seconds, name)
        self.layer = layer
        self.seconds = seconds
        self.name = name

    def __str__(self) -> str:
        what = f"{self.name}: " if self.name else ""
        limit = _LIMITS.get(self.layer, "the limit of {} s")
        return f"{what}{limit.format(f'{self.seconds:g}')} ran out"


_LIMITS = {
    "total": "the limit of {} s for the whole call",
    "attempt": "the limit of {} s for one attempt",
    "first_chunk": "the limit of {} s for the first chunk",
    "idle": "the limit of {} s between two chunks",
    "inherited": "the time left ({} s) of an enclosing call, run or deadline()",
    "reserve": "the limit of {} s that leaves the fallbacks their share of the time",
}


class CircuitOpen(ReliaiError):
    """The circuit is open, so the model was not called."""

    # Made by the thousand while a circuit is open: only the arguments are kept, nothing is worded.

    @property
    def name(self) -> str:
        """The circuit."""
        return str(self.args[0])

    @property
    def retry_after(self) -> float | None:
        """Seconds until it may let a probe through; None while an operator isolates it."""
        return self.args[1] if len(self.args) > 1 else None

    def __str__(self) -> str:
        if self.retry_after is None:
            return f"circuit {self.name!r} is isolated by an operator; close() lets calls through"
        return (
            f"circuit {self.name!r} is open; a probe may pass in {self.retry_after:.3g} s. "
            "Use a Fallback, or call again after that time"
        )


class RateLimited(ReliaiError):
    """Our own limiter refused the call. `retry_after` is in seconds, or None when unknown."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class BulkheadFull(ReliaiError):
    """No place was left to run the call."""


class BudgetExceeded(ReliaiError):
    """The call would spend more than a `Budget` or a `run` allows; the model was not called.

    Attributes:
        unit: what is short: "usd", "tokens", "calls", or "repeats" of equal tool calls.
        spent: how much of it is gone.
        reserved: how much is held for calls that have not ended.
        wanted: how much was asked for.
        cap: how much there is in all.
        retry_after: seconds until there is room, if nothing else is spent; None when unknown.
    """

    def __init__(
        self,
        message: str,
        *,
        unit: str = "",
        spent: float = 0,
        reserved: float = 0,
        wanted: float = 0,
        cap: float = 0,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.unit = unit
        self.spent = spent
        self.reserved = reserved
        self.wanted = wanted
        self.cap = cap
        self.retry_after = retry_after


class StreamInterrupted(ReliaiError):
    """Reliai cut a stream after its first chunk was delivered; `__cause__` says why.

    Attributes:
        chunks: how many chunks were delivered.
        partial: the delivered text, or the list of delivered chunks when they are not text.
    """

    def __init__(self, message: str, *, chunks: int = 0, partial: object = None) -> None:
        super().__init__(message)
        self.chunks = chunks
        self.partial = partial


class AmbiguousOutcome(ReliaiError):
    """A function with an effect failed after its request may have been sent; it is not repeated.

    Attributes:
        idempotency_key: the key sent with every attempt; ask the other side what became of it.
    """

    def __init__(self, message: str, *, idempotency_key: str | None = None) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key


class GateFailed(ReliaiError):
    """An evaluation gate did not pass.

    Attributes:
        result: the gate's result, with the verdict of each rule; None where there is none.
    """

    def __init__(self, message: str, *, result: Any = None) -> None:
        super().__init__(message)
        self.result = result
