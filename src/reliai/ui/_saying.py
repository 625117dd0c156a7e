"""Feedback that a person gives on a page: written to the site's store, told to observers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai import clock
from reliai._core import ids
from reliai.feedback._checked import data_of, text_of, word_of
from reliai.feedback._stores import tell
from reliai.feedback.failures import FeedbackError, FeedbackNotStored
from reliai.records.revision import Revision

if TYPE_CHECKING:
    from reliai.feedback import ReviewItem
    from reliai.records import RecordStore
    from reliai.records.revision import Kind

__all__ = ["Text", "as_said", "data_said", "prefer", "say", "text_shown"]

_WITHIN = 5.0


def say(
    store: RecordStore,
    kind: Kind,
    call_id: str,
    name: str,
    value: Any,
    *,
    by: str,
    comment: str | None = None,
    other: str | None = None,
) -> None:
    """Say something of a call, or of two; it is in the database when this returns.

    Raises:
        FeedbackError: when it cannot be feedback.
        FeedbackNotStored: when the database does not take it in time.
    """
    where = "feedback"
    data, size = data_of(where, "value", value)
    said = text_of(where, "comment", comment or None)
    now = clock.active().time()
    revision = Revision(
        ids.as_text(ids.new(now)),
        kind,
        word_of(where, "name", name),
        data,
        now,
        now,
        word_of(where, "call_id", call_id),
        by=by,
        comment=said,
        other=other,
    )
    if not store.feedback.put(revision, size + len(said or "")):
        raise FeedbackNotStored("too much waits for the database; try again")
    tell(revision)
    if not store.feedback.written(revision.key, _WITHIN):
        raise FeedbackNotStored("the database does not answer; try again")


def prefer(
    store: RecordStore, item: ReviewItem, better: str, *, comment: str | None = None
) -> None:
    """Say of a pair that was reviewed which call is better: "call", "other" or "tie".

    Raises:
        FeedbackNotStored: when the database does not take it in time.
    """
    assert item.other is not None  # noqa: S101  it is a pair
    calls = {"call": item.call.id, "other": item.other.id}
    best = calls.get(better)
    worst = None if best is None else next(one for one in calls.values() if one != best)
    first, second = sorted(calls.values())
    value = {"better": best, "worse": worst}
    who = item.reviewer
    say(store, "preference", first, "preference", value, by=who, comment=comment, other=second)


class Text(NamedTuple):
    """A value as a person edits it.

    Attributes:
        text: what stands in the field.
        is_json: whether it is JSON, because the value is no text.
    """

    text: str
    is_json: bool


def text_shown(value: Any) -> Text:
    """What stands in a field for a value: a text as it is, None as nothing, else JSON."""
    if value is None:
        return Text("", is_json=False)
    if isinstance(value, str):
        return Text(value, is_json=False)
    return Text(json.dumps(value, indent=2, ensure_ascii=False), is_json=True)


def as_said(text: Any) -> str:
    """A field's text with the line ends that it was given, which forms send in another way."""
    return "" if not isinstance(text, str) else text.replace("\r\n", "\n").replace("\r", "\n")


def data_said(text: str, *, is_json: bool, what: str) -> Any:
    """The value of a field.

    Raises:
        FeedbackError: when it must be JSON and is none.
    """
    if not is_json:
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        place = getattr(error, "lineno", 1)
        message = f"the {what} must be JSON, as the output is; line {place} is not"
        raise FeedbackError(message) from error
