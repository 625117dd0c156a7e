"""The first page: how the last day went, and what there is to look at, or not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from starlette.routing import Route

from reliai import clock
from reliai.errors import ConfigurationError
from reliai.ui._asking import page_of
from reliai.ui._overview import sources_of
from reliai.ui.explaining import story
from reliai.ui.monitor_charts import traffic_charts
from reliai.ui.pages.monitor import urgency
from reliai.ui.site import Nav

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.records import RecordStore
    from reliai.ui.site import Site
    from reliai.ui.traffic import Traffic

__all__ = ["NAV", "routes"]

NAV = Nav("Overview", "/", "o")

_DAY: Final = 86_400.0
_BAD: Final = ("error", "rejected", "degraded")
_SHOWN: Final = 8
_PATIENCE: Final = 0.3


def routes(site: Site) -> list[Route]:
    """The first page."""

    def show(request: Request) -> Response:
        values: dict[str, Any] = {"sources": sources_of(site), "traffic": None, "story": story}
        values |= _firing(site)
        if site.store is not None and site.traffic is not None:
            values |= _calls(site.store, site.traffic.of(_DAY))
        return site.render(request, "start.html", **values)

    return [Route("/", show)]


def _firing(site: Site) -> dict[str, Any]:
    """What fires, where that can be had at once."""
    try:
        seen = site.watch.look(_PATIENCE)
    except ConfigurationError:
        return {"known": False, "alerts": []}
    state = seen.state or {}
    return {"known": bool(state), "alerts": sorted(state.get("alerts", ()), key=urgency)}


def _calls(store: RecordStore, traffic: Traffic) -> dict[str, Any]:
    wanted = {"since": clock.active().time() - _DAY, "where": {"status": list(_BAD)}}
    return {
        "traffic": traffic,
        "charts": traffic_charts(traffic)[:2],
        "failed": sum(part.failed for part in traffic.parts),
        "rejected": sum(part.rejected for part in traffic.parts),
        "stand_ins": sum(part.stand_ins for part in traffic.parts),
        "cost": _sum([part.cost for part in traffic.parts]),
        "latest": page_of(store, wanted, None, _SHOWN).calls,
    }


def _sum(costs: list[float | None]) -> float | None:
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known else None
