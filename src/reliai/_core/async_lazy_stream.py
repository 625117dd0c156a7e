"""What a guarded asynchronous generator function returns; see `lazy_stream`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from reliai._core.aio import InContext
from reliai._core.ambient import current
from reliai._core.async_stream import AsyncStream, replayed
from reliai._core.engine import finish_cancelled, restart
from reliai._core.lazy_stream import deliver_stream

if TYPE_CHECKING:
    from contextvars import Context
    from types import TracebackType

    from reliai._core.call import Call
    from reliai._core.outcome import Outcome
    from reliai._core.record import CallRecord

__all__ = ["AsyncLazyStream"]


class AsyncLazyStream:
    """An asynchronous generator: `anext`, `asend`, `athrow`, `aclose`, `async with`."""

    __slots__ = ("__weakref__", "_call", "_closed", "_context", "_stream")

    def __init__(self, call: Call, context: Context) -> None:
        self._call = call
        self._context = context
        self._stream: AsyncStream | None = None
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

    async def open(self) -> Outcome:
        """Start the call and read the first chunk."""
        call, context = self._call, self._context
        context.run(current.set, call)
        restart(call)
        try:
            served = context.run(call._site.serve, call)  # noqa: SLF001  the engine's own
            outcome: Outcome = await InContext(context, served)
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

    async def _opened(self) -> AsyncStream | None:
        """The stream, started if need be; None after it was closed unstarted or failed to start."""
        if self._stream is None and not self._closed:
            outcome = await self.open()
            if outcome.error is not None:
                try:
                    raise outcome.error
                finally:
                    del outcome  # no cycle through the traceback
        return self._stream

    def __aiter__(self) -> AsyncLazyStream:
        return self

    async def __anext__(self) -> Any:
        stream = self._stream or await self._opened()
        if stream is None:
            raise StopAsyncIteration
        return await stream.__anext__()

    async def asend(self, value: Any) -> Any:
        """As an asynchronous generator's `asend`."""
        if self._stream is None and value is not None and not self._closed:
            message = "can't send non-None value to a just-started async generator"
            raise TypeError(message)
        stream = await self._opened()
        if stream is None:
            raise StopAsyncIteration
        return await stream.asend(value)

    async def athrow(self, error: BaseException, *details: object) -> Any:
        """As an asynchronous generator's `athrow`."""
        if self._stream is None:
            self._closed = True
            raise error
        return await self._stream.athrow(error, *details)

    async def aclose(self) -> None:
        """Close the stream; one that never started is over without a call."""
        self._closed = True
        if self._stream is not None:
            await self._stream.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or self._stream is None:
            raise AttributeError(name)
        return getattr(self._stream, name)
