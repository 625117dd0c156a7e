"""Text with placeholders: which there are, and the text with values in their places. Pure.

A placeholder is a name in one pair of braces. All other braces stand for themselves, so that a
prompt may show JSON or code; a name in two pairs of braces stands for itself in one.
"""

from __future__ import annotations

import re
from datetime import date, time
from enum import Enum
from numbers import Number
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Template", "braces"]

_BRACES: Final = re.compile(r"\{\{([^\W\d]\w*)\}\}|\{([^\W\d]\w*)\}")
_PLAIN: Final = (Number, date, time, UUID, PurePath)
"""Besides text, what has one way only to be written."""


class Template(NamedTuple):
    """A text with placeholders.

    Attributes:
        parts: pieces of text, each with the name of the placeholder behind it, or None.
        names: the placeholders, each once, in the order of the text.
        wanted: the same, for comparing.
    """

    parts: tuple[tuple[str, str | None], ...]
    names: tuple[str, ...]
    wanted: frozenset[str]

    @classmethod
    def of(cls, text: str) -> Template:
        """The template that a text is."""
        parts: list[tuple[str, str | None]] = []
        end = 0
        for found in _BRACES.finditer(text):
            before = text[end : found.start()]
            literal, name = found.groups()
            parts.append((f"{before}{{{literal}}}", None) if name is None else (before, name))
            end = found.end()
        parts.append((text[end:], None))
        names = tuple(dict.fromkeys(name for _, name in parts if name is not None))
        return cls(tuple(parts), names, frozenset(names))

    def filled(self, values: Mapping[str, Any]) -> str:
        """The text with each value in its places. What is in a value is never looked into.

        Raises:
            ConfigurationError: for a value that is missing, one without a placeholder, or one that
                can be written in more than one way.
        """
        if values.keys() != self.wanted:
            raise ConfigurationError(self._unlike(values))
        said = {name: _said(name, value) for name, value in values.items()}
        return "".join(
            [text if name is None else f"{text}{said[name]}" for text, name in self.parts]
        )

    def _unlike(self, values: Mapping[str, Any]) -> str:
        missing = [name for name in self.names if name not in values]
        extra = [name for name in values if name not in self.wanted]
        told = [f"no value is given for {braces(missing)}"] if missing else []
        if extra:
            told.append(f"there is no placeholder {braces(extra)}")
        near = [name for name in extra if self._almost(name)]
        if near:
            told.append(f"a placeholder is written {braces(near)}, with nothing else in its braces")
        return f"{'; '.join(told)}. Its placeholders are: {braces(self.names)}"

    def _almost(self, name: str) -> bool:
        """Whether the text has the name in braces in another way."""
        shown = re.compile(r"\{{1,3}\s{0,9}" + re.escape(name) + r"\b[^{}\n]{0,40}\}")
        return any(shown.search(text) for text, _ in self.parts)


def braces(names: Iterable[str]) -> str:
    """Names as placeholders, for messages."""
    return ", ".join(f"{{{name}}}" for name in names) or "none"


def _said(name: str, value: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)  # of an enumeration its value
    if isinstance(value, _PLAIN) and not isinstance(value, Enum):
        return str(value)
    kind = type(value).__name__
    fix = "" if value is None else ": say how it is to be written, for example with json.dumps"
    message = f"{braces([name])} is given a value of {kind}; give text or a number{fix}"
    raise ConfigurationError(message)
