"""Two shares compared: did one of them change?"""

from __future__ import annotations

from dataclasses import dataclass
from math import erfc, sqrt
from typing import Final

from reliai.errors import ConfigurationError
from reliai.stats._checked import share, whole

__all__ = ["TwoProportion", "two_proportion"]

_QUANTILE: Final = {0.95: 1.959963984540054}


@dataclass(frozen=True, slots=True)
class TwoProportion:
    """The second share minus the first.

    Attributes:
        difference: in [-1, 1]; 0 where a side is empty.
        low, high: its confidence interval; None where a side is empty.
        z: in standard errors under no difference.
        p_value: two-sided; 1 where there is nothing to compare.
        n1, n2: sizes of the sides.
    """

    difference: float
    low: float | None
    high: float | None
    z: float
    p_value: float
    n1: int
    n2: int


def two_proportion(
    k1: int, n1: int, k2: int, n2: int, *, confidence: float = 0.95
) -> TwoProportion:
    """Whether k2 of n2 is another share than k1 of n1.

    The test is that of the pooled share; the interval is Newcombe's, made of the two Wilson
    intervals, which holds near 0 and 1 as well. Nothing or everything on both sides is no
    difference (p = 1). For fewer than about 5 expected on any side the test is rough.

    Newcombe (1998), Statistics in Medicine 17, 873-890, method 10.

    Args:
        k1: of the reference, so many have it.
        n1: size of the reference.
        k2: of what is compared with it, so many have it.
        n2: its size.
        confidence: of the interval, in (0, 1).

    Raises:
        ConfigurationError: a count is no whole number from 0 up, or `k` is more than `n`.

    Example:
        >>> found = two_proportion(50, 1000, 45, 500)
        >>> round(found.difference, 3), round(found.p_value, 4)
        (0.04, 0.0027)
    """
    where = "two_proportion"
    for name, k, n in (("1", k1, n1), ("2", k2, n2)):
        whole(where, f"k{name}", k)
        whole(where, f"n{name}", n)
        if k > n:
            raise ConfigurationError(
                f"{where}(k{name}={k!r}, n{name}={n!r}): {k} of {n} is no share"
            )
    share(where, "confidence", confidence)
    if not n1 or not n2:
        return TwoProportion(0.0, None, None, 0.0, 1.0, n1, n2)
    first, second = k1 / n1, k2 / n2
    difference = second - first
    pooled = (k1 + k2) / (n1 + n2)
    error = sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n2))
    z = difference / error if error else 0.0
    quantile = _quantile(confidence)
    low1, high1 = _wilson(first, n1, quantile)
    low2, high2 = _wilson(second, n2, quantile)
    low = difference - sqrt((second - low2) ** 2 + (high1 - first) ** 2)
    high = difference + sqrt((high2 - second) ** 2 + (first - low1) ** 2)
    return TwoProportion(difference, low, high, z, erfc(abs(z) / sqrt(2)), n1, n2)


def _wilson(p: float, n: int, z: float) -> tuple[float, float]:
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return middle - half, middle + half


def _quantile(confidence: float) -> float:
    known = _QUANTILE.get(confidence)
    if known is not None:
        return known
    from statistics import NormalDist  # noqa: PLC0415  only for other levels

    return NormalDist().inv_cdf(0.5 + confidence / 2)
