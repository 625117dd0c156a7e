"""Whether a failed attempt is made again: for the transport, never for a wrong answer."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import BulkheadFull, CircuitOpen, ErrorKind, RateLimited

if TYPE_CHECKING:
    from random import Random

    from reliai._core.outcome import Outcome
    from reliai.providers import Failure

__all__ = ["LONGEST_WAIT", "PATIENCE", "Persistence", "is_pacing"]

PATIENCE: Final = 300.0
"""Seconds that a trial waits in all for a provider that asks it to come later."""

LONGEST_WAIT: Final = 30.0
_FIRST_WAIT: Final = 0.5
_TRANSPORT: Final = frozenset(
    (ErrorKind.CONNECTION, ErrorKind.SERVER, ErrorKind.TIMEOUT, ErrorKind.CONFLICT)
)
_PACING: Final = frozenset((ErrorKind.RATE_LIMITED, ErrorKind.OVERLOADED))
_OWN_PACING: Final = (RateLimited, BulkheadFull, CircuitOpen)


def is_pacing(failure: Failure, error: BaseException | None) -> bool:
    """Whether somebody asks to come more slowly: such a trial is only put off."""
    return failure.kind in _PACING or isinstance(error, _OWN_PACING)


class Persistence:
    """What is left to one trial.

    Attributes:
        retries: that were made.
    """

    __slots__ = ("_left", "_once", "_random", "_waited", "retries")

    def __init__(self, retries: int, effects: str, random: Random) -> None:
        self.retries = 0
        self._left = retries
        self._waited = 0.0
        self._once = effects == "once"
        self._random = random

    def wait(self, outcome: Outcome, at_most: float = inf) -> float | None:
        """Seconds until the next attempt; None when there is none.

        Args:
            outcome: of the attempt before.
            at_most: seconds that an answer which says when to come again is heeded.
        """
        failure: Any = outcome.failure
        if failure is None or (self._once and failure.sent is not False):
            return None
        if is_pacing(failure, outcome.error):
            later = failure.retry_after
            return self.put_off(None if later is None else min(later, at_most))
        if failure.kind not in _TRANSPORT or failure.programming or self._left <= 0:
            return None
        self._left -= 1
        self.retries += 1
        return self._jittered(self.retries)

    def put_off(self, retry_after: float | None = None) -> float | None:
        """Seconds until an attempt that comes too early is made again; None when it is not."""
        self.retries += 1
        seconds = self._jittered(self.retries)
        if retry_after is not None:  # never earlier, and not all at the same time
            seconds = retry_after + min(seconds, 1.0 + retry_after * 0.1)
        if self._waited + seconds > PATIENCE:
            self.retries -= 1
            return None
        self._waited += seconds
        return seconds

    def _jittered(self, number: int) -> float:
        most = min(LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(number - 1, 10))
        return most * (0.5 + 0.5 * self._random.random())
