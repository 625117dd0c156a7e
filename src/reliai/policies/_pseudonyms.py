"""What stands for personal data while a model has the text: `<EMAIL_1>`, and the way back.

The map lives as long as its call and nowhere else: it is in no record, error, log or pickle, and no
regular expression is made of what it holds, since Python keeps those.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn

from reliai.checks._pii.finding import Hit, resolved
from reliai.checks._pii.texts import Rewriting, texts
from reliai.checks.pii import label

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from reliai.checks._pii.texts import Path
    from reliai.checks.pii import Pii

__all__ = ["JSON_TEXTS", "Pseudonyms", "found_in"]

_TOKEN: Final = re.compile(r"(?:<|\\u003[cC])([A-Z][A-Z0-9_]{0,60}_[0-9]{1,9})(?:>|\\u003[eE])")
"""A token as it stands in text, or in JSON whose writer escapes what HTML would read."""

JSON_TEXTS: Final = frozenset({"arguments", "partial_json", "args", "arguments_json"})
"""Fields that hold JSON as text: what is put into them is escaped."""


def found_in(pii: Pii, value: object) -> dict[str, list[Hit]]:
    """What there is in each text of a value that has some."""
    found = {text: pii.find(text) for text in dict.fromkeys(texts(value))}
    return {text: hits for text, hits in found.items() if hits}


class Pseudonyms:
    """The tokens of one call. The same text has the same token, whatever message it is in."""

    __slots__ = ("_escape", "_forbidden", "_kinds", "_tokens", "_values")

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._kinds: dict[str, int] = {}
        self._forbidden: frozenset[str] = frozenset()
        self._escape = False

    def forbid(self, value: object) -> None:
        """Give no token that stands somewhere in `value` already: it is the user's, and stays."""
        found = {match[1] for text in texts(value) for match in _TOKEN.finditer(text)}
        self._forbidden |= found

    def add(self, text: str, hits: Iterable[Hit]) -> None:
        """Give each hit in a text its token."""
        for hit in hits:
            value = text[hit.start : hit.end]
            if value not in self._tokens:
                name = self._next(label(hit.kind))
                self._tokens[value] = f"<{name}>"
                self._values[name] = value
                self._escape = self._escape or json.dumps(value, ensure_ascii=False) != f'"{value}"'

    def _next(self, kind: str) -> str:
        while True:
            number = self._kinds[kind] = self._kinds.get(kind, 0) + 1
            if f"{kind}_{number}" not in self._forbidden:
                return f"{kind}_{number}"

    def hide(self, text: str, hits: Iterable[Hit]) -> str:
        """The text with tokens for its hits, and for all that has a token by now."""
        places = [*hits, *self._known_in(text)]
        pieces: list[str] = []
        end = 0
        for hit in resolved(places, lambda _: 0):
            pieces += (text[end : hit.start], self._tokens[text[hit.start : hit.end]])
            end = hit.end
        return "".join((*pieces, text[end:]))

    def hider(self, found: Mapping[str, list[Hit]]) -> Callable[[str, Path], str]:
        """What hides the hits of each text of a value."""
        return lambda text, _: self.hide(text, found.get(text, ()))

    def _known_in(self, text: str) -> Iterator[Hit]:
        """Where a text repeats what was found elsewhere, as a word of its own."""
        for value in self._tokens:
            start = text.find(value)
            while start >= 0:
                end = start + len(value)
                if not (
                    _joined(text[start - 1 : start], value[0])
                    or _joined(value[-1], text[end : end + 1])
                ):
                    yield Hit(start, end, "")
                start = text.find(value, end)

    def restored(self, value: Any) -> tuple[Any, list[str]]:
        """A copy with what stood there, and the types of the objects that could not be copied."""
        rewriting = Rewriting(self._restored_at)
        return rewriting.of(value), rewriting.failed

    def _restored_at(self, text: str, path: Path) -> str:
        if "_" not in text:
            return text
        return self.shown(text, escaped=self._escape and (self._is_json_at(path) or _is_json(text)))

    def _is_json_at(self, path: Path) -> bool:
        return bool(path) and path[-1] in JSON_TEXTS

    def shown(self, text: str, *, escaped: bool) -> str:
        """A text with what stood there; `escaped` as within a string of JSON."""

        def value_of(match: re.Match[str]) -> str:
            value = self._values.get(match[1])
            if value is None:
                return match[0]
            return json.dumps(value, ensure_ascii=False)[1:-1] if escaped else value

        return _TOKEN.sub(value_of, text)

    @property
    def forms(self) -> tuple[str, ...]:
        """Every way in which a token can stand in a text."""
        names = tuple(self._values)
        plain = tuple(f"<{name}>" for name in names)
        return plain + tuple(
            f"\\u003{c}{name}\\u003{e}" for name in names for c, e in (("c", "e"), ("C", "E"))
        )

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._tokens)

    def clear(self) -> None:
        """Forget everything."""
        self._tokens.clear()
        self._values.clear()

    def __reduce__(self) -> NoReturn:
        raise TypeError("pseudonyms leave their call by no way but its answer")

    def __repr__(self) -> str:
        return f"<{self.count} pseudonyms>"


def _joined(before: str, after: str) -> bool:
    """Whether two characters that meet are of one word."""
    return before[-1:].isalnum() and after[:1].isalnum()


def _is_json(text: str) -> bool:
    if not text.lstrip().startswith(("{", "[", '"')):
        return False
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
