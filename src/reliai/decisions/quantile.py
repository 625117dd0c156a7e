"""A quantile of the latest observations, for instance the time that 95 % of calls take at most."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import ceil
from threading import Lock

from reliai._core.forking import renew_after_fork

__all__ = ["MovingQuantile"]


class MovingQuantile:
    """The q-quantile of the last `size` observations; safe to use from any thread.

    Args:
        q: in (0, 1).
        size: how many observations are remembered; a new one costs microseconds.
    """

    __slots__ = ("__weakref__", "_latest", "_lock", "_sorted", "q", "size")

    def __init__(self, q: float, size: int = 500) -> None:
        self.q = q
        self.size = size
        self._latest: deque[float] = deque()
        self._sorted: list[float] = []
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()

    @property
    def count(self) -> int:
        """How many observations are remembered."""
        return len(self._latest)

    def add(self, value: float) -> None:
        """Take in an observation."""
        with self._lock:
            if len(self._latest) >= self.size:
                oldest = self._latest.popleft()
                del self._sorted[bisect_left(self._sorted, oldest)]
            self._latest.append(value)
            insort(self._sorted, value)

    def value(self) -> float:
        """The least observation that a share of `q` does not exceed; needs one observation."""
        with self._lock:
            return self._sorted[ceil(self.q * len(self._sorted)) - 1]
