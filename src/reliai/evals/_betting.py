"""Bounds of a mean that hold whenever one stops to look. Needs numpy.

Who bets against a mean that is the true one wins nothing in the long run, whatever is staked: a
capital that grew 20-fold is as surprising as a p-value of 0.05, and at whatever time (Waudby-Smith
and Ramdas 2024, JRSS B 86, 1-27). Here a hundred stakes are mixed, so the order does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from reliai.evals._columns import Floats

__all__ = ["Bets"]

_STAKES: Final = (np.arange(100) + 0.5) / 100.0
"""Shares of what a bet may lose at most."""

_STEPS: Final = 40


@dataclass(frozen=True)
class Bets:
    """Bets on the mean of independent values.

    Attributes:
        values: shape (n,), in [0, 1].
    """

    values: Floats

    @cached_property
    def _seen(self) -> tuple[Floats, Floats]:
        """Each value that there is, and how often."""
        found, counts = np.unique(np.round(self.values, 9), return_counts=True)
        return found, counts.astype(np.float64)

    def lower(self, confidence: float) -> float:
        """The lower bound: the largest mean that was won against often enough."""
        return _largest(*self._seen, confidence)

    def upper(self, confidence: float) -> float:
        """The upper bound."""
        found, counts = self._seen
        return 1.0 - _largest(1.0 - found, counts, confidence)

    def p_below(self, limit: float) -> float:
        """How surprising so low a mean is where the true one is the limit, or more."""
        found, counts = self._seen
        if limit <= 0.0 or limit <= found[0]:
            return 1.0
        if limit >= 1.0:
            return 0.0
        return float(min(1.0, np.exp(-_capital(1.0 - found, counts, 1.0 - limit))))


def _capital(values: Floats, counts: Floats, mean: float) -> float:
    """The logarithm of what bets on more than a mean won: it falls with the mean."""
    grown = np.log1p(np.outer(values / mean - 1.0, _STAKES))
    logs = counts @ grown
    return float(np.logaddexp.reduce(logs) - log(len(_STAKES)))


def _largest(values: Floats, counts: Floats, confidence: float) -> float:
    wanted, low, high = -log(1.0 - confidence), 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2.0
        low, high = (middle, high) if _capital(values, counts, middle) >= wanted else (low, middle)
    return low
