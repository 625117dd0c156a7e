"""Walking over one JSON object or array that may have commas too many or typographic quotes.

A state machine over tokens, without recursion: depth is limited by memory alone.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Scan", "scan"]


class Scan(NamedTuple):
    """One value: where it ends and its strict JSON; no text when it is broken or cut off."""

    end: int
    text: str | None = None
    truncated: bool = False


_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\\x00-\x1f]++|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+")'
    r"|(?P<smart>[“”][^“”\"\\\x00-\x1f]*[“”](?=\s*[,:}\]]))"
    r"|(?P<atom>(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)(?![\w.+-]))"
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<comma>,)|(?P<colon>:)"
)
_SPACE = re.compile(r"[ \t\r\n]*")
# What the end of a text that stops within a value looks like: nothing, a started number or word, or
# the fence that a model closes all the same; or a string that goes on to the end.
_CUT_OFF = re.compile(
    r"(?:-?[0-9.eE+-]*|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?)\s*(?:\Z|```)"
    r'|"(?:[^"\\]++|\\.)*+\\?\Z|[“”][^“”]*\Z',
    re.DOTALL,
)

_VALUES = {"string": "after", "smart": "after", "atom": "after", "open": "open"}
_NEXT: dict[str, dict[str, str]] = {
    "{": {"string": "colon", "smart": "colon", "close": "close"},
    "{,": {"string": "colon", "smart": "colon", "close": "close"},
    "colon": {"colon": "member"},
    "member": _VALUES,
    "[": {**_VALUES, "close": "close"},
    "[,": {**_VALUES, "close": "close"},
    "after": {"comma": "comma", "close": "close"},
}
"""In each state, which token may come and what it leads to."""

_PARTNER = {"}": "{", "]": "["}


def scan(text: str, start: int) -> Scan:
    """Read the object or array that opens at `start`."""
    pieces: list[str] = []
    stack: list[str] = []
    state, position = "member", start
    while True:
        token, gap, position = _token(text, position)
        step = _NEXT[state].get(token.lastgroup or "") if token else None
        if token is None or step is None:
            return Scan(position, truncated=_CUT_OFF.match(text, position) is not None)
        lexeme = token[0]
        if step == "open":
            stack.append(lexeme)
            state = lexeme
        elif step == "comma":
            state = stack[-1] + ","
        elif step == "close":
            if stack.pop() != _PARTNER[lexeme]:
                return Scan(position)
            if state.endswith(","):
                pieces.pop()  # the comma, which is the last thing read
            state = "after"
        else:
            state = step
        pieces += (gap, f'"{lexeme[1:-1]}"' if token.lastgroup == "smart" else lexeme)
        position = token.end()
        if not stack:
            return Scan(position, "".join(pieces))


def _token(text: str, position: int) -> tuple[re.Match[str] | None, str, int]:
    """The next token, the blanks before it, and where it starts."""
    space = _SPACE.match(text, position)
    gap = space[0] if space else ""
    position += len(gap)
    return _TOKEN.match(text, position), gap, position
