"""Saying something of a call or a conversation, correcting an output, preferring one, retracting.

Each returns at once: it is written by the record store's own thread, and shown to observers that
have `on_feedback` on theirs. It may come before its call is stored, or years after.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai import clock
from reliai._core import ids
from reliai.feedback._checked import data_of, moment_of, text_of, word_of
from reliai.feedback._stores import store_for, tell
from reliai.feedback.failures import FeedbackError, FeedbackNotStored
from reliai.records.revision import Revision

if TYPE_CHECKING:
    from datetime import datetime

    from reliai.records.revision import Kind

__all__ = ["DURABLE_WITHIN", "correct", "prefer", "record", "retract"]

DURABLE_WITHIN = 5.0
"""Seconds that `durable=True` waits for the database."""


def record(
    call_id: str | None,
    name: str,
    value: Any,
    *,
    by: str | None = None,
    comment: str | None = None,
    at: float | datetime | None = None,
    session: str | None = None,
    key: str | None = None,
    durable: bool = False,
) -> bool:
    """Say something of a call, or of a conversation.

    Of one call, name and author the value said last, by its own time, holds; earlier ones stay in
    `history`. Nothing of an earlier one is kept alive: a new value without a comment has none.

    Args:
        call_id: of the call, which may not have arrived yet; None with `session`.
        name: what is judged, for instance "thumbs".
        value: the judgement: a number, a word, whatever JSON can say.
        by: who says so; an id of yours.
        comment: in words.
        at: when it was said: Unix seconds or a datetime; now by default.
        session: the conversation it is about, in place of a call.
        key: what tells it from others, where it may be delivered twice: the second is left out.
        durable: wait until it is in the database, at most 5 s. It blocks the thread: in a
            coroutine use `await asyncio.to_thread(…)`.

    Returns:
        False when too much waits for the database, and it was dropped and counted.

    Raises:
        ConfigurationError: when no record store is configured.
        FeedbackError: when it cannot be feedback.
        FeedbackNotStored: with `durable`, when it is not in the database in time.
    """
    about = _Target(call_id, session, None, by)
    how = _How(comment, at, key, durable)
    return _say("feedback.record", "value", name, about, value, how)


def correct(
    call_id: str,
    *,
    output: Any,
    by: str | None = None,
    comment: str | None = None,
    at: float | datetime | None = None,
    key: str | None = None,
    durable: bool = False,
) -> bool:
    """Say what the output of a call should have been. It is feedback named "correction".

    Args:
        call_id: of the call.
        output: what it should have been.
        by: who says so; an id of yours.
        comment: in words.
        at: when it was said; now by default.
        key: what tells it from others, where it may be delivered twice.
        durable: wait until it is in the database, at most 5 s.

    Returns:
        As `record` does.

    Raises:
        ReliaiError: as `record` does.
    """
    about = _Target(call_id, None, None, by)
    how = _How(comment, at, key, durable)
    return _say("feedback.correct", "correction", "correction", about, output, how)


def prefer(
    *,
    better: str,
    worse: str,
    by: str | None = None,
    comment: str | None = None,
    at: float | datetime | None = None,
    key: str | None = None,
    durable: bool = False,
) -> bool:
    """Say which of two calls answered better. It is feedback named "preference", on both.

    Somebody who prefers the other one later has changed their mind: the later word holds.

    Args:
        better: the call with the better output.
        worse: the other one.
        by: who says so; an id of yours.
        comment: in words.
        at: when it was said; now by default.
        key: what tells it from others, where it may be delivered twice.
        durable: wait until it is in the database, at most 5 s.

    Returns:
        As `record` does.

    Raises:
        ReliaiError: as `record` does; also when both are the same call.
    """
    where = "feedback.prefer"
    word_of(where, "better", better)
    word_of(where, "worse", worse)
    if better == worse:
        raise FeedbackError(f"{where}(better={better!r}, worse={worse!r}): give two calls")
    first, second = sorted((better, worse))
    about = _Target(first, None, second, by)
    how = _How(comment, at, key, durable)
    said = {"better": better, "worse": worse}
    return _say(where, "preference", "preference", about, said, how)


def retract(
    call_id: str | None,
    name: str,
    *,
    by: str | None = None,
    at: float | datetime | None = None,
    session: str | None = None,
    other: str | None = None,
    durable: bool = False,
) -> bool:
    """Take back what was said; a later word of the same author holds again.

    Args:
        call_id: of the call; None with `session`.
        name: what was judged; "correction" and "preference" for these.
        by: who said it.
        at: when it is taken back: what was said after that stays.
        session: the conversation, in place of a call.
        other: of a preference, the other call.
        durable: as of `record`.

    Returns:
        As `record` does.

    Raises:
        ReliaiError: as `record` does.
    """
    where = "feedback.retract"
    if (name == "preference") is (other is None):
        raise FeedbackError(f"{where}(other={other!r}): the other call, of a preference only")
    if other is not None and call_id is not None:
        call_id, other = sorted((call_id, word_of(where, "other", other)))
    about = _Target(call_id, session, other, by)
    return _say(where, "retraction", name, about, None, _How(None, at, None, durable))


class _Target(NamedTuple):
    call_id: str | None
    session: str | None
    other: str | None
    by: str | None


class _How(NamedTuple):
    comment: str | None
    at: float | datetime | None
    key: str | None
    durable: bool


def _say(  # noqa: PLR0917  private; all of them are needed
    where: str, kind: Kind, name: str, about: _Target, value: Any, how: _How
) -> bool:
    _check_target(where, about)
    word_of(where, "name", name)
    data, size = data_of(where, "value", value)
    comment = text_of(where, "comment", how.comment)
    if how.key is not None:
        word_of(where, "key", how.key)
    now = clock.active().time()
    key = ids.as_text(ids.new(now)) if how.key is None else _unique(kind, name, about, how.key)
    moment = moment_of(where, how.at, now)
    revision = Revision(key, kind, name, data, moment, now, *about, comment)
    return _keep(where, revision, size + len(comment or ""), how)


def _check_target(where: str, about: _Target) -> None:
    if (about.call_id is None) is (about.session is None):
        raise FeedbackError(
            f"{where}(call_id={about.call_id!r}, session={about.session!r}): "
            "give the one or the other"
        )
    for argument, text in about._asdict().items():
        if text is not None:
            word_of(where, argument, text)


def _keep(where: str, revision: Revision, size: int, how: _How) -> bool:
    kept = store_for(where).feedback
    taken = kept.put(revision, size)
    if taken:
        tell(revision)
    if how.durable and not (taken and kept.written(revision.key, DURABLE_WITHIN)):
        message = (
            f"{where}(durable=True): not in the database within {DURABLE_WITHIN:g} s; "
            "give it again with the same key= to have it there once"
        )
        raise FeedbackNotStored(message, how.key)
    return taken


def _unique(kind: str, name: str, about: _Target, key: str) -> str:
    """A key that others can use for other things too."""
    said = json.dumps([kind, name, *about, key])
    return "key:" + hashlib.sha256(said.encode()).hexdigest()
