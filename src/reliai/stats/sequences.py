"""Intervals that may be looked at while the data come in, and acted upon at any time."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, inf, log, log1p, sqrt
from typing import TYPE_CHECKING, Final

from reliai.errors import ConfigurationError
from reliai.stats._checked import number, share, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MeanSequence", "StratifiedDifference", "mean_sequence", "stratified_difference"]

_WHERE: Final = "mean_sequence"
_LONGEST: Final = 700.0


@dataclass(frozen=True, slots=True)
class MeanSequence:
    """One look at a mean difference that is looked at again and again.

    Attributes:
        estimate: the difference.
        low, high: ends of the two-sided interval; all of them, at all times, hold the true
            difference together with a probability of 1 - alpha.
        lower_bound, upper_bound: one-sided bounds, each of them at alpha by itself.
        p_value: two-sided, in (0, 1]; the lowest so far is valid at whatever time it is read.
        e_value: evidence that the difference is not 0, from 0 up.
        n: units so far.
        alpha: the chance to be wrong at any time.
    """

    estimate: float
    low: float
    high: float
    lower_bound: float
    upper_bound: float
    p_value: float
    e_value: float
    n: int
    alpha: float


@dataclass(frozen=True, slots=True)
class StratifiedDifference:
    """A difference of means over phases: what `mean_sequence` takes.

    Attributes:
        estimate: mean of the phases' differences, weighted by what they tell; None without any.
        standard_error: of it, or None.
        n: units of both arms in the phases that have units in both.
    """

    estimate: float | None
    standard_error: float | None
    n: int


def mean_sequence(
    n: int,
    difference: float,
    standard_error: float,
    *,
    tuned_for: float,
    alpha: float = 0.05,
) -> MeanSequence:
    """The anytime-valid interval of a mean difference.

    An ordinary 95 % interval that is looked at after every hundred calls leaves out the truth at
    some time in a third of all experiments. This one is wider (1.55 times at the n that it is tuned
    for) and may be looked at always: the asymptotic confidence sequence of Waudby-Smith, Arbour,
    Sinha, Kennedy and Ramdas (2024), Ann. Statist. 52, 2613-2640, the same as the mixture
    sequential test of Johari et al. (2022), Oper. Res. 70, 1806-1821. It has the unit of its
    values: prices in cents give 100 times what prices in dollars do.

    It holds for independent units once their means are about normal, so draw no conclusion before
    some hundred units an arm. Take the logarithm of durations and costs first.

    Args:
        n: units so far, in both arms together (>= 0).
        difference: of the arms' means, canary less baseline, any unit.
        standard_error: of the difference (>= 0), in the same unit.
        tuned_for: the n at which the interval is as narrow as it can be (> 0); it holds at any.
        alpha: chance to leave out the truth at any time, in (0, 1).

    Returns:
        The interval; from minus to plus infinity, with a p-value of 1, as long as n or the standard
        error is 0.

    Raises:
        ConfigurationError: a number is not finite, or out of its range.

    Example:
        >>> look = mean_sequence(2000, -0.02, 0.01364, tuned_for=5000)
        >>> round(look.low, 4), round(look.high, 4)
        (-0.0626, 0.0226)
    """
    units = whole(_WHERE, "n", n)
    middle = number(_WHERE, "difference", difference)
    error = number(_WHERE, "standard_error", standard_error, low=0.0)
    horizon = number(_WHERE, "tuned_for", tuned_for, above=0.0)
    level = share(_WHERE, "alpha", alpha)
    if units == 0 or error == 0.0:
        return MeanSequence(middle, -inf, inf, -inf, inf, 1.0, 1.0, units, level)
    both = units * _tuning(level, horizon)
    reach = error * sqrt(2.0 * (both + 1.0) / both * log(sqrt(both + 1.0) / level))
    one = units * _tuning(min(2.0 * level, 0.999), horizon)
    tail = log1p(sqrt(one + 1.0) / (2.0 * level))
    reach_of_one = error * sqrt(2.0 * (one + 1.0) / one * tail)
    e_value = _e_value(both, middle / error)
    return MeanSequence(
        *(middle, middle - reach, middle + reach, middle - reach_of_one, middle + reach_of_one),
        *(min(1.0, 1.0 / e_value), e_value, units, level),
    )


def stratified_difference(
    phases: Iterable[tuple[int, float, float, int, float, float]],
) -> StratifiedDifference:
    """The mean difference of two arms over phases in which their shares of the calls differ.

    A rollout that goes from 1 % to 50 % while the day goes by would take the hour for an effect of
    the candidate if the arms were pooled; each phase compares what ran at the same time, and counts
    with `n_c n_b / (n_c + n_b)` (Cochran 1954, Biometrics 10, 417-451).

    Args:
        phases: for each one of (units, mean, variance) of the canary, then of the baseline. A
            phase with no units in one of the arms is left out.

    Raises:
        ConfigurationError: a count or a variance is negative, or a number not finite.

    Example:
        >>> stratified_difference([(100, 0.5, 0.25, 900, 0.4, 0.25)]).n
        1000
    """
    weight = total = variance = 0.0
    n = 0
    for phase in phases:
        ours, mean, spread, others, base, base_spread = _checked_phase(phase)
        if not ours or not others:
            continue
        part = ours * others / (ours + others)
        weight += part
        total += part * (mean - base)
        variance += part * part * (spread / ours + base_spread / others)
        n += ours + others
    if not n:
        return StratifiedDifference(None, None, 0)
    return StratifiedDifference(total / weight, sqrt(variance) / weight, n)


def _tuning(alpha: float, horizon: float) -> float:
    """The squared rho that makes the interval narrowest at the horizon."""
    return (-2.0 * log(alpha) + log(-2.0 * log(alpha) + 1.0)) / horizon


def _e_value(both: float, z: float) -> float:
    """The mixture likelihood ratio, with n rho^2 and the difference in standard errors."""
    return exp(min(_LONGEST, both * z * z / (2.0 * (both + 1.0)))) / sqrt(both + 1.0)


def _checked_phase(
    phase: tuple[int, float, float, int, float, float],
) -> tuple[int, float, float, int, float, float]:
    where = "stratified_difference"
    if len(phase) != 6:
        raise ConfigurationError(
            f"{where}({phase!r}): a phase is (n, mean, variance) of the canary and of the baseline"
        )
    ours, mean, spread, others, base, base_spread = phase
    return (
        whole(where, "n of the canary", ours),
        number(where, "mean of the canary", mean),
        number(where, "variance of the canary", spread, low=0.0),
        whole(where, "n of the baseline", others),
        number(where, "mean of the baseline", base),
        number(where, "variance of the baseline", base_spread, low=0.0),
    )
