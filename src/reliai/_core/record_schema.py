"""The JSON Schema of a call record, as `CallRecord.to_dict` writes it."""

from __future__ import annotations

from typing import Any

__all__ = ["RECORD_FIELDS", "RECORD_SCHEMA", "SCHEMA_VERSION"]

SCHEMA_VERSION = 1

RECORD_FIELDS = (
    "id",
    "name",
    "started_at",
    "duration",
    "status",
    "error",
    "attempts",
    "events",
    "target",
    "variant",
    "model_requested",
    "model_served",
    "provider",
    "finish_reason",
    "input_tokens",
    "output_tokens",
    "usage_state",
    "cost_usd",
    "wasted_usd",
    "time_to_first_chunk",
    "chunks",
    "inputs",
    "output",
    "values",
    "checks",
    "subject",
    "session",
    "tenant",
    "run_id",
    "tags",
    "parent_id",
    "trace_id",
    "span_id",
    "fingerprint",
    "service",
    "release",
    "environment",
)


def _maybe(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


_TEXT = {"type": "string"}
_MAYBE_TEXT = _maybe("string")
_MAYBE_NUMBER = _maybe("number")
_MAYBE_COUNT = {"type": ["integer", "null"], "minimum": 0}

_ERROR: dict[str, Any] = {
    "type": ["object", "null"],
    "properties": {
        "kind": _TEXT,
        "type": _TEXT,
        "message": {**_MAYBE_TEXT, "description": "null where it may be content"},
    },
    "required": ["kind", "type", "message"],
}

_ATTEMPT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "number": {"type": "integer", "minimum": 1},
        "target": _TEXT,
        "started_at": {"type": "number"},
        "duration": _MAYBE_NUMBER,
        "status": {"enum": ["success", "error", "cancelled", None]},
        "error": _ERROR,
        "model": _MAYBE_TEXT,
        "input_tokens": _MAYBE_COUNT,
        "output_tokens": _MAYBE_COUNT,
        "wait": {"type": "number", "minimum": 0},
    },
    "required": ["number", "target", "started_at"],
}

_FIELDS: dict[str, Any] = {
    "schema_version": {"const": SCHEMA_VERSION},
    "id": _TEXT,
    "name": _TEXT,
    "started_at": {"type": "number", "description": "Unix seconds"},
    "duration": {**_MAYBE_NUMBER, "description": "seconds"},
    "status": {"enum": ["success", "degraded", "rejected", "error", "cancelled", None]},
    "error": _ERROR,
    "attempts": {"type": "array", "items": _ATTEMPT},
    "events": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "kind": _TEXT,
                "at": {"type": "number"},
                "attributes": {"type": "object"},
            },
            "required": ["kind", "at", "attributes"],
        },
    },
    "usage_state": {"enum": ["measured", "estimated", "unknown"]},
    "input_tokens": _MAYBE_COUNT,
    "output_tokens": _MAYBE_COUNT,
    "cost_usd": _MAYBE_NUMBER,
    "wasted_usd": _MAYBE_NUMBER,
    "time_to_first_chunk": _MAYBE_NUMBER,
    "chunks": _MAYBE_COUNT,
    "inputs": {},
    "output": {},
    "values": {"type": "object"},
    "checks": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"name": _TEXT, "passed": {"type": "boolean"}, "reason": _MAYBE_TEXT},
            "required": ["name", "passed"],
        },
    },
    "tags": {"type": "object", "additionalProperties": _TEXT},
    "fingerprint": _TEXT,
}

_CUT = {
    "type": "integer",
    "description": "bytes of all texts that there were; present when not all are recorded",
}

RECORD_SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "CallRecord",
    "description": "What one logical call left behind.",
    "type": "object",
    "properties": {
        "schema_version": _FIELDS["schema_version"],
        **{name: _FIELDS.get(name, _MAYBE_TEXT) for name in RECORD_FIELDS},
        **dict.fromkeys(("inputs_bytes", "output_bytes"), _CUT),
    },
    "required": ["schema_version", *RECORD_FIELDS],
    "additionalProperties": False,
}
