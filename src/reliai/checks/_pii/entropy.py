"""Whether a word is a key rather than a name, a path, or a place where a key should be put."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from math import log2
from typing import Final

__all__ = ["is_key", "is_password", "is_web_token"]

_PLACEHOLDER: Final = re.compile(
    r"(?i)(?:x{3,}|\*{3,}|\.{3,}|-{3,}|_{3,}|<|\$|%|\{|\[|#|your[_-]?|my[_-](?:api|secret|token|key|pass)|example|sample"
    r"|change[_-]?me|replace|placeholder|dummy|fake|redacted|hidden|none|null|nil|true|false|undefined"
    r"|todo|insert|enter|required|optional|string|str$|int$|password$|passwd$|secret$|token$|test$|env\b|os\.|process\.|getenv"
    r"|settings\.|config\.|self\.|request\.|secrets\.|vault|var\.|args\.|input|prompt|must|should|will|not|the|is|for)"
)
_WORDS: Final = re.compile(r"[A-Za-z]+[0-9]{0,4}(?:[-_./:][A-Za-z]*[0-9]{0,4}){0,40}")
_CALL: Final = re.compile(r"[A-Za-z_][\w.]*[(\[]")

_LEAST_BITS: Final = 3.0
"""Bits of information a character that a random word of 16 letters and digits has at least."""


def is_key(word: str) -> bool:
    """Long enough, of letters and digits without a pattern, and no stand-in for a key."""
    if len(word) < 16 or _PLACEHOLDER.match(word) or _CALL.match(word):
        return False
    digits = sum(char.isdigit() for char in word)
    letters = sum(char.isalpha() for char in word)
    if not digits or not letters or _is_words(word):
        return False
    return bits(word) >= _LEAST_BITS


def _is_words(word: str) -> bool:
    """Whether it is words with joints and a number or two, as names of models and files are."""
    if _WORDS.fullmatch(word) is None:
        return False
    parts = [part for part in re.split(r"[-_./:]", word) if part]
    return len(parts) > 1 and all(_is_word(part) for part in parts)


def _is_word(part: str) -> bool:
    name = part.rstrip("0123456789")
    return len(name) <= 14 and (name.islower() or name.isupper() or name.istitle() or not name)


def bits(word: str) -> float:
    """Shannon's entropy of its characters, in bits for each."""
    size = len(word)
    return -sum(n / size * log2(n / size) for n in Counter(word).values())


def is_password(word: str) -> bool:
    """Whether somebody would write it for a password, and not in describing one."""
    word = word.rstrip(".,;:!?)")
    if len(word) < 4 or _PLACEHOLDER.match(word) or _CALL.match(word) or len(set(word)) < 3:
        return False
    return not word.isalpha() or (len(word) >= 8 and not word.islower() and not word.istitle())


def is_web_token(token: str) -> bool:
    """Whether its first part is the JSON header of a signed or encrypted web token."""
    head = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "alg" in header
