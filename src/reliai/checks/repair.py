"""Reading JSON as models write it: in fences, after a greeting, with a comma too many.

Strict JSON comes first and is left as it is, byte for byte. What is repaired is only what cannot
change the meaning: a byte order mark, the model's thoughts before its answer, fences and prose
around exactly one value, trailing commas, typographic quotes in the place of plain ones. A document
that stops before its end is never completed, and of two documents none is chosen: both would be
inventing an answer. Where the value is held against a type afterwards, other notations that can be
read in one way only are taken too (see `_scan`).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from reliai.checks._scan import scan

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def read_json(text: str, *, dialect: bool = False) -> Reading:
    """The one JSON value in `text`: as it stands if it is strict JSON, repaired if that is safe.

    Args:
        text: what the model wrote.
        dialect: whether to read strings in single quotes or with line breaks in them, Python's
            True, False and None, and comments as well.
    """
    if is_json(text):
        return Reading(text)
    body = text.strip(_BLANK)
    if is_json(body):
        return Reading(body, repaired=True)
    answer = _without_thoughts(body)
    if answer is None:
        return _TRUNCATED
    answer = _without_other_code(answer)
    for inner in (answer, _unfenced(answer)):
        if is_json(inner):
            return Reading(inner, repaired=True)
    if _OPEN_STRING.fullmatch(answer):
        return _TRUNCATED
    return _within(answer, dialect=dialect)


def is_json(text: str) -> bool:
    """Whether `text` is strict JSON: no NaN, no Infinity, nothing around the value."""
    try:
        json.loads(text, parse_int=_skip, parse_float=_skip, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return False
    return True


def _unfenced(text: str) -> str:
    """What one fence around the whole of a text holds; nothing when there is none."""
    for fence in ("```", "~~~"):
        if text.startswith(fence) and text.endswith(fence):
            return _LANGUAGE.sub("", text.strip(fence[0]), count=1).strip()
    return ""


def _without_thoughts(text: str) -> str | None:
    """What follows a model's thoughts; None when it never came to the end of them.

    Some providers cut the opening tag off, since the model did not write it itself.
    """
    opened = _THOUGHTS.match(text)
    if opened is not None:
        end = text.find(f"</{opened[1]}>")
        return None if end < 0 else text[end + len(opened[1]) + 3 :].strip(_BLANK)
    closed = _END_OF_THOUGHTS.search(text)
    return text if closed is None else text[closed.end() :].strip(_BLANK)


def _without_other_code(text: str) -> str:
    """A text without its fences in other languages, where exactly one is said to be JSON."""
    fences = list(_fences(text))
    if sum(fence.json for fence in fences) != 1 or len(fences) == 1:
        return text
    for fence in reversed(fences):
        if fence.label and not fence.json:
            text = text[: fence.start] + text[fence.end :]
    return text.strip(_BLANK)


class _Fence(NamedTuple):
    """A fenced part of a text, its fences included."""

    start: int
    end: int
    label: str

    @property
    def json(self) -> bool:
        return self.label.startswith("json")


def _fences(text: str) -> Iterator[_Fence]:
    """The fenced parts, in order: each ends at the next fence of its kind that has no label."""
    opened: re.Match[str] | None = None
    for line in _FENCE.finditer(text):
        if opened is None:
            opened = line
        elif line["fence"] == opened["fence"] and not line["label"]:
            yield _Fence(opened.start(), line.end(), opened["label"].lower())
            opened = None


def _within(text: str, *, dialect: bool) -> Reading:
    """The only JSON object or array in prose."""
    found: Reading | None = None
    position = 0
    while bracket := _BRACKET.search(text, position):
        start = bracket.start()
        if bracket[0] in "]}":
            return Reading(None, reason=BROKEN)
        value = scan(text, start, dialect=dialect)
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
_BLANK = "\ufeff \t\r\n\xa0\u200b"
_THOUGHTS = re.compile(r"<(think|thinking|thought|thoughts|reasoning|reflection)>", re.IGNORECASE)
_END_OF_THOUGHTS = re.compile(r"\A(?![\[{`~]).*?</(?:think|thinking|reasoning)>", re.DOTALL)
_FENCE = re.compile(
    r"^[ ]{0,3}(?P<fence>`{3,}+|~{3,}+)[ ]{0,3}(?P<label>[\w+#.-]*+)[^`\n]*$", re.MULTILINE
)
_LANGUAGE = re.compile(r"\A(?:json\w*)?", re.IGNORECASE)
_BRACKET = re.compile(r"[\[\]{}]")
_OPEN_STRING = re.compile(r'"(?:[^"\\]++|\\.)*+\\?', re.DOTALL)
# Brackets of prose: "[see below]", "{name}". Quotes, colons and numbers would make them look meant.
_ASIDE = re.compile(r"\[(?!\s*[-\d,])[^\[\]{}\"“”]*\]|\{(?!\s*,)[^\[\]{}\"“”:]*\}")
_BEFORE_A_PART = re.compile(r"(?:,|[\"“”]\s*:)\s*\Z")
_AFTER_A_PART = re.compile(r"\s*[,:]")
