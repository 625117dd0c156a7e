"""The pairs of windows that say that an error budget burns too fast.

Alarms in the process use them, and the rules that Prometheus is given. They and their factors are
those of the SRE workbook (chapter 5), reckoned for 30 days; for an objective over another window
all spans scale with it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["MIN_BAD", "MIN_EVENTS", "MONTH", "PAIRS", "Pair", "span_text"]

MONTH = 30 * 86_400.0
"""Seconds for which the pairs are reckoned."""

MIN_EVENTS = 10
"""Events in the short window below which nothing is judged."""

MIN_BAD = 3
"""Bad events in the long window below which no alarm starts."""


class Pair(NamedTuple):
    """Two windows that must both burn too fast.

    Attributes:
        severity: "page" or "ticket".
        budget: share of the whole budget that is gone when the long window has burned so.
        long: seconds.
        short: seconds.
    """

    severity: Literal["page", "ticket"]
    budget: float
    long: float
    short: float

    @property
    def factor(self) -> float:
        """The burn rate above which it is too fast."""
        return self.budget * MONTH / self.long


PAIRS = (
    Pair("page", 0.02, 3600, 300),
    Pair("page", 0.05, 6 * 3600, 1800),
    Pair("ticket", 0.10, 86_400, 2 * 3600),
    Pair("ticket", 0.10, 3 * 86_400, 6 * 3600),
)
"""For an objective over 30 days: x14.4, x6, x3 and x1."""


def span_text(seconds: float) -> str:
    """A span as people write it: "5m", "1h", "3d"."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:.0f}{unit}"
    if seconds >= 3600:
        return f"{seconds / 3600:.1f}h"
    return f"{seconds / 60:.1f}m" if seconds >= 60 else f"{seconds:.0f}s"
