"""Streams whose chunks a policy looks at, changes or holds back on their way to the caller.

`transformed` puts a stream around another one. The inner one keeps its limits, its attempt and all
that was taken for it; the outer one delivers what the transformer lets out, counts that, and ends
when the inner one does. What the transformer holds back is dropped when the stream fails.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from reliai._core.outcome import Outcome, StreamOutcome
from reliai.errors import CallTimeout, ReliaiError, StreamInterrupted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from reliai._core.call import Call, Limit
    from reliai._core.stream import Stream

__all__ = [
    "Transformer",
    "behind",
    "cut",
    "recut",
    "released_first",
    "time_left",
    "transformed",
    "without_limits",
]


class Transformer(Protocol):
    """What the chunks of one stream go through, in order.

    Both methods give the chunks to deliver by now, none or several. What they raise ends the
    stream. They may be coroutine functions where an attribute `asynchronous` is True; in a
    synchronous call these must not suspend, like a policy's `run`.
    """

    def feed(self, chunk: Any, /) -> Sequence[Any] | Awaitable[Sequence[Any]]:
        """Take the next chunk."""
        ...

    def finish(self) -> Sequence[Any] | Awaitable[Sequence[Any]]:
        """Take note that there are no more; not called for a stream that failed or was closed."""
        ...


async def transformed(call: Call, stream: Stream, transformer: Transformer) -> Outcome:
    """A stream of what `transformer` makes of `stream`, with its first chunk read.

    A failure before anything is let out is an ordinary failed outcome, whoever failed. After that
    the transformer's failure comes out as `StreamInterrupted`, with it as the cause. Whether the
    outcome is degraded is the caller's to carry over.

    Args:
        call: the call, as the policy sees it.
        stream: the value of a streaming outcome; nobody else may read it from now on.
        transformer: a fresh one, for this stream alone.
    """
    made: Any
    if call.runtime.asynchronous:
        from reliai._core.transform_async import AsyncTransformed  # noqa: PLC0415  imports asyncio

        made = AsyncTransformed(call, stream, transformer)
    else:
        from reliai._core.transform_sync import SyncTransformed  # noqa: PLC0415  for streams only

        made = SyncTransformed(call, stream, transformer)
    error: Exception | None = await made.open()
    if error is not None:
        try:
            return Outcome(error=error)
        finally:
            del error  # no cycle through the traceback
    return StreamOutcome(made)


def without_limits(stream: Stream) -> None:
    """Leave the limits to the inner stream: each chunk is waited for there."""
    stream._idle = stream._total = stream._held_since = stream._partial = None  # noqa: SLF001


def cut(call: Call, cause: BaseException, delivered: list[Any]) -> StreamInterrupted:
    """The error for a stream that ends because of `cause`, after something was delivered."""
    texts = all(isinstance(chunk, str) for chunk in delivered)
    error = StreamInterrupted(
        _words(call, cause, len(delivered)),
        chunks=len(delivered),
        partial="".join(delivered) if texts else list(delivered),
    )
    error.__cause__ = cause
    return error


def recut(call: Call, error: StreamInterrupted, delivered: list[Any]) -> None:
    """Have the inner stream's interruption tell what the outer one delivered.

    What it tells otherwise is all that was read, and that includes what was held back.
    """
    cause = error.__cause__
    other = cut(call, error if cause is None else cause, delivered)
    error.args, error.chunks, error.partial = other.args, other.chunks, other.partial


def _words(call: Call, cause: BaseException, chunks: int) -> str:
    """Of others' errors the type alone: they may quote what was held back."""
    if isinstance(cause, CallTimeout):
        return (
            f"{cause}, after {chunks} chunks were delivered; the answer is incomplete, see .partial"
        )
    why = str(cause) if isinstance(cause, ReliaiError) else type(cause).__name__
    return f"{call.name}: the stream was cut after {chunks} delivered chunks, see .partial: {why}"


def behind(error: Exception) -> Exception:
    """The failure behind an interruption: where nothing was delivered it is an ordinary one."""
    if not isinstance(error, StreamInterrupted):
        return error
    cause = error.__cause__
    return cause if isinstance(cause, Exception) else error


def released_first(call: Call) -> None:
    """Put on the record when the first chunk was let out."""
    call._record.time_to_first_chunk = call.clock.monotonic() - call.started  # noqa: SLF001


def time_left(stream: Any) -> Limit | None:
    """The deadline of a stream as it stands, the time its consumer took being given back."""
    with suppress(AttributeError):
        while True:
            stream = stream._inner  # noqa: SLF001  of one transformed stream around another
    limit: Limit | None = stream._total  # noqa: SLF001  the engine's own
    return limit
