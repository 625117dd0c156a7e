"""How calls stand: traffic, times, costs, objectives with their budgets, signals, what fires."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.routing import Route

from reliai.errors import ConfigurationError
from reliai.ui._asking import SPANS, names_of
from reliai.ui._watching import Seen
from reliai.ui.monitor_charts import budget_chart, minute_charts, traffic_charts
from reliai.ui.site import Nav

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from reliai.ui.site import Site

__all__ = ["NAV", "routes", "urgency"]

NAV = Nav("Monitor", "/monitor", "m")


def routes(site: Site) -> list[Route]:
    """The page on monitoring."""

    def show(request: Request) -> Response:
        span = request.query_params.get("span", "24h")
        span = span if span in SPANS else "24h"
        name = request.query_params.get("name") or None
        values = _values(site, _seen(site), span, name)
        return site.render(request, "monitor.html", **values)

    return [Route("/monitor", show)]


def _seen(site: Site) -> Seen:
    try:
        return site.watch.look()
    except ConfigurationError as error:  # there are charts all the same
        return Seen(None, "", why=str(error))


def _values(site: Site, seen: Seen, span: str, name: str | None) -> dict[str, Any]:
    state = seen.state or {}
    counted = state.get("objectives", ())
    objectives = [
        {**slo, "chart": budget_chart(slo, counts)}
        for slo, counts in zip(state.get("slos", ()), counted, strict=False)
    ]
    values: dict[str, Any] = {
        "seen": seen,
        "state": state,
        "objectives": objectives,
        "alerts": sorted(state.get("alerts", ()), key=urgency),
        "signals": state.get("signals", ()),
        "changes": state.get("changes", ()),
        "span": span,
        "spans": SPANS,
        "name": name,
        "names": [],
        "traffic": None,
        "charts": [],
    }
    if seen.source in {"monitor", "snapshot"}:
        values["charts"] = minute_charts(state)
    elif site.store is not None and site.traffic is not None:
        traffic = site.traffic.of(SPANS[span], name)
        values |= {
            "names": names_of(site.store),
            "traffic": traffic,
            "charts": traffic_charts(traffic),
        }
    return values


def urgency(alert: Mapping[str, Any]) -> tuple[bool, int, float]:
    """What alerts are ordered by: the loudest first, then the latest."""
    order = {"page": 0, "ticket": 1, "info": 2}
    return bool(alert.get("muted")), order.get(alert["severity"], 3), -alert["at"]
