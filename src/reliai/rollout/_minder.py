"""The thread that keeps rollouts in step: one for the process, started by the first call of one."""

from __future__ import annotations

import atexit
import threading
from contextlib import suppress
from typing import Final, Protocol
from weakref import WeakSet

from reliai._core.delivery import deliver
from reliai._core.forking import renew_after_fork

__all__ = ["INTERVAL", "Minded", "minder"]

INTERVAL: Final = 0.2
"""Seconds between two looks: how long a kill takes to reach another process, at most."""


LAST: Final = 1.0
"""Seconds that the end of a program waits for the last look."""


class Minded(Protocol):
    """What is kept in step."""

    def tick(self) -> None:
        """Tell the others what was counted, read what they did, and decide if it is time."""
        ...


class Minder:
    """A daemon thread that ticks; whoever nobody holds any more is left out."""

    def __init__(self) -> None:
        self._minded: WeakSet[Minded] = WeakSet()
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._end = threading.Event()
        self._ended = threading.Event()

    def mind(self, thing: Minded) -> None:
        """Keep something in step from now on; a forked child starts a thread of its own."""
        with self._lock:
            self._minded.add(thing)
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._work, name="reliai-rollout", daemon=True)
            with suppress(RuntimeError):  # the interpreter is shutting down
                thread.start()
                self._thread = thread

    @property
    def running(self) -> bool:
        """Whether the thread of this process was started."""
        return self._thread is not None

    def _work(self) -> None:
        while not self._end.wait(INTERVAL):
            self.tick_all()
        self.tick_all()
        self._ended.set()

    def end(self, within: float) -> bool:
        """Have all of them look a last time; whether that was done within so many seconds."""
        self._end.set()
        return self._ended.wait(within)

    def tick_all(self) -> None:
        """Have all of them look."""
        for each in list(self._minded):
            deliver(each, each.tick)


minder = Minder()


def _say_goodbye() -> None:
    """Tell the others what was not told yet, when the program ends.

    By its thread, which can be left behind: a state that hangs would hold up the end of the program
    by some seconds for each rollout.
    """
    if minder.running:
        with suppress(Exception):
            minder.end(LAST)


atexit.register(_say_goodbye)
