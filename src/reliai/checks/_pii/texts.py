"""The texts within a value: a string, messages, a provider's response, an object of a user's class.

What is given is never changed: where a text in it changes, a copy is made of all that holds it.
"""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "Path",
    "Rewriting",
    "fields_of",
    "free_key",
    "is_media",
    "is_opaque",
    "marks",
    "placed_texts",
    "rewritten",
    "texts",
    "unseen",
]

_KEY: Final = "<key>"
_PLAIN: Final = frozenset({int, float, bool, complex, bytes, bytearray, type(None)})
_NUMBERS: Final = frozenset({"datetime", "decimal", "fractions", "uuid"})
"""Modules whose objects are numbers, times and the like: no text stands in them."""
_ENCODED: Final = ";base64,"
_MEDIA_KEYS: Final = frozenset({"media_type", "mime_type", "mimeType", "format", "mediaType"})


Path: TypeAlias = "tuple[str | int | tuple[object, ...], ...]"
"""Where a text stands in a value: keys, names of attributes, places in lists."""

_MARKS: Final = ("type", "index", "output_index", "content_index", "item_id", "contentBlockIndex")


def texts(value: object) -> list[str]:
    """Every text in a value, the keys of dictionaries too; no pictures or other media."""
    return [text for _, text in placed_texts(value)]


def placed_texts(value: object) -> list[tuple[Path, str]]:
    """The same, each with its place."""
    found: list[tuple[Path, str]] = []

    def take(text: str, path: Path) -> str:
        found.append((path, text))
        return text

    Rewriting(take).of(value)
    return found


def rewritten(value: Any, change: Callable[[str, Path], str]) -> Any:
    """The value with its texts changed, for a check that must not let one of them through.

    Raises:
        TypeError: when an object holds a text that should change, and cannot be copied.
    """
    rewriting = Rewriting(change)
    made = rewriting.of(value)
    if rewriting.failed:
        raise TypeError(f"{rewriting.failed[0]} holds a text to replace, and cannot be copied")
    return made


def unseen(value: object) -> str | None:
    """Why a value cannot be judged: nothing is known of what is in it. None when it can."""
    if is_opaque(value):
        return f"it cannot be looked into: it is neither text nor data but {type(value).__name__}"
    return None


def marks(value: Any) -> tuple[object, ...]:
    """What tells one part of a stream of events from another: its type, then its numbers."""
    held = value if isinstance(value, dict) else getattr(value, "__dict__", None)
    if held is None:
        return tuple(getattr(value, mark, None) for mark in _MARKS)
    return tuple(held.get(mark) for mark in _MARKS)


class Rewriting:
    """One pass over a value, in which `change(text, path)` may put another text in a text's place.

    Attributes:
        failed: the types of the objects that hold a text that should change, and cannot be copied.
    """

    def __init__(self, change: Callable[[str, Path], str]) -> None:
        self._change = change
        self._within: set[int] = set()
        self.failed: list[str] = []

    def of(self, value: Any, path: Path = ()) -> Any:
        """The value with its texts changed; the value itself where none did."""
        if isinstance(value, str):
            changed = value if is_media(value) else self._change(value, path)
            return value if changed == value else changed
        kind = type(value)
        if kind in _PLAIN or id(value) in self._within:
            return value
        self._within.add(id(value))
        try:
            return self._of_many(value, path)
        finally:
            self._within.discard(id(value))

    def _of_many(self, value: Any, path: Path) -> Any:
        if isinstance(value, dict):
            return self._of_dictionary(value, path)
        if isinstance(value, list | tuple):
            return self._of_sequence(value, path)
        if isinstance(value, set | frozenset):
            items = {item: self.of(item, (*path, n)) for n, item in enumerate(value)}
            same = all(items[item] is item for item in items)
            return value if same else type(value)(items.values())
        return self._of_object(value, path)

    def _of_dictionary(self, value: dict[Any, Any], path: Path) -> Any:
        made: dict[Any, Any] = {}
        same = True
        media = not _MEDIA_KEYS.isdisjoint(value) or value.get("type") == "base64"
        for key, item in value.items():
            new_key = self.of(key, (*path, _KEY, key)) if isinstance(key, str) else key
            new = item if media and key == "data" else self.of(item, (*path, str(key)))
            same = same and new is item and new_key is key
            made[free_key(made, new_key)] = new
        if same:
            return value
        return made if type(value) is dict else self._copied(value, made.items(), _put_items)

    def _of_sequence(self, value: Any, path: Path) -> Any:
        places = _places(value)
        made = [self.of(item, (*path, place)) for place, item in zip(places, value, strict=True)]
        if all(new is old for new, old in zip(made, value, strict=True)):
            return value
        if type(value) in {list, tuple}:
            return type(value)(made)
        if hasattr(value, "_fields"):
            return value._replace(**dict(zip(value._fields, made, strict=True)))
        return self._copied(value, made, _put_sequence)

    def _of_object(self, value: Any, path: Path) -> Any:
        changed = {}
        for name, item in fields_of(value).items():
            new = self.of(item, (*path, name))
            if new is not item:
                changed[name] = new
        return self._copied(value, changed.items(), _put_fields) if changed else value

    def _copied(self, value: Any, content: Any, put: Callable[[Any, Any], None]) -> Any:
        try:
            made = copy.copy(value)
            if made is value:
                raise TypeError  # it calls itself immutable, and is shared
            put(made, content)
        except Exception:  # noqa: BLE001  whatever a class of somebody else's does in a copy
            self.failed.append(type(value).__qualname__)
            return value
        return made


def is_opaque(value: object) -> bool:
    """Whether it is an object that cannot be looked into."""
    if isinstance(value, bytes | bytearray):
        return True
    kind = type(value)
    builtin = isinstance(value, str | dict | list | tuple | set | frozenset)
    return not (builtin or kind in _PLAIN or kind.__module__ in _NUMBERS or _is_known(kind))


def _is_known(kind: Any) -> bool:
    marks = ("__pydantic_fields__", "__dataclass_fields__", "__attrs_attrs__", "__struct_fields__")
    return any(hasattr(kind, mark) for mark in marks) or issubclass(kind, SimpleNamespace)


def fields_of(value: Any) -> dict[str, Any]:
    """What an object of a kind that holds data holds; nothing of any other."""
    kind = type(value)
    if isinstance(value, type) or not _is_known(kind):
        return {}
    names = getattr(kind, "__dataclass_fields__", None) or getattr(kind, "__struct_fields__", ())
    if not names:
        names = [field.name for field in getattr(kind, "__attrs_attrs__", ())]
    held = dict(getattr(value, "__dict__", {}))
    held.update(getattr(value, "__pydantic_extra__", None) or {})
    for name in names:
        if name not in held and hasattr(value, name):
            held[name] = getattr(value, name)
    return held


def _put_fields(made: Any, content: Any) -> None:
    extra = getattr(made, "__pydantic_extra__", None) or {}
    held = getattr(made, "__dict__", {})
    for name, item in content:
        if name in extra:
            extra[name] = item
        elif name in held:
            held[name] = item
        else:
            object.__setattr__(made, name, item)


def _put_items(made: Any, content: Any) -> None:
    made.clear()
    made.update(content)


def _put_sequence(made: Any, content: Any) -> None:
    made[:] = content


def _places(value: Any) -> Iterable[int]:
    """The numbers that elements give themselves (choices, calls of tools), or their places."""
    numbers = [
        item.get("index") if isinstance(item, dict) else getattr(item, "index", None)
        for item in value
    ]
    own = [number for number in numbers if type(number) is int]
    return own if len(set(own)) == len(numbers) else range(len(numbers))


def free_key(made: dict[Any, Any], key: Any) -> Any:
    """A key of its own, where redaction has made two alike."""
    if key not in made or not isinstance(key, str):
        return key
    number = 2
    while f"{key} ({number})" in made:
        number += 1
    return f"{key} ({number})"


def is_media(text: str) -> bool:
    return text.startswith("data:") and _ENCODED in text[:120]
