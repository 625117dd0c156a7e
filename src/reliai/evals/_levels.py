"""The evidence about a level: whether a mean is at least, or at most, what it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from reliai.evals._betting import Bets
from reliai.evals._bounded import Bounded, sample_of

if TYPE_CHECKING:
    from reliai.evals._columns import Floats

__all__ = ["Level", "LevelEvidence", "level_evidence"]


@dataclass(frozen=True, slots=True)
class Level:
    """What is known of each case, of a number of which more is better.

    Attributes:
        mean: shape (n,), NaN for none.
        lost: shape (n,), the share of the tries that are missing.
        groups: of the cases; None where each stands for itself.
        low, high: the least and the most that it can be.
        weights: shape (n,), the probability with which each case was captured; None for a plain
            mean.
    """

    mean: Floats
    lost: Floats
    groups: tuple[object, ...] | None
    low: float
    high: float
    weights: Floats | None = None

    @property
    def bounded(self) -> Bounded:
        """Without the values."""
        return Bounded(self.groups, self.low, self.high, self.weights)

    def filled(self, value: float) -> Floats:
        """The means, with what is missing put at a value."""
        return np.nan_to_num(self.mean) * (1.0 - self.lost) + value * self.lost


@dataclass(frozen=True, slots=True)
class LevelEvidence:
    """What a run tells of a level.

    Attributes:
        estimate: mean of the cases that have one; None without any.
        low, high: one-sided confidence bounds of the mean over all cases, what is missing counted
            as the least and as the most; None where the data cannot tell.
        least, most: the mean if all that is missing were the least, or the most: no chance in it.
        p_below: how likely chance gives so low a mean where the true one is the limit.
        n, units: cases, and groups of them.
        variance: of one case, with what clusters add; None for unknown.
        missing: cases without a number, in parts where some tries have one.
        note: what to say of it.
    """

    estimate: float | None
    low: float | None
    high: float | None
    least: float | None
    most: float | None
    p_below: float | None
    n: int
    units: int
    variance: float | None
    missing: float
    note: str = ""


def level_evidence(
    level: Level, limit: float, confidence: float, *, stopped: bool = False
) -> LevelEvidence:
    """What there is for, and against, a mean of at least `limit`.

    Args:
        level: what is known of each case.
        limit: what the mean should be at least.
        confidence: of each one-sided bound.
        stopped: whether the run was ended by what it showed, so that only bounds hold which hold
            whenever one looks; there are none of groups and of weights.
    """
    n, missing = len(level.mean), float(level.lost.sum())
    known = ~np.isnan(level.mean)
    if not n:
        none = (None, None, None, None, None, None)
        return LevelEvidence(*none, n=0, units=0, variance=None, missing=missing, note="no cases")
    weights = level.weights
    worst, best = level.filled(level.low), level.filled(level.high)
    lowest = sample_of(worst, level.bounded, confidence)
    highest = sample_of(best, level.bounded, confidence) if missing else lowest
    low, high = lowest.lower(confidence), highest.upper(confidence)
    bounds: tuple[float | None, float | None, float | None]
    bounds = (low, high, highest.p_below(limit))
    if stopped:
        bounds = _whenever(level, worst, best, limit, confidence)
    return LevelEvidence(
        estimate=_mean(level.mean[known], None if weights is None else weights[known]),
        low=bounds[0],
        high=bounds[1],
        least=_mean(worst, weights),
        most=_mean(best, weights),
        p_below=bounds[2],
        n=n,
        units=lowest.units,
        variance=None if lowest.error is None else lowest.error**2 * n,
        missing=missing,
        note=lowest.note,
    )


def _mean(values: Floats, weights: Floats | None) -> float | None:
    if not len(values):
        return None
    if weights is None:
        return float(values.mean())
    return float(values @ (1.0 / weights) / (1.0 / weights).sum())


def _whenever(
    level: Level, worst: Floats, best: Floats, limit: float, confidence: float
) -> tuple[float | None, float | None, float | None]:
    """Bounds, and a p-value, that hold whenever the run was ended."""
    if level.groups is not None or level.weights is not None:
        return None, None, None
    span = level.bounded.span
    below, above = (Bets((each - level.low) / span) for each in (worst, best))
    low, high = below.lower(confidence), above.upper(confidence)
    p_below = above.p_below((limit - level.low) / span)
    return level.low + span * low, level.low + span * high, p_below
