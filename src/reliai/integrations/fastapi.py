"""FastAPI, Starlette and other ASGI applications around guarded calls.

Whom a request is for goes on the records of its calls, reliai's errors become answers with the
right status, and streams go out as server-sent events.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from reliai._needs import needed
from reliai.errors import ConfigurationError
from reliai.integrations._web_calls import calls_here
from reliai.integrations._web_context import ContextMiddleware
from reliai.integrations._web_errors import ANSWERS, answer_to, headers_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Iterable, Mapping

    from fastapi.responses import Response

    from reliai.integrations._web_context import Reader, Scope

__all__ = ["ContextMiddleware", "feedback_router", "install", "sse"]

_EXTRA = "fastapi"


class Application(Protocol):
    """What a FastAPI or Starlette application is here."""

    exception_handlers: Any

    def add_middleware(self, middleware_class: Any, *args: Any, **settings: Any) -> None:
        """Put a middleware around it."""

    def add_exception_handler(self, exc_class_or_status_code: Any, handler: Any) -> None:
        """Have an exception answered."""


def install(
    app: Application,
    *,
    subject: Reader | None = None,
    session: Reader | None = None,
    tenant: Reader | None = None,
    tags: Callable[[Scope], Mapping[str, str] | None] | None = None,
    header: str | None = "X-Call-Id",
) -> None:
    """Have an application answer for reliai's errors, and its calls know whom they are for.

    `CircuitOpen` and `BulkheadFull` become 503, `RateLimited` and `BudgetExceeded` 429,
    `CallTimeout` 504, `GuardRejected` and `OutputRefused` 422, `OutputInvalid` and
    `StreamInterrupted` 502; with `Retry-After` where it is known, and the call's id. The body is
    `{"detail": …, "error": …, "call_id": …}` and tells nothing of the inside. Handlers that the
    application has for these errors stay; others, such as `ConfigurationError`, remain 500.

    Args:
        app: a FastAPI or Starlette application that has not started.
        subject: as of `ContextMiddleware`, which is added, as are the others.
        session: the conversation.
        tenant: the customer.
        tags: labels by name.
        header: that carries the call's id; None: none does.

    Raises:
        ConfigurationError: when a setting is wrong, or FastAPI is missing.
    """
    needed("fastapi", _EXTRA, "install()")
    said: dict[str, Any] = {"subject": subject, "session": session, "tenant": tenant}
    said |= {"tags": tags, "header": header}
    ContextMiddleware(_nowhere, **said)  # what is wrong with them is said now
    app.add_middleware(ContextMiddleware, **said)
    for kind in ANSWERS:
        if kind not in app.exception_handlers:
            app.add_exception_handler(kind, _handler(header))


def sse(
    stream: AsyncIterable[Any] | Iterable[Any],
    *,
    encode: Callable[[Any], str | None] | None = None,
    keepalive: float | None = 15.0,
) -> Response:
    """The answer to a request that sends a stream as server-sent events, for a browser to show.

    Nothing is sent before the first chunk is there: what fails until then is an error as any
    other, with its status. When the sender of the request goes, the stream is closed at once (one
    that is not asynchronous: after the chunk that it is waiting for). The last event is `end`, or
    `error` with a code, a sentence and the call's id; without it the answer is not whole.

    Args:
        stream: what a guarded generator gives, or any other iterable, asynchronous or not.
        encode: a function of a chunk that gives the text to send, or None for nothing. None: a text
            as it is, of a provider's event its text, of anything else its JSON.
        keepalive: seconds (> 0) of silence after which a comment is sent, so that no proxy cuts
            the line; None: never.

    Raises:
        ConfigurationError: when `stream` is no stream, a setting is wrong, or FastAPI is missing.
    """
    kind = type(stream).__name__
    if isinstance(stream, str | bytes | dict) or not (
        hasattr(stream, "__aiter__") or hasattr(stream, "__iter__")
    ):
        message = f"sse() of a {kind}: give a stream, such as what a guarded generator returns"
        raise ConfigurationError(message)
    number = isinstance(keepalive, int | float) and not isinstance(keepalive, bool)
    if keepalive is not None and not (number and 0 < keepalive < float("inf")):
        raise ConfigurationError(f"sse(keepalive={keepalive!r}): give seconds above 0, or None")
    if encode is None:
        from reliai.integrations._web_frames import data_of as encode  # noqa: PLC0415  for streams
    events = needed("reliai.integrations._web_stream", _EXTRA, "sse()")
    response: Response = events.EventStream(stream, encode, keepalive)
    return response


def feedback_router(path: str = "/feedback", *, durable: bool = False) -> Any:
    """A router that takes in what browsers say with tokens of `reliai.feedback.token`.

    `POST` a JSON object with `token`, `value` (None takes it back), and perhaps `comment` and
    `key`. It answers 202, 401 for a token that is not good, and 422 for what may not be said.

    Args:
        path: where it is.
        durable: answer only when it is in the database.

    Raises:
        ConfigurationError: when FastAPI is missing.
    """
    made = needed("reliai.integrations._web_feedback", _EXTRA, "feedback_router()")
    return made.router(path, durable)


def _handler(header: str | None) -> Callable[[Any, Exception], Any]:
    async def handle(connection: Any, error: Exception) -> Response | None:
        from fastapi.responses import JSONResponse  # noqa: PLC0415  loaded by then

        status, code, detail = answer_to(error)
        if connection.scope["type"] == "websocket":
            await connection.close(1013 if status in {429, 503} else 1011, code)
            return None
        calls = calls_here()
        call_id = None if calls is None else calls.failing()
        headers = headers_of(error)
        if header is not None and call_id is not None:
            headers[header] = call_id
        said = {"detail": detail, "error": code, "call_id": call_id}
        return JSONResponse(said, status, headers)

    return handle


async def _nowhere(*_: Any) -> None:
    """No application."""
