"""How long a run waits for a circuit breaker of its target: for one break, not for an outage."""

from __future__ import annotations

from math import inf
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from reliai._core.record_parts import ErrorInfo
from reliai.errors import BreakerVerdict, CircuitOpen, ErrorKind

if TYPE_CHECKING:
    from reliai._core.outcome import Outcome

__all__ = ["Outages"]

_UNKNOWN: Final = 30.0
"""Seconds that a break is taken to last when its circuit does not say."""

_PROBING: Final = 30.0
"""Seconds after a break in which something has to go well, where no failure of a probe is seen."""


_SOON: Final = 5.0


class Outages:
    """The breaks of one run's circuits. For several threads.

    A break is waited for once. When the target fails again after it, and nothing has gone well in
    between, the target is down: tries that are refused fail with the error that opened the circuit.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._ends: dict[str, float] = {}
        self._failed_at = 0.0
        self._last: ErrorInfo | None = None

    def served(self) -> None:
        """Something went well."""
        if self._ends:
            with self._lock:
                self._ends.clear()

    def failed(self, outcome: Outcome, started: float) -> None:
        """An attempt that began then (monotonic) failed: at the target, or by a refusal only."""
        reached = _reached(outcome)
        if reached is not None:
            with self._lock:
                self._last = reached
                self._failed_at = max(self._failed_at, started)

    def patience(self, refusal: CircuitOpen, now: float) -> float | None:
        """Seconds that a try which was refused now (monotonic) waits at most; None: not at all."""
        wait = _UNKNOWN if refusal.retry_after is None else refusal.retry_after
        with self._lock:
            ends = self._ends.setdefault(refusal.name, now + wait)
            if now < ends:
                return inf
            if self._failed_at >= ends or now >= ends + _PROBING:
                return None
            return _SOON  # others probe; what they find out is known before the next break is over

    def reason(self, refusal: CircuitOpen) -> ErrorInfo:
        """What is told of a try that was refused for good: the error that opened the circuit."""
        last = self._last
        if last is None:
            return ErrorInfo.of(refusal, ErrorKind.REJECTED)
        since = f"asked no more since: circuit {refusal.name!r} is open"
        return last._replace(message=f"{last.message}; {since}" if last.message else since)


def _reached(outcome: Outcome) -> ErrorInfo | None:
    """The failure of a call that reached the target; None where a breaker would not count it."""
    failure: Any = outcome.failure
    if not isinstance(outcome.error, CircuitOpen):
        counts = failure.verdict.breaker is BreakerVerdict.FAILURE
        return ErrorInfo.of(outcome.error, failure.kind) if counts and outcome.error else None
    attempts = () if outcome.record is None else outcome.record.attempts
    told = (each.error for each in reversed(attempts))  # of a Retry that a refusal has ended
    return next((each for each in told if each and each.kind != ErrorKind.REJECTED), None)
