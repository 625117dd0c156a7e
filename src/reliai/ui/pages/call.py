"""One call explained: what happened when, why it ended so, what it cost, what was said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.routing import Route

from reliai.ui._timeline import timeline_of
from reliai.ui.explaining import WITHHELD, explained, facts, said_of
from reliai.ui.feedback_of_call import feedback_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.records import RecordStore
    from reliai.records.stored import StoredCall
    from reliai.ui.site import Site

__all__ = ["routes"]

_MOST = 50


def routes(site: Site) -> list[Route]:
    """A call by its id, or by the beginning or end of it."""

    def show(request: Request) -> Response:
        if site.store is None:
            raise HTTPException(404, "No record store is configured.")
        found = site.store.find(request.path_params["id"])
        if not found:
            raise HTTPException(404, "The record store has no such call.")
        if len(found) > 1:
            return site.render(request, "call_choice.html", calls=found)
        call = found[0]
        if request.path_params["id"] != call.id:
            return site.see(f"/calls/{call.id}")
        return site.render(request, "call.html", **_values(site, site.store, request, call))

    return [Route("/calls/{id}", show)]


def _values(site: Site, store: RecordStore, request: Request, call: StoredCall) -> dict[str, Any]:
    return {
        "call": call,
        "explained": explained(call),
        "facts": facts(call),
        "timeline": timeline_of(call),
        "inside": inside(store, call),
        "said_of": said_of,
        "withheld": WITHHELD,
        **feedback_of(site, request, call),
    }


def inside(store: RecordStore, call: StoredCall) -> list[StoredCall]:
    """The calls made inside a call, in their order: they started while it ran."""
    end = call.started_at + (call.duration or 0.0) + 1.0
    bounds = {"parent_id": call.id, "started_at": ("<=", end)}
    found = store.calls(since=call.started_at - 1.0, where=bounds, limit=_MOST)
    return found[::-1]
