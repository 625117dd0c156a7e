"""What pages are made with: the stores they read, the visitor, and the templates."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse

from reliai.ui.rendering import rendered

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from starlette.datastructures import FormData
    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.monitoring import Monitor
    from reliai.records import RecordStore
    from reliai.state import State
    from reliai.ui._sessions import Session, Sessions
    from reliai.ui._watching import Watch
    from reliai.ui.traffic import Recent

__all__ = ["FORM", "NOT_SIGNED_IN", "SESSION", "Nav", "Site"]

SESSION: Final = "reliai.session"
FORM: Final = "reliai.form"

NOT_SIGNED_IN: Final = "You are not signed in, or no longer."
_NOTHING: Final = "There is nothing at this address."


@dataclass(frozen=True, slots=True)
class Nav:
    """An entry of the list of pages, at the top of each.

    Attributes:
        label: what it is called.
        path: where it leads.
        key: pressed after "g", goes there.
    """

    label: str
    path: str
    key: str


@dataclass(slots=True, kw_only=True)
class Site:
    """What a page may read and how it answers.

    Attributes:
        store: of call records; None for none.
        datasets: the folder, or URL, that datasets live in.
        runs: the folder of experiments' runs.
        state: which rollouts share; None for none.
        monitor: a `Monitor`, or where a snapshot of one is read; None for neither.
        watch: says how calls stand.
        traffic: what came in; None without a store.
        sessions: who is signed in; None where nobody can.
        nav: the pages.
    """

    store: RecordStore | None
    datasets: str | PathLike[str]
    runs: Path
    state: State | None
    monitor: Monitor | str | None
    watch: Watch
    traffic: Recent | None
    sessions: Sessions | None
    nav: list[Nav] = field(default_factory=list[Nav])

    def render(
        self, request: Request, template: str, *, status: int = 200, **values: Any
    ) -> Response:
        """A page.

        Args:
            request: that it answers.
            template: its name in `templates/`.
            status: of HTTP.
            **values: what the template shows; all of it is escaped.
        """
        path = request.url.path
        session = self._session(request)
        body = rendered(
            template,
            **values,
            site=self,
            request=request,
            path=path,
            writable=session is not None,
            visitor=session and session.visitor,
            csrf_token=session and session.csrf,
        )
        return HTMLResponse(body, status)

    def see(self, path: str) -> Response:
        """The answer to a form that was taken: look there now."""
        return RedirectResponse(path, 303)

    def writable(self, request: Request) -> bool:
        """Whether who asks may change something."""
        return self._session(request) is not None

    def visitor(self, request: Request) -> str | None:
        """The name that who asks has signed in with; goes on what they change."""
        session = self._session(request)
        return session and session.visitor

    def checked_form(self, request: Request) -> FormData:
        """What was sent, by somebody who may, from a page of this server.

        Raises:
            HTTPException: 403 otherwise.
        """
        why = self.forged(request)
        if why:
            raise HTTPException(403, why)
        form: FormData = request.scope[FORM]
        return form

    def forged(self, request: Request) -> str:
        """Why a form is not to be followed; empty when it is."""
        session = self._session(request)
        form: FormData | None = request.scope.get(FORM)
        if session is None or form is None:
            return NOT_SIGNED_IN
        sent = form.get("csrf")
        if not isinstance(sent, str) or not hmac.compare_digest(
            sent.encode(errors="replace"), session.csrf.encode()
        ):
            return "The form is of another session; open its page again."
        return ""

    def problem(self, request: Request, status: int, title: str, words: str) -> Response:
        """A page that says what is wrong."""
        return self.render(request, "problem.html", status=status, title=title, words=words)

    def refused(self, request: Request, error: Exception) -> Response:
        """The page for a status that a page gave up with."""
        assert isinstance(error, HTTPException)  # noqa: S101  it is registered for these
        title = {403: "Not done", 404: "Not found"}.get(error.status_code, "Not possible")
        words = _NOTHING if error.detail == "Not Found" else error.detail
        return self.problem(request, error.status_code, title, words)

    def _session(self, request: Request) -> Session | None:
        session: Session | None = request.scope.get(SESSION)
        return session
