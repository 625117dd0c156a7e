"""The quick chart of a share: notices that errors, refusals or others became more frequent."""

from __future__ import annotations

from math import log, sqrt
from typing import Final

from reliai.monitoring.charting import BLOCK, MARGIN, OVER, Chart

__all__ = ["ShareChart"]

_ODDS: Final = (1.7, 4.0, 12.0, 60.0)
"""By how much the odds may have risen: one chart each."""


class ShareChart(Chart):
    """Notices when a share rises (or, on request, falls).

    Args:
        arl: records between false alarms.
        warm_up: records that what is normal is learnt from, when it is not given.
        reference: the share in good health; None to learn it.
        shift: the share to notice; None for several at once: odds 1.7, 4, 12 and 60 times as high.
        both: whether a fall is noticed too.
        records: how many records `reference` was estimated from; None: it is known exactly.
    """

    __slots__ = (
        "_at",
        "_before",
        "_calm",
        "_charts",
        "_fixed",
        "_hits",
        "_in_block",
        "_k",
        "_n",
        "_pairs",
        "_shift",
        "_twice",
        "alarmed",
        "both",
        "normal",
        "recent",
        "recent_records",
        "share",
    )

    def __init__(
        self,
        *,
        arl: float = 1e6,
        warm_up: int = 200,
        reference: float | None = None,
        shift: float | None = None,
        both: bool = False,
        records: int | None = None,
    ) -> None:
        super().__init__(arl, warm_up)
        self.both = both
        self._shift = shift
        self._n = self._k = self._at = 0.0
        self._twice = self._pairs = 0.0
        self._before: object = False
        self._calm = False
        self._in_block = self._hits = self.recent_records = 0
        self.recent = 0.0
        """The share in the records since the change, when it was noticed."""
        self._charts: list[list[float]] = []
        self._fixed = reference is not None and records is None
        self.share = self.normal = 0.0
        self.alarmed: float | None = None
        """The share that was found more likely than the normal one."""
        if reference is not None:
            self.share = self.normal = reference
            self._n = float(records or 0)
            self._k = reference * self._n
            self._tune()

    def add(self, value: object, now: float) -> bool:
        """Take a record in; whether it raises the alarm."""
        self.seen += 1
        self._in_block += 1
        if value:
            self._at += 1
            if self._before:
                self._twice += 1
        self._before = value
        if not self.ready:
            if self._in_block >= self._warm_up:
                self._learn(now)
            return False
        alarm = self._step(bool(value))
        if self._in_block >= BLOCK:
            self._end_block(now)
        return alarm

    def _step(self, value: bool) -> bool:  # noqa: FBT001  the observation itself
        if self.firing:
            self._recover(value)
            return False
        if self._calm and not value:
            return False
        self._hits += value
        calm = True
        for chart in self._charts:
            before = chart[0]
            chart[0] = total = max(0.0, before + (chart[1] if value else chart[2]))
            if total == 0.0:
                continue
            if before == 0.0:
                chart[4], chart[5] = self.seen - 1, self._hits - value
            if total >= self._limit:
                self._raise(chart)
                return True
            calm = False
        self._calm = calm and not self.both
        return False

    def _raise(self, chart: list[float]) -> None:
        self.firing, self._over = True, 0.0
        self.alarmed = chart[3]
        self.recent_records = int(self.seen - chart[4])
        self.recent = (self._hits - chart[5]) / max(1, self.recent_records)
        # The chart that raised it also says when it is over.
        self._charts.remove(chart)
        self._charts.insert(0, chart)

    def _recover(self, value: bool) -> None:  # noqa: FBT001  the observation itself
        chart = self._charts[0]
        self._over = max(0.0, self._over - (chart[1] if value else chart[2]))
        if self._over >= OVER:
            self.firing = False
            for each in self._charts:
                each[0] = 0.0

    def _learn(self, now: float) -> None:
        self._n, self._k, self._pairs = float(self._in_block), self._at, self._twice
        self._in_block, self._at, self._twice, self._began = 0, 0.0, 0.0, now
        self._tune()

    def _end_block(self, now: float) -> None:
        count, k, twice = float(self._in_block), self._at, self._twice
        self._in_block, self._at, self._twice = 0, 0.0, 0.0
        if self._fixed:
            return
        evidence = max(each[0] for each in self._charts)
        block = self._ended(now, evidence, count, k, twice)
        if block is None:
            return
        lasted, count, k, twice = block
        expected = max(self.share, 0.5 / self._n)
        error = sqrt(count * expected * (1 - min(expected, 0.99)))
        self.scatter.add((k - count * expected) / error)
        # The sum forgets as much as it takes in, once it holds what it may hold.
        keep = 1.0 - self._weight(lasted) if self._n * self._weight(lasted) >= count else 1.0
        self._n, self._k = self._n * keep + count, self._k * keep + k
        self._pairs = self._pairs * keep + twice
        self._tune()

    def _look_at_bursts(self) -> None:
        """Whether one comes more often after one; few of them say nothing."""
        share = self.share
        if self._pairs < 3 or not 0 < share < 1:
            return
        memory = (self._pairs / self._n - share * share) / (share * (1 - share))
        if memory > 2.0 / sqrt(self._n):
            memory = min(memory, 0.9)
            self.scatter.at_least((1 + memory) / (1 - memory))

    def _tune(self) -> None:
        self._calm = False
        if not self._fixed:
            n, k = self._n, self._k
            self.share = k / n
            self._look_at_bursts()
            likely = (k + 1.0) / (n + 2.0)
            error = MARGIN * sqrt(likely * (1 - likely) * self.scatter.factor / n)
            up, down = min(0.98, self.share + error), max(0.0, self.share - error)
        else:
            up = down = self.share
        self.normal = up
        wanted = _rises(up, self._shift)
        if self.both:
            wanted += _falls(down)
        old = self._charts
        spread = log(len(wanted)) if len(wanted) > 1 else 0.0
        scale = self._limit / (self._limit + spread) / self.scatter.factor
        self._charts = [
            [
                old[place][0] if place < len(old) and not self.firing else 0.0,
                log(after / before) * scale,
                log((1 - after) / (1 - before)) * scale,
                after,
                old[place][4] if place < len(old) else self.seen,
                old[place][5] if place < len(old) else self._hits,
            ]
            for place, (before, after) in enumerate(wanted)
        ]
        self.ready = True


def _rises(normal: float, shift: float | None) -> list[tuple[float, float]]:
    """What is normal and what it may have become: above the normal share, below 1."""
    normal = min(max(normal, 1e-6), 0.98)
    if shift is not None:
        return [(normal, max(shift, normal + 0.5 * (1 - normal) if shift <= normal else shift))]
    odds = normal / (1 - normal)
    return [(normal, min(0.999, _share(odds * each))) for each in _ODDS]


def _falls(normal: float) -> list[tuple[float, float]]:
    if normal <= 1e-6:
        return []
    odds = normal / (1 - min(normal, 0.999999))
    return [(min(normal, 0.999999), _share(odds / each)) for each in _ODDS]


def _share(odds: float) -> float:
    return odds / (1 + odds)
