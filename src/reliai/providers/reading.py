"""Looking into values of unknown make without being hurt by them. Used by everything beside it.

Reading never raises an `Exception`, calls no method of the value but a mapping's `get`, and keeps
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["amount", "attribute", "count", "dig", "text", "word"]


def attribute(value: object, name: str) -> object:
    """The attribute, or None when there is none or reading it raises."""
    try:
        return getattr(value, name, None)
    except Exception:  # noqa: BLE001  a property of somebody else's class may raise anything
        return None


_MOST: Final = 1024  # every Mock has a class of its own
_known: dict[type, Callable[[Any, Any], object]] = {}


def _getter(kind: type) -> Callable[[Any, Any], object]:
    """How a field of an object of this type is read; found out once for each type."""
    if len(_known) >= _MOST:
        _known.clear()
    if issubclass(kind, Mapping):
        get: Callable[[Any, Any], object] = _item
    elif getattr(getattr(kind, "__getattr__", None), "__module__", None) == "pydantic.main":
        get = _FieldsOfModel(kind)
    else:
        get = _attribute
    _known[kind] = get
    return get


def _item(value: Mapping[str, object], name: str) -> object:
    return value.get(name)


def _attribute(value: object, name: str) -> object:
    return getattr(value, name, None)


class _FieldsOfModel:
    """Reads fields of one class of pydantic's models.

    SDKs' answers are such models, and to ask one for a field that it has not takes 4 µs: pydantic
    words an error for it. So what the class itself does not have is looked for in its values only.
    """

    __slots__ = ("_absent", "_kind")

    def __init__(self, kind: type) -> None:
        self._kind = kind
        self._absent: set[str] = set()

    def __call__(self, value: Any, name: str) -> object:
        own: dict[str, object] = value.__dict__
        if name in own:
            return own[name]
        if name in self._absent:
            more = value.__pydantic_extra__
            if not more or name not in more:
                private = value.__pydantic_private__
                return private.get(name) if private else None
            return more[name]
        if not any(name in vars(each) for each in self._kind.__mro__):
            self._absent.add(name)  # of the few names that readers ask for
        return getattr(value, name, None)


def dig(value: Any, *path: str | int) -> object:
    """What lies at `path`, through mappings, attributes and sequences alike; None where it ends."""
    for step in path:
        kind = type(value)
        try:
            if kind is dict:
                value = value.get(step)
            elif value is None:
                return None
            elif type(step) is int:
                value = value[step] if isinstance(value, (list, tuple)) else None
            else:
                get = _known.get(kind) or _getter(kind)
                value = get(value, step)
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
