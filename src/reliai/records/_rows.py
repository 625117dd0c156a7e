"""Call records as rows of the tables; the writer's hot path, so each row is one tuple."""

from __future__ import annotations

import json
import math
import re
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import String

from reliai.records import _tables as tables
from reliai.records._asked import well_formed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Table

    from reliai._core.record import CallRecord, ErrorInfo
    from reliai.records._contents import Contents

__all__ = ["COLUMNS", "Rows", "cleaned", "dumped", "rows_of", "without_nul"]

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
        if record._attempts is None:  # noqa: SLF001  as most calls keep it: one that succeeded
            attempts += _first(record, identifier)
        else:
            attempts += [_attempt(one, identifier, contents) for one in record._attempts]  # noqa: SLF001  as above
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


def _first(record: CallRecord, identifier: str) -> tuple[tuple[Any, ...], ...]:
    """The row of a first attempt that was not written out, as `CallRecord` would do it."""
    began, spent = record._began, record._spent  # noqa: SLF001  writing it out takes three times as long
    if began is None:
        return ()
    status = None if spent is None else "success"
    started_at = record.started_at + (began - record._started)  # noqa: SLF001  as above
    target = record._site.target.name  # noqa: SLF001  as above
    return ((identifier, 1, target, started_at, spent, status, *_BARE_ATTEMPT),)


_BARE_ATTEMPT = (*_NO_ERROR, None, None, None, 0.0, None, None, None)


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float)):
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:  # a whole number that no float is as large as
            return None
    return None


# As it is: where it were escaped, SQLite would not find a name that is not ASCII.
_encode = json.JSONEncoder(default=str, allow_nan=False, ensure_ascii=False).encode

_NUL = re.compile(r"(?<!\\)((?:\\\\)*)\\u0000")


def without_nul(made: str) -> str:
    """JSON without NUL, which PostgreSQL takes, to fail whoever reads the text it is in."""
    return _NUL.sub("\\1\N{REPLACEMENT CHARACTER}", made) if "\\u0000" in made else made


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
    if type(value) is float and math.isfinite(value):
        return repr(value)  # as JSON writes it, in a fifth of the time
    try:
        made = _encode(value)
    except (ValueError, TypeError, RecursionError):
        made = _encode(_plain(value, 20))
    return without_nul(made)


_MOST_BITS = 4096
"""Of a whole number; Python writes none out that are much larger."""


def _plain(value: Any, depth: int) -> Any:
    """The same as JSON can say it: no infinite numbers, names as texts, so deep and no deeper."""
    if depth == 0:
        return "…"
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        return None
    if isinstance(value, dict):
        return {str(key): _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    return value


def cleaned(rows: Rows, *, nul: bool) -> Rows:
    """The same rows as the database takes them: texts are texts, without half a pair.

    Args:
        rows: what is to be written.
        nul: whether it takes NUL.
    """
    return {
        table: [
            tuple(
                map(
                    partial(_clean, nul=nul),
                    row,
                    (isinstance(table.c[name].type, String) for name in COLUMNS[table]),
                )
            )
            for row in several
        ]
        for table, several in rows.items()
    }


def _clean(value: Any, is_text: bool, *, nul: bool) -> Any:  # noqa: FBT001  mapped over a row
    if is_text and value is not None and not isinstance(value, str):
        value = str(value)
    return well_formed(value, nul=nul) if isinstance(value, str) else value
