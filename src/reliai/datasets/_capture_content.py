"""What is kept of a call's content: JSON data, whole or not at all, scrubbed before it is kept.

A case has to run again, so nothing is cut: what is too large, or no data, is left out and counted.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from reliai.checks._pii.texts import fields_of
from reliai.datasets.tokens import Names, Tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["Held", "Scrubber", "TooLarge", "as_data"]

_DEEPEST: Final = 50
_SPOKEN: Final = (date, datetime, time, timedelta, Decimal, UUID, PurePath)
_EXACT: Final = 2**53

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class TooLarge(ValueError):
    """The content is larger than what may be kept of a call."""


class NoData(TypeError):
    """Something is no data that JSON can say."""


class Held:
    """The scrubbed content of one call, as JSON text.

    Attributes:
        size: bytes that it takes.
        names: the tokens that were given, so that what comes later has the same.
        left_out: parameters that are no data.
        replaced: how many pieces of personal data and secrets were replaced.
    """

    __slots__ = ("_text", "left_out", "names", "replaced", "size")

    def __init__(
        self, data: Mapping[str, Any], names: Names | None, replaced: int, left_out: tuple[str, ...]
    ) -> None:
        self._text = _encode(data).encode()
        self.names = names
        self.size = len(self._text)
        self.replaced = replaced
        self.left_out = left_out

    @property
    def inputs(self) -> dict[str, Any]:
        """What went in, by parameter name."""
        return dict(self._data()["inputs"])

    @property
    def output(self) -> Any:
        """What came out; None for nothing."""
        return self._data().get("output")

    def _data(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(self._text)
        return data

    def text_of_inputs(self) -> str:
        """All texts of the inputs, for a comparison with those of others."""
        return "\n".join(words_of(self._data()["inputs"]))


class Scrubber:
    """Makes of inputs and an output what may be kept.

    Args:
        scrub: `Tokens`, or a function of a text that gives the text to keep; None: as it is.
        limit: bytes of JSON at most.
    """

    def __init__(self, scrub: Tokens | Callable[[str], str] | None, limit: int) -> None:
        self._scrub = scrub
        self._limit = limit

    def held(self, inputs: Mapping[str, Any], output: Any) -> Held:
        """The content of a call.

        Raises:
            TooLarge: when there is more than may be kept.
            Exception: whatever the scrubbing raises.
        """
        data, left_out = _parameters(inputs)
        whole: dict[str, Any] = {"inputs": data}
        try:
            answer = as_data(output)
        except NoData:
            left_out = (*left_out, "(output)")
        else:
            whole["output"] = answer
        if len(_encode(whole).encode()) > self._limit:
            raise TooLarge
        clean, names, replaced = self.clean(whole, None, depth=0)
        return Held(clean, names, replaced, left_out)

    def clean(
        self, value: Any, names: Names | None, *, depth: int = 2
    ) -> tuple[Any, Names | None, int]:
        """Data without what must not be kept, the tokens by now, and how many were put in.

        Args:
            value: JSON data.
            names: the tokens that the rest of the case has.
            depth: keys of objects within fewer than two others are names that code has given.
        """
        if self._scrub is None:
            return value, None, 0
        if isinstance(self._scrub, Tokens):
            made = self._scrub.apply(value, names)
            return made.value, made.names, sum(made.replaced.values())
        counted: list[None] = []
        return _changed(value, self._scrub, counted, depth), None, len(counted)


def as_data(value: Any, depth: int = 0) -> Any:
    """A value as JSON data, nothing left out.

    Arrays become lists, objects that hold data become what they hold, dates their ISO text.

    Raises:
        NoData: for what is no data: a client, a file, a number that is none.
    """
    if depth > _DEEPEST:
        raise NoData
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return _text(str.__str__(value))
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, _SPOKEN):
        return value.isoformat() if isinstance(value, date | time) else str(value)
    return _of_many(value, depth + 1)


def _of_many(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        return {_key(name): as_data(item, depth) for name, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return {name: as_data(getattr(value, name), depth) for name in _names_of(value)}
    if isinstance(value, list | tuple):
        return [as_data(item, depth) for item in value]
    if isinstance(value, set | frozenset):
        return sorted((as_data(item, depth) for item in value), key=_encode)
    return _of_object(value, depth)


def _of_object(value: Any, depth: int) -> Any:
    if hasattr(value, "dtype") and callable(getattr(value, "tolist", None)):
        return as_data(value.tolist(), depth)
    fields = fields_of(value)
    if not fields and not hasattr(type(value), "__dataclass_fields__"):
        raise NoData
    return {name: as_data(item, depth) for name, item in fields.items()}


def _number(value: float) -> Any:
    if isinstance(value, int):
        return int(value) if abs(value) < _EXACT else str(int(value))
    if not math.isfinite(value):
        raise NoData
    return float(value)


def _key(name: Any) -> str:
    if isinstance(name, str):
        return _text(str.__str__(name))
    if isinstance(name, int | float):
        return str(name)
    raise NoData


def _text(text: str) -> str:
    """The text without halves of surrogate pairs, which no file can hold."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def _names_of(value: Any) -> tuple[str, ...]:
    names: tuple[str, ...] = value._fields
    return names


def _parameters(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The parameters that are data, and the names of the others."""
    data: dict[str, Any] = {}
    left_out: list[str] = []
    for name, value in inputs.items():
        try:
            data[name] = as_data(value)
        except NoData:
            left_out.append(name)
    return data, tuple(left_out)


def words_of(value: Any) -> Iterable[str]:
    """Every text and number in data, in order."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from words_of(item)
    elif isinstance(value, list):
        for item in value:
            yield from words_of(item)
    elif value is not None:
        yield str(value)


def _changed(value: Any, scrub: Callable[[str], str], counted: list[None], depth: int = 0) -> Any:
    """Data with each text as a function gives it, but the names of parameters."""
    if isinstance(value, str):
        made = scrub(value)
        if not isinstance(made, str):
            raise TypeError
        if made != value:
            counted.append(None)
        return made
    if isinstance(value, dict):
        return {
            name if depth < 2 else _changed(name, scrub, counted): _changed(
                item, scrub, counted, depth + 1
            )
            for name, item in value.items()
        }
    if isinstance(value, list):
        return [_changed(item, scrub, counted, depth + 1) for item in value]
    return value
