"""What arguments are, to the last of them: the text that an approval is signed for.

JSON is not enough: two secrets are both written as stars, a field that is left out of it may say
whose account it is, and two objects may look alike.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date, time
from enum import Enum
from typing import Any, Final

__all__ = ["exactly"]

_PLAIN: Final = (type(None), bool, int, float, str)
_HERE: Final = secrets.token_hex(8)
"""An address means something in this process and its forks alone."""


def exactly(name: str, values: Mapping[str, Any]) -> str:
    """A text that is the same for two calls only where all their arguments are the same.

    What is a value is told by what is in it, and what is one of a kind (a connection, a function)
    by which it is.

    Args:
        name: of the tool.
        values: its arguments by name.

    Raises:
        RecursionError: for arguments that refer to themselves.
    """
    return json.dumps([name, _told(dict(values))], sort_keys=True)


def _told(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return [kind.__name__, repr(value)]
    return [f"{kind.__module__}.{kind.__qualname__}", _content(value)]


def _content(value: Any) -> Any:
    if isinstance(value, Mapping):
        return sorted([_told(key), _told(each)] for key, each in value.items())
    if isinstance(value, set | frozenset):
        return sorted(map(_told, value))
    if isinstance(value, list | tuple):
        return [_told(each) for each in value]
    return _simple(value) or _object(value)


def _simple(value: Any) -> list[Any] | None:
    """What a value of Python's own is; None for others."""
    if isinstance(value, Enum):
        return [value.name, _told(value.value)]
    if isinstance(value, bytes | bytearray):
        return [value.hex()]
    return [value.isoformat()] if isinstance(value, date | time) else None


def _object(value: Any) -> list[Any]:
    """What an object is made of, or which it is."""
    kind: Any = type(value)
    if hasattr(kind, "__pydantic_fields__"):
        unseen = ("__pydantic_extra__", "__pydantic_private__")
        return [_told(vars(value)), *(_told(getattr(value, name, None)) for name in unseen)]
    if is_dataclass(value):
        return [_told({each.name: getattr(value, each.name) for each in fields(value)})]
    if kind.__eq__ is not object.__eq__:  # a value: those that are equal may be exchanged
        try:
            made_of = value.__reduce_ex__(4)
        except TypeError:  # it cannot be taken apart
            made_of = None
        if isinstance(made_of, tuple):
            parts: tuple[Any, ...] = made_of
            return [_told(list(each) if hasattr(each, "__next__") else each) for each in parts]
    return [_HERE, id(value)]
