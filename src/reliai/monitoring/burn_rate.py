"""How fast an error budget burns: counts in rings of buckets, and the pairs of windows that judge.

A burn rate of 1 spends the whole budget in exactly the objective's window. An alarm takes two
windows that burn too fast at once: the long one says that it matters, the short one that it still
goes on. The pairs are those of `decisions.burn_windows`. Pure: time is handed in.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, TypeAlias

from reliai.decisions.burn_windows import MIN_BAD, MIN_EVENTS, MONTH, PAIRS, Pair, span_text
from reliai.monitoring.sources import Sources

__all__ = [
    "MIN_BAD",
    "MIN_EVENTS",
    "PAIRS",
    "Counts",
    "History",
    "Judgement",
    "Pair",
    "span_text",
]

Rows: TypeAlias = dict[str, list[list[int]]]
"""Counts as plain data: of each ring its buckets' numbers, good and bad events."""

KEEPS = 0.8
"""Of its factor what keeps a firing alarm on, so that one at the edge does not come and go."""


class Counts(NamedTuple):
    """Good and bad events of some span."""

    good: int = 0
    bad: int = 0

    @property
    def events(self) -> int:
        """All of them."""
        return self.good + self.bad

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(self.good + other.good, self.bad + other.bad)

    def share(self) -> float:
        """Of all events the bad ones, in [0, 1]; 0 where there are none."""
        return self.bad / self.events if self.events else 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a pair of windows says now.

    Attributes:
        pair: which.
        state: "firing"; "ok"; "low_traffic": too few events to say; "no_data": none at all.
        short, long: what was counted.
        short_burn, long_burn: burn rates.
    """

    pair: Pair
    state: str
    short: Counts
    long: Counts
    short_burn: float
    long_burn: float


class Ring:
    """Counts in buckets of one width, as many as fit; older ones give way to newer ones."""

    def __init__(self, width: float, size: int) -> None:
        self.width = width
        self.size = size
        self._stamps = array("q", [-1]) * size
        self._good = array("q", [0]) * size
        self._bad = array("q", [0]) * size
        self._sums: dict[int, tuple[int, int, int]] = {}

    def add(self, at: float, good: int, bad: int) -> bool:
        """Count events of a moment; say whether it was not too long ago."""
        index = int(at // self.width)
        slot = index % self.size
        stamp = self._stamps[slot]
        if stamp > index:
            return False
        if stamp < index:
            self._stamps[slot] = index
            self._good[slot] = self._bad[slot] = 0
        self._good[slot] += good
        self._bad[slot] += bad
        for last, _, _ in self._sums.values():
            if index < last:  # it came late: what was summed up is no longer so
                self._sums.clear()
                break
        return True

    def total(self, now: float, buckets: int) -> Counts:
        """What the last `buckets` buckets count, the one that `now` is in included."""
        last = int(now // self.width)
        kept = self._sums.get(buckets)
        if kept is None or kept[0] != last:
            kept = self._sums[buckets] = (last, *self._sum(last - buckets + 1, last))
        slot = last % self.size
        if self._stamps[slot] != last:
            return Counts(kept[1], kept[2])
        return Counts(kept[1] + self._good[slot], kept[2] + self._bad[slot])

    def _sum(self, first: int, end: int) -> tuple[int, int]:
        good = bad = 0
        for index in range(first, end):
            slot = index % self.size
            if self._stamps[slot] == index:
                good += self._good[slot]
                bad += self._bad[slot]
        return good, bad

    def counted(self) -> list[list[int]]:
        """The buckets that hold something, oldest first: number, good and bad events."""
        rows = zip(self._stamps, self._good, self._bad, strict=True)
        return sorted([stamp, good, bad] for stamp, good, bad in rows if good or bad)

    def take(self, rows: list[list[int]]) -> None:
        """Add buckets that another ring of the same width counted."""
        for index, good, bad in rows:
            self.add((index + 0.5) * self.width, good, bad)


class Others:
    """What other processes counted in rings like one here: a sum, however many they are.

    It has what each source counted last. A source that is forgotten stays in the sum for good: its
    buckets move to a ring, where they give way to newer ones as they would have done before.

    Args:
        ring: the one here.
    """

    def __init__(self, ring: Ring) -> None:
        self._width = ring.width
        self._sources: Sources[array[int]] = Sources()
        self._sum: dict[int, tuple[int, int]] = {}
        self._forgotten = Ring(ring.width, ring.size)
        self._totals: dict[int, tuple[int, Counts]] = {}

    def take(self, source: str, flat: array[int]) -> None:
        """Replace what a source counted: numbers, good and bad events of its buckets in a row."""
        before = self._sources.get(source)
        gone = self._sources.put(source, flat)
        if before is not None:
            self._add(before, -1)
        self._add(flat, 1)
        if gone is not None:
            self._add(gone, -1)
            self._forgotten.take(_rows(gone))
        self._totals.clear()

    def _add(self, flat: array[int], sign: int) -> None:
        for index, more_good, more_bad in _rows(flat):
            good, bad = self._sum.get(index, (0, 0))
            good, bad = good + sign * more_good, bad + sign * more_bad
            if good or bad:
                self._sum[index] = good, bad
            else:
                self._sum.pop(index, None)

    def total(self, now: float, buckets: int) -> Counts:
        """What the last `buckets` buckets count, the one that `now` is in included."""
        last = int(now // self._width)
        kept = self._totals.get(buckets)
        if kept is None or kept[0] != last:
            total = self._forgotten.total(now, buckets)
            if self._sum:
                for index in range(last - buckets + 1, last + 1):
                    total = total.plus(Counts(*self._sum.get(index, ())))
            kept = self._totals[buckets] = (last, total)
        return kept[1]


class History:
    """The events of one objective: three rings, from the last minutes to the whole window.

    Buckets of 30 s for an hour, of 5 min for three days and of a day for the window, for an
    objective over 30 days; all of it scales with the window.

    Args:
        window: seconds of the objective.
    """

    def __init__(self, window: float) -> None:
        self.scale = window / MONTH
        self._fine = Ring(30 * self.scale, 120)
        self._middle = Ring(300 * self.scale, 864)
        self._whole = Ring(86_400 * self.scale, 31)
        self._others = {name: Others(ring) for name, ring in self._rings()}

    def add(self, at: float, *, good: bool) -> bool:
        """Count an event; say whether it was not too long ago."""
        yes, no = (1, 0) if good else (0, 1)
        self._fine.add(at, yes, no)
        self._middle.add(at, yes, no)
        return self._whole.add(at, yes, no)

    def last(self, now: float, seconds: float) -> Counts:
        """What the last `seconds` count, reckoned for 30 days; at most three days."""
        name, ring = self._rings()[0 if seconds <= 3600 else 1]
        buckets = round(seconds * self.scale / ring.width)
        return ring.total(now, buckets).plus(self._others[name].total(now, buckets))

    def whole(self, now: float) -> Counts:
        """What the objective's window counts."""
        return self._whole.total(now, 30).plus(self._others["whole"].total(now, 30))

    def judge(self, now: float, target: float, pair: Pair, *, firing: bool) -> Judgement:
        """Judge a pair of windows.

        Args:
            now: Unix seconds.
            target: the share of good events that is wanted.
            pair: which, reckoned for 30 days.
            firing: whether it was firing before: few events start no alarm, but do not end one.
        """
        short, long = self.last(now, pair.short), self.last(now, pair.long)
        allowed = 1 - target
        short_burn, long_burn = short.share() / allowed, long.share() / allowed
        limit = pair.factor * (KEEPS if firing else 1.0)
        burning = short_burn > limit and long_burn > limit
        enough = short.events >= MIN_EVENTS and long.bad >= MIN_BAD
        if burning and (enough or firing):
            state = "firing"
        elif not long.events:
            state = "no_data"
        elif burning or short.events < MIN_EVENTS:
            state = "low_traffic"
        else:
            state = "ok"
        return Judgement(pair, state, short, long, short_burn, long_burn)

    def counted(self) -> Rows:
        """All that was counted here, others left out, as plain data."""
        return {name: ring.counted() for name, ring in self._rings()}

    def take(self, counted: Rows, source: str | None = None) -> None:
        """Add what another history of the same window counted.

        Args:
            counted: what its `counted` gave.
            source: whose it is: what was taken from there before is replaced, unless a thousand
                others came since. None: add it for good.
        """
        if source is None:
            for name, ring in self._rings():
                ring.take(counted[name])
            return
        flat = {name: array("q", chain.from_iterable(counted[name])) for name in self._others}
        for name, others in self._others.items():
            others.take(source, flat[name])

    def _rings(self) -> tuple[tuple[str, Ring], ...]:
        return ("fine", self._fine), ("middle", self._middle), ("whole", self._whole)


def _rows(flat: array[int]) -> list[list[int]]:
    return [list(row) for row in zip(flat[::3], flat[1::3], flat[2::3], strict=True)]
