"""A histogram of numbers of any size, to one percent: what two of them hold is one of both.

Bins grow by a constant factor, after the idea of DDSketch (Masson, Rim and Lee 2019, VLDB 12).
"""

from __future__ import annotations

from math import ceil, exp, log
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["bin_of", "count", "merged", "quantile", "value_of"]

_GROWTH: Final = log(1.01 / 0.99)
_OFFSET: Final = 2000
"""Added to the bins of positive numbers, so that all of them are above 0; 1e-17 is the smallest."""

_SMALLEST: Final = 1e-17
_LARGEST: Final = 1e17


def bin_of(value: float) -> int:
    """The number of the bin; bins are in the order of the numbers, 0 is that of zero."""
    if value > _SMALLEST:
        return ceil(log(min(value, _LARGEST)) / _GROWTH) + _OFFSET
    if value < -_SMALLEST:
        return -ceil(log(min(-value, _LARGEST)) / _GROWTH) - _OFFSET
    return 0


def count(bins: dict[int, int], values: Iterable[float]) -> None:
    """Count numbers into the bins."""
    get = bins.get
    for value in values:
        if _SMALLEST < value < _LARGEST:
            number = ceil(log(value) / _GROWTH) + _OFFSET
        else:
            number = bin_of(value)
        bins[number] = get(number, 0) + 1


def value_of(number: int) -> float:
    """A number in the bin, at most one percent from any other in it."""
    if number == 0:
        return 0.0
    upper = exp((abs(number) - _OFFSET) * _GROWTH)
    middle = upper * 0.99
    return middle if number > 0 else -middle


def quantile(bins: Mapping[int, int], share: float) -> float:
    """The number that `share` of those counted do not exceed; NaN of none."""
    left = share * sum(bins.values())
    found = float("nan")
    for number in sorted(bins):
        found = value_of(number)
        left -= bins[number]
        if left <= 0:
            break
    return found


def merged(first: dict[int, int], second: Mapping[int, int], sign: int = 1) -> None:
    """Add the second to the first, or take it away (`sign` -1)."""
    for number, amount in second.items():
        new = first.get(number, 0) + sign * amount
        if new > 0:
            first[number] = new
        else:
            first.pop(number, None)
