"""Deleting calls with all that belongs to them: too old ones, and those of one subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, delete, func, or_, select

from reliai import clock
from reliai.records._asked import asked
from reliai.records._exports import count_corrections, forget_in_exports
from reliai.records._tables import CHILDREN, calls, feedback, review_items, review_slots

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reliai.records._databases import Database

__all__ = ["CHUNK", "forget_said", "forget_some", "prune", "remaining_of"]

CHUNK = 1_000
"""Calls deleted in one transaction, so that others can write in between."""


def prune(database: Database, keep: float) -> bool:
    """Delete some calls that started more than `keep` seconds ago; say whether there are more."""
    oldest = clock.active().time() - keep
    with database.writing() as connection:
        more = delete_some(connection, calls.c.started_at < oldest) == CHUNK
        return _delete_alone(connection, oldest) == CHUNK or more


def _delete_alone(connection: Connection, oldest: float) -> int:
    """Delete some old feedback that no call is there for."""
    has_call = select(calls.c.id).where(calls.c.id == feedback.c.call_id).exists()
    alone = select(feedback.c.seq).where(feedback.c.received_at < oldest, ~has_call)
    found = list(connection.execute(alone.limit(CHUNK)).scalars())
    if found:
        connection.execute(delete(feedback).where(feedback.c.seq.in_(found)))
    return len(found)


def forget_some(connection: Connection, subject: str) -> int:
    """Delete up to `CHUNK` calls of a subject, and what was said of their conversations."""
    theirs = calls.c.subject == asked(subject)
    chosen = select(calls.c.id, calls.c.session).where(theirs).order_by(calls.c.seq).limit(CHUNK)
    found = connection.execute(chosen).all()
    sessions = {session for _, session in found if session is not None}
    if sessions:
        connection.execute(delete(feedback).where(feedback.c.session.in_(sessions)))
    forget_in_exports(connection, [identifier for identifier, _ in found])
    return delete_some(connection, theirs)


def forget_said(connection: Connection, subject: str) -> int:
    """Delete what a subject said of whatever calls; say how much it was."""
    connection.execute(delete(review_slots).where(review_slots.c.reviewer == asked(subject)))
    count_corrections(connection, subject)
    gone = delete(feedback).where(feedback.c.by == asked(subject))
    return connection.execute(gone).rowcount


def delete_some(connection: Connection, which: ColumnElement[bool]) -> int:
    """Delete up to `CHUNK` calls and their parts; say how many it were."""
    chosen = select(calls.c.id).where(which).order_by(calls.c.seq).limit(CHUNK)
    identifiers = list(connection.execute(chosen).scalars())
    if not identifiers:
        return 0
    for child in CHILDREN:
        belongs: ColumnElement[bool] = child.c.call_id.in_(identifiers)
        if child is feedback:
            belongs = or_(belongs, feedback.c.other.in_(identifiers))
        connection.execute(delete(child).where(belongs))
    theirs = or_(review_items.c.call_id.in_(identifiers), review_items.c.other.in_(identifiers))
    reviewed = select(review_items.c.seq).where(theirs)
    connection.execute(delete(review_slots).where(review_slots.c.item.in_(reviewed)))
    connection.execute(delete(review_items).where(theirs))
    connection.execute(delete(calls).where(calls.c.id.in_(identifiers)))
    return len(identifiers)


def remaining_of(connection: Connection, subject: str) -> int:
    """How many calls of a subject there are, with the feedback that it gave."""
    of_it = (calls.c.subject == asked(subject), feedback.c.by == asked(subject))
    counts: list[Any] = [connection.execute(select(func.count()).where(one)) for one in of_it]
    return sum(int(count.scalar()) for count in counts)
