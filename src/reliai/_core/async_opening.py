"""How an asynchronous stream begins: its first chunks are read while it can be tried again."""

from __future__ import annotations

import inspect
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from reliai._core.aio import CancelledError, InContext, in_thread
from reliai._core.alarm import Timer
from reliai._core.ambient import current
from reliai._core.async_stream import AsyncStream, closed
from reliai._core.attempts import attempt_failed, first_chunk_limit
from reliai._core.limits import overrun
from reliai._core.opening import opened_stream
from reliai._core.reading import begin_reading, end_reading, note_first
from reliai._core.stream import NOTHING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from reliai._core.call import Call, Limit
    from reliai._core.outcome import Outcome
    from reliai._core.reading import Reading
    from reliai._core.record import Attempt

__all__ = ["open_stream", "translated"]


async def open_stream(call: Call, attempt: Attempt, source: Callable[[], Any]) -> Outcome:
    """Read the beginning of what `source` gives: failing to start is an ordinary failure."""
    opening = _Opening(call, attempt)
    try:
        chunk = await opening.first(source)
    except Exception as error:  # noqa: BLE001  becomes an outcome
        await opening.discard()
        return attempt_failed(call, attempt, translated(call, opening.limit, opening.timer, error))
    except CancelledError as cancelled:
        if opening.ran_out():
            await opening.discard()
            assert opening.limit is not None  # noqa: S101  only a limit runs out
            return attempt_failed(call, attempt, overrun(call, opening.limit))
        opening.count()
        attempt_failed(call, attempt, cancelled)
        await opening.discard()
        raise
    except BaseException as error:
        attempt_failed(call, attempt, error)
        raise
    finally:
        opening.stop()
    source, iterator = opening.opened
    stream = AsyncStream(call, opening.context, source, iterator, chunk)
    return opened_stream(call, attempt, stream, opening.reading)


def translated(call: Call, limit: Limit | None, timer: Timer | None, error: Exception) -> Exception:
    """Our timeout, when a library turned the cancellation it caused into an error of its own."""
    if limit is None or timer is None or not timer.fired:
        return error
    timeout = overrun(call, limit)
    timeout.__cause__ = error
    return timeout


class _Opening:
    """A stream that is being opened.

    Attributes:
        opened: the stream and its iterator, as soon as they are there.
        limit: what bounds the wait for the next chunk, and `timer` its alarm.
        reading: of a provider's events, what is known of them.
    """

    __slots__ = ("_attempt", "_call", "context", "limit", "opened", "reading", "timer")

    def __init__(self, call: Call, attempt: Attempt) -> None:
        self._call = call
        self._attempt = attempt
        self.context = copy_context()
        self.context.run(current.set, call)
        self.opened: list[Any] = []
        self.reading: Reading | None = None
        self.limit = first_chunk_limit(call, attempt)
        self.timer: Timer | None = None

    async def first(self, source: Callable[[], Any]) -> Any:
        """The first chunk; NOTHING for an empty stream. Chunks read ahead are with the reading."""
        call = self._call
        self._set(self.limit)
        chunk = await self._in_activation(self._step_to_first, source)
        if type(chunk) is not str and chunk is not NOTHING:
            self.reading = begin_reading(call, chunk, self.opened[0])
        if self.reading is not None:
            began = call.clock.monotonic()
            try:
                await self._read_ahead(self.reading)
            finally:
                note_first(call, self._attempt, self.reading, began)
        return chunk

    async def _read_ahead(self, reading: Reading) -> None:
        first_limit, idle = self.limit, self._call.idle
        problem = None
        while reading.waiting:
            if idle is not None:
                self._set(reading.limit(first_limit))
            chunk = await self._in_activation(self._step)
            if chunk is NOTHING:
                problem = reading.ending()
                break
            reading.hold(chunk)
        problem = problem or reading.failed()
        if problem is not None:
            try:
                raise problem
            finally:
                del problem  # no cycle through the traceback

    def _set(self, limit: Limit | None) -> None:
        self.stop()
        self.limit = limit
        self._call.bound = None if limit is None else limit[0]
        if limit is not None:
            self.timer = Timer(limit[0] - self._call.clock.monotonic())

    def stop(self) -> None:
        """No more alarms."""
        if self.timer is not None:
            self.timer.stop()

    def ran_out(self) -> bool:
        """Whether a cancellation was our own limit's; stops the alarm then."""
        if self.timer is None or not self.timer.expired():
            return False
        self.timer.stop()
        return True

    def count(self) -> None:
        """Count what a stream told that failed before its content."""
        if self.reading is not None:
            end_reading(self._call, self._attempt, self.reading)

    async def discard(self) -> None:
        """Close a stream that gave no content; nobody else knows of it."""
        if self.opened:
            await closed(self.context, self.opened[0])
        self.count()

    async def _in_activation(self, step: Callable[..., Any], *args: Any) -> Any:
        if self._call.hooks.activating:
            with self._call.hooks.activation_in(self.context, self._call):
                return await step(*args)
        return await step(*args)

    async def _step_to_first(self, source: Callable[[], Any]) -> Any:
        stream = self.context.run(source)
        if inspect.isawaitable(stream):
            stream = await InContext(self.context, stream)
        stream = _as_async(self._call, stream)
        self.opened.append(stream)
        self.opened.append(stream.__aiter__())
        return await self._step()

    async def _step(self) -> Any:
        try:
            return await InContext(self.context, self.opened[1].__anext__())
        except StopAsyncIteration:
            return NOTHING


def _as_async(call: Call, value: Any) -> Any:
    if hasattr(value, "__aiter__"):
        return value
    # One value where a stream was expected is a fallback's, and so is a stream that blocks.
    return _each(call, value) if hasattr(value, "__next__") else _only(value)


async def _only(value: Any) -> AsyncIterator[Any]:
    yield value


async def _each(call: Call, chunks: Any) -> AsyncIterator[Any]:
    """The chunks of a plain stream, each waited for on a thread, in a context of its own."""
    step, stragglers = copy_context().run, call._target.stragglers  # noqa: SLF001
    try:
        while (chunk := await in_thread(stragglers, step, next, chunks, NOTHING)) is not NOTHING:
            yield chunk
    finally:
        with suppress(Exception):  # it may still be at work, and ends by itself then
            getattr(chunks, "close", bool)()
