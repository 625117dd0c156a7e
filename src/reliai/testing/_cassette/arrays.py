"""numpy's arrays and numbers as JSON; numpy itself is only used where a value brought it along."""

from __future__ import annotations

import base64
import hashlib
import importlib
from typing import Any

from reliai.testing._cassette.trouble import CassetteError

__all__ = ["decode", "digest", "encode", "is_array"]

_MOST_ITEMS = 1000
"""Larger arrays are stored as bytes: nobody reads them."""
_READABLE = "biuU"
_MOST_TO_COMPARE = 64


def is_array(value: object) -> bool:
    """Whether it is an array or a scalar of numpy's."""
    return type(value).__module__ == "numpy" and hasattr(value, "dtype") and hasattr(value, "shape")


def digest(data: bytes) -> str:
    """A digest that stands for data too large to be written down."""
    return f"sha256:{hashlib.sha256(data).hexdigest()[:32]}"


def encode(value: Any, *, briefly: bool) -> dict[str, Any]:
    """An array as its type, its shape and its items; when `briefly`, many items as a digest."""
    kind, shape = value.dtype.str, list(value.shape)
    content: Any
    if briefly and value.size > _MOST_TO_COMPARE:
        content = digest(value.tobytes())
    elif value.size <= _MOST_ITEMS and _readable(value):
        content = value.tolist()
    elif value.dtype.hasobject:
        raise CassetteError("an array of objects cannot be recorded; return a list of them")
    else:
        content = base64.b64encode(value.tobytes()).decode()
    return {
        "$array": kind,
        "shape": shape,
        "scalar": type(value).__name__ != "ndarray",
        "items": content,
    }


def _readable(value: Any) -> bool:
    """Whether its items are text, or numbers that JSON knows."""
    if value.dtype.kind == "f":
        return bool((value - value == 0).all())  # JSON knows neither infinity nor NaN
    return value.dtype.kind in _READABLE


def decode(data: dict[str, Any]) -> Any:
    """The array or the scalar that is stored as `data`."""
    numpy: Any = importlib.import_module("numpy")
    items, kind = data["items"], numpy.dtype(data["$array"])
    if isinstance(items, str) and kind.kind != "U":
        made = numpy.frombuffer(base64.b64decode(items), dtype=kind).reshape(data["shape"]).copy()
    else:
        made = numpy.array(items, dtype=kind).reshape(data["shape"])
    return made[()] if data.get("scalar") else made
