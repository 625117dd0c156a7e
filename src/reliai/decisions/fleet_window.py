"""A circuit's window over the calls of many processes: what was counted here, and what was heard.

It stands in a circuit in place of its own window. Counts wait here until they are handed over to
be sent; what all processes counted comes back, buckets by Unix time, and replaces what was known.
While nobody answers, it goes on as the window of this process alone.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["BUCKETS", "FleetWindow", "Sums"]

BUCKETS: Final = 20
"""Buckets of a window: what is counted expires up to a twentieth of it early or late."""

Sums: TypeAlias = tuple[float, float, float]
"""Calls, failures and slow calls."""

_NOTHING: Final[Sums] = (0, 0, 0)


class FleetWindow:
    """Counts over the last `seconds`, of all processes that share a circuit.

    Args:
        seconds: how far back the counts reach, in seconds, above 0.
        ahead: seconds by which Unix time is ahead of the clock that `record` goes by.
    """

    __slots__ = (
        "_bucket",
        "_bucket_ends",
        "_heard",
        "_own",
        "_sent",
        "ahead",
        "calls",
        "failures",
        "seconds",
        "slow",
        "width",
    )

    def __init__(self, seconds: float, ahead: float) -> None:
        self.seconds = seconds
        self.width = seconds / BUCKETS
        self.ahead = ahead
        self._heard: dict[int, Sums] = {}
        self._own: dict[int, list[float]] = {}
        self._sent: dict[int, Sums] = {}
        self._bucket = 0
        self._bucket_ends = -inf
        self.calls = self.failures = self.slow = 0

    def record(self, now: float, failure: bool, slow: bool) -> None:  # noqa: FBT001  hot path
        """Count one call of this process that ended at `now`."""
        if now >= self._bucket_ends:
            self.roll(now)
        own = self._own.get(self._bucket)
        if own is None:
            own = self._own[self._bucket] = [0, 0, 0]
        own[0] += 1
        own[1] += failure
        own[2] += slow
        self.calls += 1
        self.failures += failure
        self.slow += slow

    def add(self, now: float, calls: int, failures: int, slow: int) -> None:
        """Count several things at once; they need not belong to the same calls."""
        self.roll(now)
        own = self._own.setdefault(self._bucket, [0, 0, 0])
        own[:] = [own[0] + calls, own[1] + failures, own[2] + slow]
        self.calls += calls
        self.failures += failures
        self.slow += slow

    @property
    def bucket_end(self) -> float:
        """When the present bucket ends; what is counted before then goes into it."""
        return self._bucket_ends

    def roll(self, now: float) -> None:
        """Forget what is too old at `now`."""
        if now < self._bucket_ends:
            return
        unix = now + self.ahead
        self._bucket = int(unix // self.width)
        self._bucket_ends = (self._bucket + 1) * self.width - self.ahead
        oldest = self._bucket - BUCKETS + 1
        for counts in (self._heard, self._own, self._sent):
            for bucket in [each for each in counts if each < oldest]:
                del counts[bucket]
        self._sum()

    def counts(self, now: float) -> tuple[int, int, int]:
        """Calls, failures and slow calls in the window that ends at `now`."""
        self.roll(now)
        return self.calls, self.failures, self.slow

    def clear(self) -> None:
        """Forget everything."""
        self._heard, self._own, self._sent = {}, {}, {}
        self._sum()

    @property
    def pending(self) -> bool:
        """Whether something was counted that was not handed over yet."""
        return bool(self._own)

    def hand_over(self) -> dict[int, Sums]:
        """What was counted here since the last time, by bucket; it counts as sent."""
        own = {bucket: (c[0], c[1], c[2]) for bucket, c in self._own.items()}
        self._own = {}
        self._sent = own
        return own

    def take_back(self) -> None:
        """What was handed over did not arrive."""
        for bucket, counts in self._sent.items():
            own = self._own.setdefault(bucket, [0, 0, 0])
            self._own[bucket] = [mine + more for mine, more in zip(own, counts, strict=True)]
        self._sent = {}
        self._sum()

    def hear(self, counted: Mapping[int, tuple[float, ...]], now: float) -> None:
        """What all processes counted, with what was handed over here among it."""
        self._heard = {bucket: (c[0], c[1], c[2]) for bucket, c in counted.items()}
        self._sent = {}
        self._bucket_ends = -inf
        self.roll(now)

    def resized(self, seconds: float) -> FleetWindow:
        """A window of another length that holds what this process has not handed over yet."""
        new = FleetWindow(seconds, self.ahead)
        for bucket, counts in self._own.items():
            moved = new._own.setdefault(int(bucket * self.width // new.width), [0, 0, 0])
            moved[:] = [mine + more for mine, more in zip(moved, counts, strict=True)]
        new._sum()
        return new

    def _sum(self) -> None:
        sums = list(map(sum, zip(*self._all(), _NOTHING, strict=True)))
        self.calls, self.failures, self.slow = (round(each) for each in sums)

    def _all(self) -> Iterator[tuple[float, ...] | list[float]]:
        yield from self._heard.values()
        yield from self._sent.values()
        yield from self._own.values()
