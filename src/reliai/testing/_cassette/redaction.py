"""What is taken out of a recording before it is written: secrets always, and what the user says.

A recorded call is matched by its redacted arguments, so whoever replays it needs no secret. Calls
that differ only in what was taken out are told apart by a digest, which needs a key: without one,
anybody who has the file could try all telephone numbers.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, cast

from reliai.checks.base import Check, Replace, as_check
from reliai.checks.secrets import Secrets
from reliai.errors import ConfigurationError
from reliai.testing._cassette.file import canonical

__all__ = ["Redact", "Redactor"]

Redact: TypeAlias = Callable[[str], Any]
"""A function from text to text, or a check such as `Pii(action="redact")`."""

MASK = "[REDACTED]"
_SECRET_NAMES = re.compile(
    r"(?:.*[-_])?(?:api[-_]?key|access[-_]?key|secret(?:[-_]key)?|password|passwd|passphrase"
    r"|private[-_]?key|credentials?|(?:access|refresh|auth|id|session|bearer)[-_]?token)"
    r"|(?:proxy[-_])?authorization|(?:set[-_])?cookie|bearer",
    re.IGNORECASE,
)
_SECRET_ARGUMENTS = frozenset({"token", "auth", "key", "pwd"})
_NO_TEXT = frozenset(
    """$model $record $enum $namedtuple $object $error $class $array $response $request $bytes
    $bytearray $opaque $float $datetime $date $time $timedelta $decimal $complex""".split()
)
"""Keys whose values are ours, or no text."""
_OURS = frozenset({"name", "failure"})
"""What an error says besides what was raised."""
_WORDS = frozenset("id type object model role event name status finish_reason".split())
"""What a stream repeats with every chunk, so that it is no text in pieces."""
_PLACES = ("type", "index", "output_index", "content_index", "item_id")

_Edit = tuple[int, int, str]


class _Rule(Protocol):
    def __call__(self, text: str, /) -> list[_Edit]: ...


class Redactor:
    """Takes secrets, and whatever `redact` finds, out of JSON.

    Args:
        redact: functions from text to text, and checks; one of them or several.
        key: makes the digests by which calls are told apart that look the same once redacted.

    Raises:
        ConfigurationError: one of them is neither, or is asynchronous.
    """

    def __init__(self, redact: object = None, key: str | bytes | None = None) -> None:
        if redact is None:
            rules: list[object] = []
        else:
            rules = list(redact) if isinstance(redact, list | tuple) else [redact]
        self._rules = [_rule(each) for each in (*rules, *_usual())]
        self._key = key.encode() if isinstance(key, str) else key

    def text(self, text: str) -> str:
        """`text` without what must not be written down."""
        return self._cut([text])[0]

    def arguments(self, arguments: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """Arguments without it, and a digest of them when anything but a named secret was in."""
        known = {
            name: MASK if name.lower() in _SECRET_ARGUMENTS and isinstance(value, str) else value
            for name, value in arguments.items()
        }
        bare = _without_named(known)
        kept = self.tree(bare)
        if self._key is None or kept == bare:
            return kept, None
        digest = hmac.new(self._key, canonical(bare).encode(), hashlib.sha256)
        return kept, digest.hexdigest()[:32]

    def tree(self, data: Any) -> Any:
        """JSON without it."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, list):
            return [self.tree(item) for item in data]
        if not isinstance(data, dict):
            return data
        kept: dict[str, Any] = {}
        error = "$error" in data
        for name, value in cast("dict[str, Any]", data).items():
            if name in _NO_TEXT or (error and name in _OURS):
                kept[name] = value
            else:
                shown = name if name.isidentifier() else self.text(name)
                kept[shown] = MASK if _is_secret(name, value) else self.tree(value)
        return kept

    def stream(self, chunks: list[Any]) -> list[Any]:
        """The chunks of a stream, what is spread over several of them taken out as well."""
        groups: dict[Any, list[tuple[int, tuple[Any, ...], str]]] = {}
        for number, chunk in enumerate(chunks):
            for path, text in _strings(chunk, ()):
                groups.setdefault((path, _place(chunk)), []).append((number, path, text))
        for (path, _), found in groups.items():
            texts = [text for _, _, text in found]
            if not _in_pieces(path, texts):
                continue
            for (number, way, text), new in zip(found, self._cut(texts), strict=True):
                if new != text:
                    chunks[number] = _put(chunks[number], way, new)
        return [self.tree(chunk) for chunk in chunks]

    def _cut(self, pieces: list[str]) -> list[str]:
        """The pieces of a text, redacted as one; what replaces a part stands where it began."""
        text = "".join(pieces)
        ends: list[int] = []
        for piece in pieces:
            ends.append((ends[-1] if ends else 0) + len(piece))
        for rule in self._rules:
            edits = rule(text)
            if edits:
                ends = [_moved(end, edits) for end in ends]
                text = _edited(text, edits)
        return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


def _usual() -> list[object]:
    return [Secrets("redact")]


# --- rules ----------------------------------------------------------------------------------
def _rule(thing: object) -> _Rule:
    if not isinstance(thing, Check):
        if not callable(thing) or isinstance(thing, type):
            raise ConfigurationError(
                f"redact={thing!r}: give a function from text to text, or a check such as "
                'Pii(action="redact")'
            )
        function = cast("Callable[[str], Any]", thing)
        return lambda text: _difference(text, function(text))
    check = as_check(thing)
    if check.asynchronous:
        raise ConfigurationError(f"redact={thing!r}: the check must not be asynchronous")
    check.prepare()
    return lambda text: _by_check(check, text)


def _by_check(check: Check, text: str) -> list[_Edit]:
    spans = check.spans(text)
    if spans is not None:
        return [(start, end, MASK if new is None else new) for start, end, new in spans]
    verdict = check(text)
    if verdict is None or verdict is True:
        return []
    return _difference(text, verdict.value if isinstance(verdict, Replace) else MASK)


def _difference(text: str, new: object) -> list[_Edit]:
    """One edit that makes of a text what became of it; what is no text is left out altogether."""
    new = new if isinstance(new, str) else MASK
    start = 0
    while start < min(len(text), len(new)) and text[start] == new[start]:
        start += 1
    if start == len(text) == len(new):
        return []
    tail = 0
    most = min(len(text), len(new)) - start
    while tail < most and text[-1 - tail] == new[-1 - tail]:
        tail += 1
    return [(start, len(text) - tail, new[start : len(new) - tail])]


def _edited(text: str, edits: list[_Edit]) -> str:
    parts: list[str] = []
    at = 0
    for start, end, new in edits:
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def _moved(place: int, edits: list[_Edit]) -> int:
    """Where a place in a text is after the edits; one within an edit is at its end."""
    shift = 0
    for start, end, new in edits:
        if place <= start:
            break
        if place < end:
            return start + shift + len(new)
        shift += len(new) - (end - start)
    return place + shift


# --- trees ----------------------------------------------------------------------------------
def _is_secret(name: str, value: object) -> bool:
    return isinstance(value, str) and _SECRET_NAMES.fullmatch(name) is not None


def _without_named(data: Any) -> Any:
    if isinstance(data, dict):
        mapping = cast("dict[str, Any]", data)
        return {
            name: MASK if _is_secret(name, value) else _without_named(value)
            for name, value in mapping.items()
        }
    if isinstance(data, list):
        return [_without_named(item) for item in data]
    return data


def _strings(data: Any, path: tuple[Any, ...]) -> list[tuple[tuple[Any, ...], str]]:
    if isinstance(data, str):
        return [(path, data)]
    if isinstance(data, list):
        items = list(enumerate(data))
    elif isinstance(data, dict):
        items = [(k, v) for k, v in data.items() if k not in _NO_TEXT]
    else:
        return []
    return [found for key, item in items for found in _strings(item, (*path, key))]


def _place(chunk: Any) -> tuple[Any, ...]:
    """Which part of an answer a chunk belongs to, where it says so."""
    data = chunk.get("data", chunk) if isinstance(chunk, dict) else None
    return tuple(data.get(name) for name in _PLACES) if isinstance(data, dict) else ()


def _in_pieces(path: tuple[Any, ...], texts: list[str]) -> bool:
    name = str(path[-1]) if path else ""
    if name in _WORDS or name.endswith("_id"):
        return False
    return len(texts) > 1 and len(set(texts)) > 1


def _put(data: Any, path: tuple[Any, ...], text: str) -> Any:
    if not path:
        return text
    copy = dict(data) if isinstance(data, dict) else list(data)
    copy[path[0]] = _put(copy[path[0]], path[1:], text)
    return copy
