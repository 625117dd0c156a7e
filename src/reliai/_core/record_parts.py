"""The parts of a call record: errors, events, what checks said, attempts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.providers import Failure

__all__ = ["Attempt", "CheckResult", "ErrorInfo", "Event"]

MESSAGE_LIMIT = 500
"""Characters of an error's message that a record keeps."""


class ErrorInfo(NamedTuple):
    """An error as a record keeps it: its kind, its type's name and its message, cut to size."""

    kind: str
    type: str
    message: str

    @classmethod
    def of(cls, error: BaseException, kind: str) -> ErrorInfo:
        """Describe `error`, keeping neither the exception nor what it refers to."""
        return cls(str(kind), _type_name(error), _message(error))

    @property
    def shown_message(self) -> str | None:
        """The message where it quotes nothing of what the call was about; None for any other.

        Messages of reliai's own errors are made of names and numbers. Those of others are content,
        and so are those of ours that quote them, or an argument.
        """
        module, _, name = self.type.rpartition(".")
        own = module in _OWN and name not in _QUOTING
        return self.message if own else None

    def shown(self) -> dict[str, str | None]:
        """Plain data, without a message that may be content."""
        return {"kind": self.kind, "type": self.type, "message": self.shown_message}


_OWN = ("reliai", "reliai.errors")
_QUOTING = ("AmbiguousOutcome", "StreamInterrupted")
"""Ours that quote an idempotency key, which may be an argument, or the error behind them."""


def _type_name(error: BaseException) -> str:
    kind = type(error)
    if kind.__module__ == "builtins":
        return kind.__qualname__
    if kind.__module__ == "reliai.errors":  # its public name, whether or not it was asked for yet
        return f"reliai.{kind.__qualname__}"
    return f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    if type(error).__module__.startswith("pydantic_core"):
        # Its message quotes the values it looked at, and content is recorded only when asked for.
        count = getattr(error, "error_count", int)
        return f"{count()} validation errors"
    try:
        return str(error)[:MESSAGE_LIMIT]
    except Exception:  # noqa: BLE001  a broken __str__ must not change the call
        return "(its message could not be read)"


class Event(NamedTuple):
    """Something a policy did.

    Attributes:
        kind: what, as one word with underscores: "retry", "circuit_opened".
        at: seconds since the call started.
        attributes: the numbers behind it; plain data.
    """

    kind: str
    at: float
    attributes: Mapping[str, Any]


class CheckResult(NamedTuple):
    """What one check said: its name, whether it passed, and why not."""

    name: str
    passed: bool
    reason: str | None = None


class Attempt:
    """One call of a target.

    Attributes:
        number: 1-based, over all retries, reasks and targets of the call.
        target: the function called.
        started_at: Unix seconds.
        began: the same moment by the monotonic clock; not part of `to_dict`.
        duration: seconds; of a stream, until its end.
        status: "success", "error" or "cancelled"; None while it runs.
        error: what it failed with.
        model, input_tokens, output_tokens: as the provider reported them.
        wait: seconds waited before it, by a retry.
        usage_state: "measured", "estimated" or "unknown"; None where nothing was billed or told.
            This and what follows is not part of `to_dict`.
        cost_usd: US dollars; None where unknown.
        finish_reason: why its answer stopped.
        failure: what kind of failure it ended in; None for none.
        unpriced: whether it was billed at a price that nobody knows.
        told: whether the meters were told of it.
        provider, response_id: who answered, and the id of the (last) answer.
        model_requested: the model that was asked for, where a wrapped client or an argument says.
        request: what is known of the request besides its model, by key of telemetry's name table:
            numbers it was made with, the server's address.
        cached_tokens, cache_write_tokens: those of `input_tokens` read from and put into a cache.
    """

    __slots__ = (
        "began",
        "cache_write_tokens",
        "cached_tokens",
        "cost_usd",
        "duration",
        "error",
        "failure",
        "finish_reason",
        "input_tokens",
        "model",
        "model_requested",
        "number",
        "output_tokens",
        "provider",
        "request",
        "response_id",
        "started_at",
        "status",
        "target",
        "told",
        "unpriced",
        "usage_state",
        "wait",
    )

    number: int
    target: str
    started_at: float
    began: float
    duration: float | None
    status: str | None
    error: ErrorInfo | None
    model: str | None
    input_tokens: int | None
    output_tokens: int | None
    usage_state: str | None
    cost_usd: float | None
    finish_reason: str | None
    failure: Failure | None
    unpriced: bool
    told: bool
    wait: float
    provider: str | None
    response_id: str | None
    model_requested: str | None
    request: Mapping[str, Any] | None
    cached_tokens: int | None
    cache_write_tokens: int | None

    def __getattr__(self, name: str) -> Any:
        if name in _ATTEMPT_DEFAULTS:
            return _ATTEMPT_DEFAULTS[name]
        message = f"Attempt has no attribute {name!r}"
        raise AttributeError(message)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        fields = {name: getattr(self, name) for name in _ATTEMPT_FIELDS}
        fields["error"] = None if self.error is None else self.error.shown()
        return fields

    def __repr__(self) -> str:
        return f"<Attempt {self.number} of {self.target}: {self.status or 'running'}>"


_ATTEMPT_FIELDS = (
    "number",
    "target",
    "started_at",
    "duration",
    "status",
    "error",
    "model",
    "input_tokens",
    "output_tokens",
    "wait",
)
_ATTEMPT_DEFAULTS: dict[str, Any] = {
    **dict.fromkeys((*_ATTEMPT_FIELDS, "usage_state", "cost_usd", "failure")),
    "finish_reason": None,
    "provider": None,
    "response_id": None,
    "model_requested": None,
    "request": None,
    "cached_tokens": None,
    "cache_write_tokens": None,
    "unpriced": False,
    "told": False,
    "wait": 0.0,
}
