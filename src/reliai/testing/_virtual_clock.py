"""Virtual time: sleeps jump, deadlines follow, and nothing really waits."""

from __future__ import annotations

import itertools
import sys
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

    reliai's own worker threads and the event loops that run are waited for: time does not pass
    while one of them works. An event loop is idle when it has nothing left to run.

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
        self._drivers = 0
        self._closed = False
        self._locks: list[threading.Lock] = []
        self._driven: list[tuple[Any, Any, Callable[[float], Any]]] = []
        self._sleeping: list[Any] = []
        self._selecting: list[Any] = []

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
        counted, loop = on_worker(), _running_loop()
        worker = counted is self  # one left behind under an earlier clock does not count here
        with self._changed, self._waiter(until, loop, self._sleeping, drives=counted is None):
            self._blocked += worker
            self._locks += [] if lock is None else [lock]
            try:
                return self._turns(until, lock)
            finally:
                self._blocked -= worker
                if lock is not None:
                    self._locks.remove(lock)
                self._changed.notify_all()

    @contextmanager
    def _waiter(
        self, until: float | None, loop: Any, loops: list[Any], *, drives: bool = True
    ) -> Iterator[None]:
        """Somebody waits until a time (None: for something else); with the lock held.

        A worker that was left behind drives nothing: time passes only for those who wait for it.
        """
        number = next(self._numbers)
        self._drivers += drives
        if until is not None:
            self._waiting[number] = until
        if loop is not None:
            loops.append(loop)
        self._changed.notify_all()
        try:
            yield
        finally:
            if loop is not None:
                loops.remove(loop)
            self._waiting.pop(number, None)
            self._drivers -= drives

    def _turns(self, until: float | None, lock: threading.Lock | None) -> bool:
        while not self._closed:
            if lock is not None and lock.acquire(blocking=False):
                return True
            if until is not None and self.now >= until:
                return lock is None
            if (lock is not None and not self._busy) or not self._jump():
                self._changed.wait(_POLL)
        return lock is None or lock.acquire(timeout=1.0)

    def _jump(self) -> bool:
        """Go to the first time that is waited for, if nobody works before; with the lock held.

        Returns:
            Whether time has passed. Who is woken by that works, so there is no second jump before.
        """
        first = min(self._waiting.values(), default=self.now)
        if first <= self.now or not self._drivers or self._busy != self._blocked or self._works():
            return False
        self.now = first
        self._changed.notify_all()
        return True

    def _works(self) -> bool:
        """Whether an event loop runs, or somebody waits no longer and has not noticed yet."""
        if not all(lock.locked() for lock in self._locks):
            return True
        for loop, _, select in self._driven:
            if loop in self._selecting:
                if select(0):
                    return True
            elif loop.is_running() and loop not in self._sleeping:
                return True
        return False

    def call_later(self, loop: Any, seconds: float, callback: Callable[[], None]) -> Any:
        """A timer of an event loop, in virtual time."""
        self.drive(loop)
        return loop.call_later(seconds, callback)

    def drive(self, loop: Any) -> None:
        """Have an event loop keep this clock's time.

        Raises:
            RuntimeError: when it is not one of asyncio's own.
        """
        if any(driven is loop for driven, _, _ in self._driven):
            return
        selector = getattr(loop, "_selector", None)
        if selector is None:
            message = (
                f"virtual_clock() cannot drive {type(loop).__name__}; use asyncio's own event loop"
            )
            raise RuntimeError(message)
        base = loop.time() - self.now
        loop.time = lambda: base + self.now
        select = selector.select
        selector.select = self._jumping(loop, selector, select)
        with self._changed:
            self._driven.append((loop, selector, select))

    def _jumping(self, loop: Any, selector: Any, select: Callable[[float | None], Any]) -> Any:
        def idle(timeout: float | None = None) -> Any:
            """Instead of waiting for the next timer, go to its time when nobody works before."""
            if timeout is not None and timeout <= 0:
                return select(timeout)
            if getattr(loop, "_executor_shutdown_called", False):
                return select(_POLL)  # threads are joined; from 3.12 on with a timer beside
            alarm = getattr(loop, "_reliai_alarm", None)
            if alarm is not None and alarm.tidy():
                return select(0)
            # One descriptor is the loop's own; with others, something real may be on its way.
            ready = select(_GRACE if len(selector.get_map()) > 1 else 0)
            if ready or self._closed:
                return ready
            if timeout is not None and self._jump_alone(timeout):
                return ready
            until = None if timeout is None else self.now + timeout
            with self._changed:
                waiter = self._waiter(until, loop, self._selecting)
                waiter.__enter__()
            try:
                return self._idle(until, select)
            finally:
                with self._changed:
                    waiter.__exit__(None, None, None)

        return idle

    def _jump_alone(self, seconds: float) -> bool:
        """Let an idle loop that is the only one to wait have its time; False: there are others."""
        with self._changed:
            alone = not (self._busy or self._waiting or self._locks) and len(self._driven) == 1
            if alone:
                self.now += seconds
            return alone

    def _idle(self, until: float | None, select: Callable[[float | None], Any]) -> Any:
        """Wait for a descriptor, or until a virtual time."""
        ready: Any = []
        while not ready and not self._closed:
            with self._changed:
                if until is not None and (
                    self.now >= until or (self._jump() and self.now >= until)
                ):
                    return select(0)
            ready = select(_POLL)
        return ready

    def release(self) -> None:
        """Give event loops their own time back, and let sleepers go."""
        for loop, selector, _ in self._driven:
            loop.__dict__.pop("time", None)
            selector.__dict__.pop("select", None)
        self._driven.clear()
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _running_loop() -> Any:
    """The event loop that runs in this thread, if any."""
    asyncio = sys.modules.get("asyncio")
    return None if asyncio is None else asyncio._get_running_loop()  # noqa: SLF001


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

    def run(self: BaseEventLoop) -> None:
        made.drive(self)
        run_forever(self)

    with suppress(RuntimeError):  # none is running; those that start inside are driven
        made.drive(asyncio.get_running_loop())
    BaseEventLoop.run_forever = run  # type: ignore[method-assign]
    try:
        yield
    finally:
        BaseEventLoop.run_forever = run_forever  # type: ignore[method-assign]
