"""A candidate against a baseline on the same cases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from reliai.errors import ConfigurationError
from reliai.stats._arrays import numbers, rounded, same_length
from reliai.stats._checked import chosen, number, share
from reliai.stats._clustered import few, mean_of, t_quantile
from reliai.stats._sign_tests import p_value, sign_test

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.stats._arrays import Floats
    from reliai.stats._clustered import Mean

__all__ = ["Comparison", "paired_difference"]

Test = Literal["t", "signed_rank", "sign_flip"]
_TESTS: Final = ("t", "signed_rank", "sign_flip")
_WHERE: Final = "paired_difference"

_ENOUGH: Final = 5
"""Pairs that differ, below which the t interval of mostly equal pairs is not to be relied on."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A mean difference, candidate less baseline, with what chance makes of it.

    Attributes:
        estimate: mean difference, in the unit of the values; None without pairs.
        low, high: ends of the two-sided confidence interval; None where the data cannot tell.
        standard_error: of the mean difference, or None.
        p_value: how likely chance alone gives a difference as large, either way, in [0, 1]; None
            for less than two pairs.
        n: pairs.
        clusters: groups that the pairs came in; None where each pair stands for itself.
        wins, losses: pairs in which the candidate has the higher value, or the lower one.
        lower_bound, upper_bound: one-sided confidence bounds, each at `confidence` by itself: the
            candidate is non-inferior at a margin when `lower_bound > -margin`.
        confidence: of the interval and of each bound, in (0, 1).
        note: why numbers are missing or to be taken with care; "" for nothing to say.
    """

    estimate: float | None
    low: float | None
    high: float | None
    standard_error: float | None
    p_value: float | None
    n: int
    clusters: int | None = None
    wins: int = 0
    losses: int = 0
    lower_bound: float | None = None
    upper_bound: float | None = None
    confidence: float = 0.95
    note: str = ""


def paired_difference(
    candidate: Iterable[float],
    baseline: Iterable[float],
    *,
    cluster: Iterable[Any] | None = None,
    confidence: float = 0.95,
    test: Test = "t",
    span: float = 1.0,
) -> Comparison:
    """The mean difference of pairs: the same cases under a candidate and under a baseline.

    The interval is Student's t of the differences, with errors robust to clusters (CR1, G - 1
    degrees of freedom) where there are some. Differences below 1e-9 of the size of the values are
    noise of floats and count as none.

    What the textbook gets wrong is put right. Pairs that are all equal have a standard error of 0,
    which proves nothing: at most a share of `1 - (1 - confidence)^(1/n)` of all cases can differ
    at this confidence, by `span` at most, and that is the interval and each bound; p is 1.
    Differences that are all the same have an estimate without an interval, and the p-value of the
    sign test.

    Sources: Student (1908), Biometrika 6, 1-25; Liang and Zeger (1986), Biometrika 73, 13-22;
    Wilcoxon (1945), Biometrics Bull. 1, 80-83; Fisher (1935), The Design of Experiments, on
    flipping signs; Hanley and Lippman-Hand (1983), J. Am. Med. Assoc. 249, 1743-1745, on no events.

    Args:
        candidate: shape (n,), finite, any unit.
        baseline: shape (n,), of the same cases in the same order.
        cluster: shape (n,), the group of each pair, any hashable labels; None: independent pairs.
        confidence: in (0, 1).
        test: where the p-value is from: "t" agrees with the interval; "signed_rank" is Wilcoxon's
            test, for independent pairs with long tails; "sign_flip" flips the sign of each
            difference (of each cluster's sum), in all ways or, for more than 16, in 9,999 seeded
            ones, and is exact for any symmetric distribution.
        span: the largest difference that one pair can have (> 0); 1 for scores in [0, 1].

    Raises:
        ConfigurationError: a value is not finite, the lengths differ, a label is missing, or the
            test cannot honour clusters.

    Example:
        >>> result = paired_difference([0.9, 0.8, 0.4, 0.7], [0.8, 0.8, 0.5, 0.6])
        >>> round(result.estimate, 3), round(result.p_value, 2), result.wins, result.losses
        (0.025, 0.64, 2, 1)
    """
    values = numbers(_WHERE, "candidate", candidate)
    others = numbers(_WHERE, "baseline", baseline)
    same_length(_WHERE, "baseline", len(others), len(values))
    confidence = share(_WHERE, "confidence", confidence)
    span = number(_WHERE, "span", span, above=0.0)
    chosen(_WHERE, "test", test, _TESTS)
    if cluster is not None and test == "signed_rank":
        raise ConfigurationError(
            f"{_WHERE}(test={test!r}, cluster=…): ranks know no clusters; take 't' or 'sign_flip'"
        )
    if not len(values):
        if cluster is not None:
            same_length(_WHERE, "cluster", len(list(cluster)), 0)
        return Comparison(None, None, None, None, None, 0, confidence=confidence, note="no pairs")
    scale = float(max(abs(values).max(), abs(others).max()))
    differences = rounded(values - others, scale)
    mean = mean_of(_WHERE, differences, cluster)
    if not differences.any():
        both = np.concatenate([values, others])
        return _identical(mean, len(values), confidence, span, float(np.ptp(both)))
    return _compared(differences, mean, confidence, test, scale)


def _compared(
    differences: Floats, mean: Mean, confidence: float, test: str, scale: float
) -> Comparison:
    n, error = len(differences), mean.standard_error
    low = high = lower = upper = p = None
    wins, losses = int((differences > 0).sum()), int((differences < 0).sum())
    if error is None:
        what = "one pair" if n == 1 else "one cluster"
        note = f"{what}: how far the difference may be off cannot be told"
    elif error <= scale * 1e-12:
        error, p = None, sign_test(mean.units)
        note = "the differences do not vary: no interval, and the p-value is that of the sign test"
    else:
        p = p_value(test, mean, scale)
        reach = t_quantile((1.0 + confidence) / 2.0, mean.freedom) * error
        reach_of_one = t_quantile(confidence, mean.freedom) * error
        low, high = mean.mean - reach, mean.mean + reach
        lower, upper = mean.mean - reach_of_one, mean.mean + reach_of_one
        note = few(mean.clusters) or _sparse(wins + losses, n)
    return Comparison(
        *(mean.mean, low, high, error, p, n, mean.clusters, wins, losses),
        *(lower, upper, confidence, note),
    )


def _sparse(differing: int, n: int) -> str:
    """What to say when the spread is from so few pairs that it may be quite another."""
    if differing >= _ENOUGH or 2 * differing > n:
        return ""
    return f"only {differing} of {n} pairs differ: the interval and the bounds rest on few"


def _identical(mean: Mean, n: int, confidence: float, span: float, width: float) -> Comparison:
    """No pair differs: what is known is that such pairs are rare."""
    units = mean.clusters or n
    reach = span * -float(np.expm1(np.log1p(-confidence) / units))
    note, p, bound = "no difference observed", 1.0, (-reach, reach)
    low, high = bound
    if width > span:
        note += f"; no bound, as the values span {width:g} and span={span:g}"
        return Comparison(
            *(0.0, None, None, None, p, n, mean.clusters), confidence=confidence, note=note
        )
    return Comparison(
        *(0.0, low, high, None, p, n, mean.clusters, 0, 0, low, high, confidence, note)
    )
