"""Waiting for something that another call does: one signal, given once, from any thread."""

from __future__ import annotations

import threading

from reliai import clock

__all__ = ["ThreadSignal"]


class ThreadSignal:
    """A signal that a thread waits for."""

    __slots__ = ("_lock", "given")

    def __init__(self) -> None:
        self.given = False
        self._lock = threading.Lock()
        self._lock.acquire()

    def give(self) -> None:
        """Wake who waits; once."""
        if not self.given:
            self.given = True
            self._lock.release()

    async def received(self, seconds: float | None) -> bool:
        """Wait for it; False when `seconds` (None: no limit) ran out first."""
        return clock.active().wait(self._lock, seconds) or self.given
