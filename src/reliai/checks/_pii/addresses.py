"""Postal addresses: a street and a number, with the code of the town, or after a word for it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reliai.checks._pii.finding import Hit, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.checks._pii.finding import Subject

__all__ = ["addresses"]

_HOUSE: Final = "[0-9]{1,5}(?:[-/][0-9]{1,4})?[a-zA-Z]?"
_HOUSE_NUMBER: Final = re.compile(_HOUSE)
_WORD: Final = r"[^\W\d_][\w.'-]{0,24}"
_CAPITAL: Final = r"[A-Z\u00c0-\u00de][\w.'-]{0,24}"
_NAME: Final = f"(?:{_CAPITAL}|de|del|della|da|do|dos|das|des|du|la|le|van|den|of|the)"

_NUMBERED: Final = "[0-9]{1,3}(?:st|nd|rd|th)"
_ENGLISH: Final = re.compile(
    rf"{_HOUSE},? (?:[NSEW]{{1,2}}\.? )?(?:{_NAME} |{_NUMBERED} ){{1,4}}"
    r"(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd|Lane|Ln|Drive|Dr|Court|Ct|Place|Pl|Square|Sq"
    r"|Terrace|Way|Parkway|Pkwy|Circle|Crescent|Close|Gardens|Highway|Hwy)\b\.?"
)
_FRENCH: Final = re.compile(
    rf"{_HOUSE}(?: bis| ter)?,? "
    r"(?i:rue|avenue|av\.|boulevard|bd|place|chemin|allée|impasse|quai|route)"
    rf"(?: {_NAME}| [ld]'{_CAPITAL}){{1,5}}"
)

_JOINED: Final = (
    "straße strasse str. weg platz allee gasse ring damm ufer straat laan gracht plein gatan vägen"
    " vej gade"
).split()
_APART: Final = "calle avenida avda. plaza paseo via viale piazza corso rua travessa largo ul."
_APART_WORDS: Final = frozenset(_APART.split())
_ENDS: Final = tuple(_JOINED)
_SUFFIX: Final = "|".join(map(re.escape, _JOINED))
_ONE_WORD: Final = rf"[A-ZÄÖÜ]{_WORD}(?:{_SUFFIX}| (?i:{_SUFFIX}))"
_NAMED: Final = f"(?i:{'|'.join(map(re.escape, _APART.split()))})(?: {_NAME}){{1,4}}"
_STREET: Final = re.compile(rf"(?<![^\W_])(?:{_ONE_WORD}|{_NAMED}),? \Z")
_STREET_REACH: Final = 60

_ROOM: Final = (
    r"(?:(?:Apt|Suite|Unit|Flat|Ste|Apto)\.? ?[\w-]{1,6},? |#[\w-]{1,6},? |[NSEW]{1,2},? )?"
)
_CODES_AFTER_TOWN: Final = (
    "(?:[A-Z]{2} [0-9]{5}(?:-[0-9]{4})?"  # United States
    "|[A-Z]{1,2}[0-9][0-9A-Z]? ?[0-9][A-Z]{2}"  # United Kingdom
    "|[A-Z]{2} [A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]"  # Canada
    "|[A-Z]{2,3} [0-9]{4})"  # Australia
)
_CODE_BEFORE_TOWN: Final = "(?:[A-Z]{1,2}-)?[0-9]{4,5}(?:-[0-9]{3})?(?: [A-Z]{2})?"
_TOWN: Final = re.compile(
    rf",?[ \n]{_ROOM}(?:(?:{_WORD},?[ \n]){{0,4}}{_CODES_AFTER_TOWN}"
    rf"|{_CODE_BEFORE_TOWN} {_CAPITAL}(?:[ -]{_CAPITAL})?)(?!\w)"
)
_LIVES: Final = words(
    "address live lives living reside resides residing home mailing ship shipping deliver adresse",
    "anschrift wohne wohnt wohnhaft habite domicile domicilio dirección direccion vivo reside",
    "indirizzo abito residente endereço moro morada adres woon woont adress adresa",
)


def addresses(subject: Subject) -> Iterator[Hit]:
    """Addresses that are complete, or that a word announces."""
    text, groups, after = subject.text, subject.groups, 0
    for start, end in zip(groups.starts, groups.ends, strict=True):
        if start < after or end - start > 5:
            continue
        found = _house_first(text, start, end) or _street_first(subject, start, end)
        if found is None or not subject.apart_before(start):
            continue
        first, last = found
        town = _TOWN.match(text, last)
        if town is not None or subject.says(_LIVES, first):
            after = last if town is None else town.end()
            yield Hit(first, after, "address")


def _house_first(text: str, start: int, end: int) -> tuple[int, int] | None:
    """An English or French address whose number stands there."""
    beside = text[end : end + 3].lstrip(" ,")
    if not beside or beside[0] in ".:;)%":
        return None
    match = _ENGLISH.match(text, start) or _FRENCH.match(text, start)
    return None if match is None else (start, match.end())


def _street_first(subject: Subject, start: int, end: int) -> tuple[int, int] | None:
    """An address of the countries that put the number behind the street."""
    if end - start > 4 or subject.before(start) != " ":
        return None
    text, begin = subject.text, max(0, start - _STREET_REACH)
    ahead = text[begin:start].rstrip(" ,").lower()
    if not ahead.endswith(_ENDS) and _APART_WORDS.isdisjoint(ahead.split()[-6:]):
        return None
    match = _STREET.search(text[begin:start])
    house = _HOUSE_NUMBER.match(text, start, start + 12)
    if match is None or house is None:
        return None
    return begin + match.start(), house.end()
