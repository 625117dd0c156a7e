"""Which calls went into which file of training data, so that forgetting can name the files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, func, insert, select, update

from reliai.records._asked import asked, plain
from reliai.records._tables import export_calls, exports, feedback

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from reliai.records._writer import Writer

__all__ = ["ExportNote", "Exports", "count_corrections", "forget_in_exports"]

_AT_ONCE = 500


class ExportNote(NamedTuple):
    """A file of training data that was written.

    Attributes:
        id: of the export.
        path: where it was written to.
        format: of its rows.
        sha256: of the file as it was written.
        made_at: when; Unix seconds.
        calls: how many calls its rows were from.
        forgotten: how many of these, or corrections of them, were forgotten since: the file still
            has them. Delete it, and what was trained on it, or export anew.
    """

    id: str
    path: str
    format: str
    sha256: str
    made_at: float
    calls: int
    forgotten: int


class Exports:
    """The exports that a store knows of.

    Args:
        writer: of the store.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def note(self, export: ExportNote, calls: Iterable[str]) -> None:
        """Remember an export and the calls in it."""
        rows = [{"export": export.id, "call_id": plain(one)} for one in dict.fromkeys(calls)]

        def action() -> None:
            self._writer.open()
            with self._writer.database.writing() as connection:
                row = {**export._asdict(), "path": plain(export.path)}
                connection.execute(insert(exports).values(**row))
                if rows:
                    connection.execute(insert(export_calls), rows)

        self._writer.patiently(action)

    def all(self) -> list[ExportNote]:
        """All of them, in the order they were made."""
        wanted = select(*(exports.c[name] for name in ExportNote._fields))
        with self._writer.reading() as connection:
            found = connection.execute(wanted.order_by(exports.c.made_at, exports.c.id))
            return [ExportNote(*row) for row in found]


def forget_in_exports(connection: Connection, identifiers: Sequence[str]) -> None:
    """Count in each export how many of its calls are forgotten, and forget which."""
    for start in range(0, len(identifiers), _AT_ONCE):
        some = export_calls.c.call_id.in_(identifiers[start : start + _AT_ONCE])
        counted = select(export_calls.c.export, func.count()).where(some)
        _count(connection, counted.group_by(export_calls.c.export))
        connection.execute(delete(export_calls).where(some))


def count_corrections(connection: Connection, subject: str) -> None:
    """Count in each export the corrections of a subject that are in it, which are forgotten now."""
    theirs = (
        feedback.c.by == asked(subject),
        feedback.c.kind == "correction",
        feedback.c.received_at <= exports.c.made_at,
        exports.c.format != "kto",  # answers only
    )
    within = export_calls.join(exports, exports.c.id == export_calls.c.export)
    within = within.join(feedback, feedback.c.call_id == export_calls.c.call_id)
    counted = select(export_calls.c.export, func.count(export_calls.c.call_id.distinct()))
    _count(connection, counted.select_from(within).where(*theirs).group_by(export_calls.c.export))


def _count(connection: Connection, counted: Any) -> None:
    rows: Any = connection.execute(counted).all()
    for export, count in rows:
        more = exports.c.forgotten + count
        connection.execute(update(exports).where(exports.c.id == export).values(forgotten=more))
