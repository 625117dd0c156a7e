"""What a cache keeps of an answer: a snapshot that nobody else holds, and copies to hand out."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import fractions
import uuid
from enum import Enum
from pathlib import PurePath
from types import BuiltinFunctionType, FunctionType, NoneType
from typing import Any, Final

__all__ = ["Uncopyable", "copied", "is_immutable"]

_DEEPEST = 20
"""How deep a container may lie in others to be copied in the quick way."""

_IMMUTABLE: Final = frozenset({
    NoneType, bool, int, float, complex, str, bytes, range, slice, type(...), type,
    dt.datetime, dt.date, dt.time, dt.timedelta, dt.timezone,
    decimal.Decimal, fractions.Fraction, uuid.UUID, FunctionType, BuiltinFunctionType,
})  # fmt: skip


class Uncopyable(Exception):
    """A value cannot be copied, so it cannot be kept; a signal, never seen by users."""


class _NotPlain(Exception):
    """There is more than plain containers in it."""


def is_immutable(value: Any, depth: int = 0) -> bool:
    """Whether a value, and all that is in it, never changes: it need not be copied."""
    kind = type(value)
    if kind in _IMMUTABLE:
        return True
    if depth > _DEEPEST:
        return False
    if kind is tuple or kind is frozenset:
        return all(is_immutable(item, depth + 1) for item in value)
    if issubclass(kind, (Enum, type, PurePath)):
        return True
    if _is_frozen(kind):
        return all(is_immutable(item, depth + 1) for item in _parts(value))
    return False


def _is_frozen(kind: Any) -> bool:
    settings = getattr(kind, "__dataclass_params__", None)
    if settings is not None:
        return bool(settings.frozen)
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return True
    config = getattr(kind, "model_config", None)
    return isinstance(config, dict) and bool(config.get("frozen"))


def _parts(value: Any) -> list[Any]:
    if isinstance(value, tuple):
        return list(value)
    names = getattr(value, "__dataclass_fields__", None)
    if names is not None:
        return [getattr(value, name, None) for name in names]
    extra = getattr(value, "__pydantic_extra__", None) or {}
    return [*vars(value).values(), *extra.values()]


def copied(value: Any) -> Any:
    """A copy that shares nothing that could change with `value`.

    Raises:
        Uncopyable: when it holds something that cannot be copied, such as a lock or a connection.
    """
    try:
        return _plain_copy(value, 0)
    except _NotPlain:
        pass
    try:
        return copy.deepcopy(value)
    except Exception as error:
        raise Uncopyable(type(value).__name__) from error


def _plain_copy(value: Any, depth: int) -> Any:
    """As `deepcopy`, of what JSON could hold; five times as quick."""
    kind = type(value)
    if kind in _IMMUTABLE:
        return value
    if depth > _DEEPEST:
        raise _NotPlain
    if kind is dict:
        return {key: _plain_copy(item, depth + 1) for key, item in value.items()}
    if kind is list:
        return [_plain_copy(item, depth + 1) for item in value]
    if kind is tuple:
        return tuple([_plain_copy(item, depth + 1) for item in value])
    raise _NotPlain
