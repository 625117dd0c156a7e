"""Signals that tasks wait for; imports asyncio, so it is loaded with the first of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from reliai._core.alarm import Timer

__all__ = ["TaskSignal"]


class TaskSignal:
    """A signal that a task waits for, given from any thread or loop."""

    __slots__ = ("_future", "_loop", "given")

    def __init__(self) -> None:
        self.given = False
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[None] = self._loop.create_future()

    def give(self) -> None:
        """Wake who waits; once."""
        if self.given:
            return
        self.given = True
        if asyncio._get_running_loop() is self._loop:  # noqa: SLF001  half the cost of the way around
            self._wake()
            return
        with suppress(RuntimeError):  # the loop is closed, and nobody waits
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if not self._future.done():
            self._future.set_result(None)

    async def received(self, seconds: float | None) -> bool:
        """Wait for it; False when `seconds` (None: no limit) ran out first."""
        if seconds is None:
            await self._future
            return True
        timer = Timer(seconds)
        try:
            await self._future
        except asyncio.CancelledError:
            if not timer.expired():
                raise
            self._future = self._loop.create_future()  # the timer has cancelled the other one
            if self.given:
                self._wake()
            return self.given
        finally:
            timer.stop()
        return True
