"""A token bucket: a rate with room for bursts, and a debt for those who may wait.

Who takes more than is there and may wait for it takes it at once and waits until the bucket would
have had it: so turns are first come, first served, and nobody is woken to find it empty again.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from reliai._core.forking import renew_after_fork

if TYPE_CHECKING:
    from collections.abc import Hashable

__all__ = ["Buckets", "TokenBucket"]

_MOST_SKIPPED: Final = 16


class TokenBucket:
    """Tokens that flow in at a rate, up to a capacity; safe to use from any thread.

    Args:
        rate: tokens a second (> 0).
        capacity: the most it holds; it begins full.
        now: seconds of the clock that all calls go by.
    """

    __slots__ = ("_at", "_level", "_lock", "capacity", "inflow", "missed", "rate", "taken")

    def __init__(self, rate: float, capacity: float, now: float) -> None:
        self.rate = rate
        self.capacity = capacity
        self.inflow = rate
        """Tokens a second that flow in here: a share of the rate where processes share it."""
        self.missed = 0.0
        """Tokens that somebody wanted and did not get; 0 again when others were told."""
        self.taken = 0.0
        """All that was taken so far, less what was given back."""
        self._level = capacity
        self._at = now
        self._renew()

    def _renew(self) -> None:
        self._lock = Lock()

    def take(self, now: float, amount: float, longest: float = 0.0, keep: float = 0.0) -> float:
        """Take tokens, if they are there within `longest` seconds.

        Args:
            now: the time.
            amount: how many.
            longest: seconds the caller may wait.
            keep: tokens to leave there, for others.

        Returns:
            Seconds to wait before using them; above `longest`: none were taken.
        """
        with self._lock:
            level = self._flow(now)
            short = amount + keep - level
            wait = short / self.inflow if short > 0 else 0.0
            if wait <= longest:
                self._level = level - amount
                self.taken += amount
            else:
                self.missed = amount
            return wait

    def correct(self, now: float, more: float) -> None:
        """Take `more` tokens whatever is there (below 0: give back), never above capacity."""
        with self._lock:
            self._level = min(self.capacity, self._flow(now) - more)
            self.taken += more

    def drain(self, now: float, amount: float) -> None:
        """Let tokens flow out that others took, in another process."""
        with self._lock:
            self._level = min(self.capacity, self._flow(now) - amount)

    def share(
        self, now: float, level: float, *, told: float, inflow: float, capacity: float, ahead: float
    ) -> None:
        """Become a share of a bucket that several processes take from.

        Args:
            now: the time.
            level: tokens of the share, as of when `taken` was `told`.
            told: what had been taken here by then.
            inflow: tokens a second that flow into the share (> 0).
            capacity: the most it holds, apart from `level`.
            ahead: seconds whose inflow is in `level` already.
        """
        with self._lock:
            self.inflow, self.capacity = inflow, max(capacity, level)
            self._level = level - (self.taken - told)
            self._at = now + ahead

    def level(self, now: float) -> float:
        """Tokens there now; below 0 when some wait for theirs."""
        with self._lock:
            return self._flow(now)

    def _flow(self, now: float) -> float:
        # A thread may come a little late with its time: the level never falls by itself.
        if now > self._at:
            self._level = min(self.capacity, self._level + (now - self._at) * self.inflow)
            self._at = now
        return self._level


class Buckets:
    """A bucket for each key, at most so many: one that is full can be forgotten.

    Attributes:
        sharing: what keeps them in step with other processes; None when there are none.
        seen: the configured state that `sharing` was made for.
    """

    __slots__ = ("__weakref__", "_by_key", "_lock", "capacity", "most", "rate", "seen", "sharing")

    def __init__(self, rate: float, capacity: float, most: int = 10_000) -> None:
        self.sharing: Any = None
        self.seen: object = self
        self.rate = rate
        self.capacity = capacity
        self.most = most
        self._by_key: OrderedDict[Hashable, TokenBucket] = OrderedDict()
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()
        for bucket in self._by_key.values():
            bucket._renew()  # noqa: SLF001  ours; a lock held at a fork is never released

    def bucket(self, key: Hashable, now: float) -> TokenBucket:
        """The bucket of a key: the same one every time, as long as it is not full again."""
        with self._lock:
            bucket = self._by_key.get(key)
            if bucket is None:
                self._make_place(now)
                bucket = self._by_key[key] = TokenBucket(self.rate, self.capacity, now)
            else:
                self._by_key.move_to_end(key)
            return bucket

    def items(self) -> list[tuple[Hashable, TokenBucket]]:
        """Every bucket there is, with its key."""
        with self._lock:
            return list(self._by_key.items())

    def _make_place(self, now: float) -> None:
        for _ in range(_MOST_SKIPPED):
            if len(self._by_key) < self.most:
                return
            key, bucket = self._by_key.popitem(last=False)
            if bucket.level(now) < bucket.capacity:
                self._by_key[key] = bucket  # looked at again after all others
