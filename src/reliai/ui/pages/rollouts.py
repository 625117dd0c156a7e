"""Rollouts: where they stand, what they were decided from, and the buttons that operate them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.routing import Route

from reliai.errors import ConfigurationError
from reliai.rollout import RolloutConflict
from reliai.ui import _rollout_views as views
from reliai.ui._rollout_actions import action_named, done
from reliai.ui.site import Nav

if TYPE_CHECKING:
    from starlette.datastructures import FormData, QueryParams
    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.rollout.operating import Operated
    from reliai.ui._rollout_actions import Action
    from reliai.ui.site import Site

__all__ = ["NAV", "routes"]

NAV = Nav("Rollouts", "/rollouts", "l")


def routes(site: Site) -> list[Route]:
    """The list, a rollout, an entry of its audit, and what its buttons do."""

    def rollouts(request: Request) -> Response:
        rows = [] if site.state is None else views.listed_in(site.state)
        return site.render(request, "rollouts.html", rows=rows, tone_of=views.tone_of)

    def rollout(request: Request) -> Response:
        return _shown(site, request, _asked(site, request.query_params))

    def entry(request: Request) -> Response:
        found = _asked(site, request.query_params)
        number = request.query_params.get("number", "")
        if not (number.isascii() and number.isdigit() and len(number) < 10):
            raise HTTPException(404, "There is no such entry.")
        explanation = found.explain(int(number))
        return site.render(
            request,
            "rollout_entry.html",
            rollout=found,
            explanation=explanation,
            entry=explanation.entry,
            tone_of=views.tone_of,
            here=_path(found),
        )

    def ask(request: Request) -> Response:
        """Ask again before something is done, and for the reason."""
        found = _asked(site, request.query_params)
        action = _action(request.query_params.get("action", ""))
        return _asking(site, request, found, action)

    def act(request: Request) -> Response:
        form = site.checked_form(request)
        found, action = _asked(site, form), _action(str(form.get("action", "")))
        step, why = str(form.get("step", "")), str(form.get("why", "")).strip()
        try:
            done(
                found,
                action,
                step=int(step) if step.isascii() and step.isdigit() and len(step) < 7 else -1,
                by=site.visitor(request) or "",
                why=why,
            )
        except RolloutConflict as error:
            return _shown(site, request, found, wrong=str(error), status=409)
        except ConfigurationError as error:
            return _asking(site, request, found, action, wrong=str(error), why=why)
        return site.see(_path(found))

    return [
        Route("/rollouts", rollouts),
        Route("/rollouts/one", rollout),
        Route("/rollouts/entry", entry),
        Route("/rollouts/ask", ask),
        Route("/rollouts/act", act, methods=["POST"]),
    ]


def _asked(site: Site, given: QueryParams | FormData) -> Operated:
    if site.state is None:
        raise HTTPException(404, "There is no shared state: start the page with one.")
    name, version = given.get("name"), given.get("version")
    try:
        return views.operated(site.state, str(name), None if version is None else str(version))
    except RolloutConflict as error:
        raise HTTPException(404, str(error)) from error


def _action(name: str) -> Action:
    found = action_named(name)
    if found is None:
        raise HTTPException(404, f"Nothing is called {name!r}.")
    return found


def _path(rollout: Operated) -> str:
    return f"/rollouts/one?{urlencode({'name': rollout.name, 'version': rollout.version})}"


def _shown(
    site: Site, request: Request, rollout: Operated, *, wrong: str = "", status: int = 200
) -> Response:
    return site.render(
        request,
        "rollout.html",
        status=status,
        rollout=rollout,
        shown=views.shown_of(rollout),
        tone_of=views.tone_of,
        wrong=wrong,
        here=_path(rollout),
    )


def _asking(
    site: Site,
    request: Request,
    rollout: Operated,
    action: Action,
    *,
    wrong: str = "",
    why: str = "",
) -> Response:
    return site.render(
        request,
        "rollout_ask.html",
        status=422 if wrong else 200,
        rollout=rollout,
        action=action,
        standing=rollout.status(),
        tone_of=views.tone_of,
        wrong=wrong,
        why=why,
        here=_path(rollout),
    )
