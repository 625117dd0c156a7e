"""The store of call records: an observer that writes them, and the questions they answer."""

from __future__ import annotations

import atexit
import logging
import time
import weakref
from typing import TYPE_CHECKING, Any

from reliai._core.hub import hub
from reliai._core.stream import settle_abandoned
from reliai.checks.redaction import Redaction, redaction_of
from reliai.errors import ConfigurationError
from reliai.records import _forking
from reliai.records._asked import asked, well_formed
from reliai.records._changes import changes_of
from reliai.records._contents import Contents
from reliai.records._databases import database_of
from reliai.records._epochs import losses
from reliai.records._exports import Exports
from reliai.records._queries import (
    Where,
    conditions,
    has_content,
    last_written,
    latest,
    newest,
    page,
    seconds_of,
    written_after,
)
from reliai.records._retention import forget_said, forget_some, remaining_of
from reliai.records._reviews import Reviews
from reliai.records._said import Feedbacks
from reliai.records._tables import calls
from reliai.records._writer import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from datetime import datetime
    from os import PathLike

    from sqlalchemy import ColumnElement, Connection

    from reliai._core.record import CallRecord
    from reliai.checks.redaction import ContentMode
    from reliai.records.counts import Change, Counts, Loss
    from reliai.records.stored import StoredCall

__all__ = ["RecordStore"]

DAY = 86_400.0
MOST_SAID = 256 * 1024
"""Bytes of what somebody said that are kept; `reliai.feedback` takes no more than half of it."""


class RecordStore:
    """Keeps call records in a database; an observer, as `configure(records=store)` makes it one.

    Records are written in batches by a thread of the store's own; no call waits for it. What the
    database cannot take waits in a queue, and what does not fit there is dropped and counted.

    Args:
        url: "sqlite:///file.db", or "postgresql+psycopg://user@host/name".
        content: "none" keeps neither inputs nor outputs, nor messages of errors that may quote
            them; "redacted" keeps them with personal data and secrets replaced, "full" as they
            are, both cut to 8 kB each.
        redact: with "redacted", a function of a text that gives the text to keep, in place of the
            rules of `Pii` and `Secrets`. A call's content for which it raises is not kept.
        keep: days after which records are deleted, in the background; None for never.
        capacity: how many records wait for the database at most.

    Raises:
        ConfigurationError: for a URL that is none, a package that is not installed, a number out
            of its range, or a database whose schema is newer than this reliai.
    """

    inline = False
    evaluations = True
    """So that `reliai show` can tell of a call of an evaluation."""

    def __init__(
        self,
        url: str = "sqlite:///reliai.db",
        *,
        content: ContentMode = "none",
        redact: Callable[[str], str] | None = None,
        keep: float | None = None,
        capacity: int = 10_000,
    ) -> None:
        if keep is not None and (type(keep) not in {int, float} or not keep > 0):
            message = f"RecordStore(keep={keep!r}): must be a number of days above 0, or None"
            raise ConfigurationError(message)
        if type(capacity) is not int or capacity < 1:
            message = f"RecordStore(capacity={capacity!r}): must be a whole number of at least 1"
            raise ConfigurationError(message)
        contents = Contents(redaction_of("RecordStore", content, redact))
        self.reads_content = contents.keeps
        self._database = database_of(url)
        seconds = None if keep is None else keep * DAY
        said = Redaction(
            "full" if content == "full" else "redacted", limit=MOST_SAID, redact=redact
        )
        self._writer = Writer(self._database, capacity, seconds, contents, said)
        self._open()
        _forking.watch(self._writer)
        _close_at_exit(self)

    def _open(self) -> None:
        try:
            self._writer.patiently(self._writer.open)
        except Exception as error:
            if not self._database.transient(error):
                self._database.close()
                raise
            logging.getLogger("reliai").warning(
                "record store %r cannot be opened now: %s; records wait for it",
                self._database.url,
                getattr(error, "orig", None) or error,
            )

    @property
    def url(self) -> str:
        """Where the database is, without the password."""
        return self._database.url.render_as_string(hide_password=True)

    @property
    def counts(self) -> Counts:
        """What became of the records taken in by this process."""
        return self._writer.counts

    @property
    def feedback(self) -> Feedbacks:
        """What was said of calls and conversations; `reliai.feedback` puts it there."""
        return Feedbacks(self._writer, self.flush)

    @property
    def reviews(self) -> Reviews:
        """Who reviews which calls; `reliai.feedback.ReviewQueue` keeps it."""
        return Reviews(self._writer)

    @property
    def exports(self) -> Exports:
        """Which calls went into which file; `reliai.feedback.export` notes it."""
        return Exports(self._writer)

    def on_end(self, record: CallRecord) -> None:
        """Take a record in."""
        self._writer.put(record)

    def flush(self, timeout: float = 2.0) -> bool:
        """Have all calls that ended so far written, within `timeout` seconds.

        Returns:
            Whether they are.
        """
        until = time.monotonic() + timeout
        taken = self._take_in(timeout)
        return self._writer.flush(max(0.0, until - time.monotonic())) and taken

    def _take_in(self, timeout: float) -> bool:
        """Wait for what is on its way here; the thread that brings it does not."""
        settle_abandoned()
        lane = hub.lane(self)
        if lane.thread is None and not lane.pending:
            return True
        shown = lane.run(self, _nothing)
        return shown is None or shown.wait(timeout)

    def close(self, timeout: float = 2.0) -> None:
        """Write out what waits and end this process's epoch. A later record begins another."""
        until = time.monotonic() + timeout
        self._take_in(timeout)
        self._writer.close(max(0.0, until - time.monotonic()))

    def get(self, call_id: str | None) -> StoredCall | None:
        """A call by its id, with its feedback; None when the store has no such call.

        Calls of this process that have ended are written first.
        """
        found = [] if call_id is None else self._newest([calls.c.id == asked(call_id)], 1)
        return found[0] if found else None

    def calls(
        self,
        *,
        name: str | None = None,
        status: str | None = None,
        subject: str | None = None,
        session: str | None = None,
        tenant: str | None = None,
        run_id: str | None = None,
        since: float | datetime | None = None,
        where: Where | None = None,
        limit: int | None = 1000,
    ) -> list[StoredCall]:
        """The calls that are like that, those that started last first.

        Args:
            name: the guarded function's name.
            status: "success", "degraded", "rejected", "error" or "cancelled".
            subject: whom they were made for.
            session: the conversation they belong to.
            tenant: the customer they were made for.
            run_id: the agent's run they belong to.
            since: Unix seconds, or a datetime: when they started at the earliest.
            where: further conditions by name of a column, `tag:NAME`, `value:NAME`,
                `check:NAME` (whether it passed), `event:KIND` (whether there was one),
                `event:KIND.ATTRIBUTE`, and of stored content `input:NAME`, `output` or
                `output:NAME`, with dots into what is nested: a value, a list of values, or an
                operator and a value, as in `{"duration": (">", 5)}`; or an expression of
                SQLAlchemy's.
            limit: how many at most; None for all of them.

        Raises:
            ConfigurationError: for a condition on what calls do not have.
        """
        which = conditions(
            name=name,
            status=status,
            subject=subject,
            session=session,
            tenant=tenant,
            run_id=run_id,
            since=since,
            where=where,
        )
        return self._newest(which, limit)

    def to_parquet(
        self, path: str | PathLike[str], *, limit: int | None = None, **which: Any
    ) -> int:
        """Write calls to a Parquet file, in the order of `calls`.

        Attempts, events, checks, values and feedback are lists in a call's row; what can be
        anything is JSON text. It needs the extra `parquet`. Calls that are written to the store
        meanwhile are not in the file.

        Args:
            path: the file; one that is there is replaced once all is written.
            limit: how many calls at most; None for all of them.
            **which: as of `calls`.

        Returns:
            How many calls there are in it.

        Raises:
            ConfigurationError: when the extra is missing, or as `calls` does.
        """
        from reliai.records._parquet import ROW_GROUP, write_parquet  # noqa: PLC0415  few need it

        self.flush()
        with self._reading() as connection:
            last, content = last_written(connection), has_content(connection)
        chosen = [*conditions(**which), calls.c.seq <= last]
        return write_parquet(path, self._pages(chosen, limit, ROW_GROUP), content=content)

    def _pages(
        self, which: list[ColumnElement[bool]], limit: int | None, size: int
    ) -> Iterator[list[StoredCall]]:
        """The calls, some at a time; in between others have their turn."""
        after = None
        while limit is None or limit > 0:
            with self._reading() as connection:
                count = size if limit is None else min(size, limit)
                some = page(connection, which, after, count)
            if some:
                yield some
            if len(some) < count:
                return
            after = (some[-1].started_at, some[-1].seq)
            limit = None if limit is None else limit - count

    def _newest(self, which: list[ColumnElement[bool]], limit: int | None) -> list[StoredCall]:
        self.flush()
        with self._reading() as connection:
            return newest(connection, which, limit)

    def find(self, part: str) -> list[StoredCall]:
        """Up to three calls whose id begins or ends so; the one with this very id comes alone."""
        exact = self.get(part)
        if exact is not None:
            return [exact]
        part = well_formed(part, nul=False)
        # Ids are digits up to "f", so a range says it; LIKE would not use the index.
        beginning = [calls.c.id >= part, calls.c.id < part + "g"]
        return self._newest(beginning, 3) or self._newest(
            [calls.c.id.endswith(part, autoescape=True)], 3
        )

    def latest(self, count: int, **which: Any) -> tuple[list[StoredCall], int]:
        """The calls written last, in the order they were written, and the last call's `seq`.

        It waits for those who are writing to PostgreSQL; what one of them takes more than a
        second for may be missing, and be missing from `after` too.

        Args:
            count: how many at most.
            **which: as of `calls`.
        """
        self.flush()
        with self._reading() as connection:
            last = last_written(connection)
            self._database.settled(connection)
            return latest(connection, last, conditions(**which), count), last

    def after(
        self, seq: int, *, limit: int = 500, settled: bool = True, **which: Any
    ) -> tuple[list[StoredCall], int]:
        """The calls written after the one with that `seq`, and how far it looked.

        Args:
            seq: what `latest` or `after` gave.
            limit: how many calls to look at.
            settled: whether to give no calls, for now, where others may still come before them:
                a transaction that writes to PostgreSQL may end later than the next one.
            **which: as of `calls`.
        """
        with self._reading() as connection:
            last = last_written(connection)
            if last <= seq or (settled and not self._database.settled(connection)):
                return [], seq
            return written_after(connection, (seq, last), conditions(**which), limit)

    def changes(self, *, since: float | datetime | None = None, limit: int = 1000) -> list[Change]:
        """What changed: policies, models, prompts, releases, versions of SDKs; latest first."""
        self.flush()
        with self._reading() as connection:
            moment = None if since is None else seconds_of(since)
            return changes_of(connection, since=moment, limit=limit)

    def losses(self) -> list[Loss]:
        """Processes that ended without closing the store, with what they lost at most."""
        with self._reading() as connection:
            return losses(connection)

    def forget(self, *, subject: str) -> int:
        """Delete all calls made for a subject, with their parts, content and feedback.

        What was said of the conversations they belong to goes with them, and what the subject
        itself said of whatever call.

        Returns:
            How many calls there were.

        Raises:
            RuntimeError: when calls of the subject are still there afterwards, or their bytes are
                in SQLite's log, which others read.
        """
        self.flush()
        patiently = self._writer.patiently
        patiently(self._writer.open)
        deleted = 0
        while some := patiently(lambda: self._forget_some(subject)):
            deleted += some
        patiently(lambda: self._forget_said(subject))
        try:
            patiently(self._database.forgotten)
        except Exception as error:
            if not self._database.busy(error):
                raise
            message = "the calls are deleted, but others still read what was there; forget again"
            raise RuntimeError(message) from error
        with self._reading() as connection:
            left = remaining_of(connection, subject)
        if left:
            message = f"{left} calls or feedback of the subject came meanwhile; forget it again"
            raise RuntimeError(message)
        return deleted

    def _forget_some(self, subject: str) -> int:
        with self._database.writing() as connection:
            return forget_some(connection, subject)

    def _forget_said(self, subject: str) -> int:
        with self._database.writing() as connection:
            return forget_said(connection, subject)

    def _reading(self) -> AbstractContextManager[Connection]:
        return self._writer.reading()

    def __repr__(self) -> str:
        return f"<reliai.records.RecordStore {self._database.url!r}>"


def _nothing() -> None:
    """What is asked of a thread to know that it got so far."""


def _close_at_exit(store: RecordStore) -> None:
    reference = weakref.ref(store)

    def close() -> None:
        open_one = reference()
        if open_one is not None:
            open_one.close()

    atexit.register(close)
