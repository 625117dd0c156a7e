"""Batches: each is one transaction of records, their parts, and the process's running totals.

A record counts as written once it is surely in the database, and only for the process that put it
there: one whose id is there already is a duplicate, and is left as it is.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import select

from reliai.records._changes import Changes
from reliai.records._rows import cleaned, rows_of
from reliai.records._tables import calls

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from reliai._core.record import CallRecord
    from reliai.records._contents import Contents
    from reliai.records._databases import Database
    from reliai.records._epochs import Epoch
    from reliai.records._rows import Rows

__all__ = ["Batches", "Fate"]

_LOOKED_UP = 500
"""Ids that are looked up at once."""

_logger = logging.getLogger("reliai")


class Fate(NamedTuple):
    """What became of the first records of a batch.

    Attributes:
        records: how many it is about.
        written: those that are in the database now.
        duplicates: those whose id was there already. The others were refused.
    """

    records: int
    written: int
    duplicates: int = 0


class Batches:
    """Writes batches.

    Args:
        database: where to.
        contents: what keeps the content of the records.
        epoch: the process's time with the store.
        totals: gives what to note of the process when a batch meets that fate.
        settle: told of the fate of the first records of the batch that is being written.
    """

    def __init__(
        self,
        database: Database,
        contents: Contents,
        epoch: Callable[[], Epoch],
        totals: Callable[[Fate], tuple[int, int, int]],
        settle: Callable[[Fate], None],
    ) -> None:
        self._database = database
        self._contents = contents
        self._epoch = epoch
        self._totals = totals
        self._settle = settle
        self._changes = Changes()
        self._unsure: tuple[Fate, int] | None = None

    def write(self, batch: Sequence[CallRecord]) -> None:
        """Write a batch; of none, only a sign of life.

        Raises:
            Exception: what the driver raises, when the database cannot take it now.
        """
        if self._unsure is not None:
            tried, written = self._unsure
            if self._has(written):  # only the answer to it was lost
                self._unsure = None
                self._settle(tried)
                return
        try:
            self._transact(batch, batch, _as_they_are)
        except Exception as error:
            if self._database.transient(error):
                raise
            self._rescue(batch)

    def _rescue(self, batch: Sequence[CallRecord]) -> None:
        """Leave duplicates out; give the record up that the database will not take."""
        try:
            self._transact(batch, self._new(batch), self._cleaned)
        except Exception as error:
            if self._database.transient(error) or not batch:
                raise
            if len(batch) == 1:
                _logger.warning(
                    "record store %r: a record was refused and dropped (%s)",
                    self._database.url,
                    type(error).__name__,
                )
                self._settle(Fate(1, 0))
                return
            middle = len(batch) // 2
            self._rescue(batch[:middle])
            self._rescue(batch[middle:])

    def _cleaned(self, rows: Rows) -> Rows:
        return cleaned(rows, nul=self._database.takes_nul)

    def _new(self, batch: Sequence[CallRecord]) -> list[CallRecord]:
        """Those of the batch whose ids are not in the database; each id once."""
        found = {record.id: record for record in reversed(batch)}
        identifiers = list(found)
        with self._database.reading() as connection:
            for start in range(0, len(identifiers), _LOOKED_UP):
                some = identifiers[start : start + _LOOKED_UP]
                known = select(calls.c.id).where(calls.c.id.in_(some))
                for identifier in connection.execute(known).scalars():
                    del found[identifier]
        return list(found.values())[::-1]

    def _has(self, written: int) -> bool:
        """Whether the database has the batch after which the process had written that many."""
        with self._database.reading() as connection:
            return self._epoch().written(connection) == written

    def _transact(
        self,
        batch: Sequence[CallRecord],
        fresh: Sequence[CallRecord],
        made: Callable[[Rows], Rows],
    ) -> None:
        rows = made(rows_of(fresh, self._epoch().id, self._contents))
        fate = Fate(len(batch), len(fresh), len(batch) - len(fresh))
        totals = self._totals(fate)
        try:
            with self._database.writing() as connection:
                self._fill(connection, rows, fresh, totals)
                # From here on nobody knows, until there is an answer.
                self._unsure = (fate, totals[1]) if fresh else None
        except BaseException:
            self._changes.undone()
            raise
        self._unsure = None
        self._changes.committed()
        self._epoch().committed()
        self._settle(fate)

    def _fill(
        self,
        connection: Connection,
        rows: Rows,
        fresh: Sequence[CallRecord],
        totals: tuple[int, int, int],
    ) -> None:
        self._database.insert(connection, rows)
        self._changes.note(connection, fresh, self._epoch().id)
        self._epoch().note(connection, totals)


def _as_they_are(rows: Rows) -> Rows:
    return rows
