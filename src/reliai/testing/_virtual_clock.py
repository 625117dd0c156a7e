"""Virtual time: sleeps jump, deadlines follow, and nothing really waits."""

from __future__ import annotations

import itertools
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from reliai import clock
from reliai._core.workers import on_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["VirtualClock", "virtual_clock"]

START = 1_700_000_000.0
"""Unix seconds at which virtual time starts: a fixed date, so that tests do not depend on today."""

_POLL = 0.002
"""Real seconds between two looks at a thread that works while virtual time stands still."""

_GRACE = 0.02
"""Real seconds that a loop with open connections waits for them before time jumps."""


class VirtualClock:
    """A clock that stands still until everybody waits for it, and then jumps to the first of them.

    In threads, reliai's own worker threads are waited for: time does not pass while one of them
    works. In asyncio, time jumps when the loop has nothing left to run.

    Attributes:
        now: virtual seconds since the start.
        slept: the seconds that were asked for, in order.
    """

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []
        self._changed = threading.Condition()
        self._waiting: dict[int, float] = {}
        self._numbers = itertools.count()
        self._busy = 0
        self._blocked = 0
        self._closed = False
        self._loops: list[Any] = []

    def time(self) -> float:
        """Virtual Unix time."""
        return START + self.now

    def monotonic(self) -> float:
        """Virtual seconds since the start."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass (seconds >= 0), and wake whoever waits for it."""
        if seconds < 0:
            message = f"advance({seconds!r}): time does not go back"
            raise ValueError(message)
        with self._changed:
            self.now += seconds
            self._changed.notify_all()

    def sleep(self, seconds: float) -> None:
        """Wait in virtual time: jump as soon as nobody else has anything to do before."""
        self.slept.append(seconds)
        self._wait_until(self.now + max(0.0, seconds), None)

    async def async_sleep(self, seconds: float) -> None:
        """Wait in virtual time, on a loop that this clock drives."""
        import asyncio  # noqa: PLC0415

        self.slept.append(seconds)
        self.drive(asyncio.get_running_loop())
        await asyncio.sleep(seconds)

    def wait(self, lock: threading.Lock, seconds: float | None) -> bool:
        """Acquire a lock that a worker will release, or give up in virtual time."""
        until = None if seconds is None else self.now + max(0.0, seconds)
        return self._wait_until(until, lock)

    def busy(self, change: int) -> None:
        """One more, or one fewer, of reliai's threads has work to do."""
        with self._changed:
            self._busy += change
            self._changed.notify_all()

    def _wait_until(self, until: float | None, lock: threading.Lock | None) -> bool:
        number = next(self._numbers)
        worker = on_worker()
        with self._changed:
            if until is not None:
                self._waiting[number] = until
            self._blocked += worker
            try:
                return self._turns(until, lock)
            finally:
                self._blocked -= worker
                self._waiting.pop(number, None)
                self._changed.notify_all()

    def _turns(self, until: float | None, lock: threading.Lock | None) -> bool:
        while not self._closed:
            if lock is not None and lock.acquire(blocking=False):
                return True
            if until is not None and self.now >= until:
                return lock is None
            if self._busy == self._blocked and self._waiting and (lock is None or self._busy):
                self.now = max(self.now, min(self._waiting.values()))
                self._changed.notify_all()
                continue
            self._changed.wait(_POLL)
        return lock is None or lock.acquire(timeout=1.0)

    def call_later(self, loop: Any, seconds: float, callback: Callable[[], None]) -> Any:
        """A timer of an event loop, in virtual time."""
        self.drive(loop)
        return loop.call_later(seconds, callback)

    def drive(self, loop: Any) -> None:
        """Have an event loop keep this clock's time.

        Raises:
            RuntimeError: when it is not one of asyncio's own.
        """
        if any(driven is loop for driven in self._loops):
            return
        selector = getattr(loop, "_selector", None)
        if selector is None:
            message = (
                f"virtual_clock() cannot drive {type(loop).__name__}; use asyncio's own event loop"
            )
            raise RuntimeError(message)
        self._loops.append(loop)
        base = loop.time() - self.now
        loop.time = lambda: base + self.now
        selector.select = self._selecting(selector, selector.select)

    def _selecting(self, selector: Any, select: Callable[[float | None], Any]) -> Any:
        def jump(timeout: float | None = None) -> Any:
            """Instead of waiting for the next timer, go to its time."""
            if timeout is None or timeout <= 0:
                return select(timeout)
            # One descriptor is the loop's own; with others, something real may be on its way.
            ready = select(_GRACE if len(selector.get_map()) > 1 else 0)
            while not ready and self._busy > self._blocked and not self._closed:
                ready = select(_POLL)
            if not ready:
                self.advance(timeout)
            return ready

        return jump

    def release(self) -> None:
        """Give event loops their own time back, and let sleepers go."""
        for loop in self._loops:
            loop.__dict__.pop("time", None)
            loop._selector.__dict__.pop("select", None)  # noqa: SLF001  put there by drive
        self._loops.clear()
        with self._changed:
            self._closed = True
            self._changed.notify_all()


@contextmanager
def virtual_clock() -> Iterator[VirtualClock]:
    """All of reliai's time inside is virtual, in threads and in asyncio.

    Inside a running event loop, that loop's own time is virtual too, so that `asyncio.sleep` jumps.
    """
    made = VirtualClock()
    previous = clock.install(made)
    try:
        with _every_loop_driven(made):
            yield made
    finally:
        clock.install(previous)
        made.release()


@contextmanager
def _every_loop_driven(made: VirtualClock) -> Iterator[None]:
    import asyncio  # noqa: PLC0415
    from asyncio.base_events import BaseEventLoop  # noqa: PLC0415

    run_forever = BaseEventLoop.run_forever

    def run(loop: BaseEventLoop) -> None:
        made.drive(loop)
        run_forever(loop)

    with suppress(RuntimeError):  # none is running; those that start inside are driven
        made.drive(asyncio.get_running_loop())
    BaseEventLoop.run_forever = run  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        BaseEventLoop.run_forever = run_forever  # type: ignore[method-assign, assignment]
