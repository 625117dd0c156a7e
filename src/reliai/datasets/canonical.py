"""One way of writing JSON data down, so that equal content has one hash (RFC 8785 over NFC text).

The order of keys, 1 or 1.0, composed or decomposed accents: none of them makes another case.
What JSON cannot say exactly is refused: NaN, infinities, integers beyond 2**53, keys that are no
text. Floor 5.
"""

from __future__ import annotations

import json
import math
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from unicodedata import is_normalized, normalize

from reliai._needs import needed
from reliai.datasets.failures import DatasetError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["canonical", "content_digest", "json_text"]

_MOST: Final = 2**53 - 1
"""The largest integer that every reader of JSON keeps exact."""

_DEEPEST: Final = 200
"""Levels of lists and objects; deeper data is refused before it exhausts the stack."""

_LEAST_SHORT: Final = 1e-4
_MOST_SHORT: Final = 1e16
"""Between these, Python writes a float as RFC 8785 does."""

_plain = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True, default=dict
).encode  # `default` is asked for mappings that are no dict; all else is refused before


def canonical(value: Any, name: str = "value") -> bytes:
    """Write JSON data in its one canonical form.

    Args:
        value: null, booleans, numbers, texts, lists, tuples, and mappings with text keys.
        name: what the value is called in the message of an error.

    Returns:
        RFC 8785 JSON with every text in Unicode's normal form C, as UTF-8.

    Raises:
        DatasetError: when it is no data that JSON says exactly, naming the place, not the content.
    """
    walk = _Walk()
    data = walk.normal(value, name, 0)
    try:
        if walk.ordinary:
            return _plain(data).encode()
        written: bytes = needed("rfc8785", "datasets", "This case").dumps(data)
    except ValueError as error:  # a text with half of a surrogate pair, by either way
        raise DatasetError(f"{name} holds a text that is no valid Unicode") from error
    else:
        return written


def content_digest(inputs: Mapping[str, Any], expected: Any, missing: Any) -> str:
    """The identity of a case: `sha256:` and the hash of its inputs and what is expected."""
    walk = {"inputs": inputs} if expected is missing else {"expected": expected, "inputs": inputs}
    return "sha256:" + sha256(canonical(walk, "case")).hexdigest()


def json_text(value: Any) -> str:
    """JSON data in one line as it is: 1.0 stays 1.0, and texts keep their form; keys are sorted."""
    return _plain(value)


class _Walk:
    """One walk over a value, which brings it to its normal form and remembers what it met.

    `ordinary` says that the standard library's encoder, which is written in C, gives the bytes
    of RFC 8785: so it is unless there are very small or large floats, or keys beyond ASCII
    (which the two put in different orders).
    """

    __slots__ = ("ordinary",)

    def __init__(self) -> None:
        self.ordinary = True

    def normal(self, value: Any, name: str, depth: int) -> Any:
        kind = type(value)
        if kind is str or isinstance(value, str):
            return value if value.isascii() else _composed(value)
        if value is None or value is True or value is False:
            return value
        if isinstance(value, int):
            return _exact(int(value), name)
        if isinstance(value, float):
            return self._number(float(value), name)
        if depth >= _DEEPEST:
            raise DatasetError(f"{name[:200]}… is nested deeper than {_DEEPEST} levels")
        if isinstance(value, dict) or _is_mapping(value):
            return self._object(value, name, depth + 1)
        if isinstance(value, list | tuple):
            return [
                self.normal(each, f"{name}[{at}]" if depth < 8 else name, depth + 1)
                for at, each in enumerate(value)
            ]
        raise DatasetError(
            f"{name} is a {kind.__qualname__}, which JSON cannot say: give null, booleans, "
            f"numbers, texts, lists and objects"
        )

    def _object(self, value: Mapping[Any, Any], name: str, depth: int) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, each in value.items():
            if not isinstance(key, str):
                raise DatasetError(f"{name} has a key that is a {type(key).__qualname__}, no text")
            if not key.isascii():
                self.ordinary = False
                key = _composed(key)  # noqa: PLW2901  from here on it is known by this form
            if key in made:
                raise DatasetError(f"{name} has one key twice, written in two forms of Unicode")
            made[key] = self.normal(each, f"{name}.{key}" if depth < 8 else name, depth)
        return made

    def _number(self, value: float, name: str) -> float | int:
        if not math.isfinite(value):
            raise DatasetError(f"{name} is {value}, which JSON cannot say")
        if value.is_integer() and -_MOST <= value <= _MOST:
            return int(value)
        if not _LEAST_SHORT <= abs(value) < _MOST_SHORT:
            self.ordinary = False
        return value


def _exact(value: int, name: str) -> int:
    if not -_MOST <= value <= _MOST:
        raise DatasetError(
            f"{name} is an integer beyond ±(2**53 - 1), which JSON cannot say exactly: "
            f"give it as a text"
        )
    return value


def _composed(text: str) -> str:
    return text if is_normalized("NFC", text) else normalize("NFC", text)


def _is_mapping(value: Any) -> bool:
    from collections.abc import Mapping as AnyMapping  # noqa: PLC0415  dicts never come here

    return isinstance(value, AnyMapping)
