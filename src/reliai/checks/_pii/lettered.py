"""Identities with letters in them: accounts (IBAN), tax codes and insurance numbers.

All of them have digits too, so they are looked for around the runs of digits only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reliai.checks._pii import checksums
from reliai.checks._pii.finding import Hit
from reliai.checks._pii.numbers import NEAR, NOT_PERSONAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.checks._pii.finding import Subject

__all__ = ["lettered"]

_LENGTHS: Final = {
    country: int(length)
    for length, countries in {
        "15": "NO",
        "16": "BE",
        "18": "DK FI FK FO GL NL SD",
        "19": "MK SI",
        "20": "AT BA EE KZ LT LU MN XK",
        "21": "CH HR LI LV",
        "22": "BG BH CR DE GB GE IE ME RS VA",
        "23": "AE GI IL IQ OM SO TL",
        "24": "AD CZ DZ ES MD PK RO SA SE SK TN VG",
        "25": "AO CV LY MZ PT ST",
        "26": "IS TR",
        "27": "BF BI CF CG CM DJ FR GA GR IT KM MC MG SM",
        "28": "AL AZ BJ BY CI CY DO GT HN HU LB ML NE NI PL SN SV TG",
        "29": "BR EG PS QA UA",
        "30": "JO KW MU YE",
        "31": "MT SC",
        "32": "LC",
        "33": "RU",
    }.items()
    for country in countries.split()
}
"""How long an account number of each country is."""

_IBAN_TAILS: Final = {
    length: re.compile(rf"[A-Z]{{2}}[0-9]{{2}}(?:[ -]?[A-Z0-9]){{{length - 4}}}", re.IGNORECASE)
    for length in set(_LENGTHS.values())
}
_NINO: Final = re.compile(
    r"(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z][ -]?[0-9]{2}[ -]?[0-9]{2}"
    r"[ -]?[0-9]{2}[ -]?[A-D]"
)
_NIE: Final = re.compile(r"[XYZ][ -]?[0-9]{7}[ -]?[A-Z]")
_PAN: Final = re.compile(r"[A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z]")
_FISCAL: Final = re.compile(
    r"[A-Z]{6}[0-9LMNP-V]{2}[A-EHLMPR-T][0-9LMNP-V]{2}[A-Z][0-9LMNP-V]{3}[A-Z]"
)
_CURP: Final = re.compile(r"[A-Z]{4}[0-9]{6}[HMX][A-Z]{5}[A-Z0-9][0-9]")
_DNI: Final = re.compile(r"[0-9]{8}-?[A-Z]")
_HETU: Final = re.compile(r"[0-9]{6}[-+A-FU-Y][0-9]{3}[0-9A-FHJ-NPR-Y]")
_CHINESE: Final = re.compile(r"[0-9]{17}[0-9X]")

_DNI_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_HETU_LETTERS: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_ODD: Final = (
    1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23,
)  # fmt: skip


def _iban(text: str) -> bool:
    return text[4:].strip("0") != "" and checksums.iso7064_mod97(text)


def _any(_: str) -> bool:
    return True


def _nie(text: str) -> bool:
    number = str("XYZ".index(text[0])) + text[1:8]
    return _DNI_LETTERS[int(number) % 23] == text[8]


def _dni(text: str) -> bool:
    return _DNI_LETTERS[int(text[:8]) % 23] == text[8]


def _fiscal(text: str) -> bool:
    total = 0
    for place, char in enumerate(text[:15]):
        value = int(char) if char.isdigit() else ord(char) - 65
        total += value if place % 2 else _ODD[value]
    return chr(65 + total % 26) == text[15]


def _hetu(text: str) -> bool:
    return _HETU_LETTERS[int(text[:6] + text[7:10]) % 31] == text[10] and _day(text[:4])


def _day(text: str) -> bool:
    return 1 <= int(text[:2]) <= 31 and 1 <= int(text[2:]) <= 12


def _curp(text: str) -> bool:
    return 1 <= int(text[6:8]) <= 12 and 1 <= int(text[8:10]) <= 31


def _chinese(text: str) -> bool:
    born = text[6:10] > "1850" and 1 <= int(text[10:12]) <= 12 and 1 <= int(text[12:14]) <= 31
    return text[0] != "0" and born and checksums.iso7064_mod11_2(text)


_Rule = tuple[str, re.Pattern[str], "Callable[[str], bool]", bool]
_BY_LETTERS: Final[dict[int, tuple[_Rule, ...]]] = {
    1: (("es_nie", _NIE, _nie, False),),
    2: (("uk_nino", _NINO, _any, True),),
    4: (("mx_curp", _CURP, _curp, False),),
    5: (("in_pan", _PAN, _any, True),),
    6: (("it_codice_fiscale", _FISCAL, _fiscal, False),),
}
"""By the number of letters before the first digit: kind, form, rule, and whether a word before it
may speak against it."""
_BY_DIGITS: Final[dict[int, tuple[_Rule, ...]]] = {
    6: (("fi_hetu", _HETU, _hetu, False),),
    8: (("es_dni", _DNI, _dni, True),),
    17: (("cn_resident_id", _CHINESE, _chinese, False),),
    18: (("cn_resident_id", _CHINESE, _chinese, False),),
}
"""The same by the number of digits, for what begins with them."""


def lettered(subject: Subject) -> Iterator[Hit]:
    """Every identity with letters in it."""
    text, groups = subject.text, subject.groups
    for start, end in zip(groups.starts, groups.ends, strict=True):
        first, letters = _head(text, start)
        if letters == 2:
            yield from _accounts(subject, first)
        for rule in _BY_LETTERS.get(letters, ()):
            yield from _matched(subject, rule, first)
        for rule in _BY_DIGITS.get(end - start, ()):
            yield from _matched(subject, rule, start)


def _head(text: str, start: int) -> tuple[int, int]:
    """Where the letters before a place begin, and how many they are: 7 for too many."""
    end = start - 1 if start > 1 and text[start - 1] in " -" else start
    first = end
    while first > 0 and end - first < 7 and text[first - 1].isascii() and text[first - 1].isalpha():
        first -= 1
    return first, end - first


def _matched(subject: Subject, rule: _Rule, start: int) -> Iterator[Hit]:
    kind, form, valid, doubtful = rule
    match = form.match(subject.text, start)
    if match is None or not subject.apart(start, match.end()):
        return
    if doubtful and subject.says(NOT_PERSONAL, start, NEAR):
        return
    plain = match[0].replace(" ", "").replace("-", "") if kind != "fi_hetu" else match[0]
    if valid(plain):
        yield Hit(start, match.end(), kind)


def _accounts(subject: Subject, start: int) -> Iterator[Hit]:
    length = _LENGTHS.get(subject.text[start : start + 2].upper())
    if length is None or not subject.apart_before(start):
        return
    match = _IBAN_TAILS[length].match(subject.text, start)
    if match is None or not subject.apart_after(match.end()):
        return
    if _iban(match[0].replace(" ", "").replace("-", "").upper()):
        yield Hit(start, match.end(), "iban")
