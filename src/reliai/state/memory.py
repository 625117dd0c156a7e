"""A state for one process: what the shared ones do, with nothing to share."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from reliai import clock
from reliai._core.forking import renew_after_fork
from reliai.state.base import PATIENT, PROMPT, Counted, Entry, Exchanged, Taken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.state.base import Count

__all__ = ["MemoryState"]

ROUNDING = 1 + 1e-9
"""What a cap gives way by, since 25 times 0.4 is a little more than 10."""

_SWEEP_EVERY = 1_000
"""Writes between two looks for what has expired."""


class MemoryState:
    """A state in this process's memory."""

    shared = False

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[str, tuple[Entry, float | None]] = {}
        self._counts: dict[str, tuple[dict[int, tuple[float, ...]], float]] = {}
        self._buckets: dict[str, tuple[float, float, float]] = {}
        self._leases: dict[str, tuple[str, int, float]] = {}
        self._writes = 0
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()

    def exchange(
        self, counts: Sequence[Count], keys: Sequence[str], *, within: float = PATIENT
    ) -> Exchanged:
        now = clock.active().time()
        with self._lock:
            counted = {count.key: self._add(count, now) for count in counts}
            entries = {key: self._entry(key, now) for key in keys}
        return Exchanged(now, counted, entries)

    def reserve(
        self, count: Count, caps: tuple[float, ...], *, within: float = PROMPT
    ) -> tuple[bool, Counted]:
        now = clock.active().time()
        with self._lock:
            here = self._add(count._replace(amounts=()), now)
            if not fits(here, count.amounts, caps):
                return False, here
            return True, self._add(count, now)

    def take(
        self,
        key: str,
        amount: float,
        rate: float,
        capacity: float,
        *,
        partly: bool = False,
        within: float = PROMPT,
    ) -> Taken:
        with self._lock:
            level, now = self._level(key, rate, capacity)
            granted = taken(level, amount, partly=partly)
            self._fill(key, level - granted, now, rate, capacity)
            return Taken(granted, level - granted, wait_for(level, amount, granted, rate))

    def correct(
        self, key: str, amount: float, rate: float, capacity: float, *, within: float = PATIENT
    ) -> float:
        with self._lock:
            level, now = self._level(key, rate, capacity)
            level = min(capacity, level - amount)
            self._fill(key, level, now, rate, capacity)
            return level

    def get(self, key: str, *, within: float = PROMPT) -> Entry | None:
        with self._lock:
            return self._entry(key, clock.active().time())

    def put(
        self,
        key: str,
        value: bytes,
        *,
        ttl: float | None = None,
        expected: int | None = None,
        within: float = PROMPT,
    ) -> int | None:
        now = clock.active().time()
        with self._lock:
            known = self._entry(key, now)
            version = 0 if known is None else known.version
            if expected is not None and expected != version:
                return None
            self._entries[key] = Entry(value, version + 1), None if ttl is None else now + ttl
            self._sweep(now)
            return version + 1

    def delete(self, key: str, *, within: float = PROMPT) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def lease(self, key: str, owner: str, ttl: float, *, within: float = PROMPT) -> int | None:
        now = clock.active().time()
        with self._lock:
            holder, epoch, until = self._leases.get(key, ("", 0, 0.0))
            if holder != owner or until <= now:
                if until > now:
                    return None
                epoch += 1
            self._leases[key] = owner, epoch, now + ttl
            return epoch

    def release(self, key: str, owner: str, *, within: float = PROMPT) -> None:
        with self._lock:
            holder, epoch, _ = self._leases.get(key, ("", 0, 0.0))
            if holder == owner:
                self._leases[key] = owner, epoch, 0.0

    def close(self) -> None:
        """Nothing to let go of."""

    # All below is called with the lock held.

    def _entry(self, key: str, now: float) -> Entry | None:
        entry, until = self._entries.get(key, (None, None))
        if until is not None and until <= now:
            del self._entries[key]
            return None
        return entry

    def _add(self, count: Count, now: float) -> dict[int, tuple[float, ...]]:
        buckets, _ = self._counts.get(count.key, ({}, 0.0))
        oldest = int(now // count.width) - count.keep + 1
        kept = {bucket: amounts for bucket, amounts in buckets.items() if bucket >= oldest}
        if count.amounts and count.bucket >= oldest:
            before = kept.get(count.bucket, (0.0,) * len(count.amounts))
            kept[count.bucket] = tuple(map(float.__add__, before, map(float, count.amounts)))
        self._counts[count.key] = kept, now + count.keep * count.width
        self._sweep(now)
        return dict(kept)

    def _level(self, key: str, rate: float, capacity: float) -> tuple[float, float]:
        now = clock.active().time()
        level, at, _ = self._buckets.get(key, (capacity, now, now))
        return min(capacity, level + max(0.0, now - at) * rate), now

    def _fill(self, key: str, level: float, now: float, rate: float, capacity: float) -> None:
        self._buckets[key] = level, now, now + (capacity - level) / rate  # by then it is full
        self._sweep(now)

    def _sweep(self, now: float) -> None:
        self._writes += 1
        if self._writes % _SWEEP_EVERY:
            return
        for key in [k for k, (_, until) in self._entries.items() if until and until <= now]:
            del self._entries[key]
        for key in [k for k, (_, until) in self._counts.items() if until <= now]:
            del self._counts[key]
        for key in [k for k, (_, _, until) in self._buckets.items() if until <= now]:
            del self._buckets[key]


def fits(here: Counted, amounts: tuple[float, ...], caps: tuple[float, ...]) -> bool:
    """Whether every column may grow by its amount; a cap gives way to rounding, not to more."""
    sums = [sum(column) for column in zip(*here.values(), strict=True)] or [0.0] * len(caps)
    grown = zip(sums, amounts, caps, strict=True)
    return all(have + more <= cap * ROUNDING for have, more, cap in grown)


def taken(level: float, amount: float, *, partly: bool) -> float:
    """How much of `amount` a bucket at `level` gives."""
    if amount <= level:
        return amount
    return max(0.0, level) if partly else 0.0


def wait_for(level: float, amount: float, granted: float, rate: float) -> float:
    """Seconds until what was not granted will be there."""
    return 0.0 if granted >= amount else (amount - level) / rate
