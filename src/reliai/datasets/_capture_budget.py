"""A day's share of calls: what matters most first, and of the rest a sample with known chances.

Every call has a place in [0, 1), by the hash of its id. A rule that takes a share `p` takes those
with a place below `p`. When there is too much, the calls with the highest places of the last rule
go, and the rule's limit falls to the lowest place that went: of those that match it, just those
below the limit are kept, so the limit is the chance of each. That is a bottom-k sample, whose
weighted means are unbiased (Duffield, Lund, Thorup 2007, Journal of the ACM 54 (6); Ting 2018,
Adaptive Threshold Sampling, SIGMOD). Pure: no clock, no chance of its own.
"""

from __future__ import annotations

from bisect import insort
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["Placed", "Share"]


class Placed(Protocol):
    """Something with a place, and the rules that it matches.

    Attributes:
        place: in [0, 1).
        order: tells apart those with the same place.
        matches: the numbers of the rules, in order.
    """

    @property
    def place(self) -> float: ...

    @property
    def order(self) -> str: ...

    @property
    def matches(self) -> Sequence[int]: ...


PlacedT = TypeVar("PlacedT", bound=Placed)


class Share(Generic[PlacedT]):
    """What is kept of a stretch of calls.

    Args:
        rates: the share that each rule takes, in the order in which they go first.
        most: how many are kept at most.

    Attributes:
        limits: of the places that each rule takes; the rates, until there is too much.
    """

    def __init__(self, rates: Sequence[float], most: int) -> None:
        self.limits = list(rates)
        self._kept: list[list[tuple[float, str, PlacedT]]] = [[] for _ in rates]
        self._most = most
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[PlacedT]:
        return (thing for kept in self._kept for _, _, thing in kept)

    def takes(self, thing: PlacedT) -> bool:
        """Whether it would be taken now, were there no limit for the day."""
        return self._rule_of(thing) is not None

    def _rule_of(self, thing: PlacedT) -> int | None:
        """The first of its rules that has its place within its limit."""
        place = thing.place
        return next((rule for rule in thing.matches if place < self.limits[rule]), None)

    def offer(self, thing: PlacedT) -> tuple[bool, PlacedT | None]:
        """Take something in, if a rule takes it.

        Returns:
            Whether it is kept, and what had to go for it.
        """
        rule = self._rule_of(thing)
        if rule is None:
            return False, None
        insort(self._kept[rule], (thing.place, thing.order, thing), key=_by_place)
        self._count += 1
        if self._count <= self._most:
            return True, None
        gone = self._thin()
        return (False, None) if gone is thing else (True, gone)

    def _thin(self) -> PlacedT:
        """Let the one with the highest place go, of the last rule that has any."""
        rule = max(number for number, kept in enumerate(self._kept) if kept)
        place, _, thing = self._kept[rule].pop()
        for each in thing.matches:
            if each >= rule:  # later rules have no room for it either, and must not claim it
                self.limits[each] = min(self.limits[each], place)
        self._count -= 1
        return thing

    def withdraw(self, thing: PlacedT) -> bool:
        """Take it out, whatever rule has it; say whether it was there."""
        for kept in self._kept:
            for at, (_, _, each) in enumerate(kept):
                if each is thing:
                    del kept[at]
                    self._count -= 1
                    return True
        return False

    def chance(self, thing: PlacedT) -> float:
        """The chance with which something that matches these rules is kept."""
        return max((self.limits[rule] for rule in thing.matches), default=0.0)

    def rule(self, thing: PlacedT) -> int | None:
        """The number of the rule that has it."""
        return self._rule_of(thing)


def _by_place(entry: tuple[float, str, object]) -> tuple[float, str]:
    return entry[0], entry[1]
