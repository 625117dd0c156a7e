"""Records as calls leave them, made without calls."""

from __future__ import annotations

from typing import Any, cast

from reliai._core.record import CallRecord, ErrorInfo, Event


class _Made:
    """What `CallRecord` shows, with every field settable."""

    name = "answer"
    status: str | None = "success"
    error: ErrorInfo | None = None
    duration: float | None = 0.2
    started_at = 0.0
    time_to_first_chunk: float | None = None
    cost_usd: float | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    finish_reason: str | None = None
    events: tuple[Event, ...] = ()

    def __init__(self, **fields: Any) -> None:
        self.tags: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        vars(self).update(fields)


def record(**fields: Any) -> CallRecord:
    return cast("CallRecord", _Made(**fields))


def failed(**fields: Any) -> CallRecord:
    return record(status="error", error=ErrorInfo("server", "Boom", "it broke"), **fields)
