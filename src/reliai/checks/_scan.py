"""Walking over one JSON object or array that may have commas too many or typographic quotes.

A state machine over tokens, without recursion: depth is limited by memory alone. A dialect adds
what other notations write, where it can mean one thing only: strings in single quotes or with line
breaks in them, Python's True, False and None, and comments.
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

_STRINGS = (
    r'(?P<string>"(?:[^"\\]++|\\(?:["\\/bfnrt\']|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}))*+")'
    r"|(?P<quoted>'(?:[^'\\]++|\\(?:[\"\\/bfnrt']|x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}))*+')"
)
_ATOMS = r"(?:-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null)"
_DIALECT_TOKEN = re.compile(
    rf"{_STRINGS}|(?P<smart>[“”][^“”\"\\\x00-\x1f]*[“”](?=\s*[,:}}\]]))"
    rf"|(?P<atom>{_ATOMS}(?![\w.+-]))|(?P<word>(?:True|False|None)\b)"
    r"|(?P<open>[\[{])|(?P<close>[\]}])|(?P<comma>,)|(?P<colon>:)"
)
_DIALECT_SPACE = re.compile(
    r"(?:[ \t\r\n]++|//[^\r\n]*+|/\*.{0,2000}?\*/|\#(?=[ \t])[^\r\n]*+)*+", re.DOTALL
)
_WORDS = {"True": "true", "False": "false", "None": "null"}
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})|\\(.)|([\x00-\x1f\"])", re.DOTALL)
# What the end of a text that stops within a value looks like: nothing, a started number or word, or
# the fence that a model closes all the same; or a string that goes on to the end.
_CUT_OFF = re.compile(
    r"(?:-?[0-9.eE+-]*|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?)\s*(?:\Z|```)"
    r'|"(?:[^"\\]++|\\.)*+\\?\Z|[“”][^“”]*\Z',
    re.DOTALL,
)

_CUT_OFF_DIALECT = re.compile(
    r"'(?:[^'\\]++|\\.)*+\\?\Z|(?:T(?:ru?)?|F(?:als?)?|N(?:on?)?)\s*(?:\Z|```)", re.DOTALL
)

_VALUES = dict.fromkeys(("string", "quoted", "smart", "atom", "word"), "after") | {"open": "open"}
_KEYS = dict.fromkeys(("string", "quoted", "smart"), "colon") | {"close": "close"}
_NEXT: dict[str, dict[str, str]] = {
    "{": _KEYS,
    "{,": _KEYS,
    "colon": {"colon": "member"},
    "member": _VALUES,
    "[": {**_VALUES, "close": "close"},
    "[,": {**_VALUES, "close": "close"},
    "after": {"comma": "comma", "close": "close"},
}
"""In each state, which token may come and what it leads to."""

_PARTNER = {"}": "{", "]": "["}


def scan(text: str, start: int, *, dialect: bool = False) -> Scan:
    """Read the object or array that opens at `start`."""
    pieces: list[str] = []
    stack: list[str] = []
    state, position = "member", start
    read = _dialect_token if dialect else _token
    while True:
        token, gap, position = read(text, position)
        step = _NEXT[state].get(token.lastgroup or "") if token else None
        if token is None or step is None:
            return Scan(position, truncated=_is_cut_off(text, position, dialect=dialect))
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
        pieces += (gap, _as_json(token, dialect=dialect))
        position = token.end()
        if not stack:
            return Scan(position, "".join(pieces))


def _is_cut_off(text: str, position: int, *, dialect: bool) -> bool:
    if _CUT_OFF.match(text, position):
        return True
    return dialect and _CUT_OFF_DIALECT.match(text, position) is not None


def _token(text: str, position: int) -> tuple[re.Match[str] | None, str, int]:
    """The next token, the blanks before it, and where it starts."""
    space = _SPACE.match(text, position)
    gap = space[0] if space else ""
    position += len(gap)
    return _TOKEN.match(text, position), gap, position


def _dialect_token(text: str, position: int) -> tuple[re.Match[str] | None, str, int]:
    """The same, where comments are blanks; they are left out."""
    space = _DIALECT_SPACE.match(text, position)
    gap = space[0] if space else ""
    position += len(gap)
    return _DIALECT_TOKEN.match(text, position), "" if gap.strip() else gap, position


def _as_json(token: re.Match[str], *, dialect: bool) -> str:
    """A token as strict JSON writes it."""
    lexeme, kind = token[0], token.lastgroup
    if kind == "smart":
        return f'"{lexeme[1:-1]}"'
    if not dialect or kind not in {"string", "quoted", "word"}:
        return lexeme
    if kind == "word":
        return _WORDS[lexeme]
    return f'"{_ESCAPE.sub(_escaped, lexeme[1:-1])}"'


def _escaped(found: re.Match[str]) -> str:
    """One escape, or one character that needs to be escaped, as strict JSON writes it."""
    code, after, plain = found.groups()
    if code is not None:
        return f"\\u00{code}"
    if after is not None:
        return "'" if after == "'" else found[0]
    return '\\"' if plain == '"' else f"\\u{ord(plain):04x}"
