"""The quick chart of a number: notices that latency, length or others changed their level."""

from __future__ import annotations

from math import expm1, log, sqrt
from typing import TYPE_CHECKING

from reliai.monitoring.charting import BLOCK, MARGIN, OVER, Chart

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["NumberChart"]


class NumberChart(Chart):
    """Notices when the level of numbers changes, in either direction.

    Numbers are looked at on a logarithmic scale, and at most four standard deviations from what is
    normal, so one that is far out raises no alarm by itself.

    Args:
        scale: numbers well below it count as 0; the unit in which they are near 1.
        arl: records between false alarms.
        warm_up: records that what is normal is learnt from, when it is not given.
        reference: numbers in good health, in the order of time; None to learn.
        shift: standard deviations to notice.
    """

    __slots__ = (
        "_down",
        "_down_from",
        "_drift",
        "_fixed",
        "_in_block",
        "_margin",
        "_moments",
        "_n",
        "_residuals",
        "_rise",
        "_scale",
        "_shift",
        "_standard",
        "_sums",
        "_total",
        "_up",
        "_up_from",
        "deviation",
        "direction",
        "latest",
        "level",
        "memory",
        "recent",
        "recent_records",
    )

    def __init__(
        self,
        *,
        scale: float = 1.0,
        arl: float = 1e6,
        warm_up: int = 200,
        reference: Sequence[float] | None = None,
        shift: float | None = None,
    ) -> None:
        # Two charts at this limit raise fewer false alarms than asked for: by Siegmund's
        # approximation one has an average run of 5 arl or more, whatever the shift.
        super().__init__(arl, warm_up)
        self._scale = scale
        self._shift = 0.75 if shift is None else abs(shift)
        self._up = self._down = 0.0
        self._in_block = 0
        self._sums = [0.0, 0.0, 0.0, 0.0]
        self._residuals = 0.0
        self._moments = [0.0, 0.0, 0.0]
        self._n = 0.0
        self._fixed = reference is not None
        self.latest: float | None = None
        """The number before, on the scale of the chart."""
        self._total = 0.0
        self._up_from = self._down_from = (0, 0.0)
        self.recent_records = 0
        self.recent = 0.0
        """The level of the records since the change, when it was noticed."""
        self.level = self.deviation = self.memory = 0.0
        self.direction = 0
        if reference is not None:
            for value in reference:
                self._collect(self.seen_as(value))
            self._learn(None)
            self.seen, self.latest = 0, None

    @property
    def inflation(self) -> float:
        """The same, and of what a record tells of the next."""
        return self.scatter.factor * (1.0 + self.memory) / (1.0 - self.memory)

    def seen_as(self, value: float) -> float:
        """The number on the scale of the chart."""
        scaled = value / self._scale
        return log(1.0 + scaled) if scaled >= 0 else -log(1.0 - scaled)

    def value_at(self, level: float) -> float:
        """The number at a place on the scale of the chart."""
        size = expm1(abs(level)) * self._scale
        return size if level >= 0 else -size

    def _collect(self, y: float) -> None:
        sums, before = self._sums, self.latest
        self._in_block += 1
        sums[0] += y
        sums[1] += y * y
        if before is not None:
            sums[2] += y * before
            sums[3] += 1
        self.latest = y
        self._total += y

    def add(self, value: float, now: float) -> bool:
        """Take a record in; whether it raises the alarm."""
        scaled = value / self._scale
        y = log(1.0 + scaled) if scaled >= 0 else -log(1.0 - scaled)
        self.seen += 1
        before = self.latest
        self._collect(y)
        if not self.ready:
            if self._in_block >= self._warm_up:
                self._learn(now)
            return False
        off = y - self.level
        if before is not None:
            off -= self.memory * (before - self.level)
        standard = off * self._standard
        standard = -4.0 if standard < -4.0 else min(standard, 4.0)
        self._residuals += standard
        alarm = self._step(standard)
        if self._in_block >= BLOCK:
            self._end_block(now)
        return alarm

    def _step(self, standard: float) -> bool:
        rise, drift = self._rise, self._drift
        if self.firing:
            # Evidence for what was normal, and against the level that was found.
            gain = drift - rise * standard * self.direction
            self._over = max(0.0, self._over + gain)
            if self._over >= OVER:
                self.firing, self._up, self._down = False, 0.0, 0.0
            return False
        up = self._up + rise * standard - drift
        if up <= 0.0:
            up, self._up_from = 0.0, self._place()
        down = self._down - rise * standard - drift
        if down <= 0.0:
            down, self._down_from = 0.0, self._place()
        self._up, self._down = up, down
        if up < self._limit and down < self._limit:
            return False
        self.firing, self._over = True, 0.0
        self.direction = 1 if up > down else -1
        since, total = self._up_from if up > down else self._down_from
        self.recent_records = max(1, self.seen - since)
        self.recent = (self._total - total) / self.recent_records
        return True

    def _place(self) -> tuple[int, float]:
        return self.seen, self._total

    def _learn(self, now: float | None) -> None:
        self._take(0.0, self._in_block, *self._sums)
        self._clear()
        self._began = now
        self._tune()

    def _take(self, least: float, count: float, *sums: float) -> None:
        """Put a block into what is normal, with a weight that is not below `least`."""
        total, squares, products, pairs = sums
        if self._n * least >= count:
            keep = 1.0 - least
            weight = least
        else:
            keep = 1.0
            weight = count / (self._n + count)
        new = (total / count, squares / count, products / pairs if pairs else 0.0)
        moments = self._moments
        for place, value in enumerate(new):
            moments[place] += weight * (value - moments[place])
        self._n = self._n * keep + count

    def _clear(self) -> None:
        self._in_block = 0
        self._sums = [0.0, 0.0, 0.0, 0.0]
        self._residuals = 0.0

    def _end_block(self, now: float) -> None:
        residual = self._residuals / sqrt(self._in_block)
        evidence = max(self._up, self._down)
        block = self._ended(now, evidence, residual, self._in_block, *self._sums)
        self._clear()
        if block is None:
            return
        lasted, residual, count, *sums = block
        self.scatter.add(residual)
        if not self._fixed:
            self._take(self._weight(lasted), count, *sums)
        self._tune()

    def _tune(self) -> None:
        mean, squares, products = self._moments
        n = max(self._n, 1.0)
        variance = max(0.0, squares - mean * mean)
        deviation = max(sqrt(variance), 0.01 * abs(mean), 1e-9)
        memory = (products - mean * mean) / deviation**2
        # An estimate of no correlation is within two standard errors of 0.
        self.memory = min(0.97, memory) if memory > 2.0 / sqrt(n) else 0.0
        self.level, self.deviation = mean, deviation
        wider = 1.0 if self._fixed and n > 5000 else 1.0 + 1.5 / sqrt(n)
        self._standard = 1.0 / (deviation * wider * sqrt(1.0 - self.memory**2))
        scatter = self.scatter.factor
        # Of records that hang together the same shift shows less, by this much.
        margin = MARGIN / sqrt(n)
        shift = self._shift * sqrt((1.0 - self.memory) / (1.0 + self.memory))
        shift = max(shift, 3.0 * margin)
        self._rise = shift / scatter
        self._drift = (shift * shift / 2.0 + shift * margin) / scatter
        self.ready = True
