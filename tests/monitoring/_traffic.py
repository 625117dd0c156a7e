"""Records made up for the monitor: of a real class, without a call."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from reliai._core.record_parts import ErrorInfo, Event

START = 1_700_000_000.0


def record(at: float = 0.0, **fields: Any) -> Any:
    """An ended call of `ask`, `at` seconds after the start."""
    failed = fields.pop("failed", False)
    events = tuple(Event(kind, 0.0, {}) for kind in fields.pop("events", ()))
    plain: dict[str, Any] = {
        "id": "0" * 32,
        "name": "ask",
        "started_at": START + at,
        "duration": 0.0,
        "status": "error" if failed else "success",
        "error": ErrorInfo("server_error", "ValueError", "") if failed else None,
        "events": events,
        "target": "ask",
        "variant": None,
        "model_requested": None,
        "model_served": None,
        "provider": None,
        "finish_reason": None,
        "input_tokens": None,
        "output_tokens": None,
        "cost_usd": None,
        "time_to_first_chunk": None,
        "inputs": None,
        "output": None,
        "values": {},
        "checks": (),
        "tenant": None,
        "session": None,
        "tags": {},
        "fingerprint": "f",
        "release": None,
        "service": None,
        "environment": None,
    }
    return SimpleNamespace(**{**plain, **fields})
