"""The dashboard as Grafana imports it (schema version 39, Grafana 10 and later)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.telemetry.dashboards.dialect import Dialect
    from reliai.telemetry.dashboards.panels import Panel, Row

__all__ = ["dashboard"]

_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS = 24
_HEIGHT = 8


def dashboard(dialect: Dialect, rows: Sequence[Row]) -> str:
    """The JSON of a dashboard."""
    whole = {
        "uid": f"reliai-{dialect.profile.name}-{dialect.naming}".replace("_", "-"),
        "title": "reliai: calls",
        "description": f"Names: {dialect.profile.conventions}; written with {dialect.naming}.",
        "tags": ["reliai"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "time": {"from": "now-6h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": _variables(dialect)},
        "panels": list(_laid_out(rows)),
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def _variables(dialect: Dialect) -> list[dict[str, Any]]:
    every = dialect.series("call.duration:count")
    of_job = dialect.series("call.duration:count", {"job": ("=~", "$job")})
    named = dialect.label("name")
    calls = _values("call", "Call", f"label_values({of_job}, {named})")
    if dialect.naming == "utf8":  # Grafana's own function takes no such label
        query = f"query_result(count by ({dialect.written('name')}) ({of_job}))"
        calls = {**_values("call", "Call", query), "regex": '/="([^"]+)"/'}
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
        _values("job", "Service", f"label_values({every}, job)"),
        calls,
    ]


def _values(name: str, label: str, query: str) -> dict[str, Any]:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": name},
        "definition": query,
        "refresh": 2,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "current": {"text": ["All"], "value": ["$__all"]},
        "sort": 1,
    }


def _laid_out(rows: Sequence[Row]) -> Any:
    top = number = 0
    for row in rows:
        number += 1
        place = {"h": 1, "w": _COLUMNS, "x": 0, "y": top}
        yield {
            "id": number,
            "type": "row",
            "title": row.title,
            "collapsed": False,
            "gridPos": place,
            "panels": [],
        }
        top += 1
        left = 0
        for panel in row.panels:
            number += 1
            if left + panel.width > _COLUMNS:
                left, top = 0, top + _HEIGHT
            place = {"h": _HEIGHT, "w": panel.width, "x": left, "y": top}
            yield _panel(number, panel, place)
            left += panel.width
        top += _HEIGHT


def _panel(number: int, panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    defaults: dict[str, Any] = {
        "unit": panel.unit,
        "min": 0 if panel.title != "Error budget left" else None,
        "custom": _drawing(panel),
    }
    if panel.most is not None:
        defaults["max"] = panel.most
    return {
        "id": number,
        "type": "stat" if panel.shape == "number" else "timeseries",
        "title": panel.title,
        "description": panel.about,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {
            "defaults": {name: value for name, value in defaults.items() if value is not None},
            "overrides": [],
        },
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": _SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend or "__auto",
                "range": True,
            }
            for index, query in enumerate(panel.queries)
        ],
    }


def _drawing(panel: Panel) -> dict[str, Any]:
    if panel.shape == "bars":
        return {
            "drawStyle": "bars",
            "fillOpacity": 60,
            "stacking": {"mode": "normal", "group": "A"},
        }
    return {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}
