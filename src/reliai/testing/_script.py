"""What a script may hold besides plain answers: the ways in which a provider misbehaves.

`ScriptedModel` and `fault_server` read the same values, which are plain data and compare by value.
Imported by the testing kit alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from reliai.errors import ConfigurationError
from reliai.testing._wire.errors import KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

__all__ = [
    "Cut",
    "Filtered",
    "Hang",
    "InStreamError",
    "Latency",
    "Malformed",
    "Refusal",
    "Refuse",
    "Stall",
    "Status",
    "Truncated",
]


def check_kind(kind: object) -> None:
    """Refuse a word that names no kind of error.

    Raises:
        ConfigurationError: `kind` is a string and none of the kinds.
    """
    if isinstance(kind, str) and kind not in KINDS:
        message = f"{kind!r} is no kind of error; use one of {', '.join(sorted(KINDS))}"
        raise ConfigurationError(message)


@dataclass(frozen=True, slots=True)
class Latency:
    """Wait, then do something else.

    Attributes:
        seconds: how long nothing at all is sent or returned.
        then: what comes afterwards; None for what would have come anyway.
    """

    seconds: float
    then: Any = None


@dataclass(frozen=True, slots=True)
class Stall:
    """Begin to answer, fall silent, and go on.

    In a list of chunks it marks the place of the silence itself; `after` and `then` are not read.

    Attributes:
        seconds: length of the silence.
        after: chunks sent before it; 0 is after the headers and before any text.
        then: the answer it happens to; None for what would have come anyway.
        keep_alive: seconds between signs of life, SSE comments or Anthropic's pings, which keep
            byte timers from firing though no text arrives; None for none. `fault_server` only.
    """

    seconds: float
    after: int = 0
    then: Any = None
    keep_alive: float | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """An HTTP error with the body the provider itself would send.

    Attributes:
        code: the HTTP status; or a kind, which gets the status the asked provider uses for it
            (`Status("overloaded")` is 503 from OpenAI and 529 from Anthropic).
        body: a kind ("rate_limited", "quota", "context_length", …, or the provider's own word, such
            as "insufficient_quota"); a mapping sent as JSON; bytes sent as text; None for what is
            usual with `code`.
        headers: added to the answer.
        retry_after: the `retry-after` header. A number is seconds, sent as written (2, 0.5); a
            `timedelta` is an HTTP date that far from now (negative: in the past); a string is sent
            as it is.
        retry_after_ms: the `retry-after-ms` header, in milliseconds.
        message: replaces the usual message.
    """

    code: int | str
    body: str | bytes | Mapping[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    retry_after: float | str | timedelta | None = None
    retry_after_ms: float | None = None
    message: str | None = None

    def __post_init__(self) -> None:
        check_kind(self.code)
        check_kind(self.body)


@dataclass(frozen=True, slots=True)
class Cut:
    """Lose the connection in the middle of an answer.

    Attributes:
        after: chunks sent before it.
        how: "close" ends the connection before the body is complete; "reset" the same with a TCP
            reset; "end" finishes the body in good order but without the provider's terminal event,
            the cut that SDKs take for success.
        then: the answer it happens to; None for what would have come anyway.
    """

    after: int = 0
    how: Literal["close", "reset", "end"] = "close"
    then: Any = None


@dataclass(frozen=True, slots=True)
class InStreamError:
    """An error event inside a stream that began with HTTP 200; without `stream` a plain HTTP error.

    Attributes:
        kind: as in `Status`.
        after: chunks sent before it.
        form: on the Responses API, "error" for an `error` event, "failed" for `response.failed`.
        then: the answer it happens to; None for what would have come anyway.
    """

    kind: str = "overloaded"
    after: int = 0
    form: Literal["error", "failed"] = "error"
    then: Any = None

    def __post_init__(self) -> None:
        check_kind(self.kind)


@dataclass(frozen=True, slots=True)
class Malformed:
    """An answer that cannot be read.

    Attributes:
        kind: "json" is not JSON, "truncated" ends halfway, "html" is a proxy's error page, "empty"
            has no body, "schema" is JSON of another shape, "sse" is an event stream with a broken
            event, asked for or not. In a stream "json" and "truncated" break one event.
        status: the HTTP status it comes with.
        after: in a stream, chunks sent before the broken event.
        then: the answer it happens to; None for what would have come anyway.
    """

    kind: Literal["json", "truncated", "html", "empty", "schema", "sse"] = "json"
    status: int = 200
    after: int = 0
    then: Any = None


@dataclass(frozen=True, slots=True)
class Truncated:
    """An answer that stopped at its length limit, and says so.

    Attributes:
        after: chunks delivered; None for the first half.
        then: the answer it happens to; None for what would have come anyway.
    """

    after: int | None = None
    then: Any = None


@dataclass(frozen=True, slots=True)
class Filtered:
    """An answer stopped by the provider's content filter, with HTTP 200.

    Attributes:
        after: chunks delivered before the filter stepped in.
        then: the answer it happens to; None for what would have come anyway.
    """

    after: int = 0
    then: Any = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The model declines, in the provider's own form and with HTTP 200."""

    text: str = "I'm sorry, but I can't help with that."


@dataclass(frozen=True, slots=True)
class Hang:
    """Take the request and never answer."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Reset the connection before a byte of the answer.

    The request may have been read; `FaultServer.unreachable()` refuses connections for real.
    """
