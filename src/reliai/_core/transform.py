"""Streams whose chunks a policy looks at, changes or holds back on their way to the caller.

`transformed` puts a stream around another one. The inner one keeps its limits, its attempt and all
that was taken for it; the outer one delivers what the transformer lets out, counts that, and ends
when the inner one does. What the transformer holds back is dropped when the stream fails.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from reliai._core.outcome import Outcome, StreamOutcome

if TYPE_CHECKING:
    from collections.abc import Awaitable, Sequence

    from reliai._core.call import Call, Limit
    from reliai._core.stream import Stream

__all__ = ["Transformer", "time_left", "transformed"]


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


def time_left(stream: Any) -> Limit | None:
    """The deadline of a stream as it stands, the time its consumer took being given back."""
    with suppress(AttributeError):
        while True:
            stream = stream._inner  # noqa: SLF001  of one transformed stream around another
    limit: Limit | None = stream._total  # noqa: SLF001  the engine's own
    return limit
