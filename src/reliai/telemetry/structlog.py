"""A structured log line for each call, through the structlog the application has set up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai._core.record import CallRecord

__all__ = ["Structlog"]

_LEVELS = {"success": "info", "degraded": "warning", "cancelled": "info"}


class Structlog:
    """Logs a line for each ended call: what it was, how it went, never its content.

    A success is logged at `info`, a degraded answer at `warning`, a failure at `error`.

    Args:
        logger: a structlog logger; by default `structlog.get_logger("reliai")`.
    """

    inline = False

    def __init__(self, logger: Any = None) -> None:
        if logger is None:
            import structlog  # noqa: PLC0415  a runtime dependency, loaded when it is used

            logger = structlog.get_logger("reliai")
        self._logger = logger

    def on_end(self, record: CallRecord) -> None:
        """Log a record."""
        fields: dict[str, Any] = {
            "call_id": record.id,
            "name": record.name,
            "status": record.status,
            "duration": record.duration,
            "attempts": len(record.attempts),
            "target": record.target,
        }
        fields.update(_known(record))
        if record.error is not None:
            fields["error_kind"] = record.error.kind
            fields["error_type"] = record.error.type
        level = _LEVELS.get(record.status or "", "error")
        getattr(self._logger, level)("call", **fields)


_OPTIONAL = (
    "model_served",
    "finish_reason",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "time_to_first_chunk",
    "chunks",
    "subject",
    "session",
    "tenant",
    "run_id",
    "parent_id",
    "service",
    "release",
    "environment",
)


def _known(record: CallRecord) -> dict[str, Any]:
    found = {name: getattr(record, name) for name in _OPTIONAL}
    found = {name: value for name, value in found.items() if value is not None}
    if record.tags:
        found["tags"] = dict(record.tags)
    if record.events:
        found["events"] = [event.kind for event in record.events]
    return found
