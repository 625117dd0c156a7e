"""Bounds of the mean of numbers that have a least and a most. Needs numpy and scipy.

All of them are those of a share (Clopper and Pearson 1934): of as many independent cases as would
vary as much. For passes and fails that is their number, and the bounds are exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from reliai._needs import needed

if TYPE_CHECKING:
    from reliai.evals._columns import Floats

__all__ = ["ENOUGH", "Bounded", "Sample", "sample_of"]

ENOUGH: Final = 5
"""Units that differ, from which on a drop can be significant, and a spread be relied on."""

_NOISE: Final = 1e-9

_MANY: Final = 1e9

_CONSTANT: Final = "all values are the same: the bounds rest on their number"


@dataclass(frozen=True, slots=True)
class Bounded:
    """What is known of values besides them.

    Attributes:
        groups: of the cases; None where each stands for itself.
        low, high: the least and the most that a value can be.
        weights: shape (n,), the probability with which each case was captured; None for a plain
            mean.
    """

    groups: tuple[object, ...] | None
    low: float
    high: float
    weights: Floats | None = None

    @property
    def span(self) -> float:
        """The largest difference that there can be."""
        return max(self.high - self.low, _NOISE)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a sample tells of a mean.

    Attributes:
        low, high: the least and the most that a value can be.
        usual: from where losses and gains are counted: `high` and `low`, or, where nearly all have
            one value between, that one for both.
        n: independent cases that would tell as much.
        losses, gains: how many of them would have to be `low`, instead of usual, or `high`.
        units: cases, or groups of them.
        error: standard error of the mean; None for none.
        note: what to say of it.
    """

    low: float
    high: float
    usual: tuple[float, float]
    n: float
    losses: float
    gains: float
    units: int
    error: float | None
    note: str = ""

    def lower(self, confidence: float) -> float:
        """The one-sided lower bound of the mean."""
        top = self.usual[0]
        return top - (top - self.low) * _most(self.losses, self.n, confidence)

    def upper(self, confidence: float) -> float:
        """The one-sided upper bound of the mean."""
        bottom = self.usual[1]
        return bottom + (self.high - bottom) * _most(self.gains, self.n, confidence)

    def p_below(self, limit: float) -> float:
        """How likely chance gives so low a mean where the true one is the limit."""
        bottom = self.usual[1]
        if limit > self.high:
            return 0.0
        if limit <= bottom or self.gains >= self.n - _NOISE:
            return 1.0
        share = (limit - bottom) / (self.high - bottom)
        betainc = needed("scipy.special", "stats").betainc
        return float(betainc(self.n - self.gains, self.gains + 1.0, 1.0 - share))


def sample_of(values: Floats, level: Bounded, confidence: float) -> Sample:
    """What values tell of their mean.

    How many independent cases would tell as much is `share (1 - share) / variance`, with the
    variance robust to groups and weights, less what estimating it of few groups takes away: Korn
    and Graubard (1998), Survey Methodology 24, 193-201. A spread of units of which fewer than five
    differ is not to be relied on: then it is their number that counts, the heaviest at its weight.
    Weights never tell more than Kish's number: of what stands for much there may be few.

    Args:
        values: shape (n,), n > 0, in the level's range.
        level: whose groups, weights and range they have.
        confidence: of the bounds that are asked for.
    """
    units = _units_of(values, level)
    common, count = _commonest(units.means, level.span)
    few = len(units.means) - count < min(ENOUGH, count)
    constant = count == len(units.means)
    inside = _NOISE * level.span < common - level.low < (1.0 - _NOISE) * level.span
    if few and inside:
        return _around(common, units, level, constant=constant)
    low, high, span = level.low, level.high, level.span
    share = min(1.0, max(0.0, (units.mean - low) / span))
    error, plain = units.error, level.groups is None and level.weights is None
    if plain and bool(((values == low) | (values == high)).all()):
        n = float(len(values))
    elif few or error is None:
        n = float(units.weights.sum() / units.weights.max())
    else:
        worth = _worth(len(units.means), confidence)
        n = min(_MANY, worth * share * (1.0 - share) / (error / span) ** 2)
        n = n if level.weights is None else min(n, units.kish)
    if error is None:
        error = span * (max(n * share, 1.0) * max(n * (1.0 - share), 1.0) / n**3) ** 0.5
    ends, note = (high, low), "" if plain or not constant else _CONSTANT
    return Sample(low, high, ends, n, n * (1.0 - share), n * share, len(units.means), error, note)


@dataclass(frozen=True, slots=True)
class _Units:
    """Cases, or groups of them: what varies by itself.

    Attributes:
        means, weights: of each.
        mean: of all.
        error: its standard error, robust to what cases of one group have in common; None for none.
    """

    means: Floats
    weights: Floats
    mean: float
    error: float | None

    @property
    def kish(self) -> float:
        """Units of one weight that would tell as much (Kish 1965, Survey Sampling)."""
        return float(self.weights.sum() ** 2 / (self.weights @ self.weights))


def _units_of(values: Floats, level: Bounded) -> _Units:
    chances = level.weights
    weights = np.ones(len(values)) if chances is None else chances.min() / chances
    seen: dict[object, int] = {}
    labels = range(len(values)) if level.groups is None else level.groups
    codes = np.asarray([seen.setdefault(each, len(seen)) for each in labels], dtype=np.intp)
    heavy = np.bincount(codes, weights=weights).astype(np.float64)
    total, n = float(heavy.sum()), len(heavy)
    mean = float(weights @ values) / total
    sums = np.bincount(codes, weights=weights * (values - mean))
    error = float(np.sqrt(n / max(1, n - 1) * (sums @ sums)) / total)
    means = np.bincount(codes, weights=weights * values) / heavy
    return _Units(means, heavy, mean, error if n > 1 and error > _NOISE * level.span / n else None)


def _around(common: float, units: _Units, level: Bounded, *, constant: bool) -> Sample:
    """Where nearly all units have one value between the ends: few are below it, or above."""
    low, high, scale = level.low, level.high, units.weights / units.weights.max()
    losses = float(scale @ np.maximum(0.0, common - units.means)) / (common - low)
    gains = float(scale @ np.maximum(0.0, units.means - common)) / (high - common)
    error, note = (None, _CONSTANT) if constant else (units.error, "")
    n = float(scale.sum())
    return Sample(low, high, (common, common), n, losses, gains, len(scale), error, note)


def _most(count: float, n: float, confidence: float) -> float:
    """The largest share of which so many in n are not surprising (Clopper and Pearson 1934)."""
    if count >= n - _NOISE:
        return 1.0
    return float(needed("scipy.special", "stats").betaincinv(count + 1.0, n - count, confidence))


def _commonest(means: Floats, span: float) -> tuple[float, int]:
    """The value that most units have, and how many do."""
    found, counts = np.unique(np.round(means / span, 9), return_counts=True)
    at = int(counts.argmax())
    return float(found[at] * span), int(counts[at])


def _worth(units: int, confidence: float) -> float:
    """What a variance that was estimated of so many units is worth."""
    special = needed("scipy.special", "stats")
    return float((special.ndtri(confidence) / special.stdtrit(units - 1, confidence)) ** 2)
