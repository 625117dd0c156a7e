"""The work of a flight in an event loop: a task that goes on when its first caller is cancelled.

Imports asyncio, so it is loaded with the first asynchronous function.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reliai._core.record import CallRecord
from reliai._core.record_parts import Attempt

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from reliai._core.call import Call, Limit
    from reliai._core.outcome import Outcome
    from reliai.policies._flight import Flight, Landing

__all__ = ["TaskWaiter", "abandon", "adopt", "joinable", "lead"]

_tasks: set[asyncio.Task[None]] = set()
"""Work nobody waits for any more; a loop keeps only weak references to its tasks."""


class TaskWaiter:
    """Waits by suspending its task."""

    __slots__ = ("_future", "_loop", "call", "landing")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.landing: Landing | None = None
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] = self._loop.create_future()

    def wake(self, landing: Landing) -> None:
        """Tell it what the flight came to, from any thread."""
        self.landing = landing
        if asyncio._get_running_loop() is self._loop:  # noqa: SLF001  one that does not raise
            self._ring()
            return
        with suppress(RuntimeError):  # its loop is closed
            self._loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def wait(self, limit: Limit | None) -> bool:
        """Wait; False when the limit came first."""
        if limit is None:
            await self._future
            return True
        clock = self.call.clock
        seconds = max(0.0, limit[0] - clock.monotonic())
        alarm = clock.call_later(self._loop, seconds, self._ring)
        try:
            await self._future
        finally:
            alarm.cancel()
        return self.landing is not None


def joinable(flight: Flight) -> bool:
    """Whether the loop that does the work still runs; one that was stopped never lands it."""
    task: asyncio.Task[None] | None = flight.task
    return task is None or task.get_loop().is_running()


async def lead(flight: Flight, call: Call, work: Callable[..., Any], *args: Any) -> Outcome:
    """Have a task do the work of a flight, and wait for it as its first caller.

    Args:
        flight: the flight.
        call: the caller's; the work is done with a copy of it, since what the caller's
            cancellation ends is its own.
        work: a coroutine function of a call, the flight and `args` that gives the outcome.
        args: for it.

    Raises:
        CancelledError: when the caller is cancelled, or the work was.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Outcome] = loop.create_future()
    working = _carry(flight, done, work(call._copy(), flight, *args))  # noqa: SLF001
    if sys.version_info >= (3, 12) and loop.get_task_factory() is None:
        # Its first step runs at once: work that need not wait costs no turn of the loop.
        flight.task = asyncio.Task(working, loop=loop, eager_start=True)
    else:
        flight.task = loop.create_task(working)
    try:
        return await done
    except BaseException:
        if not flight.dead:
            _part(call)
            flight.part()
        raise


async def _carry(
    flight: Flight, done: asyncio.Future[Outcome], work: Coroutine[Any, Any, Outcome]
) -> None:
    """Bring the outcome of the work to its first caller, if that is still there."""
    try:
        outcome = await work
    except BaseException:
        flight.dead = True
        done.cancel()
        raise
    finally:
        flight.task = None  # from the task to its error, to the frames of that, to the flight
    if not done.done():
        done.set_result(outcome)
    elif outcome.streaming:
        await outcome.value.aclose()


def abandon(flight: Flight) -> None:
    """Nobody waits for the work any more: cancel it, or see that it goes on."""
    task: asyncio.Task[None] | None = flight.task
    if task is None or task.done():
        return
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    loop = task.get_loop()
    if not flight.abandons:
        return
    if asyncio._get_running_loop() is loop:  # noqa: SLF001  one that does not raise
        task.cancel()
    else:
        with suppress(RuntimeError):  # its loop is closed
            loop.call_soon_threadsafe(task.cancel)


def _part(call: Call) -> None:
    """Give a cancelled caller a record of its own: it ends now, and the work goes on with its own.

    What the caller's record says does not change once it has ended.
    """
    working = call._record  # noqa: SLF001  the engine's own
    now = call.clock.monotonic()
    _ = working.id  # drawn now, so that both have the same
    own = CallRecord.__new__(CallRecord)
    for name in CallRecord.__slots__:
        with suppress(AttributeError):
            setattr(own, name, getattr(working, name))
    own._attempts = [_cut(attempt, now) for attempt in working.written_attempts()]  # noqa: SLF001
    own._events = None if working._events is None else list(working._events)  # noqa: SLF001
    call._record = own  # noqa: SLF001
    for collector in call.ambient.collectors:
        for place, record in enumerate(collector):
            if record is working:
                collector[place] = own


def _cut(attempt: Attempt, now: float) -> Attempt:
    own = Attempt()
    for name in Attempt.__slots__:
        with suppress(AttributeError):
            setattr(own, name, getattr(attempt, name))
    if own.status is None:
        own.status, own.duration = "cancelled", now - own.began
    return own


_TOLD = ("provider", "model_served", "finish_reason", "_told")
"""What a response tells of the call; its usage is summed from the attempts when that ends."""


def adopt(call: Call, flight: Flight) -> None:
    """Put the work of a flight whose first caller went away on the record of one who waited."""
    record, working = call._record, flight.record  # noqa: SLF001  the engine's own
    if record.ended:
        return
    record._attempts = [*record.written_attempts(), *working.written_attempts()]  # noqa: SLF001
    for name in _TOLD:
        setattr(record, name, getattr(working, name))
