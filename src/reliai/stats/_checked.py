"""What a statistic is given, looked at first: the error names the function and the value."""

from __future__ import annotations

from math import inf, isfinite
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["chosen", "number", "share", "whole"]


def whole(where: str, name: str, value: Any, low: int = 0) -> int:
    """A whole number from `low` up; one of numpy's is one, a boolean is none."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= low:
        return value
    index = getattr(value, "__index__", None)
    result = low - 1 if index is None or isinstance(value, bool) else int(index())
    if result >= low:
        return result
    raise ConfigurationError(f"{where}({name}={value!r}): must be a whole number from {low} up")


def number(
    where: str, name: str, value: Any, *, above: float = -inf, low: float = -inf, high: float = inf
) -> float:
    """A finite number that is more than `above`, from `low` to `high`."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        result = inf
    if isfinite(result) and above < result and low <= result <= high:
        return result
    raise ConfigurationError(f"{where}({name}={value!r}): must be {_range(above, low, high)}")


def share(where: str, name: str, value: Any) -> float:
    """A number above 0 and below 1."""
    result = number(where, name, value, low=0.0, high=1.0)
    if 0.0 < result < 1.0:
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
