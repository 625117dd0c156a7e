"""The half-open spell of a circuit: who may try the target, and what their results decide.

Part of the circuit, which holds the lock.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reliai.decisions.circuit_settings import CircuitSettings

__all__ = ["Probes"]


class Probes:
    """Counts of one half-open spell. A probe is out until its result is taken or it is dropped."""

    __slots__ = ("calls", "failures", "out", "slow")

    def __init__(self) -> None:
        self.out: dict[int, float] = {}
        """When each probe that is out was admitted, by permit."""
        self.calls = self.failures = self.slow = 0

    def clear(self) -> None:
        """Begin afresh; whatever is still out is forgotten, so its result will be late."""
        self.out.clear()
        self.calls = self.failures = self.slow = 0

    def has_place(self, settings: CircuitSettings) -> bool:
        """Whether another probe may go out."""
        return len(self.out) + self.calls < settings.probes

    def take(self, permit: int) -> bool:
        """Give back the place of a probe; False when it is not (or no longer) out."""
        return self.out.pop(permit, None) is not None

    def drop_hung(self, now: float, after: float) -> bool:
        """Forget the probes that have been out for `after` seconds; say whether there were any."""
        hung = [permit for permit, since in self.out.items() if now >= since + after]
        for permit in hung:
            del self.out[permit]
        return bool(hung)

    def wait(self, now: float, after: float) -> float:
        """Seconds until the oldest probe counts as hung; 0.0 when none is out."""
        return max(0.0, min(self.out.values(), default=-inf) + after - now)

    def record(self, settings: CircuitSettings, *, failed: bool, slow: bool) -> bool | None:
        """Count a result and say whether the target is well, as soon as that is certain.

        Returns:
            True: however the remaining probes end, the rates stay below their limits. False: they
            are reached already. None: the remaining probes decide.
        """
        self.calls += 1
        self.failures += failed
        self.slow += slow
        total = settings.probes
        left = total - self.calls
        slow_rate = settings.slow_rate if settings.slow_call is not None else 2.0  # never reached
        if self.failures / total >= settings.failure_rate or self.slow / total >= slow_rate:
            return False
        worst = (self.failures + left) / total, (self.slow + left) / total
        return True if worst[0] < settings.failure_rate and worst[1] < slow_rate else None
