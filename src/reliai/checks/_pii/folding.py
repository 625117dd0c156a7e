"""Writing a text in plain characters, one for one, so that what is found keeps its place.

Full-width and other digits become 0 to 9, the many dashes and blanks become one. What has no place
of its own (zero-width characters) stays: `HiddenText` is the check for that.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["fold"]

_ZEROS: Final = (
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6,
    0x0D66, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x17E0, 0x1810, 0x1D7CE, 0x1D7D8, 0x1D7E2, 0x1D7EC,
    0x1D7F6,
)  # fmt: skip
_DASHES: Final = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\u30fc"
_BLANKS: Final = (
    "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f"
    "\u3000"
)
_TABLE: Final = {
    **{zero + digit: 0x30 + digit for zero in _ZEROS for digit in range(10)},
    **{0xFF01 + place: 0x21 + place for place in range(94)},  # full-width ASCII
    **dict.fromkeys(map(ord, _DASHES), 0x2D),
    **dict.fromkeys(map(ord, _BLANKS), 0x20),
    0xFE6B: 0x40,  # the small @
    0x2019: 0x27,  # the apostrophe of good typography
}


_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|[nrtbf/\"'\\])")
"""An escape of JSON and of most programming languages."""


def fold(text: str) -> str:
    """`text` in plain characters, escapes as what they stand for; as long as it was."""
    if "\\" in text:
        text = _ESCAPE.sub(_meant, text)
    return text if text.isascii() else text.translate(_TABLE)


def _meant(match: re.Match[str]) -> str:
    r"""Blanks, so that the n of a `\n` belongs to no word; of an escaped letter, that letter."""
    code = match[1]
    char = chr(int(code, 16)) if code else " "
    return (char if char.isalpha() else " ") * len(match[0])
