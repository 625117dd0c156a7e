"""A stream for asynchronous code: iterator, generator and context manager in one."""

from __future__ import annotations

import asyncio
import inspect
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from reliai._core.aio import CancelledError, InContext
from reliai._core.alarm import Timer
from reliai._core.outcome import StreamOutcome
from reliai._core.stream import NOTHING, Stream, abandon

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextvars import Context
    from types import TracebackType

    from reliai._core.call import Call, Limit

__all__ = ["AsyncStream", "closed", "replayed"]

_closings: set[asyncio.Task[None]] = set()
"""Closings under way; a loop keeps only weak references to its tasks."""


class AsyncStream(Stream):
    """An asynchronous iterator of chunks; see `Stream`."""

    __slots__ = ("_closing", "_loop")

    def __init__(
        self, call: Call, context: Context, source: Any, iterator: Any, first: Any
    ) -> None:
        super().__init__(call, context, source, iterator, first)
        self._loop = asyncio.get_running_loop()
        self._closing = False

    def __aiter__(self) -> AsyncStream:
        return self

    async def __anext__(self) -> Any:
        if self._first is not NOTHING:
            return self._deliver_first()
        if self._end is not None:
            raise StopAsyncIteration
        return await self._step(self._iterator.__anext__)

    async def read(self) -> Any:
        """The next chunk, for a policy; NOTHING at the end."""
        try:
            return await self.__anext__()
        except StopAsyncIteration:
            return NOTHING

    async def asend(self, value: Any) -> Any:
        """As an asynchronous generator's `asend`."""
        if self._first is not NOTHING or self.ended:
            if value is None or self.ended:
                return await self.__anext__()
            message = "can't send non-None value to a just-started async generator"
            raise TypeError(message)
        return await self._step(self._iterator.asend, value)

    async def athrow(self, error: BaseException, *_: object) -> Any:
        """As an asynchronous generator's `athrow`."""
        if self.ended:
            raise error
        self._first = NOTHING
        athrow = getattr(self._iterator, "athrow", None)
        if athrow is None:
            await self.aclose()
            raise error
        return await self._step(athrow, error)

    async def aclose(self) -> None:
        """Close the stream early; nothing when it has ended. Finishes although it is cancelled."""
        if self.ended or self._closing:
            return
        self._closing = True
        leaving = self._leaving()
        try:
            await asyncio.shield(closing(self._context, self._source))
        finally:
            self.end(leaving)
            del leaving  # no cycle, should the closing have failed

    close = aclose

    async def _step(self, step: Callable[..., Awaitable[Any]], *args: Any) -> Any:
        limit = self._next_limit()
        try:
            if limit is not None and limit[0] <= self._call.clock.monotonic():
                raise self._interruption(limit)
            chunk = await self._awaited(step(*args), limit)
        except StopAsyncIteration:
            missed = None if self._reading is None else self._missed()
            self.end(missed)
            if missed is None:
                raise
            try:
                raise missed from missed.__cause__
            finally:
                del missed  # no cycle through the traceback
        except (Exception, CancelledError) as error:
            interrupted = self._cut_by(error)
            try:
                await closed(self._context, self._source)
            finally:
                self.end(interrupted or error)
            if interrupted is None:
                raise
            try:
                raise interrupted from error
            finally:
                del interrupted  # as above
        except BaseException as error:
            _close_later(self._loop, self._context, self._source)
            self.end(error)
            raise
        return self._deliver(chunk)

    async def _awaited(self, awaitable: Awaitable[Any], limit: Limit | None) -> Any:
        hooks = self._call.hooks
        if hooks.activating:
            with hooks.activation_in(self._context, self._call):
                return await self._bounded(awaitable, limit)
        return await self._bounded(awaitable, limit)

    async def _bounded(self, awaitable: Awaitable[Any], limit: Limit | None) -> Any:
        if limit is None:
            return await InContext(self._context, awaitable)
        timer = Timer(limit[0] - self._call.clock.monotonic())
        try:
            return await InContext(self._context, awaitable)
        except CancelledError:
            if not timer.expired():
                raise
        except Exception:  # a library made an error of its own of the cancellation
            if not timer.fired:
                raise
        finally:
            timer.stop()
        raise self._interruption(limit)

    async def __aenter__(self) -> Self:
        enter = getattr(self._source, "__aenter__", None)
        if enter is not None:
            await InContext(self._context, enter())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        leave = getattr(self._source, "__aexit__", None)
        if leave is None:
            await self.aclose()
            return
        self._closing = True
        leaving = self._leaving()
        try:  # it closes its stream itself
            await asyncio.shield(_task(self._context, lambda: leave(kind, error, traceback)))
        finally:
            self.end(leaving)
            del leaving

    def __del__(self) -> None:
        if not getattr(self, "ended", True):
            self._leave()

    def _leave(self) -> None:
        """Close the source and end, where nobody is there to wait for it."""
        if self.ended:
            return
        if not self._closing:
            self._closing = True
            loop, context, source = self._loop, self._context, self._source
            abandon(lambda: _close_later(loop, context, source))
        abandon(lambda: self.end(self._leaving()))


def _task(context: Context, act: Callable[[], Any]) -> asyncio.Task[None]:
    """A task that goes on when whoever waits for it is cancelled."""
    task = asyncio.ensure_future(_act(context, act))
    _closings.add(task)
    task.add_done_callback(_closings.discard)
    return task


async def _act(context: Context, act: Callable[[], Any]) -> None:
    acting = context.run(act)
    if inspect.isawaitable(acting):
        await InContext(context, acting)


def closing(context: Context, source: Any) -> asyncio.Task[None]:
    """A task that closes a source."""
    close = getattr(source, "aclose", None) or getattr(source, "close", None)
    return _task(context, close if callable(close) else _nothing)


def _nothing() -> None:
    return None


async def closed(context: Context, source: Any) -> None:
    """Close a source that failed: its failure is what is told, not how its closing went."""
    with suppress(Exception):
        await asyncio.shield(closing(context, source))


def _close_later(loop: asyncio.AbstractEventLoop, context: Context, source: Any) -> None:
    """Close an abandoned source on its own loop, when that runs."""
    with suppress(RuntimeError):  # the loop is closed
        loop.call_soon_threadsafe(_close_alone, context, source)


def _close_alone(context: Context, source: Any) -> None:
    task = asyncio.ensure_future(closed(context, source))
    _closings.add(task)
    task.add_done_callback(_closings.discard)


def replayed(call: Call, chunks: list[Any], context: Context) -> StreamOutcome:
    """An outcome that delivers chunks already at hand."""
    source = _replay(chunks)
    first = chunks[0] if chunks else NOTHING
    return StreamOutcome(AsyncStream(call, context, source, source, first))


async def _replay(chunks: list[Any]) -> Any:
    for chunk in chunks[1:]:
        yield chunk
