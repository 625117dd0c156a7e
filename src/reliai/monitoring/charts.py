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
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["BLOCK", "NumberChart", "ShareChart"]

BLOCK: Final = 100
"""Records after which what is normal is looked at anew."""

_FOLLOW: Final = 1200.0
"""Seconds in which most of a lasting change has become normal, at many records a second."""

_RECENT: Final = 0.1
"""Weight of a block in what is normal, at most: 1,000 records."""

_OLD: Final = 0.002

_WAIT: Final = 5
"""Blocks that a block waits before it teaches what is normal."""

_ODDS: Final = (1.7, 4.0, 12.0, 60.0)
"""By how much the odds may have risen: one chart each."""

_MARGIN: Final = 2.0
"""Standard errors that the estimate of what is normal may be wrong by."""

_OVER: Final = 6.9
"""ln(1000): the evidence that is wanted that a change is over."""


class _Scatter:
    """How much more the means of blocks scatter than those of independent records would."""

    __slots__ = ("blocks", "factor", "squares")

    def __init__(self) -> None:
        self.blocks = 0
        self.squares = 0.0
        self.factor = 1.0

    def add(self, standard: float) -> None:
        """Take in the mean of a block, in standard errors of independent records."""
        self.blocks = blocks = self.blocks + 1
        weight = max(1.0 / blocks, 0.01)
        self.squares += weight * (min(standard**2, 25.0 * self.factor) - self.squares)
        if blocks >= 8:
            # Independent records exceed the limit in one case of a hundred; then nothing is scaled.
            limit = 1.0 + 2.6 * sqrt(2.0 / min(blocks, 100)) + 2.0 / min(blocks, 100)
            self.factor = self.squares if self.squares > limit else 1.0


class _Chart:
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
        self.scatter = _Scatter()
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
        if len(waiting) <= _WAIT:
            return None
        # While there is some evidence of a change, nothing is learnt of what may be after it.
        return waiting.popleft() if evidence < self._limit / 3 or len(waiting) > 5 * _WAIT else None

    def _weight(self, lasted: float) -> float:
        """The least weight of a block that lasted so many seconds."""
        return min(_RECENT, max(_OLD, lasted / _FOLLOW))


class ShareChart(_Chart):
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
        "_charts",
        "_fixed",
        "_hits",
        "_in_block",
        "_k",
        "_n",
        "_shift",
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
        self._hits += value
        for chart in self._charts:
            total = chart[0] + (chart[1] if value else chart[2])
            if total <= 0.0:
                chart[0], chart[4], chart[5] = 0.0, self.seen, self._hits
                continue
            chart[0] = total
            if total >= self._limit:
                self._raise(chart)
                return True
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
        if self._over >= _OVER:
            self.firing = False
            for each in self._charts:
                each[0], each[4], each[5] = 0.0, self.seen, self._hits

    def _learn(self, now: float) -> None:
        self._n, self._k = float(self._in_block), self._at
        self._in_block, self._at, self._began = 0, 0.0, now
        self._tune()

    def _end_block(self, now: float) -> None:
        count, k = float(self._in_block), self._at
        self._in_block, self._at = 0, 0.0
        if self._fixed:
            return
        evidence = max(each[0] for each in self._charts)
        block = self._ended(now, evidence, count, k)
        if block is None:
            return
        lasted, count, k = block
        expected = max(self.share, 0.5 / self._n)
        error = sqrt(count * expected * (1 - min(expected, 0.99)))
        self.scatter.add((k - count * expected) / error)
        # The sum forgets as much as it takes in, once it holds what it may hold.
        keep = 1.0 - self._weight(lasted) if self._n * self._weight(lasted) >= count else 1.0
        self._n, self._k = self._n * keep + count, self._k * keep + k
        self._tune()

    def _tune(self) -> None:
        if not self._fixed:
            n, k = self._n, self._k
            self.share = k / n
            likely = (k + 1.0) / (n + 2.0)
            error = _MARGIN * sqrt(likely * (1 - likely) * self.scatter.factor / n)
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


class NumberChart(_Chart):
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
        super().__init__(2 * arl, warm_up)  # of two charts, so that both together keep it
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
        from math import expm1  # noqa: PLC0415  for alerts only

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
            if self._over >= _OVER:
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
        margin = _MARGIN / sqrt(n)
        shift = self._shift * sqrt((1.0 - self.memory) / (1.0 + self.memory))
        shift = max(shift, 3.0 * margin)
        self._rise = shift / scatter
        self._drift = (shift * shift / 2.0 + shift * margin) / scatter
        self.ready = True


def checked_share(where: str, value: Any) -> float:
    """A share, above 0 and below 1.

    Raises:
        ConfigurationError: when it is none.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1:
        return float(value)
    raise ConfigurationError(f"{where}={value!r}: must be a share, above 0 and below 1")
