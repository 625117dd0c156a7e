"""What was said, read back: as it stands now, as it came about, and what waits for its call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, func, or_, select

from reliai import clock
from reliai.records._asked import asked
from reliai.records._tables import calls, feedback
from reliai.records._traces import traces_of
from reliai.records.revision import Orphans, Revision

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Select

    from reliai.records._inbox import InboxCounts
    from reliai.records._traces import Traces
    from reliai.records._writer import Writer

__all__ = ["Feedbacks", "overdue_since", "said_of"]

_FIELDS = tuple(feedback.c[name] for name in Revision._fields)
_SHOWN = 10


class Feedbacks:
    """The feedback in a store.

    Args:
        writer: of the store.
        flush: has what waits written, within some seconds; says whether it was.
    """

    def __init__(self, writer: Writer, flush: Callable[[float], bool]) -> None:
        self._writer = writer
        self._flush = flush

    @property
    def counts(self) -> InboxCounts:
        """What became of the feedback that this process gave."""
        return self._writer.inbox.counts

    def put(self, revision: Revision, size: int) -> bool:
        """Take something in; returns at once.

        Args:
            revision: what was said.
            size: bytes of the texts in it.

        Returns:
            False when too much waits already, and it is dropped and counted.
        """
        return self._writer.say(revision, size)

    def written(self, key: str, timeout: float) -> bool:
        """Whether what has that key is in the database, within `timeout` seconds."""
        self._writer.flush(timeout)
        if any(revision.key == key for revision in self._writer.inbox.waiting()):
            return False  # it is not, and asking would take as long again
        known = select(feedback.c.seq).where(feedback.c.key == asked(key))
        with self._writer.reading() as connection:
            return connection.execute(known).first() is not None

    def current(
        self,
        call_id: str | None = None,
        *,
        session: str | None = None,
        name: str | None = None,
        by: str | None = None,
        since: float | None = None,
        limit: int | None = 1000,
    ) -> list[Revision]:
        """What holds now, in the order it was written.

        Args:
            call_id: of this call, preferences over others included.
            session: of this conversation.
            name: what was judged.
            by: who said it.
            since: said at this time or later; Unix seconds.
            limit: how much at most; None for all of it.
        """
        which = _like(call_id, session=session, name=name, by=by, since=since)
        return self._revisions([*which, *_HOLDS], limit)

    def history(
        self,
        call_id: str | None = None,
        *,
        session: str | None = None,
        name: str | None = None,
        by: str | None = None,
        since: float | None = None,
        limit: int | None = 1000,
    ) -> list[Revision]:
        """All that was ever said, in the order it was written; the arguments of `current`."""
        which = _like(call_id, session=session, name=name, by=by, since=since)
        return self._revisions(which, limit)

    def heard(self, name: str, *, after: int, since: float) -> list[tuple[int, str]]:
        """Of which calls something of that name was said, retractions included, with its number.

        Args:
            name: what was judged.
            after: numbers above this one; they grow with each thing said.
            since: heard of at this time or later; Unix seconds.
        """
        which = (feedback.c.name == asked(name), feedback.c.call_id.is_not(None))
        new = (feedback.c.seq > after, feedback.c.received_at >= since)
        wanted = select(feedback.c.seq, feedback.c.call_id).where(*new, *which)
        self._flush(2.0)
        with self._writer.reading() as connection:
            rows = connection.execute(wanted.order_by(feedback.c.seq)).all()
        return [(row.seq, row.call_id) for row in rows]

    def traces(self, subject: str) -> Traces:
        """What shows that something is of a subject: its calls, sessions, and what it spoke of."""
        self._flush(2.0)
        with self._writer.reading() as connection:
            return traces_of(connection, subject)

    def orphans(self, ttl: float) -> Orphans:
        """What is there on calls that are not, and how much of it since over `ttl` seconds."""
        self._flush(2.0)
        oldest = clock.active().time() - ttl
        alone = _alone()
        overdue = (*alone, feedback.c.received_at < oldest)
        names = select(feedback.c.call_id).where(*overdue).distinct().limit(_SHOWN)
        with self._writer.reading() as connection:
            waiting = select(func.count(), func.min(feedback.c.received_at)).where(*alone)
            count, first = connection.execute(waiting).one()
            late: int = connection.execute(overdue_since(oldest)).scalar() or 0
            shown = tuple(connection.execute(names).scalars())
        return Orphans(count, late, first, shown)

    def _revisions(self, which: Sequence[ColumnElement[bool]], limit: int | None) -> list[Revision]:
        self._flush(2.0)
        wanted = select(*_FIELDS).where(*which).order_by(feedback.c.seq).limit(limit)
        with self._writer.reading() as connection:
            return [Revision(*row) for row in connection.execute(wanted)]


_HOLDS = (feedback.c.current, feedback.c.kind != "retraction")


def _alone() -> tuple[ColumnElement[bool], ...]:
    has_call = select(calls.c.id).where(calls.c.id == feedback.c.call_id).exists()
    return (feedback.c.call_id.is_not(None), *_HOLDS, ~has_call)


def overdue_since(before: float) -> Select[Any]:
    """How much feedback came before that time on calls that are not there."""
    return select(func.count()).where(*_alone(), feedback.c.received_at < before)


def _like(
    call_id: str | None,
    *,
    session: str | None,
    name: str | None,
    by: str | None,
    since: float | None,
) -> list[ColumnElement[bool]]:
    wanted = ((feedback.c.session, session), (feedback.c.name, name), (feedback.c.by, by))
    found: list[ColumnElement[bool]] = [
        column == asked(value) for column, value in wanted if value is not None
    ]
    if call_id is not None:
        found.append(or_(feedback.c.call_id == asked(call_id), feedback.c.other == asked(call_id)))
    if since is not None:
        found.append(feedback.c.at >= since)
    return found


def said_of(
    connection: Connection, identifiers: Sequence[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """What holds now of each of these calls."""
    theirs = or_(feedback.c.call_id.in_(identifiers), feedback.c.other.in_(identifiers))
    wanted = select(feedback).where(theirs, *_HOLDS).order_by(feedback.c.seq)
    known = set(identifiers)
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in connection.execute(wanted).mappings():
        for call_id in (row["call_id"], row["other"]):
            if call_id in known:
                found.setdefault(call_id, []).append(dict(row))
    return found
