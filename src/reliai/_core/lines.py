"""A call record in one line, for people."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai._core.record import CallRecord, ErrorInfo

__all__ = ["line"]


def line(record: CallRecord) -> str:
    """For instance `success 812 ms 2 attempts answer gpt-x 340+52 tokens $0.0021`."""
    parts = [f"{record.status or 'running':<9}", _duration(record.duration)]
    count = len(record.attempts)
    parts.append("1 attempt" if count == 1 else f"{count} attempts")
    parts.append(record.name)
    if record.status == "degraded" and record.target:
        parts.append(f"by {record.target}")
    if record.model_served:
        parts.append(record.model_served)
    if record.input_tokens is not None or record.output_tokens is not None:
        parts.append(f"{record.input_tokens or 0}+{record.output_tokens or 0} tokens")
    if record.cost_usd is not None:
        parts.append(_dollars(record.cost_usd))
    if record.chunks is not None:
        parts.append("1 chunk" if record.chunks == 1 else f"{record.chunks} chunks")
    if record.error is not None:
        parts.append(_why(record.error))
    elif record.status == "degraded":
        parts += _after(record)
    return "  ".join(parts)


def _why(error: ErrorInfo) -> str:
    return f"{error.kind}: {error.message.splitlines()[0][:120]}" if error.message else error.kind


def _after(record: CallRecord) -> Iterator[str]:
    """What a stand-in answered for: a wrong key must not hide behind a polite answer."""
    failed = [attempt.error for attempt in record.attempts if attempt.error is not None]
    if failed:
        yield f"after {_why(failed[-1])}"
        return
    refused = [event.attributes.get("error") for event in record.events if event.kind == "fallback"]
    yield from (f"after {kind}" for kind in refused[:1] if kind)


def _dollars(cost: float) -> str:
    """At least two digits that say something: a small price is not none."""
    if not cost or cost >= 0.001:
        return f"${cost:.4f}"
    return f"${cost:.{min(12, 1 - math.floor(math.log10(cost)))}f}"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "…"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
