"""Whether two numbers go together, and whether they still do: metrics that stop meaning well."""

from __future__ import annotations

from dataclasses import dataclass
from math import atanh, isfinite, sqrt, tanh
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.stats._checked import chosen, number, share

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Correlation", "SignFlip", "correlation", "sign_flip"]

_FEWEST: Final = 5
"""Pairs below which no interval is given."""
_WHERE: Final = "correlation"


@dataclass(frozen=True, slots=True)
class Correlation:
    """How two numbers go together.

    Attributes:
        estimate: from -1 to 1; None where there are no two pairs, or one side is always the same.
        low, high: its confidence interval; None where the pairs are too few to tell, or there is
            no estimate.
        n: pairs with two numbers.
        missing: pairs that lack one.
        method: "spearman" or "pearson".
    """

    estimate: float | None
    low: float | None
    high: float | None
    n: int
    missing: int
    method: str

    @property
    def sign(self) -> int:
        """1 or -1 where the interval lies on one side of 0; otherwise 0."""
        if self.low is None or self.high is None:
            return 0
        return 1 if self.low > 0 else -1 if self.high < 0 else 0


@dataclass(frozen=True, slots=True)
class SignFlip:
    """Two correlations, and whether they say the opposite of one another.

    Attributes:
        before, after: the correlations.
        flipped: whether the one is surely above 0 and the other surely below.
    """

    before: Correlation
    after: Correlation
    flipped: bool


def correlation(
    x: Iterable[float | None],
    y: Iterable[float | None],
    *,
    method: str = "spearman",
    confidence: float = 0.95,
) -> Correlation:
    """How two numbers go together, with an interval.

    By ranks (ties share theirs), so that it does not matter on what scale either is, or by the
    numbers themselves. The interval is that of Fisher's z, for ranks with the variance of Bonett
    and Wright; for pairs that are independent. With few pairs, or nearly perfect ranks, it is
    rough.

    Fisher (1921), Metron 1, 3-32; Bonett and Wright (2000), Psychometrika 65, 23-28.

    Args:
        x: numbers; None and NaN for those that are missing.
        y: as many, each of the same case, call or release.
        method: "spearman" (ranks) or "pearson" (the numbers).
        confidence: of the interval, in (0, 1).

    Raises:
        ConfigurationError: they are not of one length, or a value is out of its range.

    Example:
        >>> found = correlation([1, 2, 3, 4, 5, 6, 7, 8], [2, 1, 4, 3, 6, 5, 8, 7])
        >>> round(found.estimate, 3), found.sign
        (0.905, 1)
    """
    chosen(_WHERE, "method", method, ("spearman", "pearson"))
    share(_WHERE, "confidence", confidence)
    ours, theirs = list(x), list(y)
    if len(ours) != len(theirs):
        raise ConfigurationError(
            f"{_WHERE}: {len(ours)} and {len(theirs)} numbers are no pairs; give as many of each"
        )
    pairs = [
        (number(_WHERE, "x", one), number(_WHERE, "y", other))
        for one, other in zip(ours, theirs, strict=True)
        if not (_is_missing(one) or _is_missing(other))
    ]
    n, missing = len(pairs), len(ours) - len(pairs)
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    if method == "spearman":
        first, second = _ranks(first), _ranks(second)
    estimate = _pearson(first, second)
    if estimate is None or n < _FEWEST:
        return Correlation(estimate, None, None, n, missing, method)
    spread = 1.0 + estimate * estimate / 2.0 if method == "spearman" else 1.0
    half = NormalDist().inv_cdf(0.5 + confidence / 2.0) * sqrt(spread / (n - 3))
    middle = atanh(max(-_NEARLY, min(_NEARLY, estimate)))
    return Correlation(estimate, tanh(middle - half), tanh(middle + half), n, missing, method)


_NEARLY: Final = 1.0 - 1e-12


def sign_flip(
    before: tuple[Iterable[float | None], Iterable[float | None]],
    after: tuple[Iterable[float | None], Iterable[float | None]],
    *,
    method: str = "spearman",
    confidence: float = 0.95,
) -> SignFlip:
    """Whether what went together now goes apart.

    A metric that is measured before a release (a judge's score) stands for one that counts after it
    (what users say) as long as the two go together. Give pairs of releases, or of calls: those from
    before and those from now. A flip is reported by chance with a probability of at most
    `1 - confidence`, if in truth there is none.

    Args:
        before: two rows of numbers, as of `correlation`.
        after: likewise.
        method: as of `correlation`.
        confidence: of each interval, in (0, 1).

    Raises:
        ConfigurationError: as of `correlation`.

    Example:
        >>> truth, thumbs = [1, 1, 1, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 0, 1, 0]
        >>> sign_flip((truth, thumbs), (truth, [1 - each for each in thumbs])).flipped
        True
    """
    one = correlation(*before, method=method, confidence=confidence)
    two = correlation(*after, method=method, confidence=confidence)
    return SignFlip(one, two, flipped=one.sign * two.sign < 0)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)  # noqa: PLR0124  NaN


def _ranks(values: Sequence[float]) -> list[float]:
    """Ranks from 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    start = 0
    for at in range(1, len(order) + 1):
        if at == len(order) or values[order[at]] != values[order[start]]:
            for place in order[start:at]:
                ranks[place] = (start + at + 1) / 2
            start = at
    return ranks


def _pearson(first: Sequence[float], second: Sequence[float]) -> float | None:
    n = len(first)
    if n < 2:
        return None
    ours, theirs = sum(first) / n, sum(second) / n
    spreads = [
        sum((each - mean) ** 2 for each in row) for row, mean in ((first, ours), (second, theirs))
    ]
    below = sqrt(spreads[0]) * sqrt(spreads[1])
    if not below or not isfinite(below):
        return None
    above = sum((a - ours) * (b - theirs) for a, b in zip(first, second, strict=True))
    return max(-1.0, min(1.0, above / below))
