"""One text under examination, and the hits that rules have in it.

A `Subject` does once what many rules need: the text in plain characters, and its runs of digits.
"""

from __future__ import annotations

import re
from bisect import bisect
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias

from reliai.checks._pii.folding import fold

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["CONTEXT", "Finder", "Groups", "Hit", "Subject", "resolved", "words"]

_JOINTS: Final = "-._"
"""What joins two parts of one word; at its edge it is a full stop, a dash or an emphasis."""

_EAST: Final = "\u2e80"
"""The first character of the scripts that put no blanks between words."""

CONTEXT: Final = 40
"""Characters before a hit in which the words are looked for that say what it is."""


class Hit(NamedTuple):
    """Where something was found, and what."""

    start: int
    end: int
    kind: str


_DIGITS: Final = re.compile("[0-9]+")
_LINKS: Final = {
    " ": " ",
    "-": "-",
    ".": ".",
    "/": "/",
    "": "",
    "  ": " ",
    " - ": "-",
    "- ": "-",
    " -": "-",
    " / ": "/",
    "/ ": "/",
    "(": "(",
    ")": ")",
    " (": "(",
    ") ": ")",
    ")-": ")",
    ")/": ")",
    "-(": "(",
    ").": ")",
    "_": "_",
}
"""What may stand between two groups of digits of one number, and what it counts as."""


class Groups:
    """The runs of digits in a text, and what links each to the next.

    Attributes:
        starts, ends: where each run stands.
        links: what stands between a run and the next one; None where they are apart.
    """

    __slots__ = ("ends", "links", "starts")

    def __init__(self, text: str) -> None:
        spans = [match.span() for match in _DIGITS.finditer(text)]
        self.starts = [start for start, _ in spans]
        self.ends = [end for _, end in spans]
        self.links: list[str | None] = [
            _LINKS.get(text[end:start]) if start - end < 4 else None
            for end, start in zip(self.ends, self.starts[1:], strict=False)
        ]
        self.links.append(None)


class Subject:
    """A text, in plain characters.

    Attributes:
        text: the text; as long as the one that was given, so that places are the same.
    """

    def __init__(self, text: str) -> None:
        self.text = fold(text)

    @cached_property
    def groups(self) -> Groups:
        """Its runs of digits."""
        return Groups(self.text)

    @cached_property
    def lower(self) -> str:
        """The text in small letters, to see whether a word occurs at all; places may differ."""
        return self.text.lower()

    @cached_property
    def longest_word(self) -> int:
        """Characters between the two blanks that are farthest apart."""
        return max(map(len, self.text.split()), default=0)

    def says(self, context: re.Pattern[str], start: int, reach: int = CONTEXT) -> bool:
        """Whether one of the words stands at most `reach` characters before `start`."""
        return context.search(self.text[max(0, start - reach) : start]) is not None

    def before(self, start: int) -> str:
        """The character before a place; a blank at the start of the text."""
        return self.text[start - 1] if start else " "

    def after(self, end: int) -> str:
        """The character at a place; a blank at the end of the text."""
        return self.text[end] if end < len(self.text) else " "

    def apart(self, start: int, end: int) -> bool:
        """Whether a hit is a word of its own: no letter, digit or joint stands right beside it."""
        return self.apart_before(start) and self.apart_after(end)

    def apart_before(self, start: int) -> bool:
        """Whether nothing that belongs to the same word stands before `start`."""
        before = self.before(start)
        return not _wordlike(self.before(start - 1) if before in _JOINTS else before)

    def apart_after(self, end: int) -> bool:
        """Whether nothing that belongs to the same word stands after `end`."""
        after = self.after(end)
        if after in _JOINTS:
            beyond = self.after(end + 1)
            return not (beyond.isdigit() if after == "." else _wordlike(beyond))
        return not _wordlike(after)


def _wordlike(char: str) -> bool:
    """Letters of scripts that write words apart. Chinese and Japanese stand beside anything."""
    return char.isalnum() and char < _EAST


Finder: TypeAlias = "Callable[[Subject], Iterable[Hit]]"
"""A rule: what it finds in a text."""


def words(*given: str) -> re.Pattern[str]:
    r"""An expression for some words, in capitals or not. A `*` at the end is for any ending."""
    each = [word for text in given for word in text.split()]
    apart = "|".join(word.replace("*", r"\w{0,12}") for word in each if word < _EAST)
    within = "".join(f"|{word}" for word in each if word >= _EAST)
    expression = rf"(?<![^\W_])(?:{apart.replace('~', '[ -]?')})(?![^\W_]){within}"
    return re.compile(expression, re.IGNORECASE)


def resolved(hits: Iterable[Hit], priority: Callable[[str], int]) -> list[Hit]:
    """The hits without those that overlap a better one: the longer, then the lower `priority`."""
    best = sorted(hits, key=lambda hit: (hit.start - hit.end, priority(hit.kind), hit.start))
    if len(best) < 2:
        return best
    taken: list[Hit] = []
    for hit in best:
        place = bisect(taken, hit)
        free = place == 0 or taken[place - 1].end <= hit.start
        if free and (place == len(taken) or taken[place].start >= hit.end):
            taken.insert(place, hit)
    return taken
