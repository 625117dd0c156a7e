"""How many cases a comparison needs, and what it can detect with those it has."""

from __future__ import annotations

from math import ceil, inf, sqrt
from typing import Final

from reliai.errors import ConfigurationError
from reliai.stats._checked import number, share
from reliai.stats._needs import needed

__all__ = ["detectable_effect", "discordant_sample_size", "sample_size", "t_sample_size"]

_ALMOST: Final = 1.0 - 1e-12
"""Keeps what is a whole number, but for the last digit of a float, from being rounded up."""

_FEWEST: Final = 3
"""Pairs below which the variance cannot be told, and the noncentral t not computed."""


def sample_size(
    delta: float,
    *,
    between_variance: float,
    within_variances: tuple[float, float] = (0.0, 0.0),
    repeats: tuple[float, float] = (1, 1),
    alpha: float = 0.05,
    power: float = 0.8,
) -> int:
    """Cases needed to find a mean difference of `delta` in a paired, two-sided comparison.

    `(z_{1-alpha/2} + z_power)^2 (w^2 + s_A^2/K_A + s_B^2/K_B) / delta^2`, rounded up: Miller
    (2024), arXiv 2411.00640, section 5. Repeats make up for few cases as long as the answers to one
    case vary more than the cases do. The variances are to be had from a past run with two repeats
    or more: `variance_components` of both systems, and of their differences.

    Args:
        delta: difference to be found, in the unit of the scores (> 0).
        between_variance: over cases, of the true difference of the two systems on a case (>= 0);
            for independent runs that are not paired, the sum of both variances.
        within_variances: of the scores on one and the same case, of either system (>= 0).
        repeats: tries of each case by either system (>= 1); `math.inf` for the limit.
        alpha: chance of a difference where there is none, two-sided, in (0, 1); for a one-sided
            question, such as non-inferiority with `delta` for the margin, give twice its level.
        power: chance to find the difference, in (0, 1).

    Raises:
        ConfigurationError: a number is out of its range.

    Example:
        >>> sample_size(0.03, between_variance=1/9, within_variances=(1/6, 1/6))
        3876
    """
    where = "sample_size"
    wanted = number(where, "delta", delta, above=0.0)
    variance = _variance(where, between_variance, within_variances, repeats)
    return max(1, ceil(_quantiles(where, alpha, power) ** 2 * variance / wanted**2 * _ALMOST))


def detectable_effect(
    n: float,
    *,
    between_variance: float,
    within_variances: tuple[float, float] = (0.0, 0.0),
    repeats: tuple[float, float] = (1, 1),
    alpha: float = 0.05,
    power: float = 0.8,
) -> float:
    """The smallest mean difference that n cases find with the wanted power.

    The inverse of `sample_size`, with its arguments and its source.

    Args:
        n: cases (> 0).
        between_variance: see `sample_size`.
        within_variances: see `sample_size`.
        repeats: see `sample_size`.
        alpha: see `sample_size`.
        power: see `sample_size`.

    Returns:
        The difference, in the unit of the scores.

    Raises:
        ConfigurationError: a number is out of its range.

    Example:
        >>> round(detectable_effect(198, between_variance=1/9, within_variances=(1/6, 1/6)), 3)
        0.133
    """
    where = "detectable_effect"
    cases = number(where, "n", n, above=0.0)
    variance = _variance(where, between_variance, within_variances, repeats)
    return _quantiles(where, alpha, power) * sqrt(variance / cases)


def discordant_sample_size(
    b_share: float, c_share: float, *, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Cases needed for McNemar's test to find two systems apart.

    Connor (1987), Biometrics 43, 207-211.

    Args:
        b_share: share of cases that only the first passes, in [0, 1].
        c_share: share of cases that only the second passes, in [0, 1], another one.
        alpha: chance of a difference where there is none, two-sided, in (0, 1).
        power: chance to find the difference, in (0, 1).

    Raises:
        ConfigurationError: a number is out of its range, the shares are the same, or their sum is
            above 1.

    Example:
        >>> discordant_sample_size(0.12, 0.06)
        391
    """
    where = "discordant_sample_size"
    first = number(where, "b_share", b_share, low=0.0, high=1.0)
    second = number(where, "c_share", c_share, low=0.0, high=1.0)
    discordant, apart = first + second, first - second
    if abs(apart) < 1e-9 or discordant > 1.0:
        raise ConfigurationError(
            f"{where}({b_share!r}, {c_share!r}): must be two different shares of 1 together at most"
        )
    chance, wanted = _quantile(where, "alpha", alpha), _wanted(where, power)
    root = chance * sqrt(discordant) + wanted * sqrt(discordant - apart**2)
    return ceil(root**2 / apart**2 * _ALMOST)


def t_sample_size(effect: float, *, alpha: float = 0.05, power: float = 0.8) -> int:
    """Pairs needed for the paired t-test, exact also for few of them; three at least.

    A couple more than the normal approximation of `sample_size` says, as the t-test does not know
    the variance: from there on up, the first number whose power by the noncentral t is enough
    (statsmodels' `TTestPower`).

    Args:
        effect: mean difference over the standard deviation of the differences (> 0).
        alpha: chance of a difference where there is none, two-sided, in (0, 1).
        power: chance to find the difference, in (0, 1).

    Raises:
        ConfigurationError: a number is out of its range.

    Example:
        >>> t_sample_size(0.2)
        199
    """
    where = "t_sample_size"
    size = number(where, "effect", effect, above=0.0)
    level, wanted = share(where, "alpha", alpha), share(where, "power", power)
    test = needed("statsmodels.stats.power").TTestPower()
    n = max(_FEWEST, ceil((_quantiles(where, level, wanted) / size) ** 2))  # a lower bound
    while float(test.power(size, float(n), level)) < wanted:  # NaN beyond doubt
        n += 1
    return n


def _variance(
    where: str, between: float, within: tuple[float, float], repeats: tuple[float, float]
) -> float:
    total = number(where, "between_variance", between, low=0.0)
    for name, pair in (("within_variances", within), ("repeats", repeats)):
        if len(pair) != 2:
            raise ConfigurationError(f"{where}({name}={pair!r}): must be one for either system")
    for spread, tries in zip(within, repeats, strict=True):
        each = number(where, "within_variances", spread, low=0.0)
        if tries != inf:
            total += each / number(where, "repeats", tries, low=1.0)
    if not total:
        raise ConfigurationError(f"{where}(): a variance must be above 0")
    return total


def _quantiles(where: str, alpha: float, power: float) -> float:
    chance, wanted = _quantile(where, "alpha", alpha), _wanted(where, power)
    _above_alpha(where, alpha, power)
    return chance + wanted


def _quantile(where: str, name: str, alpha: float) -> float:
    return -float(needed("scipy.special").ndtri(share(where, name, alpha) / 2.0))


def _wanted(where: str, power: float) -> float:
    return float(needed("scipy.special").ndtri(share(where, "power", power)))


def _above_alpha(where: str, alpha: float, power: float) -> None:
    if power <= alpha:
        raise ConfigurationError(f"{where}(power={power!r}): must be above alpha={alpha!r}")
