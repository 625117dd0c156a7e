"""Call records as rows of the tables; the writer's hot path, so each row is one tuple."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, TypeAlias

from reliai.records import _tables as tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Table

    from reliai._core.record import CallRecord, ErrorInfo
    from reliai.records._contents import Contents

__all__ = ["COLUMNS", "Rows", "cleaned", "dumped", "rows_of"]

Rows: TypeAlias = "dict[Table, list[tuple[Any, ...]]]"

WRITTEN = (tables.calls, tables.attempts, tables.events, tables.checks, tables.values)

COLUMNS: dict[Table, tuple[str, ...]] = {
    table: tuple(column.name for column in table.columns if column.name != "seq")
    for table in (*WRITTEN, tables.contents)
}


def rows_of(records: Iterable[CallRecord], epoch: str, contents: Contents) -> Rows:
    """The rows of `records`, in the order of `COLUMNS`; tables without any are left out."""
    rows: Rows = {table: [] for table in (*WRITTEN, tables.contents)}
    calls, attempts, events, checks, values, content = rows.values()
    for record in records:
        identifier = record.id
        calls.append(_call(record, identifier, epoch, contents))
        for attempt in record.written_attempts():
            attempts.append(_attempt(attempt, identifier, contents))
        for number, event in enumerate(record._events or ()):  # noqa: SLF001  no copies of them
            kind, at, attributes = event
            events.append((identifier, number, kind, at, dumped(attributes)))
        for number, check in enumerate(record.checks):
            checks.append((identifier, number, check.name, bool(check.passed), check.reason))
        for name, value in record.values.items():
            values.append((identifier, name, _number(value), dumped(value)))
        if contents.keeps and (made := contents.of(record)) is not None:
            content.append((identifier, *made))
    return {table: found for table, found in rows.items() if found}


def _call(record: CallRecord, identifier: str, epoch: str, contents: Contents) -> tuple[Any, ...]:
    around = record._ambient  # noqa: SLF001  read once for all that it gives
    identity = record._identity  # noqa: SLF001
    return (
        identifier,
        epoch,
        record.name,
        record.started_at,
        record.duration,
        record.status,
        *_error(record.error, contents),
        record.target,
        record.variant,
        record.model_requested,
        record.model_served,
        record.provider,
        record.finish_reason,
        record.input_tokens,
        record.output_tokens,
        record.usage_state,
        record.cost_usd,
        record.wasted_usd,
        record.time_to_first_chunk,
        record.chunks,
        around.subject,
        around.session,
        around.tenant,
        around.run_id,
        _tagged(record.tags),
        record.parent_id,
        record.trace_id,
        record.span_id,
        record.fingerprint,
        identity.service,
        identity.release,
        identity.environment,
    )


_NO_ERROR = (None, None, None)


def _error(error: ErrorInfo | None, contents: Contents) -> tuple[str | None, ...]:
    if error is None:
        return _NO_ERROR
    return error.kind, error.type, contents.message(error)


def _attempt(attempt: Any, identifier: str, contents: Contents) -> tuple[Any, ...]:
    return (
        identifier,
        attempt.number,
        attempt.target,
        attempt.started_at,
        attempt.duration,
        attempt.status,
        *_error(attempt.error, contents),
        attempt.model,
        attempt.input_tokens,
        attempt.output_tokens,
        attempt.wait,
        attempt.usage_state,
        attempt.cost_usd,
        attempt.finish_reason,
    )


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float)) and math.isfinite(value):
        return float(value)
    return None


_encode = json.JSONEncoder(default=str, allow_nan=False).encode

_tags: dict[tuple[Any, ...], str | None] = {}
"""The tags seen last, as JSON; most calls carry the same."""


def _tagged(tags: Mapping[str, str]) -> str | None:
    if not tags:
        return None
    key = tuple(tags.items())
    try:
        known = _tags.get(key)
    except TypeError:  # a tag that is no text
        return dumped(tags)
    if known is None:
        if len(_tags) >= 1000:
            _tags.clear()
        known = _tags[key] = dumped(tags)
    return known


def dumped(value: Any) -> str | None:
    """`value` as JSON; None for nothing at all, which most calls have."""
    if value is None or value == {}:
        return None
    try:
        return _encode(value)
    except (ValueError, TypeError, RecursionError):
        return json.dumps(_plain(value, 20), default=str)


def _plain(value: Any, depth: int) -> Any:
    """The same as JSON can say it: no infinite numbers, names as texts, so deep and no deeper."""
    if depth == 0:
        return "…"
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    return value


def cleaned(rows: Rows) -> Rows:
    """The same rows with texts that every database takes: no NUL, no half of a surrogate pair."""
    return {table: [tuple(map(_clean, row)) for row in several] for table, several in rows.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        text = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        return text.encode(errors="replace").decode()
    return value
