"""Arrays of what a statistic is given: one-dimensional, of finite numbers, of the same length."""

from __future__ import annotations

from math import ceil, inf, log10
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reliai.errors import ConfigurationError
from reliai.stats._checked import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Codes = NDArray[np.intp]

__all__ = ["codes", "numbers", "rounded", "same_length", "totals"]

_SMALLEST: Final = 1e-290
"""Numbers below it have no 9 decimals left that a float holds."""


def numbers(
    where: str, name: str, values: Any, *, low: float = -inf, high: float = inf, above: float = -inf
) -> Floats:
    """The values as floats.

    Raises:
        ConfigurationError: they have another shape than one row, or one of them (which is named) is
            no finite number in the range.
    """
    given = values if hasattr(values, "__array__") else list(values)
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        array = np.asarray([_number(where, name, index, each) for index, each in enumerate(given)])
    if array.ndim != 1:
        raise ConfigurationError(
            f"{where}({name} of shape {array.shape}): must be one row of numbers"
        )
    wrong = ~((abs(array) <= LARGEST) & (array >= low) & (array <= high) & (array > above))
    if wrong.any():
        index = int(np.argmax(wrong))
        raise ConfigurationError(
            f"{where}({name}[{index}]={array[index].item()!r}): must be a finite number"
            f"{_range(low, high, above)}; leave out what has none, and say how many"
        )
    return array


def codes(where: str, name: str, labels: Iterable[Any], length: int) -> tuple[Codes, int]:
    """The labels numbered from 0 in the order in which they come, and how many there are.

    Raises:
        ConfigurationError: their number is not `length`, or one is missing (None or NaN).
    """
    seen: dict[Any, int] = {}
    listed = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
    for index, label in enumerate(listed):
        if label is None or label != label:  # noqa: PLR0124  NaN
            raise ConfigurationError(f"{where}({name}[{index}]={label!r}): must be a label")
        seen.setdefault(label, len(seen))
    same_length(where, name, len(listed), length)
    return np.asarray([seen[label] for label in listed], dtype=np.intp), len(seen)


def same_length(where: str, name: str, length: int, wanted: int) -> None:
    """There is one of them for each value."""
    if length != wanted:
        raise ConfigurationError(f"{where}({name}): has {length} entries for {wanted} values")


def totals(groups: Codes, count: int, values: Floats) -> Floats:
    """The sum of the values in each group. Shape (count,)."""
    return np.bincount(groups, weights=values, minlength=count).astype(np.float64)


def rounded(differences: Floats, scale: float) -> Floats:
    """Differences without the noise of floats, so that what is equal on paper is equal.

    `0.1 + 0.2 - 0.3` is 5.6e-17, and a test of ranks or of signs takes that for a difference.

    Args:
        differences: shape (n,).
        scale: size of the numbers that they are differences of: those up to 1 are rounded to 9
            decimals, those up to 10 to 8, those up to 0.1 to 10, and so on.
    """
    unit = 10.0 ** ceil(log10(scale)) if scale > _SMALLEST else 0.0
    return np.round(differences / unit, 9) * unit if unit else differences


def _number(where: str, name: str, index: int, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        message = f"{where}({name}[{index}]={value!r}): must be a number"
        raise ConfigurationError(message) from None


def _range(low: float, high: float, above: float) -> str:
    parts = [
        f" above {above:g}" if above > -inf else "",
        f" from {low:g}" if low > -inf else "",
        f" to {high:g}" if high < inf else "",
    ]
    return "".join(parts)
