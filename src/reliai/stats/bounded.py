"""Intervals of a share, or of a mean of bounded scores, that hold at any time and for any n."""

from __future__ import annotations

from math import lgamma, log, log1p
from typing import TYPE_CHECKING, Final

import numpy as np

from reliai.errors import ConfigurationError
from reliai.stats._arrays import numbers
from reliai.stats._checked import number, share, whole
from reliai.stats.interval import Interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reliai.stats._arrays import Floats

__all__ = ["bounded_mean_sequence", "proportion_sequence"]

_HALVINGS: Final = 60
_LARGEST_BET: Final = 0.5


def proportion_sequence(successes: int, n: int, *, alpha: float = 0.05) -> Interval:
    """The share of successes with an interval that may be looked at after every trial.

    Those shares that the mixture of all others (beta, 1/2 and 1/2) is not 1 / alpha times as likely
    as (Robbins 1970, Ann. Math. Statist. 41, 1397-1409). It holds for any n, at all times together,
    and is wider than `proportion_interval`, which holds for one n fixed beforehand. Independent
    trials.

    Args:
        successes: so far, 0 to n.
        n: trials so far (>= 0).
        alpha: chance to leave out the truth at any time, in (0, 1).

    Returns:
        The interval, in [0, 1]; all of it before the first trial.

    Raises:
        ConfigurationError: a number is out of its range.

    Example:
        >>> look = proportion_sequence(20, 1000)
        >>> round(look.low, 4), round(look.high, 4)
        (0.0078, 0.0406)
    """
    where = "proportion_sequence"
    trials, good = whole(where, "n", n), whole(where, "successes", successes)
    level = share(where, "alpha", alpha)
    if good > trials:
        raise ConfigurationError(f"{where}({good!r}, n={trials!r}): more than n")
    if not trials:
        return Interval(None, 0.0, 1.0, None, 0, None, 1.0 - level, "no trials")
    estimate = good / trials
    mixture = _log_beta(good + 0.5, trials - good + 0.5) - _log_beta(0.5, 0.5) + log(level)

    def inside(p: float) -> bool:
        return mixture < good * log(p) + (trials - good) * log1p(-p)

    low = _edge(inside, estimate, 0.0) if good else 0.0
    high = _edge(inside, estimate, 1.0) if good < trials else 1.0
    return Interval(estimate, low, high, None, trials, None, 1.0 - level)


def bounded_mean_sequence(
    values: Iterable[float], *, low: float = 0.0, high: float = 1.0, alpha: float = 0.05
) -> Interval:
    """The mean of bounded scores with an interval that may be looked at after every score.

    The predictable plug-in empirical Bernstein sequence of Waudby-Smith and Ramdas (2024), J. R.
    Stat. Soc. B 86, 1-27, theorem 2, each look cut with those before. It holds for any n, at all
    times together, with no normality, for scores whose mean does not change; narrow where they vary
    little. `mean_sequence` is narrower for many scores, and takes summaries.

    Args:
        values: shape (n,), in [low, high], in the order in which they came: the order matters.
        low: smallest score possible.
        high: largest score possible, above `low`.
        alpha: chance to leave out the truth at any time, in (0, 1).

    Returns:
        The interval, in [low, high]; all of it before the first score. Without ends where the looks
        contradict one another: the mean has changed.

    Raises:
        ConfigurationError: a number is out of its range.

    Example:
        >>> look = bounded_mean_sequence([0.8] * 1000)
        >>> round(look.low, 4), round(look.high, 4)
        (0.7926, 0.8074)
    """
    where = "bounded_mean_sequence"
    bottom, top = number(where, "low", low), number(where, "high", high)
    level = share(where, "alpha", alpha)
    if bottom >= top:
        raise ConfigurationError(f"{where}(low={low!r}, high={high!r}): low must be below high")
    scores = numbers(where, "values", values, low=bottom, high=top)
    sure, n = 1.0 - level, len(scores)
    if not n:
        return Interval(None, bottom, top, None, 0, None, sure, "no values")
    estimate = float(scores.mean())
    lows, highs = _looks((scores - bottom) / (top - bottom), level)
    lowest, highest = max(0.0, float(lows.max())), min(1.0, float(highs.min()))
    if lowest > highest:
        note = "the mean has changed: no one value fits all looks"
        return Interval(estimate, None, None, None, n, None, sure, note)
    ends = bottom + (top - bottom) * lowest, bottom + (top - bottom) * highest
    return Interval(estimate, *ends, None, n, None, sure)


def _looks(scores: Floats, alpha: float) -> tuple[Floats, Floats]:
    """The ends after each score, for scores in [0, 1]. Shape (n,) each."""
    times = np.arange(1.0, len(scores) + 1.0)
    means = (0.5 + np.cumsum(scores)) / (times + 1.0)
    spreads = (0.25 + np.cumsum((scores - means) ** 2)) / (times + 1.0)
    # each bet knows only what came before
    before, spread = np.append(0.5, means[:-1]), np.append(0.25, spreads[:-1])
    sure = log(2.0 / alpha)
    bets = np.minimum(np.sqrt(2.0 * sure / (spread * times * np.log1p(times))), _LARGEST_BET)
    bet_so_far = np.cumsum(bets)
    risks = (scores - before) ** 2 * (-np.log1p(-bets) - bets)
    reach = (sure + np.cumsum(risks)) / bet_so_far
    middle = np.cumsum(bets * scores) / bet_so_far
    return middle - reach, middle + reach


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _edge(inside: Callable[[float], bool], within: float, outside: float) -> float:
    """Where a range ends, between a place inside and one at the rim."""
    near, far = within, outside
    for _ in range(_HALVINGS):
        middle = (near + far) / 2.0
        near, far = (middle, far) if 0.0 < middle < 1.0 and inside(middle) else (near, middle)
    return far
