"""Calls: a table with filters, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from starlette.routing import Route

from reliai.errors import ConfigurationError
from reliai.ui._asking import SPANS, condition_of, names_of, page_of, seconds_of
from reliai.ui.explaining import story
from reliai.ui.site import Nav

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.ui.site import Site

__all__ = ["NAV", "routes"]

NAV = Nav("Calls", "/calls", "c")

STATUSES: Final = ("success", "degraded", "rejected", "error", "cancelled")
_EQUAL: Final = ("name", "status", "subject", "session", "tenant", "run_id")
_COUNT: Final = 50


def routes(site: Site) -> list[Route]:
    """The table of calls."""

    def show(request: Request) -> Response:
        asked = {key: value for key, value in request.query_params.items() if value.strip()}
        values: dict[str, Any] = {"asked": asked, "statuses": STATUSES, "spans": SPANS}
        if site.store is None:
            return site.render(request, "calls.html", page=None, names=[], wrong="", **values)
        values |= {
            "names": names_of(site.store),
            "story": story,
            "link": _linking(asked),
        }
        try:
            page = page_of(site.store, which_of(asked), asked.get("page"), _COUNT)
        except ConfigurationError as error:
            values |= {"page": None, "wrong": str(error)}
            return site.render(request, "calls.html", status=400, **values)
        return site.render(request, "calls.html", page=page, wrong="", **values)

    return [Route("/calls", show)]


def which_of(asked: Mapping[str, str]) -> dict[str, Any]:
    """The filters as `RecordStore.calls` takes them.

    Raises:
        ConfigurationError: for a filter that means nothing.
    """
    which: dict[str, Any] = {name: asked[name] for name in _EQUAL if name in asked}
    if "since" in asked:
        which["since"] = seconds_of(asked["since"].strip())
    if "where" in asked:
        which["where"] = dict(condition_of(each) for each in asked["where"].split(","))
    return which


def _linking(asked: Mapping[str, str]) -> Any:
    """What gives the address of this table with other filters; None leaves one out."""

    def link(**changed: str | None) -> str:
        kept = {**asked, "page": None, **changed}
        words = urlencode({key: value for key, value in kept.items() if value})
        return f"/calls?{words}" if words else "/calls"

    return link
