"""A transformed stream for asynchronous code; see `transform`."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from reliai._core.aio import CancelledError, InContext
from reliai._core.async_stream import AsyncStream
from reliai._core.stream import NOTHING, abandon
from reliai._core.transforming import behind, cut, recut, released_first, without_limits
from reliai.errors import StreamInterrupted

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import TracebackType

    from reliai._core.call import Call

__all__ = ["AsyncTransformed"]


class AsyncTransformed(AsyncStream):
    """An asynchronous iterator of the chunks that a transformer lets out."""

    __slots__ = (
        "_asynchronous",
        "_delivered",
        "_feed",
        "_finish",
        "_inner",
        "_next",
        "_over",
        "_ready",
        "_run",
        "_started",
    )

    def __init__(self, call: Call, inner: Any, transformer: Any) -> None:
        super().__init__(call, inner._context, inner, inner, NOTHING)  # noqa: SLF001
        without_limits(self)
        self._inner = inner
        self._next, self._run = inner.__anext__, self._context.run
        self._feed, self._finish = transformer.feed, transformer.finish
        self._asynchronous = bool(getattr(transformer, "asynchronous", False))
        self._ready: deque[Any] = deque()
        self._delivered: list[Any] = []
        self._started = False
        self._over = False

    async def open(self) -> Exception | None:
        """Read until a chunk is let out; the error when there will be none."""
        try:
            chunk = await self._pull(self._next)
        except StopAsyncIteration:
            return None
        except Exception as error:  # noqa: BLE001  becomes an outcome
            return behind(error)
        self._ready.appendleft(chunk)
        self._started = True
        released_first(self._call)
        return None

    async def __anext__(self) -> Any:
        if self._ready:
            chunk = self._ready.popleft()
        elif self._end is None:
            chunk = await self._pull(self._next)
        else:
            raise StopAsyncIteration
        self.chunks += 1
        self._delivered.append(chunk)
        return chunk

    async def asend(self, value: Any) -> Any:
        """As an asynchronous generator's `asend`."""
        if value is None or self.ended or self._over:
            return await self.__anext__()
        if not self.chunks:
            message = "can't send non-None value to a just-started async generator"
            raise TypeError(message)
        self._ready.append(await self._pull(self._inner.asend, value))
        return await self.__anext__()

    async def athrow(self, error: BaseException, *_: object) -> Any:
        """As an asynchronous generator's `athrow`."""
        if self.ended:
            raise error
        self._ready.clear()
        self._over = False
        self._ready.appendleft(await self._pull(self._inner.athrow, error))
        return await self.__anext__()

    async def aclose(self) -> None:
        """Close the stream early; nothing when it has ended. Finishes although it is cancelled."""
        if self.ended or self._closing:
            return
        self._closing = True
        self._ready.clear()
        try:
            await self._inner.aclose()
        finally:
            self.end(GeneratorExit())

    close = aclose

    async def _pull(self, step: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        """Read on until something is let out; what comes with it waits in `_ready`.

        Raises:
            StopAsyncIteration: when nothing is, and there is no more.
            BaseException: what the stream ends in.
        """
        while not self._over:
            try:
                chunk = await step(*args)
            except StopAsyncIteration:
                chunk = NOTHING
                self._over = True
            except BaseException as error:
                self._end_inner(error)
                raise
            try:
                if self._asynchronous:
                    transforming = self._finish() if self._over else self._feed(chunk)
                    let_out = await InContext(self._context, transforming)
                else:
                    let_out = (
                        self._run(self._finish) if self._over else self._run(self._feed, chunk)
                    )
            except BaseException as error:  # noqa: BLE001  raised again
                told = self._told_of(error)
                try:
                    await self._give_up(error)
                finally:
                    self.end(told)
                try:
                    raise told
                finally:
                    del told  # no cycle through the traceback
            if let_out:
                if len(let_out) > 1:
                    self._ready.extend(let_out[1:])
                return let_out[0]
            step, args = self._next, ()
        self.end()
        raise StopAsyncIteration

    def _end_inner(self, error: BaseException) -> None:
        """End with the inner stream, which has ended in an error."""
        if self._started and isinstance(error, StreamInterrupted):
            recut(self._call, error, self._delivered)
        self.end(error)

    def _told_of(self, error: BaseException) -> BaseException:
        """What is told of a failure of the transformer's."""
        if self._started and isinstance(error, Exception):
            return cut(self._call, error, self._delivered)
        return error

    async def _give_up(self, error: BaseException) -> None:
        """Close the inner stream, at once or, where nothing may be awaited any more, soon."""
        if isinstance(error, Exception | CancelledError):
            with suppress(Exception):  # the failure is what is told
                await self._inner.aclose()
        else:
            self._inner._leave()  # noqa: SLF001  a stream of ours

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing = True
        try:
            await self._inner.__aexit__(kind, error, traceback)
        finally:
            self.end(GeneratorExit())

    def _leave(self) -> None:
        if not self.ended:
            self._inner._leave()  # noqa: SLF001  first: the record ends with this one
            abandon(lambda: self.end(GeneratorExit()))
