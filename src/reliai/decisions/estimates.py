"""What the next one will probably cost, from what the last ones cost: for many names at once."""

from __future__ import annotations

from collections import OrderedDict
from math import ceil
from threading import Lock
from typing import TYPE_CHECKING, Final

from reliai._core.forking import renew_after_fork

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Estimates"]

_OF_MEAN: Final = 1 / 8
_OF_DEVIATION: Final = 1 / 4
_DEVIATIONS: Final = 2


class Estimates:
    """Estimates that are seldom too low: the recent mean and two mean deviations.

    Mean and deviation forget as those of TCP's round trips do (Jacobson 1988): a new value weighs
    an eighth and a quarter. After the first value the estimate is twice that value; after some
    equal ones it is that value.

    Args:
        max_names: how many names are kept; the one used least lately goes first.

    Example:
        >>> estimates = Estimates()
        >>> estimates.guess("answer")
        >>> estimates.learn("answer", 100)
        >>> estimates.guess("answer")
        200
    """

    __slots__ = ("__weakref__", "_known", "_lock", "max_names")

    def __init__(self, max_names: int = 1_000) -> None:
        self.max_names = max_names
        self._known: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = Lock()
        renew_after_fork(self)

    def learn(self, name: Hashable, value: float) -> None:
        """Take in what one has cost."""
        with self._lock:
            known = self._known.get(name)
            if known is None:
                while len(self._known) >= self.max_names:
                    self._known.popitem(last=False)
                self._known[name] = (value, value / 2)
                return
            mean, deviation = known
            deviation += (abs(value - mean) - deviation) * _OF_DEVIATION
            self._known[name] = (mean + (value - mean) * _OF_MEAN, deviation)
            self._known.move_to_end(name)

    def guess(self, name: Hashable) -> int | None:
        """What the next one will probably not cost more than; None before the first."""
        known = self._known.get(name)
        return None if known is None else ceil(known[0] + _DEVIATIONS * known[1])

    def __len__(self) -> int:
        return len(self._known)

    def _renew(self) -> None:
        self._lock = Lock()  # in a forked child nobody is there to release it
