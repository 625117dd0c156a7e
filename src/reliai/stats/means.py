"""The mean of scores, and how far it may be off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.stats._arrays import numbers, rounded, same_length
from reliai.stats._checked import share
from reliai.stats._clustered import few, mean_of, t_quantile
from reliai.stats.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["mean_interval"]


def mean_interval(
    values: Iterable[float], *, cluster: Iterable[Any] | None = None, confidence: float = 0.95
) -> Interval:
    """The mean with its confidence interval: Student's t, robust to clusters where there are some.

    Values of one session, document or user are alike, and 100 of them say less than 100 of 100
    users. Name where each comes from with `cluster`; the interval is then that of a regression on
    a constant with cluster-robust errors (CR1) and Student's t with G - 1 degrees of freedom.
    Repeats of one case are a cluster too.

    For values that are all 0 or 1 this interval may leave [0, 1]: `proportion_interval` does not.

    Sources: Student (1908), Biometrika 6, 1-25; Liang and Zeger (1986), Biometrika 73, 13-22;
    Miller (2024), arXiv 2411.00640, on clusters in evaluations.

    Args:
        values: shape (n,), finite, any unit. A case without a score is left out, not 0.
        cluster: shape (n,), the group of each value, any hashable labels; None: independent values.
        confidence: in (0, 1).

    Returns:
        The interval, in the unit of the values. Without `low` and `high` for one value, one cluster
        or values that are all the same.

    Raises:
        ConfigurationError: a value is not finite, a label is missing, or the lengths differ.

    Example:
        >>> result = mean_interval([0.9, 0.7, 0.8, 0.6])
        >>> round(result.estimate, 2), round(result.low, 2), round(result.high, 2)
        (0.75, 0.54, 0.96)
    """
    array = numbers("mean_interval", "values", values)
    confidence = share("mean_interval", "confidence", confidence)
    if not len(array):
        if cluster is not None:
            same_length("mean_interval", "cluster", len(list(cluster)), 0)
        return Interval(None, None, None, None, 0, None, confidence, "no values")
    mean = mean_of("mean_interval", array, cluster)
    n, clusters = len(array), mean.clusters
    off = rounded(array - mean.mean, abs(array).max())
    if mean.standard_error is None:
        what = "one value" if n == 1 else "one cluster"
        note = f"{what}: how far the mean may be off cannot be told"
    elif not off.any():
        note = "all values are the same: how far the mean may be off cannot be told"
    elif mean.standard_error <= abs(array).max() * 1e-12:
        note = "all clusters are the same: how far the mean may be off cannot be told"
    else:
        reach = t_quantile((1.0 + confidence) / 2.0, mean.freedom) * mean.standard_error
        low, high = mean.mean - reach, mean.mean + reach
        error = mean.standard_error
        return Interval(mean.mean, low, high, error, n, clusters, confidence, few(clusters))
    return Interval(mean.mean, None, None, None, n, clusters, confidence, note)
