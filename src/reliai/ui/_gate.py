"""What every request goes through: the host it asks for, who asks, and whether a form is ours.

A page cannot forget it: a request that changes something reaches a page only when somebody is
signed in and the form came from a page of this server.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.datastructures import FormData, Headers, MutableHeaders, UploadFile
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse

from reliai.ui._problems import problem_of
from reliai.ui.site import FORM, NOT_SIGNED_IN, SESSION

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from reliai.ui._sessions import Session
    from reliai.ui.site import Site

__all__ = ["Gate"]

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OPEN: Final = ("/static/", "/sign-in")
_LARGEST: Final = 1 << 20
_MOST_FIELDS: Final = 100
_HOST: Final = re.compile(r"(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d{0,5})?", re.ASCII)
_STRANGE: Final = "This server does not go by that name; its option --name adds one.\n"
READ_ONLY: Final = "This page is read-only: it was started without a token."
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with "no-referrer" forms would come from origin "null"
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Gate:
    """Lets a request pass, or says why not.

    Args:
        app: what is behind it.
        site: what is shown.
        hosts: names that may be asked for; another name that leads here is somebody's trick to
            have a browser read this page for a page of theirs (DNS rebinding).
        private: whether reading needs signing in.
    """

    def __init__(self, app: ASGIApp, *, site: Site, hosts: frozenset[str], private: bool) -> None:
        self._app = app
        self._site = site
        self._hosts = hosts
        self._private = private

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        send = sent = _Sending(send, _kept(scope))
        if host_of(headers.get("host", "")) not in self._hosts:
            answer = PlainTextResponse(_STRANGE, 421)
            await answer(scope, receive, send)
            return
        request = Request(scope, receive)
        scope[SESSION] = session = self._session(request)
        try:
            refused = await self._refusal(request, headers, session)
            await (refused or self._app)(scope, receive, send)
        except Exception as error:
            if sent.begun:
                raise
            await self._failed(request, error)(scope, receive, send)

    def _failed(self, request: Request, error: Exception) -> ASGIApp:
        """What is shown for an error; its trace goes to the log, and nothing of it to the page."""
        status, title, words = problem_of(error)
        if status == 500:
            log = logging.getLogger("reliai")
            log.error("the page %.200s failed", request.scope["path"], exc_info=error)
        return self._site.problem(request, status, title, words)

    def _session(self, request: Request) -> Session | None:
        sessions = self._site.sessions
        return None if sessions is None else sessions.read(request.cookies.get(sessions.cookie))

    async def _refusal(
        self, request: Request, headers: Headers, session: Session | None
    ) -> ASGIApp | None:
        path: str = request.scope["path"]  # a URL is made of the `Host` header too
        if request.method in _SAFE:
            if self._private and session is None and not path.startswith(_OPEN):
                return RedirectResponse(f"/sign-in?next={quote(path)}", 303)
            return None
        why = await self._form_refusal(request, headers, path)
        return self._site.problem(request, 403, "Not done", why) if why else None

    async def _form_refusal(self, request: Request, headers: Headers, path: str) -> str:
        """Why a form is not taken; empty when it is. Only who may send one has it read."""
        if self._site.sessions is None:
            return READ_ONLY
        if not is_ours(headers):
            return "The form came from another site."
        if path == "/sign-in":
            return await _read(request, headers)
        if request.scope[SESSION] is None:
            return NOT_SIGNED_IN
        return await _read(request, headers) or self._site.forged(request)


async def _read(request: Request, headers: Headers) -> str:
    """Read a form; gives why it cannot be read."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        return "This is no form of this page."
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LARGEST:
            return "The form is larger than 1 MB."
    try:
        text = body.decode(errors="replace")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        return "This is no form of this page."
    request.scope[FORM] = FormData(list[tuple[str, str | UploadFile]](pairs))
    return ""


def is_ours(headers: Headers) -> bool:
    """Whether a browser says that a form comes from a page of this server.

    What is no browser says nothing, and has no cookie that a stranger could make it send.
    """
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def host_of(header: str) -> str:
    """The name in a `Host` header, without its port; empty for what is none."""
    if not _HOST.fullmatch(header):
        return ""
    try:
        return (urlsplit(f"//{header}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def _kept(scope: Scope) -> str:
    """How long an answer may be kept: a file by the address that names its version for good."""
    versioned = scope["path"].startswith("/static/") and scope["query_string"].startswith(b"v=")
    return "private, max-age=31536000, immutable" if versioned else "no-store"


class _Sending:
    """Sends an answer with the headers that all have.

    Attributes:
        begun: whether any of it is on its way.
    """

    def __init__(self, send: Send, kept: str) -> None:
        self._send = send
        self._kept = kept
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            fine = message["status"] in {200, 304}
            headers["cache-control"] = self._kept if fine else "no-store"
        await self._send(message)
