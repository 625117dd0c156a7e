"""Calls as a Parquet file: a row for each, with its attempts, events and values nested in it.

What can be anything (inputs, output, values, attributes of events) is JSON text in it.
"""

from __future__ import annotations

import json
import uuid
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reliai._needs import needed

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from reliai._core.record_parts import ErrorInfo
    from reliai.records.stored import StoredCall

__all__ = ["ROW_GROUP", "write_parquet"]

ROW_GROUP = 2_000
"""Calls of a row group; so many are in memory at once."""

_TEXTS = (
    "status",
    "target",
    "variant",
    "model_requested",
    "model_served",
    "provider",
    "finish_reason",
    "usage_state",
    "subject",
    "session",
    "tenant",
    "run_id",
    "parent_id",
    "trace_id",
    "span_id",
    "fingerprint",
    "service",
    "release",
    "environment",
    "epoch",
)
_NUMBERS = ("duration", "cost_usd", "wasted_usd", "time_to_first_chunk")
_WHOLE = ("input_tokens", "output_tokens", "chunks", "seq")
_CONTENT = ("inputs", "output")
_CONTENT_BYTES = ("inputs_bytes", "output_bytes")
_ATTEMPT = (
    "number",
    "target",
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


def write_parquet(
    path: str | os.PathLike[str], pages: Iterable[Sequence[StoredCall]], *, content: bool
) -> int:
    """Write calls to a file, which is there as a whole or not at all.

    Args:
        path: the file; one that is there is replaced.
        pages: the calls, some at a time.
        content: whether inputs and outputs are among the columns.

    Returns:
        How many calls were written.
    """
    arrow: Any = needed("pyarrow", "parquet")
    parquet: Any = needed("pyarrow.parquet", "parquet")
    schema = _schema(arrow, content=content)
    target = Path(path)
    unfinished = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    written = 0
    try:
        with parquet.ParquetWriter(unfinished, schema) as writer:
            for calls in pages:
                rows = [_row(call, content=content) for call in calls]
                writer.write_table(arrow.Table.from_pylist(rows, schema=schema))
                written += len(rows)
        unfinished.replace(target)
    finally:
        with suppress(OSError):
            unfinished.unlink()
    return written


def _schema(arrow: Any, *, content: bool) -> Any:
    text, number, whole = arrow.string(), arrow.float64(), arrow.int64()
    moment = arrow.timestamp("us", tz="UTC")
    error = arrow.struct([("kind", text), ("type", text), ("message", text)])
    kinds = {"number": whole, "duration": number, "wait": number, "cost_usd": number}
    kinds |= {"input_tokens": whole, "output_tokens": whole}
    attempt = [("started_at", moment), ("error", error)]
    attempt += [(name, kinds.get(name, text)) for name in _ATTEMPT]
    columns = [("id", text), ("name", text), ("started_at", moment), ("error", error)]
    columns += [(name, text) for name in _TEXTS]
    columns += [(name, number) for name in _NUMBERS]
    columns += [(name, whole) for name in _WHOLE]
    parts = {
        "attempts": attempt,
        "events": [("kind", text), ("at", number), ("attributes", text)],
        "checks": [("name", text), ("passed", arrow.bool_()), ("reason", text)],
        "values": [("name", text), ("number", number), ("value", text)],
        "feedback": [
            ("name", text),
            ("value", text),
            ("by", text),
            ("at", moment),
            ("comment", text),
        ],
    }
    columns += [(name, arrow.list_(arrow.struct(fields))) for name, fields in parts.items()]
    columns.append(("tags", arrow.map_(text, text)))
    if content:
        columns += [(name, text) for name in _CONTENT]
        columns += [(name, whole) for name in _CONTENT_BYTES]
    return arrow.schema(columns)


def _row(call: StoredCall, *, content: bool) -> dict[str, Any]:
    row = {name: getattr(call, name) for name in ("id", "name", *_TEXTS, *_NUMBERS, *_WHOLE)}
    row["started_at"] = _moment(call.started_at)
    row["error"] = _error(call.error)
    row["attempts"] = [_attempt(attempt) for attempt in call.attempts]
    row["events"] = [
        {"kind": event.kind, "at": event.at, "attributes": json.dumps(event.attributes)}
        for event in call.events
    ]
    row["checks"] = [check._asdict() for check in call.checks]
    row["values"] = [
        {"name": name, "number": _number(value), "value": json.dumps(value)}
        for name, value in call.values.items()
    ]
    row["feedback"] = [
        {**said._asdict(), "value": json.dumps(said.value), "at": _moment(said.at)}
        for said in call.feedback
    ]
    row["tags"] = [(key, str(value)) for key, value in call.tags.items()]
    if content:
        for name in _CONTENT:
            value = getattr(call, name)
            row[name] = None if value is None else json.dumps(value, ensure_ascii=False)
        row |= {name: getattr(call, name) for name in _CONTENT_BYTES}
    return row


def _attempt(attempt: Any) -> dict[str, Any]:
    fields = {name: getattr(attempt, name) for name in _ATTEMPT}
    fields["started_at"] = _moment(attempt.started_at)
    fields["error"] = _error(attempt.error)
    return fields


def _error(error: ErrorInfo | None) -> dict[str, Any] | None:
    """An error with the message that was stored, if one was."""
    return None if error is None else {**error._asdict(), "message": error.message or None}


def _moment(seconds: float | None) -> int | None:
    """Whole microseconds of Unix time, which is what the column holds."""
    return None if seconds is None else round(seconds * 1e6)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
