"""The errors that stand for those whose class cannot be built again, and tell policies the same."""

from __future__ import annotations

from typing import Any

__all__ = ["RecordedError", "stand_in"]


class RecordedError(Exception):
    """An error that a cassette replays when the class that was raised cannot be built again.

    Attributes:
        status_code: the HTTP status, None where there was none.
        code: the provider's own word for it.
        retry_after: seconds the provider asked to wait.
        in_stream: whether it came inside a stream that had begun well.
        phase: "connect" when the request never left, "read" when it did, else None.
    """

    status_code: int | None = None
    code: str | None = None
    retry_after: float | None = None
    in_stream: bool = False
    phase: str | None = None


_BASES: dict[str, type[Exception]] = {"timeout": TimeoutError, "connection": ConnectionError}
_NAMES = {
    "quota": "PaymentRequiredError",
    "context_length": "ContextWindowExceededError",
    "content_filter": "ContentFilterError",
    "overloaded": "OverloadedError",
    "rate_limited": "RateLimitError",
    "auth": "AuthenticationError",
    "not_found": "ModelNotFoundError",
    "server": "InternalServerError",
    "bad_request": "ModelInvalidRequestError",
    "malformed": "UnknownApiResponseError",
    "invalid_output": "OutputParserException",
}
"""For each kind a name by which `classify` knows it, whatever the message says."""

_PHASES: dict[object, str] = {True: "read", False: "connect"}
_known: dict[tuple[str, str], type[Exception]] = {}


def stand_in(name: str, message: str, facts: dict[str, Any]) -> Exception:
    """An error named as the one that was raised, with the same facts."""
    error = _class(name, facts["kind"])(message)
    fields: Any = error
    fields.status_code = facts.get("status")
    fields.code = facts.get("code")
    fields.retry_after = facts.get("retry_after")
    fields.in_stream = facts.get("in_stream", False)
    fields.phase = _PHASES.get(facts.get("sent"))
    return error


def _class(name: str, kind: str) -> type[Exception]:
    known = _known.get((name, kind))
    if known is None:
        bases: tuple[type[Exception], ...] = (RecordedError,)
        if kind in _NAMES:
            named: Any = type(_NAMES[kind], bases, {"__module__": __name__})
            bases = (named,)
        if kind in _BASES:
            bases = (*bases, _BASES[kind])
        short = name.rpartition(".")[2]
        made: Any = type(short, bases, {"__module__": "reliai.testing"})
        known = _known[name, kind] = made
    return known
