"""Values as data to be recorded: what JSON can say, so many bytes and no more.

Whatever a value is made of, its texts go through one function, and what is no text but an object
or bytes gives its type's name: no `repr`, `str` or iterator of somebody else's is asked.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from json.encoder import encode_basestring
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import UUID

from reliai.checks._pii.texts import fields_of, free_key, is_media

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Change", "Recording", "beginning", "size_of"]

Change: TypeAlias = "Callable[[str, int, str], tuple[str, int]]"
"""Makes of a text what is recorded of it, given the bytes there is room for and its key."""

MOST_ITEMS: Final = 10_000
"""Items that are looked at, of all lists and dictionaries together."""

MOST_LABEL: Final = 64
"""Characters of a key that are looked at with what stands under it."""

MOST_DEEP: Final = 20
"""Lists and dictionaries within each other."""

LONG_NUMBER: Final = 10**6
"""Whole numbers from here on may be a card, a telephone number, an identity."""

_SPOKEN: Final = (date, datetime, time, timedelta, Decimal, Fraction, UUID, PurePath)
"""Types whose objects are their words; those of subclasses are somebody else's."""

_RESERVE: Final = 16
"""Bytes for the end of what is cut."""

_AROUND: Final = 4
"""Bytes that JSON takes around an item, at most: quotation marks and what separates items."""


class Recording:
    """One pass over a value.

    Args:
        change: makes of a text what is recorded of it, and how much was replaced in it; it is also
            given the bytes there is room for, and the key that the text stands under.
        limit: bytes of all that is recorded.

    Attributes:
        replaced: how much was replaced.
        original: bytes of all texts there were.
        cut: whether any of it was left out.
    """

    def __init__(self, change: Change, limit: int) -> None:
        self._change = change
        self._room = limit
        self._items = 0
        self._within: set[int] = set()
        self._label = ""
        self.replaced = self.original = 0
        self.cut = False

    def of(self, value: Any) -> Any:
        """The value as data. A text may take all the room there is, without quotation marks."""
        if isinstance(value, str) and not isinstance(value, Enum):
            return self._changed(str.__str__(value))
        self._room -= _RESERVE
        return self._of(value)

    def _of(self, value: Any) -> Any:
        if isinstance(value, Enum):
            value = value.value
        kind = type(value)
        if value is None or kind is bool:
            return self._placed(value, 5)
        if isinstance(value, str):
            return self._text(str.__str__(value))
        if isinstance(value, int | float):
            return self._number(value)
        if kind in _SPOKEN or isinstance(value, PurePath):
            return self._text(str(value))
        if isinstance(value, bytes | bytearray | memoryview):
            return self._named(f"({kind.__name__} of {len(value)} bytes)")
        return self._of_many(value)

    def _number(self, value: float) -> Any:
        if isinstance(value, int):
            return self._whole(int(value))
        number = float(value)
        return self._placed(number if math.isfinite(number) else None, 24)

    def _of_many(self, value: Any) -> Any:
        if id(value) in self._within:
            return self._named("(itself)")
        if len(self._within) >= MOST_DEEP:
            self.cut = True
            return self._named("(…)")
        self._within.add(id(value))
        try:
            return self._of_container(value)
        finally:
            self._within.discard(id(value))

    def _of_container(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._of_pairs(list(dict.items(value)))
        if isinstance(value, Mapping) and type(value).__module__ in {"builtins", "collections"}:
            return self._of_pairs(list(value.items()))
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return self._of_pairs(zip(_names_of(value), value, strict=False))
        if isinstance(value, list | tuple | set | frozenset) or _is_deque(value):
            return self._of_items(list(value))
        fields = fields_of(value)
        if fields or _is_model(value):
            return self._of_pairs(fields.items())
        return self._named(f"({type(value).__name__})")

    def _of_items(self, items: list[Any]) -> list[Any]:
        made: list[Any] = []
        self._room -= _AROUND
        for item in items:
            if self._full():
                self._left_out(item)
                continue
            self._room -= _AROUND
            made.append(self._of(item))
        return made

    def _of_pairs(self, pairs: Iterable[tuple[Any, Any]]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        self._room -= _AROUND
        for key, item in pairs:
            if self._full():
                self._left_out(key)
                self._left_out(item)
                continue
            self._room -= 2 * _AROUND
            name = self._key(key)
            free = free_key(made, name)
            self._room -= len(free) - len(name)
            made[free] = self._under(key, item)
        return made

    def _under(self, key: Any, item: Any) -> Any:
        """An item under a key, which may be all that tells what it is."""
        before = self._label
        self._label = str.__str__(key)[:MOST_LABEL] if isinstance(key, str) else ""
        try:
            return self._of(item)
        finally:
            self._label = before

    def _key(self, key: Any) -> str:
        """A dictionary's key as a text; of keys that are no texts, what JSON makes of them."""
        if isinstance(key, str | int | float | Enum) or key is None:
            made = self._under(None, key)
            return made if isinstance(made, str) else str(made)
        return str(self._named(f"({type(key).__name__})"))

    def _full(self) -> bool:
        self._items += 1
        return self._room <= 2 * _AROUND or self._items > MOST_ITEMS

    def _left_out(self, item: Any) -> None:
        self.cut = True
        if isinstance(item, str):
            self.original += size_of(item)

    def _text(self, text: str) -> Any:
        made = self._changed(text)
        over = _written(made) - max(self._room, 0)
        if over > 0:
            self.cut = True
            made = beginning(made, max(0, size_of(made) - over))
        return self._placed(made, _written(made))

    def _changed(self, text: str) -> str:
        if is_media(text):
            kind = text[5:].partition(";")[0][:40]
            return f"({kind} of {len(text)} characters)"
        room = max(self._room, 0)
        made, replaced = self._change(text, room, self._label)
        self.replaced += replaced
        size = size_of(text)
        self.original += size
        self.cut = self.cut or size > room
        return made

    def _whole(self, number: int) -> Any:
        if number.bit_length() > 256:
            return self._named(f"(a number of {number.bit_length()} bits)")
        words = str(number)
        if abs(number) < LONG_NUMBER:
            return self._placed(number, len(words))
        made, replaced = self._change(words, len(words), self._label)
        if not replaced:
            return self._placed(number, len(words))
        self.replaced += replaced
        return self._placed(made, _written(made))

    def _named(self, words: str) -> Any:
        return self._placed(words, _written(words))

    def _placed(self, made: Any, size: int) -> Any:
        """What is recorded, when there is room for it."""
        if size > self._room:
            self.cut = True
            return None
        self._room -= size
        return made


def beginning(text: str, limit: int) -> str:
    """As much of a text as so many bytes of UTF-8 hold, in whole characters."""
    if len(text) * 4 <= limit:
        return text
    head = text[:limit]
    encoded = head.encode("utf-8", "surrogatepass")
    if len(encoded) <= limit:
        return head
    return encoded[:limit].decode("utf-8", "ignore")


def size_of(text: str) -> int:
    """Bytes of a text in UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _written(text: str) -> int:
    """Bytes of a text as JSON writes it, without its quotation marks."""
    return size_of(encode_basestring(text)) - 2


def _names_of(pair: Any) -> tuple[str, ...]:
    """The names of a named tuple's items."""
    names: tuple[str, ...] = pair._fields
    return names


def _is_deque(value: Any) -> bool:
    kind = type(value)
    return kind.__name__ == "deque" and kind.__module__ == "collections"


def _is_model(value: Any) -> bool:
    """Whether it is an object that holds data, and holds none."""
    marks = ("__pydantic_fields__", "__dataclass_fields__", "__attrs_attrs__", "__struct_fields__")
    return not isinstance(value, type) and any(hasattr(type(value), mark) for mark in marks)
