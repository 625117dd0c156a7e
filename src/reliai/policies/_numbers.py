"""Numbers that JSON does not have: NaN, Infinity, and what is too large for a float.

pydantic's parser of JSON takes them for floats, as bare words and as strings. An answer that has
one where a number was asked for is wrong, and whatever computes with it then is wrong silently.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

__all__ = ["looks_odd", "odd_numbers"]

DEEPEST = 64
"""Levels of a value that are looked at."""

_HUGE = re.compile(r"e\+?[0-9]{3}")
_HUGE_CAPITAL = re.compile(r"E\+?[0-9]{3}")


def looks_odd(text: str) -> bool:
    """Whether a text may hold such a number, rather yes than no.

    Written out, since every answer goes through it: four searches for words, which are quick, and
    two for a letter before digits.
    """
    return (
        "NaN" in text
        or "Infinity" in text
        or 'nan"' in text
        or 'inf"' in text
        or _HUGE.search(text) is not None
        or _HUGE_CAPITAL.search(text) is not None
    )


def odd_numbers(value: Any, depth: int = DEEPEST) -> bool:
    """Whether a float that is no finite number is anywhere in a value."""
    if isinstance(value, float):
        return not math.isfinite(value)
    if value is None or isinstance(value, str | bytes | int) or not depth:
        return False
    return any(odd_numbers(part, depth - 1) for part in _parts(value))


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Mapping):
        return (*value.keys(), *value.values())
    if isinstance(value, list | tuple | set | frozenset):
        return cast("Iterable[Any]", value)
    fields = getattr(value, "__dict__", None)  # of a model, a dataclass
    return cast("dict[str, Any]", fields).values() if isinstance(fields, dict) else ()
