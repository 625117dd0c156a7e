"""What happened lately: counts of calls, failures and slow calls over a time or a number of calls.

Used by the circuit and the retry budget. A window has no lock of its own: whoever owns it holds
one. `calls`, `failures` and `slow` are plain attributes, right after the latest `record` or `roll`.
"""

from __future__ import annotations

from math import inf
from typing import Final, Protocol

__all__ = ["CountWindow", "TimeWindow", "Window"]

_BUCKETS: Final = 60
_SLACK: Final = 1e-6  # of a bucket: rounding of `now` expires a bucket early rather than late
_NOTHING: Final[tuple[int, int, int]] = (0, 0, 0)


class Window(Protocol):
    """What the circuit needs of either window."""

    calls: int
    failures: int
    slow: int

    def record(self, now: float, failure: bool, slow: bool) -> None:  # noqa: FBT001  hot path
        """Count one call."""

    def roll(self, now: float) -> None:
        """Forget what is too old at `now`."""

    def clear(self) -> None:
        """Forget everything."""


class TimeWindow:
    """Counts over the last `seconds`, in 60 buckets of equal width.

    What is recorded at the start of a bucket counts for exactly `seconds`; anything else expires
    up to one bucket (a sixtieth of the window) early, never late. The first record of an empty
    window starts a bucket. Memory is fixed; every step costs constant time, amortised.

    Args:
        seconds: how far back the counts reach, in seconds, above 0.
    """

    __slots__ = (
        "_bucket",
        "_end",
        "_floor",
        "_mark",
        "_origin",
        "_ring",
        "_width",
        "calls",
        "failures",
        "seconds",
        "slow",
    )

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._width = seconds / _BUCKETS
        self._end = -inf  # when the present bucket ends; the first record starts one
        self._floor = -inf
        self.clear()

    def record(self, now: float, failure: bool, slow: bool) -> None:  # noqa: FBT001  hot path
        """Count one call that ended at `now`."""
        if not self._floor <= now < self._end:
            self._advance(now)
        self.calls += 1
        if failure:
            self.failures += 1
        if slow:
            self.slow += 1

    def add(self, now: float, calls: int, failures: int, slow: int) -> None:
        """Count several things at once; they need not belong to the same calls."""
        if not self._floor <= now < self._end:
            self._advance(now)
        self.calls += calls
        self.failures += failures
        self.slow += slow

    @property
    def bucket_end(self) -> float:
        """When the present bucket ends; what is counted before then goes into it."""
        return self._end

    def roll(self, now: float) -> None:
        """Forget what is older than the window at `now`."""
        if not self._floor <= now < self._end:
            self._advance(now)
            if self._is_empty():
                self._end = -inf  # the next record starts a bucket

    def counts(self, now: float) -> tuple[int, int, int]:
        """Calls, failures and slow calls in the window that ends at `now`."""
        self.roll(now)
        return self.calls, self.failures, self.slow

    def clear(self) -> None:
        """Forget everything."""
        self._start(-inf)

    def resized(self, seconds: float) -> TimeWindow:
        """A window of another length that holds what this one knows."""
        new = TimeWindow(seconds)
        first = max(0, self._bucket - _BUCKETS + 1)
        for bucket in range(first, self._bucket):
            new._replay(self._origin + bucket * self._width, self._ring[bucket % _BUCKETS])
        new._replay(self._origin + self._bucket * self._width, self._since_mark())
        return new

    def _replay(self, at: float, counts: tuple[int, int, int]) -> None:
        if counts != _NOTHING:
            self.add(at, *counts)

    def _since_mark(self) -> tuple[int, int, int]:
        calls, failures, slow = self._mark
        return self.calls - calls, self.failures - failures, self.slow - slow

    def _is_empty(self) -> bool:
        return not (self.calls or self.failures or self.slow)

    def _start(self, now: float) -> None:
        self.calls = self.failures = self.slow = self._bucket = 0
        self._mark = _NOTHING
        self._ring: list[tuple[int, int, int]] = [_NOTHING] * _BUCKETS
        self._origin = now - _SLACK * self._width
        self._end = self._origin + self._width
        self._floor = self._origin - self.seconds

    def _advance(self, now: float) -> None:
        # Threads may come a little late; who is a whole window late goes by another clock.
        if self._is_empty() or now < self._floor or now - self._end >= self.seconds:
            self._start(now)
            return
        ring = self._ring
        ring[self._bucket % _BUCKETS] = self._since_mark()
        last = self._bucket + 1 + int((now - self._end) / self._width)
        for bucket in range(self._bucket + 1, last + 1):
            calls, failures, slow = ring[bucket % _BUCKETS]
            self.calls -= calls
            self.failures -= failures
            self.slow -= slow
            ring[bucket % _BUCKETS] = _NOTHING
        self._mark = self.calls, self.failures, self.slow
        self._bucket = last
        self._end = self._origin + (last + 1) * self._width
        self._floor = self._end - self._width - self.seconds


class CountWindow:
    """Counts over the last `size` calls, however long ago they were.

    Args:
        size: how many calls are remembered, at least 1. One byte each.
    """

    __slots__ = ("_at", "_ring", "calls", "failures", "size", "slow")

    def __init__(self, size: int) -> None:
        self.size = size
        self.calls = self.failures = self.slow = self._at = 0
        self._ring = bytearray(size)

    def record(self, now: float, failure: bool, slow: bool) -> None:  # noqa: FBT001  hot path
        """Count one call and forget the one `size` calls before it."""
        at = self._at
        new = 1 + 2 * failure + 4 * slow
        old = self._ring[at]
        if new != old:  # success after success, the usual case, changes nothing but the place
            self.calls += not old
            self.failures += (new >> 1 & 1) - (old >> 1 & 1)
            self.slow += (new >> 2) - (old >> 2)
            self._ring[at] = new
        at += 1
        self._at = at if at < self.size else 0

    def roll(self, now: float) -> None:
        """Time changes nothing here."""

    def counts(self, now: float) -> tuple[int, int, int]:
        """Calls, failures and slow calls among the last `size`."""
        return self.calls, self.failures, self.slow

    def clear(self) -> None:
        """Forget everything."""
        self.calls = self.failures = self.slow = self._at = 0
        self._ring = bytearray(self.size)

    def resized(self, size: int) -> CountWindow:
        """A window of another length that holds what this one knows, the latest calls first."""
        new = CountWindow(size)
        for seen in self._ring[self._at :] + self._ring[: self._at]:
            if seen:
                new.record(0.0, bool(seen & 2), bool(seen & 4))
        return new
