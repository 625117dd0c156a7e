"""How many retries a pipeline can afford, so that they never double the load on an ill target."""

from __future__ import annotations

from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from reliai._core.forking import renew_after_fork
from reliai.decisions.window import TimeWindow
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.decisions.fleet_window import FleetWindow

__all__ = ["RetryBudget"]

_ONE: Final = 1_000_000_000  # one retry, in whole parts: shares of it add up without rounding


class RetryBudget:
    """A limit on retries (and hedges) as a share of first attempts.

    In any `ttl` seconds there are at most `ratio` retries for each first attempt, and
    `min_per_second * ttl` besides, so that a quiet program may retry too. Only first attempts pay
    in: retries never earn retries. One budget may be shared by many pipelines and threads.

    One that has a name is one budget for all processes that share a state: what they pay in and
    spend they tell one another each 0.2 s, `min_per_second` is that of all together, and while the
    store is away each goes on with what it knows. One without a name is this process's own.

    Args:
        ratio: retries for each first attempt, 0 or more; 0.2 is one retry for five calls.
        min_per_second: retries a second that need no first attempt, 0 or more.
        ttl: seconds for which a first attempt counts, and a retry is held against the budget;
            both are forgotten up to a sixtieth of that early (a twentieth where it is shared).
        name: what processes that share it know it by.
        state: where they share it, a URL or a state; by default what `configure(state=)` says.

    Raises:
        ConfigurationError: a value is out of its range, no retry would ever be allowed, or there
            is a `state` and no `name`.

    Example:
        >>> budget = RetryBudget(ratio=0.5, min_per_second=0.0)
        >>> budget.deposit(now=0.0)
        >>> budget.withdraw(now=0.0)
        False
        >>> budget.deposit(now=1.0)
        >>> budget.withdraw(now=1.0)
        True
    """

    __slots__ = (
        "__weakref__",
        "_fold_at",
        "_lock",
        "_pending",
        "_pending_since",
        "_reserve",
        "_share",
        "_window",
        "min_per_second",
        "name",
        "ratio",
        "seen",
        "sharing",
        "state",
        "ttl",
    )

    def __init__(
        self,
        ratio: float = 0.2,
        min_per_second: float = 1.0,
        ttl: float = 10.0,
        *,
        name: str | None = None,
        state: Any = None,
    ) -> None:
        _at_least_zero("ratio", ratio, "retries for each first attempt")
        _at_least_zero("min_per_second", min_per_second, "retries a second")
        _at_least_zero("ttl", ttl, "seconds")
        self.name = name
        self.ratio = ratio
        self.min_per_second = min_per_second
        self.ttl = ttl
        self._share = round(ratio * _ONE)
        self._reserve = round(min_per_second * ttl * _ONE)
        if not ttl or not (self._share or self._reserve >= _ONE):
            raise ConfigurationError(
                f"{self!r} would never allow a retry; give ratio above 0, or min_per_second * ttl "
                "of 1 or more. To retry never, leave Retry out"
            )
        if name is not None and not (isinstance(name, str) and name):
            raise ConfigurationError(
                f"RetryBudget(name={name!r}): must be a text that is not empty, or None"
            )
        if state is not None and name is None:
            raise ConfigurationError(
                f"RetryBudget(state={state!r}) is shared under a name; give name= too, or leave "
                "state out"
            )
        self.state = state
        self.sharing: Any = None
        """What keeps it in step with other processes; None when there are none."""
        self.seen: object = self
        """The configured state that `sharing` was made for."""
        self._renew()
        renew_after_fork(self)
        # Its calls are first attempts, its failures the retries they paid for.
        self._window: TimeWindow | FleetWindow = TimeWindow(ttl)
        # First attempts of the present bucket wait here, so that paying in takes no lock.
        self._pending = 0
        self._pending_since = self._fold_at = -inf

    def _renew(self) -> None:
        self._lock = Lock()  # in a forked child nobody is there to release it

    def deposit(self, now: float) -> None:
        """Pay in for a first attempt made at `now` (seconds of the monotonic clock)."""
        if now < self._fold_at:
            self._pending += 1
            return
        with self._lock:
            self._fold()
            self._window.record(now, False, False)  # noqa: FBT003
            self._pending_since, self._fold_at = now, self._window.bucket_end

    def _fold(self) -> None:
        """Put the first attempts that wait into the bucket they were made in."""
        pending = self._pending
        if pending:
            self._pending -= pending
            self._window.add(self._pending_since, pending, 0, 0)

    def withdraw(self, now: float) -> bool:
        """Ask for one retry, before waiting for it; True: it is granted and paid."""
        with self._lock:
            if self._left(now) < _ONE:
                return False
            self._window.add(now, 0, 1, 0)
            self._pending_since, self._fold_at = now, self._window.bucket_end
            return True

    def balance(self, now: float) -> float:
        """How many retries could be granted now; negative while older retries outweigh."""
        with self._lock:
            return self._left(now) / _ONE

    def count_in(self, made: Callable[[TimeWindow | FleetWindow], FleetWindow]) -> None:
        """Go on with the window that `made` gives for the present one; for who keeps it in step."""
        with self._lock:
            self._fold()
            window = made(self._window)
            if window is not self._window:
                self._window, self._fold_at = window, -inf

    def _left(self, now: float) -> int:
        self._fold()
        attempts, retries, _ = self._window.counts(now)
        return self._reserve + attempts * self._share - retries * _ONE

    def __repr__(self) -> str:
        name = "" if self.name is None else f", name={self.name!r}"
        return (
            f"RetryBudget(ratio={self.ratio!r}, min_per_second={self.min_per_second!r}, "
            f"ttl={self.ttl!r}{name})"
        )


def _at_least_zero(name: str, value: object, unit: str) -> None:
    if isinstance(value, int | float) and not isinstance(value, bool) and 0.0 <= value < inf:
        return
    raise ConfigurationError(f"{name}={value!r} must be a number of {unit}, 0 or more")
