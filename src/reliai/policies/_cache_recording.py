"""Keeping what a stream delivers, chunk by chunk, until it has come to its proper end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai._core.transform import transformed
from reliai.policies._cache_values import Uncopyable, copied, is_immutable

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call
    from reliai._core.outcome import Outcome
    from reliai._core.stream import Stream

__all__ = ["MAX_CHARACTERS", "MAX_CHUNKS", "recorded"]

MAX_CHUNKS = 20_000
"""Chunks of a stream that is kept; a longer one is delivered and not kept."""

MAX_CHARACTERS = 2_000_000
"""Characters (or bytes) of its chunks together."""

_EVENT = 200
"""What a chunk that is neither text nor bytes is counted as."""


class Recorder:
    """Keeps the chunks that pass through it, and changes none."""

    def __init__(self) -> None:
        self._chunks: list[Any] | None = []
        self._size = 0
        self._fixed = True

    def feed(self, chunk: Any) -> list[Any]:
        """Keep a chunk that is about to be delivered."""
        if self._chunks is not None:
            self._keep(self._chunks, chunk)
        return [chunk]

    def finish(self) -> list[Any]:
        """Nothing was held back."""
        return []

    def _keep(self, chunks: list[Any], chunk: Any) -> None:
        self._size += len(chunk) if isinstance(chunk, str | bytes) else _EVENT
        if len(chunks) >= MAX_CHUNKS or self._size > MAX_CHARACTERS:
            self._chunks = None
            return
        if is_immutable(chunk):
            chunks.append(chunk)
            return
        self._fixed = False
        try:
            chunks.append(copied(chunk))
        except Uncopyable:
            self._chunks = None

    def taken(self) -> tuple[tuple[Any, ...], bool] | None:
        """The chunks, and whether all are immutable; None when there is nothing to keep."""
        chunks, self._chunks = self._chunks, None
        return (tuple(chunks), self._fixed) if chunks else None


async def recorded(
    call: Call, stream: Stream, keep: Callable[[tuple[Any, ...], bool], None]
) -> Outcome:
    """The stream, with `keep` told its chunks, and whether all are immutable, once it is complete.

    Not when it is closed early, fails, is longer than is kept, or holds what cannot be copied.
    """
    recorder = Recorder()
    outcome = await transformed(call, stream, recorder)
    if not outcome.streaming:
        return outcome

    def ended(end: Outcome) -> None:  # must not hold the stream: abandoned, it ends at once
        taken = recorder.taken()
        if end.error is None and taken is not None:
            keep(*taken)

    outcome.value.on_end(ended)
    return outcome
