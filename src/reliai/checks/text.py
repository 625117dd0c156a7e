"""Checks of a text's shape: its length, a pattern, not being empty. They see no parsed value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from reliai.checks._width import longest_match
from reliai.checks.base import Check, CheckVerdict, cut
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MaxLength", "NotEmpty", "Pattern"]

_Regex: TypeAlias = "str | re.Pattern[str]"

_BLANK = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    "\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"  # what `str.isspace` calls blank
    "\u200b\u200c\u200d\u2060\ufeff"  # what prints nothing at all
)


FORBIDDEN = "it has a forbidden part"
"""The reason a text with a forbidden match gets."""


def not_text(value: object) -> str:
    """The reason a text check gives for a value that is no text."""
    return f"it is not text but {type(value).__name__}"


class MaxLength(Check):
    """Passes texts of at most `characters` characters (>= 1, Unicode code points).

    Raises:
        ConfigurationError: when `characters` is not a whole number of at least 1.
    """

    reads_text = True
    window = 0

    def __init__(self, characters: int) -> None:
        if type(characters) is not int or characters < 1:
            message = (
                f"MaxLength(characters={characters!r}): characters must be a whole number of at "
                "least 1; to allow any length, leave the check out"
            )
            raise ConfigurationError(message)
        self.characters = characters

    def __call__(self, value: Any, /) -> CheckVerdict:
        if not isinstance(value, str):
            return not_text(value)
        if len(value) <= self.characters:
            return None
        return self._too_long(len(value))

    def stream(self) -> Callable[[str], CheckVerdict]:
        length = 0

        def longer(piece: str) -> CheckVerdict:
            nonlocal length
            length += len(piece)
            return None if length <= self.characters else self._too_long(length)

        return longer

    def _too_long(self, length: int) -> str:
        return f"it has {length} characters, at most {self.characters} are allowed"

    def describe(self) -> dict[str, Any]:
        return {**super().describe(), "characters": self.characters}

    def __repr__(self) -> str:
        return f"reliai.MaxLength({self.characters})"


class Pattern(Check):
    r"""Passes texts in which a regular expression matches somewhere, or nowhere with `forbid`.

    The search is as in JSON Schema: anchor the expression (`\A...\Z`) to describe the whole text.
    A search holds the interpreter and cannot be stopped from outside, so keep nested repeats such
    as `(a+)+` out of it and put a `MaxLength` before it.

    Args:
        regex: an expression for `re.compile`, or a compiled one of text.
        forbid: whether a match fails the check.

    Raises:
        ConfigurationError: when `regex` is no regular expression of text.
    """

    reads_text = True

    def __init__(self, regex: _Regex, *, forbid: bool = False) -> None:
        self._compiled = _compiled(regex)
        self.forbid = bool(forbid)
        self.name = cut(f"Pattern({self._compiled.pattern!r})")
        self.window = longest_match(self._compiled) if forbid else None

    def __call__(self, value: Any, /) -> CheckVerdict:
        if not isinstance(value, str):
            return not_text(value)
        if (self._compiled.search(value) is None) is self.forbid:
            return None
        return FORBIDDEN if self.forbid else "it does not have the form asked for"

    @property
    def search(self) -> Callable[..., re.Match[str] | None]:
        """The first match in a text, from a place on: `search(text, place)`."""
        return self._compiled.search

    def describe(self) -> dict[str, Any]:
        regex = {"regex": self._compiled.pattern, "flags": self._compiled.flags}
        return {**super().describe(), **regex, "forbid": self.forbid}

    def __repr__(self) -> str:
        return f"reliai.Pattern({self._compiled.pattern!r}, forbid={self.forbid})"


def _compiled(regex: object) -> re.Pattern[str]:
    if isinstance(regex, re.Pattern) and isinstance(cast("Any", regex).pattern, str):
        return cast("re.Pattern[str]", regex)
    if not isinstance(regex, str):
        message = f"Pattern(regex={regex!r}): regex must be a regular expression of text"
        raise ConfigurationError(message)
    try:
        return re.compile(regex)
    except re.error as error:
        message = f"Pattern(regex={regex!r}): this is no regular expression: {error}"
        raise ConfigurationError(message) from error


class NotEmpty(Check):
    """Passes what holds something: text with a visible character, a container with an item.

    None and blank text fail; numbers and other things without a length pass, 0 and False included.
    """

    def __call__(self, value: Any, /) -> CheckVerdict:
        return "it is empty" if _is_empty(value) else None

    def __repr__(self) -> str:
        return "reliai.NotEmpty()"


def _is_empty(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip(_BLANK)
    if value is None:
        return True
    try:
        return len(value) == 0
    except TypeError:  # what has no length is not empty
        return False
