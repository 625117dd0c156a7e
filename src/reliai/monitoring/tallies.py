"""Plain counts of a function's calls, for a person who looks: how many, how long, how much."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from reliai.monitoring import _reading as reading

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CallStats"]

MINUTES: Final = 60

LATEST: Final = 1000
"""Calls of which the durations are kept."""


class CallStats:
    """Counts since the start, and minute by minute for the last hour."""

    __slots__ = ("_durations", "_history", "_sums")

    def __init__(self) -> None:
        self._sums: dict[str, float] = {
            "count": 0,
            "errors": 0,
            "degraded": 0,
            "cost_usd": 0.0,
            "priced": 0,
            "tokens": 0,
            "refusals": 0,
        }
        self._history: deque[list[float]] = deque(maxlen=MINUTES)
        self._durations: deque[float] = deque(maxlen=LATEST)

    def take(self, record: Any, now: float) -> None:
        """Count a call."""
        sums = self._sums
        status = record.status
        failed = status != "success" and reading.failed(record) is True
        sums["count"] += 1
        if status != "success":
            sums["errors"] += failed
            sums["degraded"] += status == "degraded"
        if record.cost_usd is not None:
            sums["cost_usd"] += record.cost_usd
            sums["priced"] += 1
        if record.output_tokens is not None or record.input_tokens is not None:
            sums["tokens"] += (record.input_tokens or 0) + (record.output_tokens or 0)
        if status != "success" or record.finish_reason is not None:
            sums["refusals"] += reading.refused(record) is True
        minute = now // 60.0 * 60.0
        history = self._history
        if not history or history[-1][0] < minute:
            history.append([minute, 0, 0])
        history[-1][1] += 1
        history[-1][2] += failed
        self._durations.append(record.duration)

    def absorb(self, counts: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
        """Add what another process counted since `before`."""
        for name in self._sums:
            self._sums[name] += counts.get(name, 0) - (0 if before is None else before.get(name, 0))
        known = {at: (n, bad) for at, n, bad in (before or {}).get("history", ())}
        merged = {row[0]: row for row in self._history}
        for at, n, bad in counts["history"]:
            row = merged.setdefault(at, [at, 0, 0])
            row[1] += n - known.get(at, (0, 0))[0]
            row[2] += bad - known.get(at, (0, 0))[1]
        self._history = deque((merged[at] for at in sorted(merged)), maxlen=MINUTES)

    def to_dict(self, now: float) -> dict[str, Any]:
        """Plain data; `rate` in calls a second over the last minutes, quantiles in seconds."""
        durations = sorted(self._durations)
        most = len(durations) - 1
        lately = [row for row in self._history if row[0] > now - 360.0]
        span = max(1.0, now - lately[0][0]) if lately else 1.0
        return {
            **self._sums,
            "rate": sum(row[1] for row in lately) / span,
            "p50": durations[most // 2] if durations else None,
            "p95": durations[int(0.95 * most)] if durations else None,
            "history": [list(row) for row in self._history],
        }
