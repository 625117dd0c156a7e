"""A monitor's snapshot as a person reads it: tables, with a line of bars for each hour."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from reliai.cli.calls_views import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import JustifyMethod, RenderableType

__all__ = ["drawn", "sparkline"]

_BARS = "▁▂▃▄▅▆▇█"
_WIDE = 140
"""Columns of a terminal that everything fits into; a narrower one gets what matters most."""

_NARROW = 100
"""Columns below which the errors of each minute are left out, and names cut."""

_STATES = {
    "firing": "bold red",
    "low_traffic": "yellow",
    "insufficient": "yellow",
    "rebaselining": "yellow",
    "no_data": "bright_black",
    "ok": "green",
}
_SEVERITIES = {"page": "bold red", "ticket": "yellow", "info": "cyan"}


def drawn(state: Mapping[str, Any], width: int = _WIDE) -> RenderableType:
    """The whole snapshot.

    Args:
        state: what `Monitor.snapshot` gave.
        width: columns that there are.
    """
    wide, narrow = width >= _WIDE, width < _NARROW
    at = state.get("at")
    said = f"as of {_when(at)}" if at and state.get("calls") else "no calls"
    parts: list[RenderableType] = [Text(said, "bright_black")]
    for title, table in (
        ("Calls", _calls(state.get("calls", {}), at, wide=wide, narrow=narrow)),
        ("Objectives", _objectives(state.get("slos", ()), wide=wide)),
        ("Firing", _firing(state.get("alerts", ()))),
        ("Signals", _signals(state.get("signals", ()), wide=wide, narrow=narrow)),
        ("Alerts that did not arrive", _undelivered(state.get("routes", ()))),
    ):
        if table.row_count:
            parts += [Text(f"\n{title}", style="bold"), table]
    return Group(*parts)


def sparkline(values: Sequence[float | None]) -> str:
    """A bar for each value, the greatest one the highest; a blank where there is none."""
    known = [value for value in values if value is not None]
    top, low = max(known, default=0.0), min([0.0, *known])
    span = top - low

    def bar(value: float | None) -> str:
        if value is None:
            return " "
        return _BARS[0] if span == 0 else _BARS[round((value - low) / span * (len(_BARS) - 1))]

    return "".join(map(bar, values))


_NAMES = ("  name", "  objective", "signal", "slice", "  route")


def _grid(*titles: str, right: Sequence[str] = ()) -> Table:
    """A table in which names give way where it is too narrow, and no number does."""
    table = Table(box=None, header_style="bright_black", padding=(0, 2, 0, 0), pad_edge=False)
    for title in titles:
        justify: JustifyMethod = "right" if title in right else "left"
        table.add_column(title, justify=justify, no_wrap=title not in _NAMES)
    return table


def _named(name: str) -> Text:
    return Text(name, no_wrap=True, overflow="ellipsis")


def _calls(
    calls: Mapping[str, Mapping[str, Any]], at: float | None, *, wide: bool, narrow: bool
) -> Table:
    numbers = ("calls", "/s", "errors", "p50", "p95", "tokens", "cost", "refused")
    shown = numbers if wide else ("calls", "errors", "p95", "cost")
    lines = ("calls by minute" if wide else "by minute", "errors by minute")[: 1 if narrow else 2]
    table = _grid("  name", *shown, *lines, right=shown)
    minutes = 30 if wide else 15
    for name, counts in sorted(calls.items()):
        many, errors = counts.get("count", 0), counts.get("errors", 0)
        cells = {
            "calls": Text(f"{many:,.0f}"),
            "/s": Text(f"{counts.get('rate', 0.0):.3g}"),
            "errors": Text(_share(errors, many), "red" if errors else ""),
            "p50": Text(_seconds(counts.get("p50"))),
            "p95": Text(_seconds(counts.get("p95"))),
            "tokens": Text(f"{counts.get('tokens', 0):,.0f}"),
            "cost": Text(_cost(counts)),
            "refused": Text(_share(counts.get("refusals", 0), many)),
        }
        rows = _by_minute(counts.get("history", ()), at, minutes)
        bars = (
            Text(sparkline([row and row[0] for row in rows]), "cyan"),
            Text(sparkline([row and row[1] for row in rows]), "red"),
        )
        table.add_row(
            _named("  " + shortened(name, 20 if narrow else _WIDE)),
            *(cells[title] for title in shown),
            *bars[: len(lines)],
        )
    return table


def _cost(counts: Mapping[str, Any]) -> str:
    """What is known of the cost; nothing where no call's is, for that is not 0."""
    known = counts.get("priced", 1)
    return f"${counts.get('cost_usd', 0.0):,.4g}" if known else ""


def _by_minute(
    history: Sequence[Sequence[float]], at: float | None, minutes: int
) -> list[tuple[float, float] | None]:
    """Calls and errors of each of the last minutes, the latest last."""
    if at is None:
        return []
    latest = at // 60 * 60
    known = {row[0]: (row[1], row[2]) for row in history}
    return [known.get(latest - 60 * back) for back in reversed(range(minutes))]


def _objectives(slos: Sequence[Mapping[str, Any]], *, wide: bool) -> Table:
    numbers = ("target", "good", "left")
    table = _grid(
        "  objective",
        "state",
        *numbers,
        "burn rates, long/short" if wide else "burn",
        right=numbers,
    )
    for slo in slos:
        pairs = slo.get("burn", ())
        if not wide and pairs:  # the pair that is nearest to its alarm
            pairs = [max(pairs, key=lambda row: row["long_burn_rate"] / row["threshold"])]
        burn = Text("  ").join(_burn(row) for row in pairs)
        share = slo.get("share")
        left = slo.get("budget_left")
        table.add_row(
            _named(f"  {slo['name']}{' (burn-in)' if slo.get('burn_in') else ''}"),
            _state(slo["state"]),
            f"{slo['target']:.5g}",
            "" if share is None else f"{share:.2%}",
            "" if left is None else Text(f"{left:.0%}", "red" if left <= 0 else ""),
            burn,
        )
    return table


def _burn(row: Mapping[str, Any]) -> Text:
    said = f"{row['long']} {row['long_burn_rate']:.1f}/{row['short_burn_rate']:.1f}"
    return Text(said, _STATES[row["state"]] if row["state"] != "ok" else "")


def _firing(alerts: Sequence[Mapping[str, Any]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for alert in alerts:
        muted = alert.get("muted", False)
        colour = "bright_black" if muted else _SEVERITIES[alert["severity"]]
        lines = [Text(_headline(alert))]
        numbers = ", ".join(f"{key}={_value(v)}" for key, v in _evidence(alert).items())
        if numbers:
            lines.append(Text(numbers, "bright_black"))
        lines += [Text(_changed(change), "cyan") for change in alert.get("changes", ())]
        severity = f"  {alert['severity']}{' (muted)' if muted else ''}"
        table.add_row(Text(severity, colour), _when(alert["at"]), Text("\n").join(lines))
    return table


def _headline(alert: Mapping[str, Any]) -> str:
    if alert["signal"].startswith("slo:"):
        return str(alert["summary"])  # it names the objective
    where = f" [{alert['slice']}]" if alert["slice"] else ""
    return f"{alert['name']} {alert['signal']}{where}: {alert['summary']}"


_OF_OBJECTIVES = ("long_bad", "long_events", "short_bad", "short_events", "budget_left")


def _evidence(alert: Mapping[str, Any]) -> Mapping[str, Any]:
    """The numbers that the headline does not say."""
    evidence: Mapping[str, Any] = alert.get("evidence", {})
    if not alert["signal"].startswith("slo:"):
        return evidence
    return {name: evidence[name] for name in _OF_OBJECTIVES if name in evidence}


def _changed(change: Mapping[str, Any]) -> str:
    what = (
        change["kind"]
        if change["kind"] == change["name"]
        else f"{change['kind']} of {change['name']}"
    )
    values = f"{change['before']} → {change['after']}"
    return f"changed before, {_when(change['at'])}: {what}: {values}"


def _signals(signals: Sequence[Mapping[str, Any]], *, wide: bool, narrow: bool) -> Table:
    numbers = ("n", "now", "normal")
    lines = () if narrow else ("by minute",)
    table = _grid("  name", "signal", "slice", "state", *numbers, *lines, right=numbers)
    for row in signals:
        minutes = [each[2] for each in row.get("minutes", ())][-30 if wide else -8 :]
        table.add_row(
            _named("  " + shortened(row["name"], 18 if narrow else _WIDE)),
            _named(row["signal"]),
            _named(row["slice"]),
            _state(row["state"]),
            f"{row.get('n', 0):,}",
            Text(_value(row.get("value"))),
            Text(_value(row.get("reference"))),
            *(Text(sparkline(minutes) if _are_numbers(minutes) else "", "cyan") for _ in lines),
        )
    return table


def _undelivered(routes: Sequence[Mapping[str, Any]]) -> Table:
    table = _grid("  route", "sent", "given up", "waiting")
    for row in routes:
        lost = row.get("failed", 0) + row.get("dropped", 0)
        if lost:
            table.add_row(
                Text(f"  {row['route']}"),
                str(row["sent"]),
                Text(str(lost), "red"),
                str(row["pending"]),
            )
    return table


def _are_numbers(values: Sequence[Any]) -> bool:
    return all(value is None or isinstance(value, int | float) for value in values)


def _state(state: str) -> Text:
    return Text(state.replace("_", " "), _STATES.get(state, ""))


def _share(some: float, every: float) -> str:
    return "" if not every else f"{some / every:.2%}"


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.2f} s"


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else str(value)[:40]


def _when(at: float) -> str:
    moment = datetime.fromtimestamp(at).astimezone()
    today = datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if moment.date() == today else "%Y-%m-%d %H:%M:%S")
