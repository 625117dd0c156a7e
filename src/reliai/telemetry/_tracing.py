"""The trace that a call belongs to, for those who only name it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reliai._core.call import Call

__all__ = ["note_trace"]


def note_trace(call: Call) -> None:
    """Put the ids of the current span on the call's record, unless it has those of its own span.

    Costs next to nothing where the program does not trace.
    """
    trace = sys.modules.get("opentelemetry.trace")
    record = call._record  # noqa: SLF001  the record is being filled
    if trace is None or record.trace_id is not None:
        return
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        record.trace_id = format(context.trace_id, "032x")
        record.span_id = format(context.span_id, "016x")
        record._sampled = bool(context.trace_flags.sampled)  # noqa: SLF001
