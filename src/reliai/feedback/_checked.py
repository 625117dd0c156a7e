"""Settings of feedback, checked: what is wrong says so to the caller, before anything is kept."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Any, Final

from reliai.feedback.failures import FeedbackError

__all__ = ["MOST_BYTES", "data_of", "moment_of", "text_of", "word_of"]

MOST_BYTES: Final = 128 * 1024
"""Bytes of one value or comment, at most."""
MOST_WORD: Final = 512
"""Characters of an id, a name or an author, at most."""


def word_of(where: str, name: str, value: Any) -> str:
    """An id, a name or an author.

    Raises:
        FeedbackError: when it is no text, empty, or too long.
    """
    if not isinstance(value, str) or not 0 < len(value) <= MOST_WORD:
        shown = f"{value!r}" if not isinstance(value, str) else f"a text of {len(value)} characters"
        raise FeedbackError(f"{where}({name}={shown}): must be text of 1 to {MOST_WORD} characters")
    return value


def text_of(where: str, name: str, value: Any) -> str | None:
    """A comment, or none; what it says is never in a message.

    Raises:
        FeedbackError: when it is no text, or too long.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise FeedbackError(f"{where}({name}=…): must be text, not {type(value).__name__}")
    if len(value) > MOST_BYTES // 4 and len(value.encode(errors="replace")) > MOST_BYTES:
        raise FeedbackError(f"{where}({name}=…): at most {MOST_BYTES} bytes are kept")
    return value


def data_of(where: str, name: str, value: Any) -> tuple[Any, int]:
    """A value as JSON can say it, which nobody else can change, and the bytes of its texts.

    Raises:
        FeedbackError: when JSON cannot say it, or it is too long.
    """
    if type(value) in {int, bool} or value is None:
        return value, 0
    if type(value) is float and math.isfinite(value):
        return value, 0
    try:
        said = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        kind = type(value).__name__
        message = f"{where}({name}=…): must be data that JSON can say, not {kind}"
        raise FeedbackError(message) from error
    size = len(said.encode(errors="replace"))
    if size > MOST_BYTES:
        raise FeedbackError(f"{where}({name}=…): {size} bytes; at most {MOST_BYTES} are kept")
    return json.loads(said), size


def moment_of(where: str, at: float | datetime | None, now: float) -> float:
    """Unix seconds; now for none, and for what is yet to come: a clock that is ahead.

    Raises:
        FeedbackError: for what is no time.
    """
    if at is None:
        return now
    if isinstance(at, datetime):
        at = at.timestamp()
    if type(at) not in {int, float} or not math.isfinite(at) or at < 0:
        raise FeedbackError(f"{where}(at={at!r}): must be Unix seconds or a datetime")
    return min(float(at), now)
