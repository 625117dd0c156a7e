"""Percentiles of how long tries took, with intervals from order statistics. Needs numpy."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

import numpy as np

from reliai._needs import needed
from reliai.evals._paired import ENOUGH
from reliai.stats import mean_interval

if TYPE_CHECKING:
    from reliai.evals._columns import Codes, Columns, Flags, Floats

__all__ = ["Quantile", "at_most", "quantile_of"]


@dataclass(frozen=True, slots=True)
class Quantile:
    """A percentile of the latency.

    Attributes:
        estimate: seconds, by nearest rank; None without tries.
        low, high: one-sided confidence bounds; None where there are too few tries for one.
        n: tries that took a known time, or too long.
        missing: tries of which it is not known, because they failed.
        effective_n: independent tries that would tell as much.
    """

    estimate: float | None
    low: float | None
    high: float | None
    n: int
    missing: int
    effective_n: float


def quantile_of(
    columns: Columns, q: float, groups: Codes, confidence: float, *, absent: int = 0
) -> Quantile:
    """A percentile over all tries.

    The bounds are order statistics: the ranks between which the binomial distribution puts the
    percentile (Wilks 1941, Ann. Math. Statist. 12, 91-96). Tries of one case, and cases of one
    group, are alike; their number is divided by the design effect (Kish 1965, Survey Sampling),
    from the cluster-robust variance of being above the percentile. A try that failed may have taken
    any time: it is counted as the quickest for `low`, and as the slowest for `high`; one that ran
    out of time was slower than any ceiling.

    Args:
        columns: of a run.
        q: in (0, 1), as 0.95.
        groups: shape (tries,), what is alike.
        confidence: of each bound.
        absent: tries that were not made, and should have been.
    """
    unknown = columns.failed & ~columns.late
    missing = int(unknown.sum()) + absent
    known = np.sort(columns.duration[~unknown])
    n = len(known)
    if not n:
        return Quantile(None, None, None, 0, missing, 0.0)
    estimate = float(known[max(0, int(np.ceil(q * n - 1e-9)) - 1)])
    effective = _effective(columns.duration[~unknown] > estimate, groups[~unknown])
    floor = _at_rank(
        np.concatenate([np.full(missing, -inf), known]), q, effective, 1.0 - confidence
    )
    took = np.where(columns.late, inf, columns.duration)[~unknown]
    slowest = np.concatenate([np.sort(took), np.full(missing, inf)])
    ceiling = _at_rank(slowest, q, effective, confidence)
    return Quantile(estimate, floor, ceiling, n, missing, effective)


def at_most(estimate: Quantile, other: Quantile, ratio: float) -> tuple[float, float, float]:
    """The difference `estimate - ratio * other` with one-sided bounds.

    From the bounds of the two: Zou and Donner (2008), Statistics in Medicine 27, 1693-1702. The two
    are taken for independent, which is on the cautious side for runs of the same cases. NaN where
    a bound is not known.
    """
    a, a_low, a_high = _three(estimate)
    b, b_low, b_high = (ratio * each for each in _three(other))
    difference = a - b
    low = difference - float(np.hypot(a - a_low, b_high - b))
    high = difference + float(np.hypot(a_high - a, b - b_low))
    return difference, low, high


def _three(quantile: Quantile) -> tuple[float, float, float]:
    ends = (quantile.estimate, quantile.low, quantile.high)
    a, low, high = (float("nan") if each is None else each for each in ends)
    return a, low, high


def _effective(above: Flags, groups: Codes) -> float:
    n, units = len(above), len(np.unique(groups))
    if units == n or units < ENOUGH or not above.any():
        return float(units)
    indicator = above.astype(np.float64)
    clustered = mean_interval(indicator, cluster=groups.tolist()).standard_error
    plain = float(indicator.std(ddof=1)) / n**0.5
    if clustered is None or not plain:
        return float(units)
    return float(n / max(1.0, (clustered / plain) ** 2))


def _at_rank(ordered: Floats, q: float, effective: float, level: float) -> float | None:
    """The order statistic that bounds the percentile; None where it would be beyond the data."""
    n = len(ordered)
    size = max(1, int(effective * n / max(1, n)))
    rank = int(needed("scipy.stats", "stats").binom.ppf(level, size, q))
    rank += 1 if level > 0.5 else 0
    if rank < 1 or rank > size:
        return None
    at = rank if size == n else int(np.ceil(rank * n / size))
    value = float(ordered[min(at, n) - 1])
    return value if np.isfinite(value) else None
