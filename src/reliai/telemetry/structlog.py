"""One structured log line for each call, through the structlog the application has set up."""

from __future__ import annotations

import logging
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError
from reliai.telemetry._tracing import note_trace

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.record import CallRecord

__all__ = ["Structlog"]

_LEVELS = {"success": "info", "degraded": "warning", "cancelled": "info"}
_MOST_BOUND = 10_000
"""Running calls whose bound values are kept at most."""


class Structlog:
    """Logs a line for each ended call: what it was, how it went, never its content.

    A success is logged at `info`, a degraded answer at `warning`, a failure at `error`. What the
    caller bound by `structlog.contextvars` is on the line, though another thread writes it; so are
    the ids of the trace, when the call was made inside a span that is recorded.

    Args:
        logger: a structlog logger; by default `structlog.get_logger("reliai")`.

    Raises:
        ConfigurationError: for a logger that takes no fields, such as one of `logging`.
    """

    inline = False

    def __init__(self, logger: Any = None) -> None:
        if logger is None:
            import structlog  # noqa: PLC0415  a runtime dependency, loaded when it is used

            logger = structlog.get_logger("reliai")
        _check(logger)
        self._logger = logger
        self._bound: dict[int, dict[str, Any]] = {}

    def on_start(self, call: Call) -> None:
        """Note what the line will need to know of where the call was made."""
        note_trace(call)
        contextvars = sys.modules.get("structlog.contextvars")
        bound = contextvars.get_contextvars() if contextvars is not None else None
        if bound:
            if len(self._bound) >= _MOST_BOUND:
                with suppress(StopIteration, KeyError, RuntimeError):  # another thread was first
                    del self._bound[next(iter(self._bound))]
            self._bound[id(call._record)] = bound  # noqa: SLF001  kept by the running call
        elif self._bound:  # one that never ended may have had the same id
            self._bound.pop(id(call._record), None)  # noqa: SLF001

    def on_end(self, record: CallRecord) -> None:
        """Log a record."""
        fields: dict[str, Any] = {
            **self._bound.pop(id(record), {}),
            "call_id": record.id,
            "name": record.name,
            "status": record.status,
            "duration": record.duration,
            "attempts": len(record.attempts),
            "target": record.target,
        }
        fields.update(_known(record))
        fields.pop("event", None)  # it is the line's own word
        if record.error is not None:
            fields["error_kind"] = record.error.kind
            fields["error_type"] = record.error.type
        level = _LEVELS.get(record.status or "", "error")
        getattr(self._logger, level)("call", **fields)


def _check(logger: Any) -> None:
    plain = isinstance(logger, logging.Logger | logging.LoggerAdapter | type)
    binds = callable(getattr(logger, "bind", None))  # asking a lazy one for more would set it up
    levels = ("info", "warning", "error")
    if plain or not (binds or all(callable(getattr(logger, level, None)) for level in levels)):
        message = (
            f"Structlog(logger={logger!r}): is no logger that takes fields; give one of structlog, "
            "such as structlog.get_logger(), or leave it out"
        )
        raise ConfigurationError(message)


_OPTIONAL = (
    "provider",
    "model_requested",
    "model_served",
    "finish_reason",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "wasted_usd",
    "time_to_first_chunk",
    "chunks",
    "variant",
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
    refused = [check.name for check in record.checks if not check.passed]
    if refused:
        found["failed_checks"] = refused
    if record._sampled:  # noqa: SLF001  what was noted of the span
        found.update(trace_id=record.trace_id, span_id=record.span_id)
    return found
