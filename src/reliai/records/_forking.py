"""Forks: a child must find nothing of its parent's half done, least of all in SQLite.

SQLite remembers for each file, once a process, who in the process has it locked. A child inherits
that memory without the locks, and believes it for ever: it waits for a transaction that only its
parent will end, or writes to a log that the parent, which cannot see it, has deleted. So before a
fork every store is asked for its turn, and closes its files.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, suppress
from threading import RLock, get_ident
from typing import TYPE_CHECKING, Protocol
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Forking", "Turn", "watch"]

PATIENCE = 5.0
"""Seconds that a fork waits for a store to be done with its batch."""


class Turn:
    """Who may speak to the database now. Whoever has the turn may take it again.

    Turns are given in the order they are asked for: a writer that is never done would else get its
    lock back before a fork that waits for it wakes up.
    """

    def __init__(self) -> None:
        # Reentrant both, for signal handlers that flush.
        self._next, self._lock = RLock(), RLock()
        self._owner: int | None = None
        self._depth = 0

    def acquire(self, timeout: float = -1) -> bool:
        """Wait for the turn, at most `timeout` seconds; say whether it came."""
        if self._owner != get_ident() and not self._wait(timeout):
            return False
        self._owner = get_ident()
        self._depth += 1
        return True

    def _wait(self, timeout: float) -> bool:
        until = time.monotonic() + timeout
        if not self._next.acquire(timeout=timeout):
            return False
        try:
            return self._lock.acquire(
                timeout=timeout if timeout < 0 else max(0.0, until - time.monotonic())
            )
        finally:
            self._next.release()

    def release(self) -> None:
        """Let the next one have it."""
        self._depth -= 1
        if not self._depth:
            self._owner = None
            self._lock.release()

    @contextmanager
    def taken(self, timeout: float = -1) -> Iterator[None]:
        """The turn, while the block runs.

        Raises:
            TimeoutError: when it does not come within `timeout` seconds.
        """
        if not self.acquire(timeout):
            raise TimeoutError
        try:
            yield
        finally:
            self.release()


class Forking(Protocol):
    """What forks have to wait for."""

    turn: Turn

    def set_down(self) -> None:
        """Leave nothing open that a child must not inherit. The turn is the forking thread's."""

    def begin_anew(self, *, clean: bool) -> None:
        """In the child: what waits is the parent's to write.

        Args:
            clean: whether everything was set down before the fork.
        """


_watched: WeakSet[Forking] = WeakSet()
_held: list[Forking] = []
_clean: list[Forking] = []
_one = RLock()
"""Held by the thread that forks: two of them would wait for each other's stores."""


def watch(thing: Forking) -> None:
    """Have every fork wait until `thing` is not in the middle of something."""
    _watched.add(thing)


def _before() -> None:
    _one.acquire()
    until = time.monotonic() + PATIENCE
    for thing in list(_watched):
        with suppress(Exception):
            if thing.turn.acquire(max(0.0, until - time.monotonic())):
                _held.append(thing)
                thing.set_down()
                _clean.append(thing)


def _in_parent() -> None:
    _clean.clear()
    while _held:
        _held.pop().turn.release()
    _one.release()


def _in_child() -> None:
    global _one  # noqa: PLW0603  a lock that is held here is released in the parent
    _one = RLock()
    clean = list(_clean)
    _held.clear()
    _clean.clear()
    for thing in list(_watched):
        with suppress(Exception):  # the child has to live on with what it got
            thing.begin_anew(clean=any(thing is one for one in clean))


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
