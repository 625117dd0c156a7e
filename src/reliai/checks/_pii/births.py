"""Dates of birth and numbers of passports: only after a word that names them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reliai.checks._pii.finding import Hit, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.checks._pii.finding import Subject

__all__ = ["births", "passports"]

_BORN: Final = words(
    "born dob d.o.b birth birthdate birthday birth~date birth~day geboren geburtsdatum geburtstag",
    "geb né née naissance nacido nacida nacimiento nato nata nascita nascido nascida nascimento",
    "geboortedatum født född urodzony urodzona urodzenia 出生 生日 誕生日 生年月日 생년월일",
)
_BORN_STEMS: Final = (
    *"born birth dob d.o.b geb né naiss nacid nacim nato nata nasc född født urodz".split(),
    *("出生", "生日", "誕生", "生年", "생년"),
)
"""One of them is in every text that has one of the words: quicker to see than the words."""
_BORN_REACH: Final = 32

_YEAR: Final = "(?:18|19|20)[0-9]{2}"
_DAY: Final = "(?:3[01]|[12][0-9]|0?[1-9])"
_MONTH: Final = "(?:1[0-2]|0?[1-9])"
_MONTH_NAME: Final = (
    "(?:jan|feb|fév|fev|mar|mär|maa|apr|avr|abr|mai|may|mei|mag|maj|jun|juin|jui|giu|jul|lug|aug|aoû"
    r"|aou|ago|sep|set|oct|okt|out|ott|nov|dec|dez|déc|dic|ene|gen)[^\W\d_]{0,8}\.?"
)
_OF: Final = "(?:of |de |del |d')?"
_DATE: Final = re.compile(
    rf"(?:{_YEAR}([-./]){_MONTH}\1{_DAY}"
    rf"|{_DAY}([-./ ]){_DAY}\2(?:{_YEAR}|[0-9]{{2}})"
    rf"|{_DAY}(?:st|nd|rd|th|er|\.|º)?,? {_OF}{_MONTH_NAME},? {_OF}{_YEAR}"
    rf"|{_YEAR}年{_MONTH}月{_DAY}日?)(?![0-9])",
    re.IGNORECASE,
)
_MONTH_FIRST: Final = re.compile(
    rf"{_MONTH_NAME} {_DAY}(?:st|nd|rd|th)?,? {_YEAR}(?![0-9])", re.IGNORECASE
)
_LONGEST_MONTH: Final = 13


def births(subject: Subject) -> Iterator[Hit]:
    """Dates after a word that makes them the day of somebody's birth."""
    if not any(stem in subject.lower for stem in _BORN_STEMS):
        return
    text, after = subject.text, 0
    for start, end in zip(subject.groups.starts, subject.groups.ends, strict=True):
        if start < after or end - start not in {1, 2, 4}:
            continue
        first, match = start, _DATE.match(text, start)
        if match is None:
            first = _word_before(text, start)
            match = _MONTH_FIRST.match(text, first) if first < start else None
        if match is not None and subject.says(_BORN, first, _BORN_REACH):
            after = match.end()
            yield Hit(first, after, "date_of_birth")


def _word_before(text: str, start: int) -> int:
    """Where the word before a number begins; `start` when there is none."""
    first = start - 1 if start and text[start - 1] == " " else start
    while first and start - first < _LONGEST_MONTH and text[first - 1] not in " \t\r\n,;:(":
        first -= 1
    return first


_PASSPORT: Final = words(
    "passport passports passeport pasaporte reisepass reisepassnummer passnummer passaporto",
    "passaporte paspoort paspoortnummer pass~no pass~nr 护照 護照 旅券 パスポ-ト",
)
_PASSPORT_STEMS: Final = ("pass", "pasp", "pasa", "护照", "護照", "旅券", "パスポ")
_PASSPORT_NUMBER: Final = re.compile(r"(?<![\w-])(?=[A-Z]{0,3}[0-9])[A-Z0-9]{6,10}(?![\w-])")
_LEAST_DIGITS: Final = 4


def passports(subject: Subject) -> Iterator[Hit]:
    """Numbers of passports, after the word."""
    if not any(stem in subject.lower for stem in _PASSPORT_STEMS):
        return
    for match in _PASSPORT_NUMBER.finditer(subject.text):
        digits = sum(char.isdigit() for char in match[0])
        if digits >= _LEAST_DIGITS and subject.says(_PASSPORT, match.start()):
            yield Hit(match.start(), match.end(), "passport")
