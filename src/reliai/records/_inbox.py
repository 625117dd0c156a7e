"""Feedback that waits to be written, and how it is written: each batch is one transaction.

Nothing is overwritten. What was said is added, and of the same target, name, author and pair the
one that was said last, by its own time, is marked as current. Feedback needs no call to be there.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from sqlalchemy import insert, select, update

from reliai import clock
from reliai.records._asked import plain
from reliai.records._said import overdue_since
from reliai.records._tables import feedback

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from reliai.checks.redaction import Redaction
    from reliai.records._databases import Database
    from reliai.records.revision import Revision

__all__ = ["Inbox", "InboxCounts"]

BATCH = 1_000
"""Revisions of one transaction at most."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of texts that wait; more are dropped and counted."""
OVERDUE = 86_400.0
"""Seconds after which a call is not expected any more."""
LOOK_EVERY = 600.0
"""Seconds between two looks for feedback whose call has not come, while there is new feedback."""
_LOOKED_UP = 500
"""Ids that are looked up at once."""

_logger = logging.getLogger("reliai")

_Identity: TypeAlias = "tuple[str | None, str | None, str, str | None, str | None]"


class InboxCounts(NamedTuple):
    """What became of the feedback that a store was given, in this process.

    Attributes:
        taken: what it was given.
        written: what is in the database.
        dropped: what was given up: the queue was full, its redaction failed, or the database
            refused it.
        duplicates: what was there already, by its key.
        pending: what waits. `taken == written + dropped + duplicates + pending`.
    """

    taken: int
    written: int
    dropped: int
    duplicates: int
    pending: int


class Inbox:
    """The queue of one process.

    Args:
        database: where to.
        capacity: how many revisions wait at most.
        redaction: what makes of what was said what may be kept.
    """

    def __init__(self, database: Database, capacity: int, redaction: Redaction) -> None:
        self._database = database
        self._capacity = capacity
        self._redaction = redaction
        self._lock = threading.RLock()  # a signal handler that flushes may find it held
        self._queue: deque[tuple[Revision, int]] = deque()
        self._batch: list[tuple[Revision, int]] = []
        self._taken = self._written = self._dropped = self._duplicates = self._bytes = 0
        self.accepted = self.handled = 0
        self._overdue = 0
        self._look_at = 0.0

    @property
    def pending(self) -> int:
        """How many wait."""
        return self.accepted - self.handled

    @property
    def full(self) -> bool:
        """Whether a whole batch waits."""
        return self.pending >= BATCH

    @property
    def counts(self) -> InboxCounts:
        """What became of what was taken in."""
        with self._lock:
            return InboxCounts(
                self._taken, self._written, self._dropped, self._duplicates, self.pending
            )

    def put(self, revision: Revision, size: int) -> int | None:
        """Take one in, of so many bytes; say how many were there before, None when it is full."""
        with self._lock:
            self._taken += 1
            waiting = self.pending
            if waiting >= self._capacity or self._bytes + size > MOST_BYTES:
                self._dropped += 1
                return None
            self.accepted += 1
            self._bytes += size
            self._queue.append((revision, size))
            return waiting

    def waiting(self) -> list[Revision]:
        """What waits."""
        with self._lock:
            return [revision for revision, _ in (*self._batch, *self._queue)]

    def write(self) -> None:
        """Write a batch of what waits.

        Raises:
            Exception: what the driver raises, when the database cannot take it now.
        """
        with self._lock:
            while self._queue and len(self._batch) < BATCH:
                self._batch.append(self._queue.popleft())
            batch = [revision for revision, _ in self._batch]
        if batch:
            self._write(batch)
            if time.monotonic() >= self._look_at:
                self._look_at = time.monotonic() + LOOK_EVERY
                self._report_overdue()

    def _report_overdue(self) -> None:
        """Say of how much feedback no call has come within a day, when it has become more."""
        before = clock.active().time() - OVERDUE
        with self._database.reading() as connection:
            overdue: int = connection.execute(overdue_since(before)).scalar() or 0
        if overdue > self._overdue:
            _logger.warning(
                "record store %r: no call has come for %d of the feedback within a day of it: "
                "see reliai.feedback.orphans()",
                self._database.url,
                overdue,
            )
        self._overdue = overdue

    def write_in(self, connection: Connection, revisions: Sequence[Revision]) -> None:
        """Write some into a transaction that holds `lock_feedback`, past what waits."""
        rows = [row for revision in revisions if (row := self._row(revision)) is not None]
        written = _fill(connection, rows)
        with self._lock:
            self._taken += len(revisions)
            self._written += written
            self._duplicates += len(rows) - written
            self._dropped += len(revisions) - len(rows)

    def _write(self, batch: Sequence[Revision]) -> None:
        rows = [row for revision in batch if (row := self._row(revision)) is not None]
        try:
            with self._database.writing() as connection:
                self._database.lock_feedback(connection)
                written = _fill(connection, rows)
        except Exception as error:
            if self._database.transient(error):
                raise
            self._rescue(batch, error)
            return
        self._settle(len(batch), written, len(rows) - written)

    def _rescue(self, batch: Sequence[Revision], error: Exception) -> None:
        """Give the one up that the database will not take."""
        if len(batch) == 1:
            _logger.warning(
                "record store %r: feedback was refused and dropped (%s)",
                self._database.url,
                type(error).__name__,
            )
            self._settle(1, 0, 0)
            return
        middle = len(batch) // 2
        self._write(batch[:middle])
        self._write(batch[middle:])

    def _settle(self, handled: int, written: int, duplicates: int) -> None:
        with self._lock:
            self._bytes -= sum(size for _, size in self._batch[:handled])
            del self._batch[:handled]
            self.handled += handled
            self._written += written
            self._duplicates += duplicates
            self._dropped += handled - written - duplicates

    def _row(self, revision: Revision) -> dict[str, Any] | None:
        """What is kept of a revision; None where its redaction fails."""
        row = {
            name: plain(value) if isinstance(value, str) else value
            for name, value in revision._asdict().items()
        }
        ids_only = revision.kind == "preference"
        for name in ("comment",) if ids_only else ("value", "comment"):
            if not isinstance(row[name], bool | int | float | None):
                made = self._redaction.apply(row[name])
                if made.dropped:
                    return None
                row[name] = _without_nul(made.value)
        return {**row, "current": True}


def _without_nul(value: Any) -> Any:
    if isinstance(value, dict):
        return {plain(key): _without_nul(item) for key, item in value.items()}
    return [_without_nul(item) for item in value] if isinstance(value, list) else plain(value)


def _fill(connection: Connection, rows: list[dict[str, Any]]) -> int:
    """Add the rows that are new; say how many."""
    fresh = _new(connection, rows)
    before = _current(connection, fresh)
    last: dict[_Identity, dict[str, Any]] = {}
    replaced: list[int] = []
    for row in fresh:
        identity = _identity(row)
        seen = last.get(identity) or before.get(identity)
        if seen is None or row["at"] >= seen["at"]:
            if seen is not None:
                seen["current"] = False
                replaced += [seen["seq"]] if "seq" in seen else []
            last[identity] = row
        else:
            row["current"] = False
    for some in _in_pieces(replaced):
        gone = update(feedback).where(feedback.c.seq.in_(some)).values(current=False)
        connection.execute(gone)
    if fresh:
        connection.execute(insert(feedback), fresh)
    return len(fresh)


def _new(connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those whose keys are not there; each key once."""
    found = {row["key"]: row for row in reversed(rows)}
    for some in _in_pieces(list(found)):
        known = select(feedback.c.key).where(feedback.c.key.in_(some))
        for key in connection.execute(known).scalars():
            del found[key]
    return list(found.values())[::-1]


def _current(
    connection: Connection, rows: Iterable[dict[str, Any]]
) -> dict[_Identity, dict[str, Any]]:
    """What was said last of the same things, by identity."""
    calls = {row["call_id"] for row in rows} - {None}
    sessions = {row["session"] for row in rows} - {None}
    columns = ("seq", "call_id", "session", "other", "name", "by", "at")
    wanted = select(*(feedback.c[name] for name in columns)).where(feedback.c.current)
    found: dict[_Identity, dict[str, Any]] = {}
    targets = ((feedback.c.call_id, calls), (feedback.c.session, sessions))
    for column, names in targets:
        for some in _in_pieces(list(names)):
            for row in connection.execute(wanted.where(column.in_(some))).mappings():
                found[_identity(row)] = dict(row)
    return found


def _identity(row: Any) -> _Identity:
    return row["call_id"], row["session"], row["name"], row["by"], row["other"]


def _in_pieces(values: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(values), _LOOKED_UP):
        yield values[start : start + _LOOKED_UP]
