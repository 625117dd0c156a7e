"""Check digits: what tells a number that means somebody from one that merely looks like it.

Pure functions of digits (or of digits and capital letters), each named for its published rule.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ean13",
    "iso7064_mod11_2",
    "iso7064_mod11_10",
    "iso7064_mod97",
    "luhn",
    "verhoeff",
    "weighted",
]

_DOUBLED: Final = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)


def luhn(digits: str) -> bool:
    """Payment cards, and the numbers of Canada and Sweden: every second digit doubled."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        total += _DOUBLED[int(digit)] if place % 2 else int(digit)
    return total % 10 == 0


def weighted(digits: str, weights: tuple[int, ...]) -> int:
    """The sum of digits times weights; what is left over on either side counts for nothing."""
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def ean13(digits: str) -> bool:
    """Article numbers, and what is built like one: the Swiss insurance number."""
    return weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


def iso7064_mod97(text: str) -> bool:
    """IBANs, whose first four characters go to the end; letters count from A = 10."""
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % 97 == 1


def iso7064_mod11_10(digits: str) -> bool:
    """The German tax number: a product carried from digit to digit."""
    product = 10
    for digit in digits[:-1]:
        total = (int(digit) + product) % 10 or 10
        product = total * 2 % 11
    return (11 - product) % 10 == int(digits[-1])


def iso7064_mod11_2(text: str) -> bool:
    """The Chinese resident number, whose last character may be an X."""
    total = 0
    for char in text[:-1]:
        total = (total + int(char)) * 2 % 11
    return "0123456789X"[(12 - total) % 11] == text[-1]


_MULTIPLY: Final = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)
_PERMUTE: Final = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def verhoeff(digits: str) -> bool:
    """Aadhaar: the dihedral group of order ten, which also sees two digits that changed places."""
    state = 0
    for place, digit in enumerate(reversed(digits)):
        state = int(_MULTIPLY[state][int(_PERMUTE[place % 8][int(digit)])])
    return state == 0
