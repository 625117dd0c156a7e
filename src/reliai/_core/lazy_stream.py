"""What a guarded generator function returns: a generator that starts its call when first asked.

It captures the context when it is made, as the function's caller expects, and not when it is
iterated. One that is never iterated never was a call: it leaves no record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from reliai._core.ambient import current
from reliai._core.engine import finish, finish_cancelled, restart, serve_now
from reliai._core.sync_stream import SyncStream, replayed

if TYPE_CHECKING:
    from contextvars import Context
    from types import TracebackType

    from reliai._core.call import Call
    from reliai._core.outcome import Outcome
    from reliai._core.record import CallRecord

__all__ = ["LazyStream", "deliver_stream"]


def deliver_stream(call: Call, outcome: Outcome) -> Outcome:
    """Have the record end with the stream; a failure before the first chunk ends it now."""
    if not outcome.streaming:
        finish(call, outcome)
        return outcome
    stream = outcome.value
    degraded = outcome.degraded
    outcome._record = call._record  # noqa: SLF001  the engine fills the record

    def ended(end: Outcome) -> None:  # must not hold the stream: abandoned, it ends at once
        end.degraded = degraded
        finish(call, end)

    if call.hooks.reads_content:
        stream.kept_by(call._record._content)  # noqa: SLF001
    stream.counted_by(call._record)  # noqa: SLF001
    stream.on_end(ended)
    return outcome


class LazyStream:
    """A generator: `next`, `send`, `throw`, `close`, `with`.

    Attributes of the provider's stream object are reachable once it has started.
    """

    __slots__ = ("__weakref__", "_call", "_closed", "_context", "_stream")

    def __init__(self, call: Call, context: Context) -> None:
        self._call = call
        self._context = context
        self._stream: SyncStream | None = None
        self._closed = False

    @property
    def call_id(self) -> str:
        """The id of the call."""
        return self._call.id

    @property
    def record(self) -> CallRecord | None:
        """The call's record; None until the stream has ended."""
        record = self._call._record  # noqa: SLF001  the engine's own
        return record if record.ended else None

    def open(self) -> Outcome:
        """Start the call and read the first chunk."""
        call, context = self._call, self._context
        context.run(current.set, call)
        restart(call)
        try:
            outcome = context.run(serve_now, call)
        except BaseException as error:
            self._closed = True
            finish_cancelled(call, error)
            raise
        if outcome.error is None and not outcome.streaming:
            degraded, outcome = outcome.degraded, replayed(call, [outcome.value], context)
            outcome.degraded = degraded
        outcome = deliver_stream(call, outcome)
        if outcome.error is None:
            self._stream = outcome.value
        else:
            self._closed = True
        try:
            return outcome
        finally:
            del outcome  # a traceback may reach this frame, see `frames`

    def _opened(self) -> SyncStream | None:
        """The stream, started if need be; None after it was closed unstarted or failed to start."""
        if self._stream is None and not self._closed:
            outcome = self.open()
            if outcome.error is not None:
                try:
                    raise outcome.error
                finally:
                    del outcome  # no cycle through the traceback
        return self._stream

    def __iter__(self) -> LazyStream:
        return self

    def __next__(self) -> Any:
        stream = self._stream or self._opened()
        if stream is None:
            raise StopIteration
        return stream.__next__()

    def send(self, value: Any) -> Any:
        """As a generator's `send`."""
        if self._stream is None and value is not None and not self._closed:
            message = "can't send non-None value to a just-started generator"
            raise TypeError(message)
        stream = self._opened()
        if stream is None:
            raise StopIteration
        return stream.send(value)

    def throw(self, error: BaseException, *details: object) -> Any:
        """As a generator's `throw`."""
        if self._stream is None:
            self._closed = True
            raise error
        return self._stream.throw(error, *details)

    def close(self) -> None:
        """Close the stream; one that never started is over without a call."""
        self._closed = True
        if self._stream is not None:
            self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self._stream is None:
            raise AttributeError(name)
        return getattr(self._stream, name)
