"""Reading calls back: which ones, and each with its parts."""

from __future__ import annotations

from datetime import datetime
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from sqlalchemy import ColumnElement, and_, exists, func, select

from reliai._core.record_parts import Attempt, CheckResult, ErrorInfo, Event
from reliai.errors import ConfigurationError
from reliai.records import _tables as tables
from reliai.records.stored import Feedback, StoredCall

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, Row, Table

__all__ = ["Where", "conditions", "found", "latest", "newest", "seconds_of", "written_after"]

Where: TypeAlias = "Mapping[str, Any] | ColumnElement[bool]"

_CHUNK = 500
"""Calls whose parts are fetched at once."""

_OPERATORS = {"=": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge}


def conditions(
    *,
    name: str | None = None,
    status: str | None = None,
    subject: str | None = None,
    since: float | datetime | None = None,
    where: Where | None = None,
) -> list[ColumnElement[bool]]:
    """What calls must be like to be found.

    Raises:
        ConfigurationError: for a condition on what calls do not have.
    """
    columns = tables.calls.c
    found: list[ColumnElement[bool]] = []
    for column, value in ((columns.name, name), (columns.status, status)):
        if value is not None:
            found.append(column == value)
    if subject is not None:
        found.append(columns.subject == subject)
    if since is not None:
        found.append(columns.started_at >= seconds_of(since))
    if isinstance(where, ColumnElement):
        found.append(where)
    elif where is not None:
        found += [_condition(str(key), value) for key, value in where.items()]
    return found


def seconds_of(moment: float | datetime) -> float:
    """Unix seconds."""
    return moment.timestamp() if isinstance(moment, datetime) else float(moment)


def _condition(key: str, value: Any) -> ColumnElement[bool]:
    kind, colon, name = key.partition(":")
    if colon and kind == "tag":
        return _compared(tables.calls.c.tags[name].as_string(), key, value)
    if colon and kind == "value":
        values = tables.values.c
        of_call = and_(values.call_id == tables.calls.c.id, values.name == name)
        return exists().where(of_call, _compared(values.number, key, value))
    if key not in tables.calls.c or key == "tags":
        known = ", ".join(sorted(set(tables.calls.c.keys()) - {"tags"}))
        message = f"where={{{key!r}: …}}: use tag:NAME, value:NAME or one of {known}"
        raise ConfigurationError(message)
    return _compared(tables.calls.c[key], key, value)


def _compared(column: ColumnElement[Any], key: str, value: Any) -> ColumnElement[bool]:
    if value is None:
        return column.is_(None)
    if isinstance(value, list | set | frozenset):
        return column.in_(list(value))
    if isinstance(value, tuple):
        operator = _OPERATORS.get(value[0]) if len(value) == 2 else None
        if operator is None:
            signs = ", ".join(_OPERATORS)
            message = f"where={{{key!r}: {value!r}}}: a pair is an operator ({signs}) and a value"
            raise ConfigurationError(message)
    else:
        operator, value = eq, ("=", value)
    return cast("ColumnElement[bool]", operator(column, value[1]))


def newest(
    connection: Connection, which: Sequence[ColumnElement[bool]], limit: int | None
) -> list[StoredCall]:
    """Calls, those that started last first."""
    calls = tables.calls
    ordered = select(calls).where(*which).order_by(calls.c.started_at.desc(), calls.c.seq.desc())
    return found(connection, connection.execute(ordered.limit(limit)).all())


def latest(
    connection: Connection, which: Sequence[ColumnElement[bool]], count: int
) -> tuple[list[StoredCall], int]:
    """The calls written last, and the `seq` of the last one of all."""
    calls = tables.calls
    last = connection.execute(select(func.max(calls.c.seq))).scalar() or 0
    ordered = select(calls).where(calls.c.seq <= last, *which).order_by(calls.c.seq.desc())
    rows = connection.execute(ordered.limit(count)).all()
    return found(connection, rows[::-1]), last


def written_after(
    connection: Connection, seq: int, which: Sequence[ColumnElement[bool]], limit: int
) -> tuple[list[StoredCall], int]:
    """The calls written after one, and the `seq` of the last that was looked at."""
    calls = tables.calls
    new = select(calls.c.seq).where(calls.c.seq > seq).order_by(calls.c.seq).limit(limit)
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
    wanted = select(table).where(table.c.call_id.in_(identifiers)).order_by(*table.primary_key)
    if table is tables.feedback:
        wanted = wanted.where(table.c.current)
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
