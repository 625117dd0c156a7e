"""How many calls a target bears at once, found out by trying: more while it is well, else fewer.

Additive increase, multiplicative decrease (Chiu and Jain 1989), as TCP does it: each call that
went well while the places were in use makes a little more room, one overload takes a tenth away.
A target that answers ever later is overloaded too: its time to the first chunk is held against the
time it took when it was well (Brakmo and Peterson 1995 do so with round trips).
"""

from __future__ import annotations

from math import inf
from threading import Lock
from typing import Final

from reliai._core.forking import renew_after_fork

__all__ = ["AdaptiveLimiter"]

_DECREASE: Final = 0.9
_SLOW: Final = 2.0
"""How many times the usual time counts as slow."""
_RECENT: Final = 1 / 8
_USUAL: Final = 1 / 256
"""What a new time weighs in the recent one, and in the usual one."""
_WARM: Final = 20
"""Times that have to be seen before any counts as slow."""


class AdaptiveLimiter:
    """The limit itself. It holds no calls: who runs and who waits is `Places`' affair.

    Args:
        initial, minimum, maximum: calls at the same time.
    """

    __slots__ = (
        "__weakref__",
        "_level",
        "_lock",
        "_quiet_until",
        "_recent",
        "_seen",
        "_usual",
        "maximum",
        "minimum",
    )

    def __init__(self, initial: float, minimum: float, maximum: float) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self._level = float(initial)
        self._recent = self._usual = 0.0
        self._seen = 0
        self._quiet_until = -inf
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()

    @property
    def limit(self) -> int:
        """Calls at the same time."""
        return int(self._level)

    @property
    def usual(self) -> float:
        """Seconds to the first chunk while the target is well; 0.0 while none is known."""
        return self._usual

    def went_well(self, now: float, running: int, seconds: float | None) -> int:
        """Take in a call that succeeded.

        Args:
            now: the time.
            running: calls that ran while it did, itself included.
            seconds: how long its first chunk took; None when that says nothing.

        Returns:
            The limit from now on.
        """
        with self._lock:
            if seconds is not None and self._is_slow(seconds):
                return self._lower(now)
            # Who uses half of the places or less learns nothing about having more.
            if running * 2 >= self._level:
                self._level = min(self.maximum, self._level + 1 / self._level)
            return int(self._level)

    def overloaded(self, now: float) -> int:
        """Take in a call that its target was too busy for; the limit from now on."""
        with self._lock:
            return self._lower(now)

    def _lower(self, now: float) -> int:
        # Calls that ran together fail together: one burst of them counts once.
        if now >= self._quiet_until:
            self._level = max(self.minimum, self._level * _DECREASE)
            self._quiet_until = now + max(self._recent, self._usual)
        return int(self._level)

    def _is_slow(self, seconds: float) -> bool:
        self._seen += 1
        if self._seen == 1:
            self._recent = self._usual = seconds
            return False
        self._recent += (seconds - self._recent) * _RECENT
        if self._seen <= _WARM or self._recent < self._usual:
            # Faster is believed at once: what was usual was slow.
            self._usual += (seconds - self._usual) * max(_RECENT, 1 / self._seen)
            return False
        self._usual += (self._recent - self._usual) * _USUAL
        return self._recent > self._usual * _SLOW
