"""The threads that keep rollouts in step: one for each state, started by the first call of one."""

from __future__ import annotations

import atexit
import threading
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol
from weakref import WeakSet

from reliai._core.delivery import deliver
from reliai._core.forking import renew_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.state import State

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


class _Round:
    """A daemon thread that ticks those who share a state, one after the other.

    Whoever nobody holds any more is left out, and the thread ends with the last of them.

    Args:
        left: whether nobody is minded any more, and it was taken off the list.
    """

    def __init__(self, left: Callable[[], bool]) -> None:
        self.minded: WeakSet[Minded] = WeakSet()
        self._left = left
        self.renew()

    def renew(self) -> None:
        """Begin without a thread, as in a forked child."""
        self._thread: threading.Thread | None = None
        self._end = threading.Event()
        self._ended = threading.Event()

    def start(self) -> None:
        """Have the thread run."""
        if self._thread is not None:
            return
        thread = threading.Thread(target=self._work, name="reliai-rollout", daemon=True)
        with suppress(RuntimeError):  # the interpreter is shutting down
            thread.start()
            self._thread = thread

    @property
    def running(self) -> bool:
        return self._thread is not None

    def _work(self) -> None:
        while not self._end.wait(INTERVAL):
            self.tick_all()
            if not self.minded and self._left():
                return
        self.tick_all()
        self._ended.set()

    def tick_all(self) -> None:
        for each in list(self.minded):
            deliver(each, each.tick)

    def end(self) -> threading.Event:
        """Ask for a last look; what is returned is set when it was had."""
        self._end.set()
        return self._ended


class Minder:
    """Keeps rollouts in step, a thread for each state: one that hangs delays no other's kill."""

    def __init__(self) -> None:
        self._rounds: dict[int, _Round] = {}
        self._lock = threading.Lock()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        for each in self._rounds.values():
            each.renew()

    def mind(self, thing: Minded, state: State) -> None:
        """Keep something in step from now on; a forked child starts threads of its own."""
        key = id(state) if state.shared else 0  # a state of this process alone never hangs
        with self._lock:
            kept = self._rounds.get(key)
            if kept is None:
                kept = self._rounds[key] = _Round(partial(self._left, key))
            kept.minded.add(thing)
            kept.start()

    def _left(self, key: int) -> bool:
        with self._lock:
            if self._rounds[key].minded:
                return False
            del self._rounds[key]
            return True

    def minds(self, thing: Minded) -> bool:
        """Whether something is kept in step."""
        return any(thing in each.minded for each in self._all())

    @property
    def running(self) -> bool:
        """Whether a thread of this process was started."""
        return any(each.running for each in self._all())

    def _all(self) -> list[_Round]:
        with self._lock:
            return list(self._rounds.values())

    def end(self, within: float) -> bool:
        """Have all of them look a last time; whether that was done within so many seconds."""
        until = time.monotonic() + within
        ended = [each.end() for each in self._all() if each.running]
        return all(each.wait(max(0.0, until - time.monotonic())) for each in ended)

    def tick_all(self) -> None:
        """Have all of them look."""
        for each in self._all():
            each.tick_all()


minder = Minder()


def _say_goodbye() -> None:
    """Tell the others what was not told yet, when the program ends.

    By its threads, which can be left behind: a state that hangs would hold up the end of the
    program by some seconds for each rollout.
    """
    if minder.running:
        with suppress(Exception):
            minder.end(LAST)


atexit.register(_say_goodbye)
