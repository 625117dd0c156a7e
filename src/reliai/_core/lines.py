"""A call record in one line, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reliai._core.record import CallRecord

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
        parts.append(f"${record.cost_usd:.4f}")
    if record.chunks is not None:
        parts.append(f"{record.chunks} chunks")
    if record.error is not None:
        parts.append(
            f"{record.error.kind}: {record.error.message.splitlines()[0][:120]}"
            if record.error.message
            else record.error.kind
        )
    return "  ".join(parts)


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "…"
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.3g} ms"
