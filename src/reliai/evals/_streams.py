"""Streams read to their end, for who wants what was said and not when."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai._core.outcome import Outcome
from reliai.providers import chunk_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["collected", "collected_async", "whole"]


def collected(outcome: Outcome) -> Outcome:
    """The outcome itself; of a stream, that of reading it to its end."""
    if not outcome.streaming:
        return outcome
    stream: Iterator[Any] = outcome.value
    error: Exception | None = None
    chunks: list[Any] = []
    try:
        chunks.extend(stream)
    except Exception as failure:  # noqa: BLE001  becomes the outcome
        error = failure
    try:
        return _ended(outcome, chunks, error)
    finally:
        del error  # its traceback refers to this frame


async def collected_async(outcome: Outcome) -> Outcome:
    """`collected` from an event loop."""
    if not outcome.streaming:
        return outcome
    stream: Any = outcome.value
    error: Exception | None = None
    chunks: list[Any] = []
    try:
        if hasattr(stream, "__anext__"):
            chunks.extend([chunk async for chunk in stream])
        else:
            chunks.extend(stream)
    except Exception as failure:  # noqa: BLE001  becomes the outcome
        error = failure
    try:
        return _ended(outcome, chunks, error)
    finally:
        del error  # its traceback refers to this frame


def _ended(opened: Outcome, chunks: list[Any], error: Exception | None) -> Outcome:
    ended = Outcome(None if error is not None else whole(chunks), error)
    ended._record = opened._record  # noqa: SLF001  it is the same call's
    ended.degraded = opened.degraded
    return ended


def whole(chunks: list[Any]) -> Any:
    """The text of chunks that carry any; else the chunks."""
    texts = [chunk_text(chunk) for chunk in chunks]
    said = [text for text in texts if text is not None]
    return "".join(said) if said or not chunks else chunks
