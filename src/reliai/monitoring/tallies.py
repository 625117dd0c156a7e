"""Plain counts of a function's calls, for a person who looks: how many, how long, how much."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from reliai.monitoring import _reading as reading
from reliai.monitoring.windows import NumberWindow

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["CallStats"]

MINUTES: Final = 60


class CallStats:
    """Counts since the start, and minute by minute for the last hour."""

    __slots__ = ("_history", "_hour", "_last", "_now", "_sums")

    def __init__(self) -> None:
        self._sums: dict[str, float] = {
            "count": 0,
            "errors": 0,
            "degraded": 0,
            "cost_usd": 0.0,
            "tokens": 0,
            "refusals": 0,
        }
        self._history: deque[list[float]] = deque(maxlen=MINUTES)
        self._now, self._last = NumberWindow(), NumberWindow()
        self._hour = float("-inf")

    def take(self, record: Any, now: float) -> None:
        """Count a call."""
        sums = self._sums
        failed = reading.failed(record) is True
        sums["count"] += 1
        sums["errors"] += failed
        sums["degraded"] += record.status == "degraded"
        sums["cost_usd"] += record.cost_usd or 0.0
        sums["tokens"] += (record.input_tokens or 0) + (record.output_tokens or 0)
        sums["refusals"] += reading.refused(record) is True
        minute = now // 60.0 * 60.0
        history = self._history
        if not history or history[-1][0] < minute:
            history.append([minute, 0, 0])
        history[-1][1] += 1
        history[-1][2] += failed
        if now - self._hour >= 3600.0:
            self._hour, self._last, self._now = now, self._now, NumberWindow()
        self._now.add(record.duration)

    def absorb(self, counts: Mapping[str, Any], before: Mapping[str, Any] | None) -> None:
        """Add what another process counted since `before`."""
        for name in self._sums:
            self._sums[name] += counts[name] - (0 if before is None else before[name])
        known = {at: (n, bad) for at, n, bad in (before or {}).get("history", ())}
        merged = {row[0]: row for row in self._history}
        for at, n, bad in counts["history"]:
            row = merged.setdefault(at, [at, 0, 0])
            row[1] += n - known.get(at, (0, 0))[0]
            row[2] += bad - known.get(at, (0, 0))[1]
        self._history = deque((merged[at] for at in sorted(merged)), maxlen=MINUTES)

    def to_dict(self, now: float) -> dict[str, Any]:
        """Plain data; `rate` in calls a second over the last minutes, quantiles in seconds."""
        window = NumberWindow()
        window.merge(self._last)
        window.merge(self._now)
        lately = [row for row in self._history if row[0] > now - 360.0]
        span = max(1.0, now - lately[0][0]) if lately else 1.0
        return {
            **self._sums,
            "rate": sum(row[1] for row in lately) / span,
            "p50": window.quantile(0.5) if window.n else None,
            "p95": window.quantile(0.95) if window.n else None,
            "history": [list(row) for row in self._history],
        }
