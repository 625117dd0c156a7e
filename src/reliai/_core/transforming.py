"""What the two kinds of transformed streams share: limits, times, and how their failures are told.

`transform` makes such streams.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.errors import CallTimeout, ReliaiError, StreamInterrupted

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.stream import Stream

__all__ = ["behind", "cut", "recut", "released_first", "without_limits"]


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
