"""A share of successes, and how far it may be off."""

from __future__ import annotations

from reliai.errors import ConfigurationError
from reliai.stats._checked import number, share, whole
from reliai.stats._needs import needed
from reliai.stats.interval import Interval

__all__ = ["missing_bounds", "proportion_interval"]


def proportion_interval(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """The share of successes with its confidence interval, which stays within [0, 1].

    Wilson's (1927, J. Am. Stat. Assoc. 22, 209-212), also for few trials and for shares of 0 or 1,
    where the textbook's estimate +- 1.96 standard errors claims to be certain. The trials are
    independent; for trials in clusters see `mean_interval`.

    Args:
        successes: from 0 to n.
        n: trials (>= 0).
        confidence: in (0, 1).

    Returns:
        The interval, in [0, 1]. `standard_error` is half the width over the normal quantile, so it
        is not 0 for 0 or n successes. No numbers when n is 0.

    Raises:
        ConfigurationError: a count is no whole number in its range.

    Example:
        >>> result = proportion_interval(95, 100)
        >>> round(result.low, 3), round(result.high, 3)
        (0.888, 0.978)
    """
    trials = whole("proportion_interval", "n", n)
    good = whole("proportion_interval", "successes", successes)
    confidence = share("proportion_interval", "confidence", confidence)
    if good > trials:
        raise ConfigurationError(f"proportion_interval({good!r}, n={trials!r}): more than n")
    if trials == 0:
        return Interval(None, None, None, None, 0, None, confidence, "no trials")
    test = needed("scipy.stats").binomtest(good, trials)
    low, high = map(float, test.proportion_ci(confidence, method="wilson"))
    quantile = float(needed("scipy.special").ndtri((1.0 + confidence) / 2.0))
    error = (high - low) / 2.0 / quantile
    return Interval(good / trials, low, high, error, trials, None, confidence)


def missing_bounds(total: float, scored: int, missing: int) -> Interval:
    """The mean score if all that is missing had scored 0, and if it had scored 1.

    A case that ended in an error has no score. Leaving it out makes a system look better the more
    often it fails, so a gate takes `low` (Manski 1990, Am. Econ. Rev. 80, 319-323: nothing is
    assumed of what is missing). This is no confidence interval: it says what is missing, not what
    chance did.

    Args:
        total: sum of the scores, each in [0, 1]; of passes and fails the number of passes.
        scored: cases with a score (>= 0).
        missing: cases without one (>= 0).

    Returns:
        The mean of those scored, with the bounds; None where nothing was scored. `n` counts all.

    Raises:
        ConfigurationError: a count is negative, or the total not in [0, scored].

    Example:
        >>> bounds = missing_bounds(80, 90, 10)
        >>> round(bounds.estimate, 3), bounds.low, bounds.high
        (0.889, 0.8, 0.9)
    """
    seen = whole("missing_bounds", "scored", scored)
    lost = whole("missing_bounds", "missing", missing)
    total = number("missing_bounds", "total", total, low=0.0, high=float(seen))
    n = seen + lost
    if n == 0:
        return Interval(None, None, None, None, 0, None, 1.0, "no cases")
    note = f"{lost} of {n} without a score" if lost else ""
    estimate = total / seen if seen else None
    return Interval(estimate, total / n, (total + lost) / n, None, n, None, 1.0, note)
