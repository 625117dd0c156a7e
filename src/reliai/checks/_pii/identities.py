"""Numbers that states and banks give to people, each with the rule that it must keep.

Sources are the publications of the authorities that issue them. Where chance would satisfy a rule
too often, a word that names the number must stand before it.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from reliai.checks._pii import checksums
from reliai.checks._pii.finding import words
from reliai.checks._pii.numbers import NumberRule

__all__ = ["NUMBER_RULES", "card"]

_SOCIAL: Final = words(
    "ssn itin ss# social~security social~insurance taxpayer~id tax~id seguro~social"
)
_CARD: Final = words(
    "card cards visa mastercard amex maestro discover diners credit debit pan karte kreditkarte",
    "karten* carte tarjeta carta cartao cartão creditcard* 卡号 信用卡 カード番号",
)


def card(digits: str) -> bool:
    """A payment card: a range that is in use, the length of that range, and Luhn's check digit."""
    return len(digits) in _lengths(digits) and checksums.luhn(digits)


_LONG: Final = (16, 17, 18, 19)
_MAESTRO: Final = (12, 13, 14, 15, 16, 17, 18, 19)
_RANGES: Final = (
    (4000, 4999, (16, 19, 13)),
    (5100, 5599, (16,)),
    (2221, 2720, (16,)),
    (2200, 2204, (16,)),
    (9792, 9792, (16,)),
    (3400, 3499, (15,)),
    (3700, 3799, (15,)),
    (3600, 3699, (14, *_LONG)),
    (3800, 3999, (14, *_LONG)),
    (3000, 3059, (14, *_LONG)),
    (3095, 3095, (14, *_LONG)),
    (3528, 3589, _LONG),
    (6000, 6099, _LONG),
    (6200, 6299, _LONG),
    (6440, 6599, _LONG),
    (8100, 8299, _LONG),
    (5080, 5089, _LONG),
    *((first, first, _MAESTRO) for first in (5018, 5020, 5038, 5893, 6304, 6759)),
    (6761, 6763, _MAESTRO),
)
"""The first four digits of the cards of each network, and how long its numbers may be."""


def _lengths(digits: str) -> tuple[int, ...]:
    """How long the number of a card that begins so may be; none for a range nobody issues."""
    first = int(digits[:4])
    return next((lengths for low, high, lengths in _RANGES if low <= first <= high), ())


def _ssn(digits: str) -> bool:
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    if area in {"000", "666"} or group == "00" or serial == "0000":
        return False
    taxpayer = 50 <= int(group) <= 99 and group not in {"66", "89", "93"}
    return area[0] != "9" or taxpayer


def _nhs(digits: str) -> bool:
    return checksums.weighted(digits, (10, 9, 8, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0 and _varied(digits)


def _varied(digits: str) -> bool:
    return len(set(digits)) > 2


def _german_tax(digits: str) -> bool:
    if digits[0] == "0":
        return False
    times = Counter(digits[:10])
    most = max(times.values())
    repeated = sum(count > 1 for count in times.values())
    return most in {2, 3} and repeated == 1 and checksums.iso7064_mod11_10(digits)


def _french_insurance(digits: str) -> bool:
    month = int(digits[3:5])
    plausible = 1 <= month <= 12 or 20 <= month <= 42 or 50 <= month <= 99
    in_use = digits[0] in "123478" and digits[5:7] != "00"
    return plausible and in_use and 97 - int(digits[:13]) % 97 == int(digits[13:])


def _dutch(digits: str) -> bool:
    return _varied(digits) and checksums.weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _brazilian(digits: str) -> bool:
    if len(set(digits)) == 1:
        return False
    first = checksums.weighted(digits, tuple(range(10, 1, -1))) * 10 % 11 % 10
    second = checksums.weighted(digits, tuple(range(11, 1, -1))) * 10 % 11 % 10
    return (first, second) == (int(digits[9]), int(digits[10]))


def _aadhaar(digits: str) -> bool:
    palindrome = digits == digits[::-1]
    return digits[0] not in "01" and not palindrome and checksums.verhoeff(digits)


def _polish(digits: str) -> bool:
    month = int(digits[2:4]) % 20
    total = checksums.weighted(digits, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1))
    return 1 <= month <= 12 and 1 <= int(digits[4:6]) <= 31 and total % 10 == 0


def _swedish(digits: str) -> bool:
    short = digits[-10:]
    day = int(short[4:6]) % 60  # 60 more where the person has no residence
    return 1 <= int(short[2:4]) <= 12 and 1 <= day <= 31 and checksums.luhn(short)


def _swiss(digits: str) -> bool:
    return digits.startswith("756") and checksums.ean13(digits)


def _belgian(digits: str) -> bool:
    body, key = digits[:9], int(digits[9:])
    born = int(digits[2:4]) <= 12 and int(digits[4:6]) <= 31
    return born and key in {97 - int(body) % 97, 97 - int("2" + body) % 97}


def _canadian(digits: str) -> bool:
    return digits[0] not in "08" and _varied(digits) and checksums.luhn(digits)


_HEALTH: Final = words("nhs patient health~service")
_DUTCH: Final = words("bsn burgerservice* sofi* sofinummer")
_BRAZIL: Final = words("cpf cadastro contribuinte")
_INDIA: Final = words("aadhaar aadhar adhaar uidai uid आधार")
_POLAND: Final = words("pesel")
_CANADA: Final = words("sin nas social~insurance")
_SWEDEN: Final = words("personnummer personnr pnr samordningsnummer")

_DASHES: Final = "-."
_ANY: Final = " -."

NUMBER_RULES: Final = (
    NumberRule("card", "4-4-4-4 4-4-4-4-3 4-6-5 4-6-4 8-8", _ANY, card, strong=True),
    NumberRule("card", "15 16 17 18 19", "", card),
    NumberRule("card", "12 13 14 4-4-4-1 4-4-4-2 4-4-5 4-4-4-4-1 4-4-4-4-2", _ANY, card, _CARD),
    NumberRule("us_ssn", "3-2-4", "-", _ssn),
    NumberRule("us_ssn", "3-2-4 9", _ANY, _ssn, _SOCIAL),
    NumberRule("uk_nhs", "3-3-4 10", " -", _nhs, _HEALTH),
    NumberRule("de_tax_id", "2-3-3-3 11", " ", _german_tax),
    NumberRule(
        "fr_nir", "1-2-2-2-3-3-2 13-2 1-2-2-2-3-3-2 15", _ANY, _french_insurance, strong=True
    ),
    NumberRule("nl_bsn", "9 4-2-3 3-3-3", _ANY, _dutch, _DUTCH),
    NumberRule("br_cpf", "3-3-3-2", _DASHES, _brazilian, strong=True, exactly="..-"),
    NumberRule("br_cpf", "11 9-2 3-3-3-2", _ANY, _brazilian, _BRAZIL),
    NumberRule("in_aadhaar", "4-4-4", " -", _aadhaar),
    NumberRule("in_aadhaar", "12", "", _aadhaar, _INDIA),
    NumberRule("pl_pesel", "11", "", _polish, _POLAND),
    NumberRule("se_personnummer", "6-4 8-4", "-", _swedish),
    NumberRule("se_personnummer", "10 12", "", _swedish, _SWEDEN),
    NumberRule("ch_ahv", "3-4-4-2", ".- ", _swiss, strong=True),
    NumberRule("ch_ahv", "13", "", _swiss),
    NumberRule("be_national_number", "2-2-2-3-2", ".-/ ", _belgian, strong=True),
    NumberRule("ca_sin", "3-3-3 9", " -", _canadian, _CANADA),
)
"""Every number of digits alone; what has letters in it is in `lettered`."""
