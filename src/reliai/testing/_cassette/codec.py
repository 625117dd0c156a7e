"""Values as JSON, and back: what a call gave, so that a person can read and change it.

Plain data stays as it is. Anything else is a mapping with one key that begins with "$" and says
what it was. Nothing is ever pickled: reading a cassette imports the classes it names, and builds
them from data.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import Path, PurePath
from typing import Any, TypeAlias, cast
from uuid import UUID

from reliai.errors import ConfigurationError
from reliai.testing._cassette import arrays, models
from reliai.testing._cassette.kinds import find, name_of, path_of, public_name
from reliai.testing._cassette.trouble import CassetteError

__all__ = ["Codec", "Encode"]

Encode: TypeAlias = Mapping[type[Any], tuple[Callable[[Any], Any], Callable[[Any], Any]]]
"""For each type of one's own: a function to data, and one that gives the object back."""

_MOST_BYTES = 256
_TEXTS: dict[type[Any], tuple[str, Callable[[Any], str]]] = {
    datetime: ("$datetime", datetime.isoformat),
    date: ("$date", date.isoformat),
    time: ("$time", time.isoformat),
    Decimal: ("$decimal", str),
    UUID: ("$uuid", str),
    complex: ("$complex", str),
}
_FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$decimal": Decimal,
    "$uuid": UUID,
    "$complex": complex,
    "$float": float,
    "$bytes": base64.b64decode,
    "$bytearray": lambda text: bytearray(base64.b64decode(text)),
    "$path": Path,
    "$class": find,
}
_FROM_ITEMS: dict[str, Callable[[Any], Any]] = {
    "$tuple": tuple,
    "$set": set,
    "$frozenset": frozenset,
    "$items": dict,
    "$timedelta": lambda parts: timedelta(*parts),
}
_FROM_CLASS: dict[str, Callable[[type[Any]], bool]] = {
    "$enum": lambda kind: issubclass(kind, Enum),
    "$namedtuple": lambda kind: issubclass(kind, tuple) and hasattr(kind, "_make"),
    "$model": models.builds_models,
    "$record": models.builds_records,
}
"""What a class must be to be built: a file that somebody changed can call nothing else."""


class Codec:
    """Turns values into JSON and back.

    Args:
        encode: types of the user's own, each with a function to data and one from it.
        lenient: for what is only compared and never rebuilt: an object that is no data is told by
            its type, and what is large by its digest.

    Raises:
        ConfigurationError: `encode` is no mapping from types to pairs of functions.
    """

    def __init__(self, encode: Encode | None = None, *, lenient: bool = False) -> None:
        self.own = dict(encode or {})
        self._lenient = lenient
        for kind, pair in self.own.items():
            if not (isinstance(kind, type) and isinstance(pair, tuple) and len(pair) == 2):
                raise ConfigurationError(
                    f"encode={{{kind!r}: {pair!r}}}: give a type and a pair of functions, "
                    "such as {Thing: (Thing.to_dict, Thing.from_dict)}"
                )

    # --- to JSON ---------------------------------------------------------------------------
    def encode(self, value: Any) -> Any:
        """`value` as JSON.

        Raises:
            CassetteError: there is no way to store it; names the type and what to do.
        """
        try:
            return self._encode(value)
        except RecursionError:
            raise CassetteError(
                f"a {public_name(type(value))} that contains itself cannot be recorded"
            ) from None

    def _encode(self, value: Any) -> Any:
        kind: type[Any] = type(value)
        if value is None or kind in (str, bool, int):
            return value
        if kind is float:
            return value if math.isfinite(value) else {"$float": str(value)}
        for own, (to_data, _) in self.own.items():
            if isinstance(value, own):
                return {"$object": name_of(own), "value": self._encode(to_data(value))}
        if kind is list:
            return [self._encode(item) for item in value]
        if kind is dict:
            return self._mapping(value)
        return self._builtin(value, kind)

    def _mapping(self, value: dict[Any, Any]) -> Any:
        if all(type(key) is str and not key.startswith("$") for key in value):
            return {key: self._encode(item) for key, item in value.items()}
        return {"$items": [[self._encode(k), self._encode(v)] for k, v in value.items()]}

    def _builtin(self, value: Any, kind: type[Any]) -> Any:  # noqa: PLR0911  one a kind
        if isinstance(value, Enum):
            return {"$enum": self._path(kind), "value": self._encode(value.value)}
        if kind in _TEXTS:
            tag, text = _TEXTS[kind]
            return {tag: text(value)}
        if isinstance(value, tuple):
            return self._tuple(value, kind)
        if kind in (set, frozenset):
            items = [self._encode(item) for item in value]
            return {f"${kind.__name__}": sorted(items, key=repr)}
        if kind in (bytes, bytearray):
            if self._lenient and len(value) > _MOST_BYTES:
                return {f"${kind.__name__}": arrays.digest(bytes(value))}
            return {f"${kind.__name__}": base64.b64encode(value).decode()}
        if kind is timedelta:
            return {"$timedelta": [value.days, value.seconds, value.microseconds]}
        if isinstance(value, PurePath):
            return {"$path": str(value)}
        return self._structured(value, kind)

    def _tuple(self, value: tuple[Any, ...], kind: type[Any]) -> Any:
        items = [self._encode(item) for item in value]
        if kind is not tuple and hasattr(kind, "_make"):
            return {"$namedtuple": self._path(kind), "items": items}
        return {"$tuple": items}

    def _structured(self, value: Any, kind: type[Any]) -> Any:  # noqa: PLR0911  the same
        if arrays.is_array(value):
            return arrays.encode(value, briefly=self._lenient)
        if models.is_model(value):
            return models.encode_model(self, value, self._path(kind), lenient=self._lenient)
        if models.is_record(value):
            return models.encode_record(self, value, self._path(kind))
        if isinstance(value, str | int | float):  # a subclass that adds nothing we know of
            return next(base(value) for base in (str, int, float) if isinstance(value, base))
        if isinstance(value, dict):
            return self._mapping(value)
        if isinstance(value, list):
            return [self._encode(item) for item in value]
        if isinstance(value, type):
            return {"$class": self._path(cast("type[Any]", value))}
        if self._lenient:
            return {"$opaque": _opaque(value)}
        raise CassetteError(_unknown(value))

    def _path(self, kind: type[Any]) -> str:
        if self._lenient:
            return name_of(kind)
        path = path_of(kind)
        if path is None:
            raise CassetteError(
                f"a {public_name(kind)} cannot be recorded: the class cannot be imported again. "
                f"Define it at the top of a module, or pass encode={{{kind.__name__}: (to_data, "
                "from_data)}} to cassette()"
            )
        return path

    # --- from JSON -------------------------------------------------------------------------
    def decode(self, data: Any) -> Any:
        """The value that is stored as `data`.

        Raises:
            CassetteError: it names something unknown, or cannot be rebuilt from what it holds.
        """
        if isinstance(data, list):
            return [self.decode(item) for item in data]
        if not isinstance(data, dict):
            return data
        mapping = cast("dict[str, Any]", data)
        tag = next(iter(mapping), "")
        if not tag.startswith("$"):
            return {key: self.decode(item) for key, item in mapping.items()}
        return self._untag(tag, mapping)

    def _untag(self, tag: str, data: dict[str, Any]) -> Any:
        content = data[tag]
        if tag in _FROM_TEXT:
            return _FROM_TEXT[tag](content)
        if tag in _FROM_ITEMS:
            return _FROM_ITEMS[tag](self.decode(content))
        if tag in _FROM_CLASS:
            kind = find(content)
            if not _FROM_CLASS[tag](kind):
                raise CassetteError(f"the cassette holds {content} as {tag[1:]}, which it is not")
            return self._rebuild(tag, kind, data)
        if tag == "$array":
            return arrays.decode(data)
        if tag == "$object":
            return self._decode_own(content, data["value"])
        raise CassetteError(
            f"the cassette holds {tag!r}, which this version of reliai does not know"
        )

    def _rebuild(self, tag: str, kind: Any, data: dict[str, Any]) -> Any:
        if tag == "$enum":
            return kind(self.decode(data["value"]))
        if tag == "$namedtuple":
            return kind._make(self.decode(data["items"]))
        rebuild = models.decode_model if tag == "$model" else models.decode_record
        return rebuild(self, kind, data)

    def _decode_own(self, name: str, value: Any) -> Any:
        for own, (_, from_data) in self.own.items():
            if name_of(own) == name:
                return from_data(self.decode(value))
        raise CassetteError(
            f"the cassette holds a {name.replace(':', '.')}, recorded with encode=; pass the same "
            "encode= to replay it"
        )


def _opaque(value: Any) -> str:
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return public_name(type(value))


def _unknown(value: Any) -> str:
    kind: type[Any] = type(value)
    name = public_name(kind)
    how = f"pass encode={{{kind.__name__}: (to_data, from_data)}} to cassette()"
    if _is_iterable(value):
        how = f"return a list of what it gives, make the guarded function a generator, or {how}"
    elif hasattr(value, "__enter__") or hasattr(value, "__aenter__"):
        how = f"make the guarded function a generator that enters it, or {how}"
    return f"a {name} cannot be recorded; {how}"


def _is_iterable(value: object) -> bool:
    return any(hasattr(value, name) for name in ("__next__", "__anext__", "__iter__", "__aiter__"))
