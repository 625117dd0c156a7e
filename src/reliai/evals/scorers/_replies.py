"""Reading a judge's answer strictly: what is not exactly what was asked for is no verdict.

Nothing is guessed. A verdict is never taken from a word in a text, from a number in a string, nor
from what the judge says of passing: it is derived from the grade, by code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["NoVerdict", "grade_in", "object_in", "reasoning_in", "word_in"]

_LONGEST: Final = 2000


class NoVerdict(Exception):
    """An answer that is no verdict; the message quotes nothing of it."""


def object_in(said: Any) -> Mapping[str, Any]:
    """The one JSON object that an answer is, with or without a fence of Markdown around it.

    Raises:
        NoVerdict: when it is another thing, or has more beside it, or a key twice.
    """
    if isinstance(said, Mapping):
        return said
    text = str(said).strip()
    if text.startswith("```") and text.endswith("```") and "\n" in text:
        text = text.partition("\n")[2].rpartition("```")[0]
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError):
        raise NoVerdict("the answer is not one JSON object and nothing else") from None
    if not isinstance(found, Mapping):
        raise NoVerdict("the answer is JSON, but no object")
    return found


def grade_in(answer: Mapping[str, Any], low: int, high: int) -> int:
    """The grade, a whole number on the scale.

    Raises:
        NoVerdict: when there is none.
    """
    if "grade" not in answer:
        raise NoVerdict('the answer has no "grade"')
    grade = answer["grade"]
    if isinstance(grade, float) and grade.is_integer():
        grade = int(grade)
    if isinstance(grade, bool) or not isinstance(grade, int):
        raise NoVerdict('its "grade" is no whole number')
    if not low <= grade <= high:
        raise NoVerdict(f'its "grade" is not from {low} to {high}')
    return grade


def word_in(answer: Mapping[str, Any], key: str, words: tuple[str, ...]) -> str:
    """The one of several words that an answer has under a key.

    Raises:
        NoVerdict: when it has none of them.
    """
    found = answer.get(key)
    if isinstance(found, str) and found in words:
        return found
    raise NoVerdict(f'its "{key}" is none of {", ".join(words)}')


def reasoning_in(answer: Mapping[str, Any]) -> str | None:
    """Why, as far as the judge said."""
    said = answer.get("reasoning")
    return said[:_LONGEST] if isinstance(said, str) and said else None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refused(constant: str) -> None:
    raise ValueError(constant)
