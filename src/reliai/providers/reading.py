"""Looking into values of unknown make without being hurt by them. Used by everything beside it.

Reading never raises an `Exception`, calls no method of the value but a mapping's `get`, and keeps
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

__all__ = ["amount", "attribute", "count", "dig", "text", "word"]


def attribute(value: object, name: str) -> object:
    """The attribute, or None when there is none or reading it raises."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001  a property of somebody else's class may raise anything
        return None


def dig(value: object, *path: str | int) -> object:
    """What lies at `path`, through mappings, attributes and sequences alike; None where it ends."""
    for step in path:
        if value is None:
            return None
        try:
            if isinstance(value, dict):  # before Mapping, which is ten times as slow to ask for
                value = value.get(step)
            elif isinstance(step, int):
                value = value[step] if isinstance(value, (list, tuple)) else None
            elif isinstance(value, Mapping):
                value = value.get(step)
            else:
                value = getattr(value, step, None)
        except Exception:  # noqa: BLE001  as above
            return None
    return value


def text(value: object) -> str | None:
    """`value` when it is a string, else None."""
    return value if isinstance(value, str) else None


def word(value: object) -> str | None:
    """The lower-cased word behind a string or an enumeration, else None."""
    if isinstance(value, Enum) and not isinstance(value, str):
        value = value.name
    try:
        return str.lower(value) if isinstance(value, str) and value else None
    except Exception:  # noqa: BLE001  a subclass of str may break its own truth value
        return None


def count(value: object) -> int | None:
    """`value` when it is a whole number from 0, else None; some providers count in floats."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return int(value)
    return None


def amount(value: Any) -> float | None:
    """`value` as a float when it is a finite number from 0, else None; decimals are numbers too."""
    if isinstance(value, (str, bytes, bool)) or value is None:
        return None
    try:
        number = float(value)
    except Exception:  # noqa: BLE001  anything at all may come here
        return None
    return number if 0 <= number < float("inf") else None
