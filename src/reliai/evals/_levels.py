"""The evidence about a level: whether a mean is at least, or at most, what it should be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from reliai._needs import needed
from reliai.evals._paired import uneven
from reliai.stats import mean_interval, production_estimate

if TYPE_CHECKING:
    from reliai.evals._columns import Floats
    from reliai.stats import Interval

__all__ = ["Level", "LevelEvidence", "level_evidence"]

_NOISE: Final = 1e-12


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


def level_evidence(level: Level, limit: float, confidence: float) -> LevelEvidence:
    """What there is for, and against, a mean of at least `limit`."""
    n, missing = len(level.mean), float(level.lost.sum())
    known = ~np.isnan(level.mean)
    if not n:
        none = (None, None, None, None, None, None)
        return LevelEvidence(*none, n=0, units=0, variance=None, missing=missing, note="no cases")
    groups = level.groups
    units = n if groups is None else len(set(groups))
    weights = level.weights
    estimate = _mean(level.mean[known], None if weights is None else weights[known])
    worst, best = level.filled(level.low), level.filled(level.high)
    lowest, error, note = _bounds(worst, level, confidence)
    highest = lowest if not missing else _bounds(best, level, confidence)[0]
    return LevelEvidence(
        estimate=estimate,
        low=lowest[0],
        high=highest[1],
        least=_mean(worst, weights),
        most=_mean(best, weights),
        p_below=_p_below(best, level, limit),
        n=n,
        units=units,
        variance=None if error is None else error**2 * n,
        missing=missing,
        note=note,
    )


def _mean(values: Floats, weights: Floats | None) -> float | None:
    if not len(values):
        return None
    if weights is None:
        return float(values.mean())
    return float(values @ (1.0 / weights) / (1.0 / weights).sum())


def _bounds(
    values: Floats, level: Level, confidence: float
) -> tuple[tuple[float | None, float | None], float | None, str]:
    """One-sided bounds, each at the confidence, the standard error, and a note.

    Of passes and fails they are exact, as is their test: with Wilson's interval, which is good
    two-sided, none of 52 would be fewer than one in 20.
    """
    both = 2.0 * confidence - 1.0
    if level.weights is not None:
        weighted = production_estimate(values, level.weights, confidence=both)
        return (weighted.low, weighted.high), weighted.standard_error, weighted.note
    if _two_valued(values, level) and level.groups is None:
        passed, n, span = int((values == level.high).sum()), len(values), level.high - level.low
        low, high = 1.0 - _most(n - passed, n, confidence), _most(passed, n, confidence)
        error = span * (max(passed, 1) * max(n - passed, 1) / n**3) ** 0.5
        return (level.low + span * low, level.low + span * high), error, ""
    result = _mean_interval(values, level, both)
    if result.low is not None:
        return (result.low, result.high), result.standard_error, result.note
    if not _constant(values):
        return (None, None), None, result.note
    unseen, mean = _unseen(level, len(values), confidence), float(values[0])
    ends = (mean - (mean - level.low) * unseen, mean + (level.high - mean) * unseen)
    return ends, None, "all values are the same: the bounds rest on their number"


def _mean_interval(values: Floats, level: Level, confidence: float) -> Interval:
    """The interval, robust to groups; the plain one where all groups have the same mean."""
    result = mean_interval(values, cluster=level.groups, confidence=confidence)
    if result.low is None and level.groups is not None and len(set(level.groups)) > 1:
        return mean_interval(values, confidence=confidence)
    return result


def _p_below(values: Floats, level: Level, limit: float) -> float | None:
    if limit <= level.low:
        return 1.0
    if limit > level.high:
        return 0.0
    if level.weights is None and _two_valued(values, level) and level.groups is None:
        passed = int((values == level.high).sum())
        chance = (limit - level.low) / (level.high - level.low)
        return float(needed("scipy.special", "stats").bdtr(passed, len(values), chance))
    if _constant(values):
        return _p_of_constant(float(values[0]), level, limit)
    if level.weights is not None:
        weighted = production_estimate(values, level.weights)
        return _p_of(weighted.estimate, weighted.standard_error, limit, None)
    result = _mean_interval(values, level, 0.95)
    units = result.n if result.clusters is None else result.clusters
    return _p_of(result.estimate, result.standard_error, limit, units - 1)


def _p_of_constant(mean: float, level: Level, limit: float) -> float:
    """The chance to see none of the units that would have to be otherwise."""
    if mean >= limit - _NOISE:
        return 1.0
    units = len(level.mean) if level.groups is None else len(set(level.groups))
    share = (limit - mean) / (level.high - mean) / uneven(level.groups)
    return float((1.0 - share) ** units)


def _p_of(
    estimate: float | None, error: float | None, limit: float, freedom: int | None
) -> float | None:
    if estimate is None or not error:
        return None
    special = needed("scipy.special", "stats")
    z = (estimate - limit) / error
    return float(special.ndtr(z) if freedom is None else special.stdtr(freedom, z))


def _two_valued(values: Floats, level: Level) -> bool:
    return bool(((values == level.low) | (values == level.high)).all())


def _constant(values: Floats) -> bool:
    return float(np.ptp(values)) <= _NOISE * max(1.0, float(np.abs(values).max()))


def _unseen(level: Level, n: int, confidence: float) -> float:
    """The largest share of units that may be otherwise, when none of those seen was."""
    units = n if level.groups is None else len(set(level.groups))
    return min(1.0, (1.0 - float((1.0 - confidence) ** (1.0 / units))) * uneven(level.groups))


def _most(count: int, n: int, confidence: float) -> float:
    """The largest share of which so many in n are not surprising (Clopper and Pearson 1934)."""
    if count >= n:
        return 1.0
    return float(needed("scipy.special", "stats").betaincinv(count + 1, n - count, confidence))
