"""The charts of the page on monitoring, from counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reliai.ui.charts import Chart, Series, bar_chart, line_chart
from reliai.ui.words import amount, dollars, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reliai.ui.traffic import Traffic

__all__ = ["budget_chart", "minute_charts", "traffic_charts"]

_MINUTE: Final = 60.0
_DAY: Final = 86_400.0


def traffic_charts(traffic: Traffic) -> list[Chart]:
    """Calls, times and costs of a span; none without calls."""
    parts = traffic.parts
    if not parts:
        return []
    times = [part.at for part in parts]
    counts = [
        Series("answered", [part.answered for part in parts]),
        Series("stand-ins", [part.stand_ins for part in parts], "odd"),
        Series("turned away", [part.rejected for part in parts], "warn"),
        Series("failed", [part.failed for part in parts], "failed"),
    ]
    counts = [each for each in counts if any(each.values)]
    charts = [bar_chart("Calls", times, traffic.width, counts, _count)]
    if any(part.p50 is not None for part in parts):
        lines = [
            Series("half within", [part.p50 for part in parts]),
            Series("95 % within", [part.p95 for part in parts], "second"),
        ]
        charts.append(line_chart("Time to answer", times, lines, seconds))
    if any(part.cost is not None for part in parts):
        costs = [Series("cost", [part.cost for part in parts])]
        charts.append(bar_chart("Cost", times, traffic.width, costs, dollars))
    return charts


def minute_charts(state: Mapping[str, Any]) -> list[Chart]:
    """Calls by minute of each function of a snapshot: the last hour of the busiest six."""
    calls = state.get("calls", {})
    busiest = sorted(calls, key=lambda name: -calls[name].get("count", 0))[:6]
    charts: list[Chart] = []
    for name in busiest:
        history = {row[0]: row for row in calls[name].get("history", ())}
        if not history:
            continue
        end = max(history)
        times = [end - _MINUTE * back for back in reversed(range(60))]
        failed = [float(history[at][2]) if at in history else 0.0 for at in times]
        every = [float(history[at][1]) if at in history else 0.0 for at in times]
        fine = [many - bad for many, bad in zip(every, failed, strict=True)]
        parts = [Series("not failed", fine), Series("failed", failed, "failed")]
        charts.append(bar_chart(f"{name}: calls by minute", times, _MINUTE, parts, _count))
    return charts


def budget_chart(slo: Mapping[str, Any], counted: Mapping[str, Any]) -> Chart | None:
    """How an objective's error budget was used up, of all calls counted in its window."""
    scale = float(slo["window"]) / (30 * _DAY)
    rings = counted.get("counts", {})
    rows, width = _finest(rings, scale, slo.get("good", 0) + slo.get("bad", 0))
    if len(rows) < 2:
        return None
    allowed = (1 - slo["target"]) * sum(good + bad for _, good, bad in rows)
    times, left, spent = [rows[0][0] * width], [1.0], 0
    for number, _, bad in rows:
        spent += bad
        times.append((number + 1) * width)
        left.append(1 - spent / allowed)
    line = [Series("budget left", left)]
    low = min(0.0, *left)
    return line_chart("Error budget left", times, line, _share, limit=0.0, low=low, high=1.0)


def _finest(
    rings: Mapping[str, Iterable[Sequence[int]]], scale: float, events: int
) -> tuple[list[tuple[int, int, int]], float]:
    """The finest counts that hold all events of the window, and the seconds of each."""
    found: list[tuple[int, int, int]] = []
    width = _DAY * scale
    for name, each in (("fine", 30 * scale), ("middle", 300 * scale), ("whole", _DAY * scale)):
        found = [(row[0], row[1], row[2]) for row in rings.get(name, ())]
        width = each
        if sum(good + bad for _, good, bad in found) >= events:
            break
    return found, width


def _count(value: float) -> str:
    return amount(round(value))


def _share(value: float) -> str:
    return f"{round(value, 2) + 0.0:.0%}"  # never "-0%"
