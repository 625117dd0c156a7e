"""Reading calls back: which ones, and each with its parts."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import ColumnElement, func, select, tuple_

from reliai._core.record_parts import Attempt, CheckResult, ErrorInfo, Event
from reliai.records import _tables as tables
from reliai.records._asked import asked
from reliai.records._conditions import condition
from reliai.records._said import said_of
from reliai.records.stored import Feedback, StoredCall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row, Table

__all__ = [
    "Where",
    "conditions",
    "found",
    "has_content",
    "last_written",
    "latest",
    "newest",
    "page",
    "seconds_of",
    "written_after",
]

Where: TypeAlias = "Mapping[str, Any] | ColumnElement[bool]"

_CHUNK = 500
"""Calls whose parts are fetched at once."""


def conditions(
    *,
    name: str | None = None,
    status: str | None = None,
    subject: str | None = None,
    session: str | None = None,
    tenant: str | None = None,
    run_id: str | None = None,
    since: float | datetime | None = None,
    where: Where | None = None,
) -> list[ColumnElement[bool]]:
    """What calls must be like to be found.

    Raises:
        ConfigurationError: for a condition on what calls do not have.
    """
    columns = tables.calls.c
    like = (
        (columns.name, name),
        (columns.status, status),
        (columns.subject, subject),
        (columns.session, session),
        (columns.tenant, tenant),
        (columns.run_id, run_id),
    )
    found: list[ColumnElement[bool]] = [
        column == asked(value) for column, value in like if value is not None
    ]
    if since is not None:
        found.append(columns.started_at >= seconds_of(since))
    if isinstance(where, ColumnElement):
        found.append(where)
    elif where is not None:
        found += [condition(str(key), value) for key, value in where.items()]
    return found


def seconds_of(moment: float | datetime) -> float:
    """Unix seconds."""
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)


def newest(
    connection: Connection, which: Sequence[ColumnElement[bool]], limit: int | None
) -> list[StoredCall]:
    """Calls, those that started last first."""
    calls = tables.calls
    ordered = select(calls).where(*which).order_by(calls.c.started_at.desc(), calls.c.seq.desc())
    return found(connection, connection.execute(ordered.limit(limit)).all())


def page(
    connection: Connection,
    which: Sequence[ColumnElement[bool]],
    after: tuple[float, int] | None,
    count: int,
) -> list[StoredCall]:
    """The calls that follow one, in the order of `newest`.

    Args:
        connection: to the database.
        which: what they must be like.
        after: `started_at` and `seq` of the last call of the page before.
        count: how many at most.
    """
    calls = tables.calls
    if after is not None:
        which = [*which, tuple_(calls.c.started_at, calls.c.seq) < after]
    return newest(connection, which, count)


def last_written(connection: Connection) -> int:
    """The `seq` of the call written last."""
    return connection.execute(select(func.max(tables.calls.c.seq))).scalar() or 0


def has_content(connection: Connection) -> bool:
    """Whether the store keeps the content of any call."""
    return connection.execute(select(tables.contents.c.call_id).limit(1)).first() is not None


def latest(
    connection: Connection, last: int, which: Sequence[ColumnElement[bool]], count: int
) -> list[StoredCall]:
    """The calls written last, up to that `seq`."""
    calls = tables.calls
    ordered = select(calls).where(calls.c.seq <= last, *which).order_by(calls.c.seq.desc())
    rows = connection.execute(ordered.limit(count)).all()
    return found(connection, rows[::-1])


def written_after(
    connection: Connection,
    between: tuple[int, int],
    which: Sequence[ColumnElement[bool]],
    limit: int,
) -> tuple[list[StoredCall], int]:
    """The calls after one `seq` and up to another, and the `seq` of the last looked at."""
    calls = tables.calls
    seq, until = between
    new = select(calls.c.seq).where(calls.c.seq > seq, calls.c.seq <= until)
    new = new.order_by(calls.c.seq).limit(limit)
    last = connection.execute(select(func.max(new.subquery().c.seq))).scalar()
    if last is None:
        return [], seq
    ordered = select(calls).where(calls.c.seq > seq, calls.c.seq <= last, *which)
    return found(connection, connection.execute(ordered.order_by(calls.c.seq)).all()), last


def found(connection: Connection, rows: Sequence[Row[Any]]) -> list[StoredCall]:
    """Rows of calls, with their parts."""
    calls: list[StoredCall] = []
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK]
        identifiers = [row.id for row in some]
        parts = {table: _parts(connection, table, identifiers) for table in tables.CHILDREN}
        calls += [_stored(row._mapping, parts) for row in some]  # noqa: SLF001  SQLAlchemy's public name
    return calls


def _parts(
    connection: Connection, table: Table, identifiers: list[str]
) -> dict[str, list[Mapping[str, Any]]]:
    if table is tables.feedback:
        return said_of(connection, identifiers)
    wanted = select(table).where(table.c.call_id.in_(identifiers)).order_by(*table.primary_key)
    parts: dict[str, list[Mapping[str, Any]]] = {}
    for row in connection.execute(wanted).mappings():
        parts.setdefault(row["call_id"], []).append(dict(row))
    return parts


_PLAIN = tuple(
    name
    for name in tables.calls.c.keys()  # noqa: SIM118  a collection of columns gives columns
    if name not in {"tags", "error_kind", "error_type", "error_message"}
)


def _stored(
    row: Mapping[Any, Any], parts: Mapping[Table, Mapping[str, list[Mapping[str, Any]]]]
) -> StoredCall:
    def of(table: Table) -> list[Mapping[str, Any]]:
        return parts[table].get(row["id"], [])

    content = of(tables.contents)
    return StoredCall(
        **{name: row[name] for name in _PLAIN},
        tags=row["tags"] or {},
        error=_error(row),
        attempts=tuple(map(_attempt, of(tables.attempts))),
        events=tuple(
            Event(event["kind"], event["at"], event["attributes"] or {})
            for event in of(tables.events)
        ),
        checks=tuple(
            CheckResult(check["name"], check["passed"], check["reason"])
            for check in of(tables.checks)
        ),
        values={value["name"]: value["value"] for value in of(tables.values)},
        inputs=content[0]["inputs"] if content else None,
        output=content[0]["output"] if content else None,
        inputs_bytes=content[0]["inputs_bytes"] if content else None,
        output_bytes=content[0]["output_bytes"] if content else None,
        feedback=tuple(
            Feedback(said["name"], said["value"], said["by"], said["at"], said["comment"])
            for said in of(tables.feedback)
        ),
    )


def _error(row: Mapping[Any, Any]) -> ErrorInfo | None:
    if row["error_kind"] is None:
        return None
    return ErrorInfo(row["error_kind"], row["error_type"], row["error_message"] or "")


_ATTEMPT = (
    "number",
    "target",
    "started_at",
    "duration",
    "status",
    "model",
    "input_tokens",
    "output_tokens",
    "wait",
    "usage_state",
    "cost_usd",
    "finish_reason",
)


def _attempt(row: Mapping[str, Any]) -> Attempt:
    attempt = Attempt()
    for name in _ATTEMPT:
        setattr(attempt, name, row[name])
    attempt.error = _error(row)
    return attempt
