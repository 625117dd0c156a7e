"""What shows that something is of a subject, for those that keep what came of calls elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from reliai.records._asked import asked
from reliai.records._tables import calls, feedback

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["Traces", "traces_of"]


class Traces(NamedTuple):
    """What is there of a subject.

    Attributes:
        calls: ids of calls that were made for it.
        sessions: conversations in which no call was made for another.
        said: ids of calls of which it said something.
    """

    calls: tuple[str, ...]
    sessions: tuple[str, ...]
    said: tuple[str, ...]

    def __bool__(self) -> bool:
        return any(self[:])


def traces_of(connection: Connection, subject: str) -> Traces:
    """Look for what is there of a subject."""
    theirs = calls.c.subject == asked(subject)
    sessions = select(calls.c.session).where(theirs, calls.c.session.is_not(None)).distinct()
    others = calls.alias()
    shared = select(others.c.id).where(
        others.c.session == calls.c.session, others.c.subject != asked(subject)
    )
    said = select(feedback.c.call_id).where(
        feedback.c.by == asked(subject), feedback.c.call_id.is_not(None)
    )
    asked_for = (
        select(calls.c.id).where(theirs),
        sessions.where(~shared.correlate(calls).exists()),
        said.distinct(),
    )
    return Traces(*(tuple(connection.execute(one).scalars()) for one in asked_for))
