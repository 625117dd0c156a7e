"""The timers of an event loop, behind a single timer of the loop's own: the nearest one's.

A guarded call sets a timer and nearly always stops it again. Setting and cancelling one of the
loop's own costs 3 µs; here it is a push on a heap, and a stopped timer is passed over later.
"""

from __future__ import annotations

import asyncio
from heapq import heapify, heappop, heappush
from math import inf
from typing import Any

from reliai import clock

__all__ = ["Timer"]

_TIDY = 64
"""Stopped timers that may wait in the heap; beyond, they may not be more than half of it."""


class Alarm:
    """The timers of one event loop."""

    __slots__ = ("_handle", "_heap", "_loop", "_next", "_serial", "_stopped")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._heap: list[tuple[float, int, Timer]] = []
        self._stopped = 0
        self._serial = 0
        self._next = inf
        self._handle: asyncio.TimerHandle | None = None

    def set(self, timer: Timer, when: float) -> None:
        """Have `timer` fire at `when`, by the loop's time."""
        self._serial += 1  # timers for the same moment fire in the order they were set
        heappush(self._heap, (when, self._serial, timer))
        if when < self._next:
            self._arm(when)

    def stopped(self) -> None:
        """One of the timers was stopped; they are thrown out when they are many."""
        self._stopped += 1
        if self._stopped > _TIDY and self._stopped * 2 > len(self._heap):
            self._heap = [entry for entry in self._heap if entry[2].waits]
            heapify(self._heap)
            self._stopped = 0

    def tidy(self) -> bool:
        """Forget stopped timers that are next; whether the loop need no longer wake up for them.

        Waking up for nothing costs little in real time, but virtual time must not pass for it.
        """
        heap = self._heap
        while heap and not heap[0][2].waits:
            heappop(heap)
            self._stopped -= 1
        first = heap[0][0] if heap else inf
        if self._handle is None or first == self._next:
            return False
        self._handle.cancel()
        self._handle, self._next = None, inf
        if heap:
            self._arm(first)
        return True

    def _arm(self, when: float) -> None:
        if self._handle is not None:
            self._handle.cancel()
        self._next = when
        seconds = max(0.0, when - self._loop.time())
        self._handle = clock.active().call_later(self._loop, seconds, self._ring)

    def _ring(self) -> None:
        self._handle, self._next = None, inf
        now = self._loop.time() + 1e-9
        heap = self._heap
        while heap and (not heap[0][2].waits or heap[0][0] <= now):
            timer = heappop(heap)[2]
            if timer.waits:
                timer.fire()
            else:
                self._stopped -= 1
        if heap:
            self._arm(heap[0][0])


def _alarm_of(loop: Any) -> Alarm:
    """The alarm of a loop. It lives on the loop: a table of ours would keep closed loops alive."""
    try:
        alarm: Alarm = loop._reliai_alarm  # noqa: SLF001  put there by us
    except AttributeError:
        alarm = loop._reliai_alarm = Alarm(loop)  # noqa: SLF001
    return alarm


class Timer:
    """Cancels the current task when time runs out, as `asyncio.timeout` does, for less.

    Use: make one, await something, and in `except CancelledError` ask `expired()` whether it was
    this timer and nothing else that cancelled; call `stop()` in `finally`.

    Attributes:
        fired: whether its time ran out.
        waits: whether it is still in the alarm's heap, to fire.
    """

    __slots__ = ("_alarm", "_before", "_task", "fired", "waits")

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            message = "a deadline needs a running asyncio task to act on"
            raise RuntimeError(message)
        self._task: asyncio.Task[Any] | None = task
        self._before = task.cancelling()
        self.fired = False
        self.waits = True
        self._alarm = alarm = _alarm_of(loop)
        alarm.set(self, loop.time() + seconds)

    def fire(self) -> None:
        """Cancel the task."""
        self.waits = False
        task = self._task
        if task is not None:
            self.fired = True
            task.cancel()

    def expired(self) -> bool:
        """Whether the cancellation that arrived is this timer's own; a caller's own one wins."""
        task, self._task = self._task, None
        return self.fired and task is not None and task.uncancel() <= self._before

    def stop(self) -> None:
        """Disarm, and take back a cancellation nobody asked `expired()` about."""
        task, self._task = self._task, None
        if self.waits:
            self.waits = False
            self._alarm.stopped()
        if self.fired and task is not None:
            task.uncancel()
