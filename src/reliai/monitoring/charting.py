"""The quick charts: they notice a sudden change within tens of records, each record by itself.

All are CUSUM charts of log-likelihood ratios that raise the alarm at `ln(arl)`: with what is
normal known and records independent, `arl` records pass between false alarms on average at least
(Lorden 1971, Ann. Math. Statist. 42, 1897-1908). Three things keep it so where that is not given:

- What is normal is learnt from the first records, so charts allow for the error of that estimate:
  two standard errors, which become fewer as more is known.
- It is followed slowly (a time constant of 20 minutes, and of 1,000 records at least), as load and
  users change over a day; what is not 500 records old, or came after the chart last had no
  evidence of a change, teaches nothing yet. Slow changes are for the windows, which are compared
  with a frozen reference.
- Records that hang together say less than they seem to. Numbers are freed of what the one before
  tells of them; what is left of it shows in the scatter between blocks of 100 records, and all
  ratios are divided by how much larger that is than it would be of independent ones.
"""

from __future__ import annotations

from collections import deque
from math import log, sqrt
from typing import Final

__all__ = ["BLOCK", "MARGIN", "OLD", "OVER", "RECENT", "WAIT", "Chart", "Scatter"]

BLOCK: Final = 100
"""Records after which what is normal is looked at anew."""

_FOLLOW: Final = 1200.0
"""Seconds in which most of a lasting change has become normal, at many records a second."""

RECENT: Final = 0.1
"""Weight of a block in what is normal, at most: 1,000 records."""

OLD: Final = 0.002

WAIT: Final = 5
"""Blocks that a block waits before it teaches what is normal."""

MARGIN: Final = 2.0
"""Standard errors that the estimate of what is normal may be wrong by."""

OVER: Final = 6.9
"""ln(1000): the evidence that is wanted that a change is over."""


class Scatter:
    """How much more the means of blocks scatter than those of independent records would."""

    __slots__ = ("blocks", "factor", "least", "squares")

    def __init__(self) -> None:
        self.blocks = 0
        self.squares = 0.0
        self.factor = self.least = 1.0

    def add(self, standard: float) -> None:
        """Take in the mean of a block, in standard errors of independent records."""
        self.blocks = blocks = self.blocks + 1
        weight = max(1.0 / blocks, 0.01)
        self.squares += weight * (min(standard**2, 25.0 * self.factor) - self.squares)
        if blocks >= 8:
            # Independent records exceed the limit in one case of a hundred; then nothing is scaled.
            limit = 1.0 + 2.6 * sqrt(2.0 / min(blocks, 100)) + 2.0 / min(blocks, 100)
            found = self.squares if self.squares > limit else 1.0
            self.factor = max(found, self.least)

    def at_least(self, factor: float) -> None:
        """What is known of it from how a record hangs on the one before."""
        self.least = min(factor, 20.0)
        self.factor = max(self.factor, self.least)


class Chart:
    """What the charts have in common: blocks, what is normal, the alarm and its end.

    Attributes:
        ready: whether enough is known to judge.
        firing: whether the change that was noticed still lasts.
        seen: records so far.
    """

    __slots__ = (
        "_began",
        "_blocks",
        "_limit",
        "_over",
        "_waiting",
        "_warm_up",
        "firing",
        "ready",
        "scatter",
        "seen",
    )

    def __init__(self, arl: float, warm_up: int) -> None:
        self._limit = log(arl)
        self._warm_up = warm_up
        self._began: float | None = None
        self._blocks = 0
        self._over = 0.0
        self._waiting: deque[tuple[float, ...]] = deque()
        self.scatter = Scatter()
        self.ready = self.firing = False
        self.seen = 0

    @property
    def inflation(self) -> float:
        """How much more the means of blocks scatter than those of independent records."""
        return self.scatter.factor

    def _ended(self, now: float, evidence: float, *sums: float) -> tuple[float, ...] | None:
        """A block ends now. Gives one that may teach what is normal, its duration first.

        Args:
            now: the time.
            evidence: of a change, by the chart.
            sums: what the block counted.
        """
        began, self._began = self._began, now
        waiting = self._waiting
        if self.firing:
            waiting.clear()
            return None
        waiting.append((max(0.0, now - began) if began is not None else 0.0, *sums))
        if len(waiting) <= WAIT:
            return None
        # While there is some evidence of a change, nothing is learnt of what may be after it.
        return waiting.popleft() if evidence < self._limit / 3 or len(waiting) > 5 * WAIT else None

    def _weight(self, lasted: float) -> float:
        """The least weight of a block that lasted so many seconds."""
        return min(RECENT, max(OLD, lasted / _FOLLOW))
