"""What a statistic is given, looked at first: the error names the function and the value."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LARGEST", "MOST", "chosen", "number", "share", "whole"]

MOST: Final = 10**15
"""The largest count taken: above it floats are no whole numbers any more."""

LARGEST: Final = 1e100
"""The largest number taken; what must be above 0 is one over it at least."""


def whole(where: str, name: str, value: Any, low: int = 0) -> int:
    """A whole number from `low` up; one of numpy's is one, a boolean is none."""
    index = getattr(value, "__index__", None)
    result = low - 1 if index is None or isinstance(value, bool) else int(index())
    if result > MOST:
        raise ConfigurationError(f"{where}({name}=…): is more than {MOST:,}")
    if result >= low:
        return result
    raise ConfigurationError(f"{where}({name}={value!r}): must be a whole number from {low} up")


def number(
    where: str, name: str, value: Any, *, above: float = -inf, low: float = -inf, high: float = inf
) -> float:
    """A finite number that is more than `above`, from `low` to `high`.

    Those whose square no float holds are refused: what has such a size has the wrong unit.
    """
    try:
        result = float(value)
    except (TypeError, ValueError, OverflowError):
        result = inf
    tiny = above == 0.0 and result < 1.0 / LARGEST
    if abs(result) <= LARGEST and above < result and low <= result <= high and not tiny:
        return result
    raise ConfigurationError(f"{where}({name}={value!r}): must be {_range(above, low, high)}")


def share(where: str, name: str, value: Any) -> float:
    """A number above 0 and below 1."""
    result = number(where, name, value, low=0.0, high=1.0)
    if 1.0 / LARGEST <= result < 1.0:
        return result
    raise ConfigurationError(f"{where}({name}={value!r}): must be above 0 and below 1")


def chosen(where: str, name: str, value: Any, among: Sequence[str]) -> str:
    """One of a few words."""
    if isinstance(value, str) and value in among:
        return value
    words = ", ".join(map(repr, among))
    raise ConfigurationError(f"{where}({name}={value!r}): must be one of {words}")


def _range(above: float, low: float, high: float) -> str:
    if above > -inf:
        return f"a finite number above {above:g}" + (f", {high:g} at most" if high < inf else "")
    if high < inf:
        return f"a number from {low:g} to {high:g}" if low > -inf else f"a number to {high:g}"
    return f"a finite number from {low:g} up" if low > -inf else "a finite number"
