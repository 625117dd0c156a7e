"""Reading JSON as models write it: in fences, after a greeting, with a comma too many.

Strict JSON comes first and is left as it is, byte for byte. What is repaired is only what cannot
change the meaning: a byte order mark, fences and prose around exactly one value, trailing commas,
typographic quotes in the place of plain ones. A document that stops before its end is never
completed, and of two documents none is chosen: both would be inventing an answer.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from reliai.checks._scan import scan

__all__ = ["Reading", "read_json"]

NO_VALUE = "it holds no JSON value"
CUT_OFF = "its JSON stops before the end"
TWO_VALUES = "it holds more than one JSON value"
BROKEN = "its JSON is malformed"


class Reading(NamedTuple):
    """What was found in a text.

    Attributes:
        text: strict JSON; None when there is none that could be had without guessing.
        repaired: whether `text` differs from what was given.
        truncated: whether the text holds a JSON document that stops before its end.
        reason: why there is no JSON; empty when there is.
    """

    text: str | None
    repaired: bool = False
    truncated: bool = False
    reason: str = ""


def read_json(text: str) -> Reading:
    """The one JSON value in `text`: as it stands if it is strict JSON, repaired if that is safe."""
    if is_json(text):
        return Reading(text)
    body = text.strip("\ufeff \t\r\n\xa0\u200b")
    if is_json(body):
        return Reading(body, repaired=True)
    fenced = _unfenced(body)
    if is_json(fenced):
        return Reading(fenced, repaired=True)
    if _OPEN_STRING.fullmatch(body):
        return _TRUNCATED
    return _within(body)


def is_json(text: str) -> bool:
    """Whether `text` is strict JSON: no NaN, no Infinity, nothing around the value."""
    try:
        json.loads(text, parse_int=_skip, parse_float=_skip, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _unfenced(text: str) -> str:
    """What one fence around the whole of a text holds; nothing when there is none."""
    if not (text.startswith("```") and text.endswith("```")):
        return ""
    return _LANGUAGE.sub("", text[3:-3], count=1).strip()


def _within(text: str) -> Reading:
    """The only JSON object or array in prose."""
    found: Reading | None = None
    position = 0
    while bracket := _BRACKET.search(text, position):
        start = bracket.start()
        if bracket[0] in "]}":
            return Reading(None, reason=BROKEN)
        value = scan(text, start)
        if value.truncated:
            return _TRUNCATED
        if value.text is None:
            aside = _ASIDE.match(text, start)
            if aside is None:
                return Reading(None, reason=BROKEN)
            position = aside.end()
            continue
        if found is not None:
            return Reading(None, reason=TWO_VALUES)
        if _is_a_part(text, start, value.end):
            return Reading(None, reason=BROKEN)
        found, position = Reading(value.text, repaired=True), value.end
    return found or Reading(None, reason=NO_VALUE)


def _is_a_part(text: str, start: int, end: int) -> bool:
    """Whether what stands beside a value says that it was cut out of a larger document."""
    return bool(_BEFORE_A_PART.search(text[:start]) or _AFTER_A_PART.match(text, end))


def _skip(_: str) -> None:
    """Numbers are looked at, not converted: their size is of no concern here."""


def _refuse(constant: str) -> None:
    raise ValueError(constant)


_TRUNCATED = Reading(None, truncated=True, reason=CUT_OFF)
_LANGUAGE = re.compile(r"\A(?:json\w*)?", re.IGNORECASE)
_BRACKET = re.compile(r"[\[\]{}]")
_OPEN_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+\\?', re.DOTALL)
# Brackets of prose: "[see below]", "{name}". Quotes, colons and numbers would make them look meant.
_ASIDE = re.compile(r"\[(?!\s*[-\d,])[^\[\]{}\"“”]*\]|\{(?!\s*,)[^\[\]{}\"“”:]*\}")
_BEFORE_A_PART = re.compile(r"(?:,|[\"“”]\s*:)\s*\Z")
_AFTER_A_PART = re.compile(r"\s*[,:]")
