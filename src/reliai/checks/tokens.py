"""A check of a text's length in tokens, exact with a tokenizer and on the safe side without one."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from reliai.checks._pii.texts import texts
from reliai.checks.base import Check, CheckVerdict
from reliai.checks.text import not_text
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["MaxTokens", "estimated_tokens"]

Tokenizer: TypeAlias = "Callable[[str], int | Iterable[Any]] | Any"

# Tried in this order: keys and hashes, words, numbers, signs, blanks, other writing.
_PIECES = re.compile(
    r"(?P<key>(?=[A-Za-z+/_-]{0,40}[0-9])(?=[0-9+/_-]{0,40}[A-Za-z])[A-Za-z0-9+/=_-]{24,})"
    r"|(?P<word>[A-Z]?[a-z]+|[A-Z]+)|(?P<number> ?[0-9]+)"
    r"|(?P<sign>[\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]+)|(?P<blank>[\r\n]+[ \t]*|[ \t\f\v]{2,})"
    r"|(?P<latin>[\x80-\u024f]+)|(?P<cyrillic>[\u0400-\u052f]+)|(?P<two>[\u0250-\u07ff]+)"
    r"|(?P<indic>[\u0900-\u0e7f\u1e00-\u206f]+)"
    r"|(?P<wide>[\u3000-\u30ff\u3400-\u9fff\uac00-\ud7a3\uff00-\uffef]+)"
    r"|(?P<three>[\u0800-\uffff]+)|(?P<four>[\U00010000-\U0010ffff]+)"
)
_EACH = {
    "key": 0.75,
    "word": 1 / 4,
    "number": 1 / 3,
    "sign": 1 / 2,
    "latin": 0.8,
    "cyrillic": 0.6,
    "two": 1.15,
    "indic": 1.3,
    "wide": 1.45,
    "three": 3.0,
    "four": 3.2,
}
"""Tokens for each character of a piece."""


def estimated_tokens(text: str) -> int:
    """About how many tokens a text has, rather too many than too few.

    A word counts a token for each 4 letters begun (3 in long ones), a number one for each 3 digits,
    signs one for each 2, a key or hash 3 for each 4 characters. Of other writing a letter counts
    0.6 (Cyrillic), 0.8 (accents), 1.15 (Greek, Arabic, Hebrew), 1.3 (Indian scripts, Thai), 1.45
    (Chinese, Japanese, Korean) or 3 tokens. Against a vocabulary of 100,000 tokens, coarser than
    today's, that was 3 % below to 60 % above the true count for prose, code, JSON, tables and keys
    in 18 languages.
    """
    return math.ceil(sum(_weight(piece) for piece in _PIECES.finditer(text)))


def _weight(piece: re.Match[str]) -> float:
    kind, lexeme = piece.lastgroup or "", piece[0]
    if kind == "blank":
        return 1
    count = len(lexeme) * _EACH[kind]
    if kind == "word" and len(lexeme) > _LONG:
        return math.ceil(len(lexeme) / 3)  # rare ones, and those of languages that join them
    if kind in _BEGUN:
        return math.ceil(count) + (lexeme[0] == " ")
    return count


_LONG = 8
"""Letters beyond which a word is seldom in a vocabulary as it is."""

_BEGUN = frozenset({"word", "number", "sign"})
"""Pieces that end with a token."""


class MaxTokens(Check):
    """Passes texts of at most `tokens` tokens (>= 1); of messages all texts together.

    Args:
        tokens: the most that is allowed.
        tokenizer: a function of the text giving the number of tokens or the tokens themselves, or
            an object with `encode`, such as tiktoken's. Without one the number is estimated, rather
            too high than too low; nothing is ever fetched.

    Raises:
        ConfigurationError: when `tokens` is not a whole number of at least 1, or `tokenizer` is
            neither a function nor an object with `encode`.
    """

    reads_text = True
    reads_messages = True
    window = 0

    def __init__(self, tokens: int, tokenizer: Tokenizer = None) -> None:
        if type(tokens) is not int or tokens < 1:
            message = (
                f"MaxTokens(tokens={tokens!r}): tokens must be a whole number of at least 1; to "
                "allow any length, leave the check out"
            )
            raise ConfigurationError(message)
        self.tokens = tokens
        self.tokenizer = tokenizer
        self._encode = _encoder(tokenizer)

    def __call__(self, value: Any, /) -> CheckVerdict:
        if isinstance(value, list | tuple | dict):
            return self._verdict(sum(map(self._count, texts(value))))
        if not isinstance(value, str):
            return not_text(value)
        # A token has a byte at least, so that most texts need not be looked at closely.
        if len(value) * (1 if value.isascii() else 4) <= self.tokens:
            return None
        return self._verdict(self._count(value))

    def stream(self) -> Callable[[str], CheckVerdict]:
        """Counts what is new, and all of it only where it might have grown too long by now."""
        return _Counting(self).add

    def _count(self, text: str) -> int:
        return estimated_tokens(text) if self._encode is None else _number(self._encode(text))

    def _verdict(self, count: int) -> CheckVerdict:
        if count <= self.tokens:
            return None
        about = "about " if self._encode is None else ""
        return f"it has {about}{count} tokens, at most {self.tokens} are allowed"

    def describe(self) -> dict[str, Any]:
        kind = None if self.tokenizer is None else _name(self.tokenizer)
        return {**super().describe(), "tokens": self.tokens, "tokenizer": kind}

    def __repr__(self) -> str:
        return f"reliai.MaxTokens({self.tokens})"


class _Counting:
    """The tokens of one stream."""

    def __init__(self, check: MaxTokens) -> None:
        self._check = check
        self._pieces: list[str] = []
        self._room = check.tokens / 4
        """Characters that may come before it is worth counting again: none is above 4 tokens."""

    def add(self, piece: str) -> CheckVerdict:
        """Judge the stream with one piece more."""
        self._pieces.append(piece)
        self._room -= len(piece)
        if self._room >= 0:
            return None
        text = "".join(self._pieces)
        self._pieces = [text]
        count = self._check._count(text)  # noqa: SLF001  the check made this
        self._room = (self._check.tokens - count) / 4
        return self._check._verdict(count)  # noqa: SLF001


def _encoder(tokenizer: Any) -> Callable[[str], Any] | None:
    """The function that counts; `encode_ordinary` before `encode`, which refuses some texts."""
    if tokenizer is None:
        return None
    if not isinstance(tokenizer, type):
        for name in ("encode_ordinary", "encode"):
            method = getattr(tokenizer, name, None)
            if callable(method) and not isinstance(tokenizer, str):
                return cast("Callable[[str], Any]", method)
        if callable(tokenizer):
            return cast("Callable[[str], Any]", tokenizer)
    message = (
        f"MaxTokens(tokenizer={tokenizer!r}): give a function of the text, or an object with "
        "`encode`, such as tiktoken.get_encoding('o200k_base')"
    )
    raise ConfigurationError(message)


def _number(counted: Any) -> int:
    if isinstance(counted, int) and not isinstance(counted, bool):
        return counted
    if isinstance(counted, str | bytes | dict) or counted is None or isinstance(counted, bool):
        raise TypeError(f"the tokenizer of MaxTokens gave {type(counted).__name__}, no tokens")
    try:
        return len(counted)
    except TypeError:
        return sum(1 for _ in counted)


def _name(tokenizer: Any) -> str:
    own = getattr(tokenizer, "__qualname__", None) or getattr(tokenizer, "name", None)
    return own if isinstance(own, str) else type(tokenizer).__qualname__
