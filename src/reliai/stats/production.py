"""The score on production traffic, from cases that were captured more often than others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from reliai.stats._arrays import numbers, rounded, same_length
from reliai.stats._checked import share
from reliai.stats._needs import needed

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["ProductionEstimate", "production_estimate"]

_WHERE: Final = "production_estimate"


@dataclass(frozen=True, slots=True)
class ProductionEstimate:
    """Two scores of one dataset, which say different things.

    Attributes:
        challenge: plain mean of the cases: for comparing two systems on the same cases.
        estimate: what the mean on production traffic is likely to be.
        low, high: ends of the confidence interval of `estimate`; None where the data cannot tell.
        standard_error: of `estimate`, or None.
        effective_n: cases of a plain sample that would tell as much (Kish).
        n: cases.
        confidence: of the interval, in (0, 1).
        note: why numbers are missing; "" for nothing to say.
    """

    challenge: float | None
    estimate: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    effective_n: float
    n: int
    confidence: float = 0.95
    note: str = ""


def production_estimate(
    values: Iterable[float],
    inclusion_probability: Iterable[float],
    *,
    confidence: float = 0.95,
) -> ProductionEstimate:
    """The mean on production traffic, estimated from cases that rules captured.

    A dataset that holds every error and 1 % of the rest is not the traffic. Each case stands for
    one over its inclusion probability calls: `sum(w y) / sum(w)` with `w = 1 / probability` (Hajek
    1971, in Foundations of Statistical Inference, 236). Its standard error is the linearised
    `sqrt(sum(w^2 (y - estimate)^2)) / sum(w)`, the same as of a weighted regression on a constant
    with HC0 errors; weights are no counts. The interval is the normal one: with an effective n of
    less than some 30 it is too narrow.

    Args:
        values: shape (n,), finite: the score of each case.
        inclusion_probability: shape (n,), in (0, 1]: the chance with which each was captured.
        confidence: in (0, 1).

    Raises:
        ConfigurationError: a number is out of its range, or the lengths differ.

    Example:
        >>> result = production_estimate([0, 0, 1, 1, 1, 0], [1, 1, 0.01, 0.01, 0.01, 0.01])
        >>> result.challenge, round(result.estimate, 3), round(result.effective_n, 2)
        (0.5, 0.746, 4.04)
    """
    scores = numbers(_WHERE, "values", values)
    chances = numbers(_WHERE, "inclusion_probability", inclusion_probability, above=0.0, high=1.0)
    same_length(_WHERE, "inclusion_probability", len(chances), len(scores))
    confidence = share(_WHERE, "confidence", confidence)
    n = len(scores)
    if not n:
        return ProductionEstimate(
            *(None, None, None, None, None, 0.0, 0), confidence=confidence, note="no cases"
        )
    weights = chances.min() / chances  # of any scale: this one is in (0, 1]
    total = float(weights.sum())
    estimate = float(weights @ scores) / total
    plain, effective = float(scores.mean()), total**2 / float(weights @ weights)
    off = rounded(scores - estimate, float(abs(scores).max()))
    if not off.any():
        note = "all values are the same: how far the estimate may be off cannot be told"
        note = "one case: how far the estimate may be off cannot be told" if n == 1 else note
        return ProductionEstimate(
            *(plain, estimate, None, None, None, effective, n, confidence, note)
        )
    error = float(np.sqrt(np.sum((weights * (scores - estimate)) ** 2))) / total
    reach = float(needed("scipy.special").ndtri((1.0 + confidence) / 2.0)) * error
    return ProductionEstimate(
        *(plain, estimate, estimate - reach, estimate + reach, error, effective, n, confidence)
    )
