"""Where reliai reads the time and where it waits. Ground floor: imports nothing of reliai.

All of reliai asks `active()` for its clock, so that a test can put a virtual one in its place.
"""

from __future__ import annotations

import time as _time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    import threading
    from collections.abc import Callable

__all__ = ["Clock", "SystemClock", "active", "install"]


class Clock(Protocol):
    """A source of time and a way to wait for it. All times are in seconds."""

    def time(self) -> float:
        """Unix time."""
        ...

    def monotonic(self) -> float:
        """A time that never goes back; only differences mean anything."""
        ...

    def sleep(self, seconds: float, /) -> None:
        """Block this thread."""

    async def async_sleep(self, seconds: float) -> None:
        """Suspend this task."""

    def wait(self, lock: threading.Lock, seconds: float | None) -> bool:
        """Acquire `lock` within `seconds` (None: without end); say whether that worked."""
        ...

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], None]
    ) -> asyncio.TimerHandle:
        """Have an event loop call back after `seconds`."""
        ...

    def busy(self, change: int) -> None:
        """One more (1) or one fewer (-1) of reliai's threads has work to do."""


class SystemClock:
    """The machine's own time."""

    time = staticmethod(_time.time)
    monotonic = staticmethod(_time.monotonic)
    sleep = staticmethod(_time.sleep)

    async def async_sleep(self, seconds: float) -> None:
        import asyncio  # noqa: PLC0415  costs 30 ms; a synchronous program never needs it

        await asyncio.sleep(seconds)

    def wait(self, lock: threading.Lock, seconds: float | None) -> bool:
        return lock.acquire(timeout=-1 if seconds is None else max(0.0, seconds))

    def call_later(
        self, loop: asyncio.AbstractEventLoop, seconds: float, callback: Callable[[], None]
    ) -> asyncio.TimerHandle:
        return loop.call_later(seconds, callback)

    def busy(self, change: int) -> None:
        """Real time passes whoever works."""


_active: Clock = SystemClock()


def active() -> Clock:
    """The clock in use: the machine's, or the virtual one a test installed."""
    return _active


def install(clock: Clock) -> Clock:
    """Put `clock` in use for the whole process and give back the one it replaces."""
    global _active
    previous, _active = _active, clock
    return previous
