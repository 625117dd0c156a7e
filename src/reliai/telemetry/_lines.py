"""Call records as lines of strict JSON."""

from __future__ import annotations

import json
import math
from typing import Any

__all__ = ["as_line", "fitted"]

_BULKY = ("output", "inputs", "values", "events", "checks", "attempts")
"""What is left away of a record that is too large, one after the other."""


def as_line(data: Any) -> bytes:
    """A line of JSON, without its end; numbers that JSON has no word for are null."""
    try:
        text = json.dumps(data, default=str, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(data), default=str, ensure_ascii=False)
    return text.encode(errors="backslashreplace")


def fitted(fields: dict[str, Any], most: int) -> tuple[bytes | None, bool]:
    """A record's line of at most so many bytes, and whether something was left away for it.

    What was is null or empty, and named under "cut". None when it is too large even then.
    """
    line = as_line(fields)
    if len(line) <= most:
        return line, False
    cut: list[str] = []
    for name in _BULKY:
        if fields.get(name):
            cut.append(name)
            fields = {**fields, name: type(fields[name])() if name in _LISTS else None, "cut": cut}
            line = as_line(fields)
            if len(line) <= most:
                return line, True
    return None, True


_LISTS = frozenset({"values", "events", "checks", "attempts"})


def _finite(value: Any) -> Any:
    """The same, with None for each number that is infinite or none."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
