"""Signing in with the token, and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.routing import Route

from reliai.ui._sessions import LIFETIME
from reliai.ui.site import FORM

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.ui.site import Site

__all__ = ["local", "routes"]

_LONGEST = 100


def routes(site: Site) -> list[Route]:
    """The form, what takes it, and the way out."""

    def show(request: Request) -> Response:
        return site.render(request, "sign_in.html", next=local(request.query_params.get("next")))

    def take(request: Request) -> Response:
        form = request.scope[FORM]
        name, token = str(form.get("name", "")).strip(), str(form.get("token", ""))
        to = local(form.get("next"))
        wrong = ""
        if not name or len(name) > _LONGEST or not name.isprintable():
            wrong = "Say who you are, in 100 characters at most."
        elif site.sessions is None or not site.sessions.accepts(token.strip()):
            wrong = "This is not the token."
        if wrong or site.sessions is None:
            values = {"next": to, "wrong": wrong, "name": name[:_LONGEST]}
            return site.render(request, "sign_in.html", status=403, **values)
        answer = site.see(to)
        answer.set_cookie(
            site.sessions.cookie,
            site.sessions.begun(name),
            max_age=LIFETIME,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    def leave(request: Request) -> Response:
        site.checked_form(request)
        answer = site.see("/")
        if site.sessions is not None:
            answer.delete_cookie(site.sessions.cookie, httponly=True, samesite="strict")
        return answer

    return [
        Route("/sign-in", show),
        Route("/sign-in", take, methods=["POST"]),
        Route("/sign-out", leave, methods=["POST"]),
    ]


def local(path: object) -> str:
    """A path of this server to go on at; the first page for anything else."""
    text = path if isinstance(path, str) else ""
    fine = text.startswith("/") and text[1:2] not in {"/", "\\"} and text.isprintable()
    return text if fine and "\\" not in text else "/"
