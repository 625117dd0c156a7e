"""Kinds of personal data that only the user knows: numbers of employees, patients, contracts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from reliai.checks._pii.finding import Hit, resolved
from reliai.checks._width import longest_match
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Patterns"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


class Patterns:
    """Regular expressions, each under the name of its kind.

    Attributes:
        kinds: their names.
        window: characters that one can look at; None when there is no bound, 0 for no expression.

    Raises:
        ConfigurationError: for a name that is none, or something that is no expression of text.
    """

    def __init__(self, patterns: Mapping[str, str | re.Pattern[str]]) -> None:
        self._patterns = {_name(kind): _compiled(kind, each) for kind, each in patterns.items()}
        self.kinds = tuple(self._patterns)
        widths = [longest_match(each) for each in self._patterns.values()]
        known = [width for width in widths if width is not None]
        self.window = max(known, default=0) if len(known) == len(widths) else None

    def joined(self, text: str, hits: Iterable[Hit]) -> list[Hit]:
        """Some hits and those of the expressions, which win over others of their length."""
        mine = [
            Hit(match.start(), match.end(), kind)
            for kind, pattern in self._patterns.items()
            for match in pattern.finditer(text)
            if match.end() > match.start()
        ]
        return resolved([*mine, *hits], lambda kind: kind not in self._patterns)


def _name(kind: Any) -> str:
    if isinstance(kind, str) and _NAME.fullmatch(kind):
        return kind
    raise ConfigurationError(
        f"Pii(patterns=…): {kind!r} is no name of a kind; use small letters, digits and _"
    )


def _compiled(kind: str, pattern: Any) -> re.Pattern[str]:
    if isinstance(pattern, re.Pattern) and isinstance(cast("Any", pattern).pattern, str):
        return cast("re.Pattern[str]", pattern)
    try:
        if not isinstance(pattern, str):
            raise TypeError(f"it is {type(pattern).__name__}")
        return re.compile(pattern)
    except (re.error, TypeError) as error:
        raise ConfigurationError(
            f"Pii(patterns={{{kind!r}: …}}): this is no regular expression of text: {error}"
        ) from error
