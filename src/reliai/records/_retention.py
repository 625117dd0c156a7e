"""Deleting calls with all that belongs to them: too old ones, and those of one subject."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, delete, func, select

from reliai import clock
from reliai.records._asked import asked
from reliai.records._tables import CHILDREN, calls

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from reliai.records._databases import Database

__all__ = ["CHUNK", "delete_some", "prune", "remaining_of"]

CHUNK = 1_000
"""Calls deleted in one transaction, so that others can write in between."""


def prune(database: Database, keep: float) -> bool:
    """Delete some calls that started more than `keep` seconds ago; say whether there are more."""
    oldest = clock.active().time() - keep
    with database.writing() as connection:
        return delete_some(connection, calls.c.started_at < oldest) == CHUNK


def delete_some(connection: Connection, which: ColumnElement[bool]) -> int:
    """Delete up to `CHUNK` calls and their parts; say how many it were."""
    chosen = select(calls.c.id).where(which).order_by(calls.c.seq).limit(CHUNK)
    identifiers = list(connection.execute(chosen).scalars())
    if not identifiers:
        return 0
    for child in CHILDREN:
        connection.execute(delete(child).where(child.c.call_id.in_(identifiers)))
    connection.execute(delete(calls).where(calls.c.id.in_(identifiers)))
    return len(identifiers)


def remaining_of(connection: Connection, subject: str) -> int:
    """How many calls of a subject there are."""
    counted: Any = connection.execute(select(func.count()).where(calls.c.subject == asked(subject)))
    return int(counted.scalar())
