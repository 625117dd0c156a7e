"""The ASGI middleware that says whom the calls of a request are for. Needs no framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import ExitStack
from typing import Any, TypeAlias

from reliai._core.ambient import ambient, context, surroundings
from reliai.errors import ConfigurationError
from reliai.integrations._web_calls import Calls

__all__ = ["ASGIApp", "ContextMiddleware"]

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
ASGIApp: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Reader: TypeAlias = Callable[[Scope], Any]

_ASKED = ("subject", "session", "tenant", "tags")


class ContextMiddleware:
    """Puts `reliai.context` around each request and web socket, and the call's id on its answer.

    What the functions raise ends the request: a call made for nobody would be a call made for
    anybody, with the cached answers of other tenants.

    Args:
        app: the ASGI application.
        subject: the user, a function of the ASGI scope; None from it: not known.
        session: the conversation, likewise.
        tenant: the customer, likewise.
        tags: labels by name, likewise.
        header: on each answer of a request that made a guarded call: that call's id, of several
            the last one's. An answer that has the header keeps its own. None: no header.

    Raises:
        ConfigurationError: for anything else in place of the functions.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        subject: Reader | None = None,
        session: Reader | None = None,
        tenant: Reader | None = None,
        tags: Callable[[Scope], Mapping[str, str] | None] | None = None,
        header: str | None = "X-Call-Id",
    ) -> None:
        self._app = app
        self._readers: dict[str, Reader] = {}
        for name, reader in zip(_ASKED, (subject, session, tenant, tags), strict=True):
            if reader is None:
                continue
            if not callable(reader):
                message = f"ContextMiddleware({name}={reader!r}): give a function of the ASGI scope"
                raise ConfigurationError(message)
            self._readers[name] = reader
        self._header = None if header is None else header.lower().encode("ascii")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        calls = Calls()
        with ExitStack() as stack:
            said = {name: reader(scope) for name, reader in self._readers.items()}
            if said:
                stack.enter_context(context(**said))
            stack.enter_context(surroundings(collectors=(*ambient.get().collectors, calls)))
            await self._app(scope, receive, self._sender(send, calls))

    def _sender(self, send: Send, calls: Calls) -> Send:
        header = self._header
        if header is None:
            return send

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                name_call(message, header, calls)
            await send(message)

        return sending


def name_call(message: Message, header: bytes, calls: Calls) -> None:
    """Put the id of the call on the start of an answer, unless it is there."""
    identifier = calls.answering()
    headers = list(message.get("headers", ()))
    if identifier is None or any(name.lower() == header for name, _ in headers):
        return
    message["headers"] = [*headers, (header, identifier.encode("ascii", "replace"))]
