"""Telephone numbers: international ones by the plan of their country, national ones by their form.

Bare digits are a telephone number only after a word that says so. Forms and lengths follow the
numbering plans that the ITU publishes (E.164).
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from reliai.checks._pii.finding import Hit, words
from reliai.checks._pii.numbers import NEAR, NOT_PERSONAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.checks._pii.finding import Subject

__all__ = ["phones"]

_SAYS_PHONE: Final = words(
    "phone phones telephone tel fon telefon telefono teléfono téléfone telefone telefoon telefonnr",
    "telefonnummer rufnummer mobile mobil mobiel móvil movil portable cell cellphone cellulare",
    "celular handy handynummer whatsapp sms fax call~me call~us text~me reach~me ring~me my~number",
    "meine~nummer mon~numéro mi~número erreichbar appelez llámame 电话 電話 手机 手機 携帯",
    "연락처 전화 телефон тел फोन",
)
_REACH: Final = 24
_CALLS: Final = words("call dial ring text")
_BESIDE: Final = 6
"""Characters before a number in which such a word must stand, since it means many things."""

_MINIMA: Final = {  # country code: shortest and longest number after it
    "1": (10, 10), "7": (10, 10), "20": (8, 10), "27": (9, 9), "30": (10, 10), "31": (9, 9),
    "32": (8, 9), "33": (9, 9), "34": (9, 9), "36": (8, 9), "39": (6, 11), "40": (9, 9),
    "41": (9, 9), "43": (7, 13), "44": (9, 10), "45": (8, 8), "46": (7, 10), "47": (8, 8),
    "48": (9, 9), "49": (7, 12), "51": (8, 9), "52": (10, 11), "53": (8, 8), "54": (10, 11),
    "55": (10, 11), "56": (9, 9), "57": (10, 10), "58": (10, 10), "60": (8, 10), "61": (9, 9),
    "62": (8, 12), "63": (8, 10), "64": (8, 10), "65": (8, 8), "66": (8, 9), "81": (9, 10),
    "82": (8, 11), "84": (9, 10), "86": (9, 11), "90": (10, 10), "91": (10, 10), "92": (9, 10),
    "93": (9, 9), "94": (9, 9), "95": (7, 10), "98": (10, 10),
}  # fmt: skip
_THREE: Final = frozenset(
    """211 212 213 216 218 220 221 222 223 224 225 226 227 228 229 230 231 232 233 234 235 236 237
    238 239 240 241 242 243 244 245 246 248 249 250 251 252 253 254 255 256 257 258 260 261 262 263
    264 265 266 267 268 269 290 291 297 298 299 350 351 352 353 354 355 356 357 358 359 370 371 372
    373 374 375 376 377 378 380 381 382 383 385 386 387 389 420 421 423 500 501 502 503 504 505 506
    507 508 509 590 591 592 593 594 595 596 597 598 599 670 672 673 674 675 676 677 678 679 680 681
    682 683 685 686 687 688 689 690 691 692 800 808 850 852 853 855 856 870 880 881 882 883 886 960
    961 962 963 964 965 966 967 968 970 971 972 973 974 975 976 977 979 992 993 994 995 996
    998""".split()
)
_OTHERS: Final = (6, 11)
_MOST: Final = 15
"""Digits of the longest number there is."""

_LEAST: Final = 7
"""Digits of the shortest number that is looked for."""

_MOST_SINGLE: Final = 3
"""Groups of one digit that a number has at most: more of them are numbers in a row."""

_TRUNK: Final = frozenset(
    """2-2-2-2-2 5-6 3-4-4 4-3-4 5-3-3 4-3-3 2-4-4 3-3-4 3-3-2-2 4-2-2-2 4-3-2-2 3-7 3-8 4-7 4-6 4-8
    5-5 2-8 2-3-2-2 4-4-3 3-4-3 5-7""".split()
)
"""Sizes of the groups of national numbers that begin with a 0, the world over."""


def phones(subject: Subject) -> Iterator[Hit]:
    """Every telephone number."""
    groups, links, ends = subject.groups, subject.groups.links, subject.groups.ends
    after = 0
    for first, start in enumerate(groups.starts):
        if links[first] is None and ends[first] - start < _LEAST:
            continue  # most numbers: alone, and too short
        if start < after:  # within the number found last
            continue
        found = _number_at(subject, first)
        if found is not None:
            after = found.end
            yield found


def _number_at(subject: Subject, first: int) -> Hit | None:
    start = subject.groups.starts[first]
    opening = start - 1 if subject.before(start) == "(" else start
    if subject.before(opening) == "+":
        return _international(subject, first, opening - 1, 0)
    lead = subject.text[start : start + 3]
    if lead[:2] == "00" and lead != "000":
        return _dialled(subject, first, start)
    if not subject.apart_before(opening):
        return None
    return _national(subject, first, opening) or _named(subject, first, opening)


def _international(subject: Subject, first: int, start: int, skipped: int) -> Hit | None:
    """A number with its country's code, after `skipped` zeros that stand for the plus."""
    if start and (subject.before(start).isalnum() or subject.before(start) == "+"):
        return None
    if subject.before(start) == "(":
        start -= 1
    digits, single = "", 0
    best: int | None = None
    for last, part in _chain(subject, first, "( ).-/"):
        single += len(part) == 1
        trunk = part == "0" and bool(digits) and subject.before(subject.groups.starts[last]) == "("
        digits += "" if trunk else part
        number = digits[skipped:]
        if len(number) > _MOST or single > _MOST_SINGLE:
            break
        if _fits(number):
            best = last
    return None if best is None else _hit(subject, start, best)


def _dialled(subject: Subject, first: int, start: int) -> Hit | None:
    """A number with 00 in the place of the plus."""
    groups = subject.groups
    if groups.ends[first] - start == 2:  # alone, so that the country's code is alone too
        follows = first + 1 < len(groups.starts) and groups.links[first] is not None
        code = subject.text[groups.starts[first + 1] : groups.ends[first + 1]] if follows else ""
        if code not in _MINIMA and code not in _THREE:
            return None
    found = _international(subject, first, start, 2)
    if found is None or _nobodys(subject, start):
        return None
    joined = first > 0 and groups.links[first - 1] is not None
    goes_on = groups.links[bisect_left(groups.ends, found.end)] is not None
    return None if joined or goes_on else found


def _fits(number: str) -> bool:
    """Whether a number with its country's code is as long as that country's are."""
    for length in (1, 2):
        bounds = _MINIMA.get(number[:length])
        if bounds is not None:
            rest = len(number) - length
            return bounds[0] <= rest <= bounds[1]
    return number[:3] in _THREE and _OTHERS[0] <= len(number) - 3 <= _OTHERS[1]


def _chain(subject: Subject, first: int, links: str) -> Iterator[tuple[int, str]]:
    """The groups that may make one number, with their places; ten at most."""
    groups = subject.groups
    for last in range(first, min(first + 10, len(groups.starts))):
        yield last, subject.text[groups.starts[last] : groups.ends[last]]
        link = groups.links[last]
        if link is None or (link and link not in links):
            return


def _national(subject: Subject, first: int, start: int) -> Hit | None:
    parts: list[str] = []
    joints = ""
    best: int | None = None
    for last, part in _chain(subject, first, "( ).-/"):
        parts.append(part)
        if len(parts) > 1:
            joints += subject.groups.links[last - 1] or ""
        if len(parts) > 5:
            break
        if _form(parts, joints, parenthesised=subject.before(subject.groups.starts[first]) == "("):
            best = last
    if best is None or _nobodys(subject, start):
        return None
    joint = subject.groups.links[first - 1] if first else None
    onward = subject.groups.links[best]
    inner = "".join(link or "" for link in subject.groups.links[first:best])
    if any(link is not None and link in inner for link in (joint, onward)):
        return None
    return _hit(subject, start, best)


def _form(parts: list[str], joints: str, *, parenthesised: bool) -> bool:
    """Whether groups of digits have the form of a national number."""
    if len(parts) < 2:
        return False
    sizes = "-".join(str(len(part)) for part in parts)
    if sizes == "1-3-3-4":
        return parts[0] == "1" and _american(parts[1:]) and "/" not in joints
    if sizes == "3-3-4" and (_american(parts) or (parenthesised and parts[0][0] not in "01")):
        return ")" in joints or (" " not in joints and "/" not in joints) or joints == " -"
    if parts[0][0] == "0" and parts[0][1:2] not in {"", "0"} and sizes in _TRUNK:
        return not (sizes == "2-2-2-2-2" and "." in joints and " " in joints)
    if sizes == "3-4-4" and parts[0][0] == "1" and parts[0][1] in "3456789":
        return "." not in joints and "/" not in joints  # Chinese mobile numbers
    return parenthesised and sizes in {"2-5-4", "2-4-4"} and joints[:1] == ")"  # Brazil


def _american(parts: list[str]) -> bool:
    area, exchange = parts[0], parts[1]
    return area[0] in "23456789" and area[1] != "9" and exchange[0] in "23456789"


def _named(subject: Subject, first: int, start: int) -> Hit | None:
    """Digits in any form, right after a word that says what they are."""
    total, best = 0, None
    for last, part in _chain(subject, first, "( ).-/"):
        total += len(part)
        if last - first > 6 or total > 12:
            break
        if total >= _LEAST and subject.apart_after(subject.groups.ends[last]):
            best = last
    if best is None or _is_date(subject, first, best) or _is_list(subject, first, best):
        return None
    told = subject.says(_SAYS_PHONE, start, _REACH) or subject.says(_CALLS, start, _BESIDE)
    return _hit(subject, start, best) if told and not _nobodys(subject, start) else None


def _nobodys(subject: Subject, start: int) -> bool:
    return subject.says(NOT_PERSONAL, start, NEAR)


def _is_list(subject: Subject, first: int, last: int) -> bool:
    """Whether the groups are numbers beside each other: of one digit, or joined in many ways."""
    groups = subject.groups
    short = any(groups.ends[n] - groups.starts[n] < 2 for n in range(first + 1, last + 1))
    joints = {link for link in groups.links[first:last] if link not in {"(", ")", ""}}
    return short or len(joints) > 1


def _is_date(subject: Subject, first: int, last: int) -> bool:
    sizes = [subject.groups.ends[n] - subject.groups.starts[n] for n in range(first, last + 1)]
    return sizes in ([4, 2, 2], [2, 2, 4], [1, 2, 4], [4, 2, 2, 2])


def _hit(subject: Subject, start: int, last: int) -> Hit | None:
    end = subject.groups.ends[last]
    if not subject.apart_after(end):
        return None
    inside = subject.text[start:end]
    if inside.startswith("(") and ")" not in inside:
        if subject.after(end) == ")":
            return Hit(start + 1, end, "phone")
        start += 1
    return Hit(start, end, "phone")
