"""Intervals of any statistic (a median, a 95th percentile, a ratio) by resampling the cases."""

from __future__ import annotations

import warnings
from inspect import signature
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from reliai.stats._arrays import codes, numbers, rounded, same_length, totals
from reliai.stats._checked import chosen, share, whole
from reliai.stats._needs import needed
from reliai.stats.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reliai.stats._arrays import Codes, Floats

__all__ = ["bootstrap_interval"]

_WHERE: Final = "bootstrap_interval"
_METHODS: Final = ("BCa", "percentile", "basic")


def bootstrap_interval(
    values: Iterable[float],
    statistic: Callable[..., Any] | None = None,
    *,
    baseline: Iterable[float] | None = None,
    cluster: Iterable[Any] | None = None,
    confidence: float = 0.95,
    method: Literal["BCa", "percentile", "basic"] = "BCa",
    resamples: int = 9_999,
    seed: int = 0,
) -> Interval:
    """A statistic with its bootstrap interval, the same each time for the same seed.

    Efron (1987), J. Am. Stat. Assoc. 82, 171-185; by `scipy.stats.bootstrap`. Whole clusters are
    resampled where there are some, and pairs of values where there is a baseline.

    Args:
        values: shape (n,), finite, any unit.
        statistic: a function of an array of values that gives a number; None: the mean. One that
            takes `axis=`, as numpy's do, is called on all resamples at once, which is quicker.
        baseline: shape (n,), of the same cases in the same order: the result is then the statistic
            of the values less that of the baseline.
        cluster: shape (n,), the group of each value, any hashable labels.
        confidence: in (0, 1).
        method: "BCa": corrected for bias and skewness; "percentile"; "basic".
        resamples: number of resamples (>= 1).
        seed: of the random numbers (>= 0).

    Returns:
        The interval, in the unit of the statistic. Without `low` and `high` for one value or
        cluster, and where the statistic is the same, or none, in all resamples.

    Raises:
        ConfigurationError: a value is not finite, the lengths differ, or a setting is out of its
            range.

    Example:
        >>> import numpy as np
        >>> seconds = [0.8, 1.1, 0.9, 4.0, 1.3, 0.7, 1.0, 2.2]
        >>> result = bootstrap_interval(seconds, np.median)
        >>> result.estimate, result.low < 1.05 < result.high
        (1.05, True)
    """
    array = numbers(_WHERE, "values", values)
    other = None if baseline is None else numbers(_WHERE, "baseline", baseline)
    if other is not None:
        same_length(_WHERE, "baseline", len(other), len(array))
    confidence = share(_WHERE, "confidence", confidence)
    chosen(_WHERE, "method", method, _METHODS)
    whole(_WHERE, "resamples", resamples, 1)
    whole(_WHERE, "seed", seed)
    n = len(array)
    if not n:
        return Interval(None, None, None, None, 0, None, confidence, "no values")
    groups, count = (None, None) if cluster is None else codes(_WHERE, "cluster", cluster, n)
    rows, function = np.stack([array] if other is None else [array, other]), statistic or np.mean
    scale = float(abs(rows).max())
    if other is not None and statistic is None:
        rows = (array - other)[None]  # a difference of means is a mean of differences
    estimate = float(function(rows[0])) - (float(function(rows[1])) if len(rows) > 1 else 0.0)

    def without(note: str) -> Interval:
        return Interval(estimate, None, None, None, n, count, confidence, note)

    if n == 1 or count == 1:
        return without(f"one {'value' if n == 1 else 'cluster'}: there is nothing to resample")
    if not np.ptp(rounded(rows, scale), axis=1).any():
        return without("all values are the same: how far the statistic may be off cannot be told")
    if groups is None or count is None:
        data, sampled = np.arange(n), _of_cases(rows, function)
    elif statistic is None:
        data, sampled = np.arange(count), _of_clusters_means(rows[0], groups, count)
    else:
        data, sampled = np.arange(count), _of_clusters(rows, groups, count, function)
    low, high, error = _bootstrap(
        data, sampled, confidence=confidence, method=method, resamples=resamples, seed=seed
    )
    if low is None or high is None:
        return without("the statistic is the same in all resamples, or in none a number")
    return Interval(estimate, low, high, error, n, count, confidence)


def _bootstrap(
    data: Codes,
    sampled: Callable[..., Any],
    *,
    confidence: float,
    method: str,
    resamples: int,
    seed: int,
) -> tuple[float | None, float | None, float | None]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = needed("scipy.stats").bootstrap(
            (data,),
            sampled,
            confidence_level=confidence,
            method=method,
            n_resamples=resamples,
            batch=max(1, 2_000_000 // len(data)),
            rng=np.random.default_rng(seed),
        )
    low, high = map(float, result.confidence_interval)
    if not (np.isfinite(low) and np.isfinite(high)) or not result.standard_error:
        return None, None, None
    return low, high, float(result.standard_error)


def _of_cases(rows: Floats, function: Callable[..., Any]) -> Callable[..., Any]:
    """The statistic as a function of the numbers of the cases that were drawn."""
    if _takes_axis(function):

        def sampled(drawn: Codes, axis: int = -1) -> Any:
            ours = function(rows[0][drawn], axis=axis)
            return ours if len(rows) == 1 else ours - function(rows[1][drawn], axis=axis)

        return sampled

    def one_by_one(drawn: Codes) -> Any:
        ours = function(rows[0][drawn])
        return ours if len(rows) == 1 else ours - function(rows[1][drawn])

    return one_by_one


def _of_clusters(
    rows: Floats, groups: Codes, count: int, function: Callable[..., Any]
) -> Callable[..., Any]:
    members = [np.flatnonzero(groups == each) for each in range(count)]

    def sampled(drawn: Codes) -> Any:
        cases = np.concatenate([members[each] for each in drawn])
        ours = function(rows[0][cases])
        return ours if len(rows) == 1 else ours - function(rows[1][cases])

    return sampled


def _of_clusters_means(values: Floats, groups: Codes, count: int) -> Callable[..., Any]:
    """The mean, from the sums and sizes of the clusters: all resamples at once."""
    sums, sizes = totals(groups, count, values), np.bincount(groups, minlength=count)

    def sampled(drawn: Codes, axis: int = -1) -> Any:
        return sums[drawn].sum(axis=axis) / sizes[drawn].sum(axis=axis)

    return sampled


def _takes_axis(function: Callable[..., Any]) -> bool:
    try:
        return "axis" in signature(function).parameters
    except (TypeError, ValueError):
        return False
