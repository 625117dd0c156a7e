"""Refusing by oneself what an overloaded target would refuse anyhow, before it is asked.

The formula of Google's "Site Reliability Engineering" (Beyer and others 2016, chapter 21): with
`requests` made and `accepts` answered in the window, a call is refused with probability
max(0, (requests - k * accepts) / (requests + 1)). Some always get through, and tell when that ends.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from reliai._core.forking import renew_after_fork
from reliai.decisions.window import TimeWindow

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Throttle"]


class Throttle:
    """The counts and the decision of one target; safe to use from any thread.

    Args:
        k: requests made for each that is answered, above which some are refused (> 1).
        window: seconds that are looked back on (> 0).
        most: the highest probability of a refusal, in (0, 1).
        draw: gives a number in [0, 1).
    """

    __slots__ = ("__weakref__", "_draw", "_lock", "_window", "k", "most")

    def __init__(self, k: float, window: float, most: float, draw: Callable[[], float]) -> None:
        self.k = k
        self.most = most
        self._draw = draw
        self._window = TimeWindow(window)  # its failures are the requests that were not accepted
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()

    def refusal(self, now: float) -> float:
        """The probability of a refusal that was drawn now; 0.0: the call may pass.

        A call that is refused counts as a request.
        """
        with self._lock:
            chance = self._chance(now)
            if chance <= 0.0 or self._draw() >= chance:
                return 0.0
            self._window.record(now, True, False)  # noqa: FBT003  as one that was not accepted
            return chance

    def record(self, now: float, *, accepted: bool) -> None:
        """Take in how a call that passed went: whether its target answered it at all."""
        with self._lock:
            self._window.record(now, not accepted, False)  # noqa: FBT003

    def chance(self, now: float) -> float:
        """The probability with which a call is refused now."""
        with self._lock:
            return self._chance(now)

    def _chance(self, now: float) -> float:
        requests, refused, _ = self._window.counts(now)
        over = requests - self.k * (requests - refused)
        return min(self.most, max(0.0, over / (requests + 1)))
