"""Scores of cases that were tried several times: what varies between them, and within one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from reliai.stats._arrays import numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["VarianceComponents", "variance_components"]

_WHERE: Final = "variance_components"


@dataclass(frozen=True, slots=True)
class VarianceComponents:
    """Where the variance of repeated scores comes from.

    Attributes:
        mean: of the cases' means; None without any.
        standard_error: of the mean, over cases; None for less than two.
        within_variance: of the scores of one case, on average over the cases tried twice or more;
            None without such. The `within_variances` of `sample_size`.
        observed_variance: over cases, of their means; None for less than two cases.
        between_variance: over cases, of their true means: what is observed less what the repeats
            explain, 0 at least; None where one of the two is. The `between_variance` of
            `sample_size` where the scores are differences.
        cases: number of cases with a score.
        scores: number of scores.
    """

    mean: float | None
    standard_error: float | None
    within_variance: float | None
    observed_variance: float | None
    between_variance: float | None
    cases: int
    scores: int


def variance_components(scores: Iterable[Iterable[float]]) -> VarianceComponents:
    """The mean over cases with its standard error, and the variance between and within them.

    Pooling all scores as if they were independent makes the standard error too small; that of the
    cases' means is right, and for as many tries of each case the same as clustering on the case
    (Miller 2024, arXiv 2411.00640, section 3). The split is the analysis of variance of one random
    factor (Searle, Casella and McCulloch 1992, Variance Components, chapter 3).

    Args:
        scores: the scores of each case, finite, any unit; cases may have been tried less often than
            others, and one without scores is left out.

    Raises:
        ConfigurationError: a score is not finite.

    Example:
        >>> parts = variance_components([[1, 1, 1, 1], [1, 0, 1, 1], [0, 0, 0, 1]])
        >>> round(parts.mean, 3), round(parts.within_variance, 3)
        (0.667, 0.167)
    """
    rows = [numbers(_WHERE, f"scores[{i}]", each) for i, each in enumerate(scores)]
    rows = [row for row in rows if len(row)]
    count = len(rows)
    if not count:
        return VarianceComponents(None, None, None, None, None, 0, 0)
    means = np.asarray([row.mean() for row in rows])
    repeated = [float(row.var(ddof=1)) for row in rows if len(row) > 1]
    within = float(np.mean(repeated)) if repeated else None
    observed = float(means.var(ddof=1)) if count > 1 else None
    between = None
    if observed is not None and within is not None:
        explained = within * float(np.mean([1.0 / len(row) for row in rows]))
        between = max(0.0, observed - explained)
    return VarianceComponents(
        float(means.mean()),
        (observed / count) ** 0.5 if observed is not None else None,
        *(within, observed, between, count, sum(map(len, rows))),
    )
