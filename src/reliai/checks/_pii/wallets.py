"""Addresses of crypto-currencies, with the checksums that are part of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reliai.checks._pii.finding import Hit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.checks._pii.finding import Subject

__all__ = ["wallets"]

_BASE58: Final = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BECH32: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_LONG_WORD: Final = re.compile(r"(?<![\w/+=-])[0-9A-Za-z]{26,90}(?![\w+=/])")
_SHORTEST: Final = 26


def wallets(subject: Subject) -> Iterator[Hit]:
    """Addresses of Bitcoin, Litecoin and Dogecoin (checksummed), of Ethereum (by their form)."""
    if subject.longest_word < _SHORTEST:
        return
    for match in _LONG_WORD.finditer(subject.text):
        if _is_wallet(match[0]):
            yield Hit(match.start(), match.end(), "crypto_wallet")


def _is_wallet(word: str) -> bool:
    if word[:2] == "0x":
        return len(word) == 42 and _is_hexadecimal(word[2:]) and len(set(word.lower())) > 6
    if word[:3].lower() in {"bc1", "tb1", "ltc"}:
        return _bech32_check(word)
    return word[0] in "13LMD" and len(word) <= 35 and _base58_check(word)


def _is_hexadecimal(text: str) -> bool:
    try:
        return int(text, 16) > 0
    except ValueError:
        return False


def _base58_check(text: str) -> bool:
    from hashlib import sha256  # noqa: PLC0415  few texts have one

    number = 0
    for char in text:
        place = _BASE58.find(char)
        if place < 0:
            return False
        number = number * 58 + place
    if number >> 200:
        return False
    raw = number.to_bytes(25, "big")
    return sha256(sha256(raw[:21]).digest()).digest()[:4] == raw[21:]


def _bech32_check(text: str) -> bool:
    if text != text.lower() and text != text.upper():
        return False
    head, _, data = text.lower().rpartition("1")
    values = [ord(char) >> 5 for char in head] + [0] + [ord(char) & 31 for char in head]
    try:
        values += [_BECH32.index(char) for char in data]
    except ValueError:
        return False
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(
            (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
        ):
            check ^= generator if top >> bit & 1 else 0
    return check in {1, 0x2BC830A3}
