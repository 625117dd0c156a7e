"""Numbers, texts and arrays as a record keeps them: arrays only as a sketch of themselves.

numpy, pandas and their like are known by what they can do, and not imported.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["QUANTILES", "sketched"]

QUANTILES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 1.0)
"""Those that the sketch of an array of numbers tells, in this order."""

TEXT_LIMIT = 200
"""Characters of a text that are kept."""

MOST_TEXTS = 20
"""Different texts of an array whose number is kept: the most frequent."""

_WHAT = "give a number, a text, or a one-dimensional array or list of these"


def sketched(values: Mapping[str, Any]) -> dict[str, Any]:
    """What a record keeps of values.

    Raises:
        ConfigurationError: naming the value that cannot be kept.
    """
    return {str(name): _kept(str(name), value) for name, value in values.items()}


def _kept(name: str, value: Any) -> Any:
    if isinstance(value, str):
        return str.__str__(value)[:TEXT_LIMIT]
    if value is None or _is_number(value):
        return _number(value)
    if getattr(value, "ndim", None) == 0:
        return _kept(name, _items(name, value))
    items = _items(name, value)
    if not isinstance(items, list):
        message = f"measure({name}=…): {type(value).__name__} cannot be kept; {_WHAT}"
        raise ConfigurationError(message)
    return _sketch(name, items)


def _is_number(value: Any) -> bool:
    if isinstance(value, (bool, int, float)):
        return True
    # decimals, fractions, numpy's numbers; arrays of one element convert too, but have a dimension
    named = type(value).__name__
    return not hasattr(value, "__len__") and (
        (hasattr(value, "as_integer_ratio") or hasattr(value, "__index__") or named == "bool_")
        and getattr(value, "ndim", 0) == 0
    )


_INFINITE_BITS = 1024
"""Of a whole number that no float is as large as; most of what reads numbers would fail over it."""


def _number(value: Any) -> bool | int | float | None:
    """A plain number; None for one that is missing: NaN, infinite."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) or (hasattr(value, "__index__") and not isinstance(value, float)):
        whole = int(value)
        return whole if whole.bit_length() < _INFINITE_BITS else None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _items(name: str, value: Any) -> Any:
    """The elements of an array as plain objects."""
    dimensions = getattr(value, "ndim", None)
    if isinstance(dimensions, int) and dimensions > 1:
        message = f"measure({name}=…): an array of {dimensions} dimensions cannot be kept; {_WHAT}"
        raise ConfigurationError(message)
    if isinstance(value, (list, tuple)):
        return list(value)
    tolist: Any = getattr(value, "tolist", None) or getattr(value, "to_list", None)
    if callable(tolist):
        return tolist()
    convert = getattr(value, "__array__", None)
    converted: Any = convert() if callable(convert) else None
    return None if converted is None else converted.tolist()


def _sketch(name: str, items: list[Any]) -> dict[str, Any]:
    present = [item for item in items if item is not None and item == item]  # noqa: PLR0124  NaN
    if present and all(isinstance(item, str) for item in present):
        return _sketch_of_texts(present, missing=len(items) - len(present))
    numbers = []
    for item in present:
        if not _is_number(item):
            message = (
                f"measure({name}=…): an array with a {type(item).__name__} in it cannot be kept; "
                f"{_WHAT}"
            )
            raise ConfigurationError(message)
        number = _number(item)
        if number is not None:
            numbers.append(float(number))
    return _sketch_of_numbers(sorted(numbers), missing=len(items) - len(numbers))


def _sketch_of_numbers(numbers: list[float], missing: int) -> dict[str, Any]:
    count = len(numbers)
    if not count:
        return {"count": 0, "missing": missing}
    mean = math.fsum(numbers) / count
    return {
        "count": count,
        "missing": missing,
        "mean": mean,
        "std": math.sqrt(math.fsum((each - mean) ** 2 for each in numbers) / count),
        "min": numbers[0],
        "max": numbers[-1],
        "quantiles": [_quantile(numbers, share) for share in QUANTILES],
    }


def _quantile(numbers: list[float], share: float) -> float:
    """Linear between the two nearest, as numpy does."""
    place = share * (len(numbers) - 1)
    below = math.floor(place)
    above = min(below + 1, len(numbers) - 1)
    return numbers[below] + (numbers[above] - numbers[below]) * (place - below)


def _sketch_of_texts(texts: list[str], missing: int) -> dict[str, Any]:
    counted = Counter(text[:TEXT_LIMIT] for text in texts)
    return {
        "count": len(texts),
        "missing": missing,
        "distinct": len(counted),
        "top": dict(counted.most_common(MOST_TEXTS)),
    }
