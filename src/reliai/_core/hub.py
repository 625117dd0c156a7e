"""The lanes between calls and observers, and what is done with them when a program ends.

Nothing starts before the first observer gets its first entry. What is put is exported or dropped,
and both are counted, so a loss is never silent.
"""

from __future__ import annotations

import atexit
import hashlib  # noqa: F401  # pyright: ignore[reportUnusedImport]  see below
import logging
import os
import sys
import time
import weakref
from contextlib import suppress
from functools import partial
from threading import RLock
from typing import TYPE_CHECKING, Any

from reliai._core.delivery import deliver
from reliai._core.forking import renew_after_fork
from reliai._core.lane import CAPACITY, Counts, Lane
from reliai._core.settings import settings
from reliai._core.stream import settle_abandoned

if TYPE_CHECKING:
    from collections.abc import Iterable
    from threading import Event

    from reliai._core.observers import Observer

__all__ = ["AT_EXIT", "CAPACITY", "Hub", "close_all", "flush_all", "flush_at_exit", "hub"]

# A worker must not be the one who imports what a record needs to be read: a process that forks
# just then leaves the import's lock to the child, held for ever.

AT_EXIT = 2.0
"""Seconds that the end of a program waits for observers, all of them together."""
GIVING_UP = 0.2
"""Seconds more for an observer that then puts aside what waits for it."""


class Hub:
    """A lane for each observer.

    Args:
        capacity: entries that wait for one observer at most.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._lanes: dict[int, Lane] = {}
        self._counts: dict[str, Counts] = {}
        self._used: set[str] = set()
        self._arranged: int | None = None
        self._lock = RLock()

    def _renew(self) -> None:
        """In a forked child: counts begin at zero, and what waits is the parent's to export."""
        self._lock = RLock()
        for counts in list(self._counts.values()):
            counts.renew()
        for lane in list(self._lanes.values()):
            lane.renew()

    def lane(self, observer: object) -> Lane:
        """The lane of an observer, made when it is first asked for."""
        lane = self._lanes.get(id(observer))
        return self._new_lane(observer) if lane is None else lane

    def _new_lane(self, observer: object) -> Lane:
        with self._lock:
            lane = self._lanes.get(id(observer))
            if lane is not None:
                return lane
            counts = self._free_counts(type(observer).__name__)
            lane = Lane(observer, counts, self.capacity, self._arrange_exit)
            self._lanes[id(observer)] = lane
        with suppress(TypeError):  # it takes no weak reference, and stays
            # Another object may get its id when it is gone.
            gone = weakref.finalize(observer, self._forget, id(observer), counts.name)
            gone.atexit = False
        return lane

    def _free_counts(self, kind: str) -> Counts:
        number, name = 1, kind
        while name in self._used:
            number += 1
            name = f"{kind}#{number}"
        self._used.add(name)
        return self._counts.setdefault(name, Counts(name))

    def _forget(self, key: int, name: str) -> None:
        """The observer is gone. Its counts stay, for the next one that gets its name."""
        lane = self._lanes.pop(key, None)
        self._used.discard(name)
        if lane is not None:
            lane.end()

    def put(self, observers: Iterable[Observer], method: str, args: tuple[Any, ...]) -> None:
        """Hand an entry to the workers of some observers; never blocks."""
        for observer in observers:
            self.lane(observer).put(observer, method, args)

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until all that was put has been shown, at most `timeout` seconds.

        Returns:
            Whether it was, in time; the worker of an observer does not wait for its own queue.
        """
        until = time.monotonic() + timeout
        # The marker comes after all that waits; a worker may hold an entry that is in no queue.
        lanes = [lane for lane in self.lanes() if lane.thread is not None or lane.pending]
        return _awaited([lane.run(lane.observer, _nothing) for lane in lanes], until)

    def lanes(self) -> list[Lane]:
        """The lanes there are."""
        return list(self._lanes.values())

    def counts(self) -> list[Counts]:
        """The counts of all observers, those included that are gone."""
        return list(self._counts.values())

    @property
    def pending(self) -> int:
        """Entries that wait."""
        return sum(lane.pending for lane in self.lanes())

    @property
    def exported(self) -> int:
        """Entries that observers took."""
        return sum(counts.exported for counts in self.counts())

    @property
    def dropped(self) -> int:
        """Entries that found a queue full, or whose observer raised."""
        return sum(counts.dropped for counts in self.counts())

    def _arrange_exit(self) -> None:
        """See that what waits is flushed at the end of this process."""
        if self._arranged == os.getpid():
            return
        if self._arranged is None:
            atexit.register(flush_at_exit)  # a forked child has it from its parent
        self._arranged = os.getpid()
        process = sys.modules.get("multiprocessing.process")
        if process is not None and process.parent_process() is not None:
            # A child of multiprocessing ends without what atexit knows, but asks its finalizers.
            from multiprocessing.util import Finalize  # noqa: PLC0415

            Finalize(None, flush_at_exit, exitpriority=100)


hub = Hub()

renew_after_fork(hub)


def _nothing() -> None:
    """What a worker does to show that it got so far."""


def _awaited(waiting: list[Event | None], until: float) -> bool:
    """Whether all of that was done in time."""
    done = [
        event.wait(max(0.0, until - time.monotonic())) for event in waiting if event is not None
    ]
    return all(done)


def flush_at_exit() -> None:
    """Write out what waits, or have it put aside, and say what is lost by then."""
    everyone = settings.everyone()
    if flush_all(everyone, AT_EXIT):
        return
    for observer in everyone:
        if callable(getattr(observer, "give_up", None)):
            _give_up(observer, time.monotonic() + GIVING_UP)
    waiting = {lane.counts.name: lane.pending + _held(lane.observer) for lane in hub.lanes()}
    lost = {name: count for name, count in waiting.items() if count}
    if lost:
        logging.getLogger("reliai").warning(
            "the program ends before observers took all that they were shown: %s",
            ", ".join(f"{count} lost by {name}" for name, count in lost.items()),
        )


def _held(observer: object) -> int:
    """What waits in a queue of the observer's own."""
    waiting = getattr(getattr(observer, "counts", None), "pending", 0)
    return waiting if isinstance(waiting, int) else 0


def _give_up(observer: Any, until: float) -> None:
    """Have an observer that found no time put aside what it has, and what waits for it."""
    if deliver(observer, observer.give_up):
        hub.lane(observer).drain(until)
        deliver(observer, observer.give_up)


def flush_all(observers: tuple[Observer, ...], timeout: float) -> bool:
    """Have all that waits shown, and each observer write out what it holds back.

    Each observer does so on its own worker, so that none waits for another, and the whole takes
    `timeout` seconds at most.

    Returns:
        Whether all of it was done in time.
    """
    settle_abandoned()
    until = time.monotonic() + timeout
    unfinished: list[object] = []
    waiting = [_flushing(observer, until, unfinished) for observer in observers]
    emptied = hub.flush(timeout)
    return _awaited(waiting, until) and emptied and not unfinished


def _flushing(observer: Any, until: float, unfinished: list[object]) -> Event | None:
    """Have an observer flush; one that says False was not done in time."""
    flush = getattr(observer, "flush", None)
    if not callable(flush):
        return None

    def flush_in_time() -> None:
        if flush(max(0.0, until - time.monotonic())) is False:
            unfinished.append(observer)

    flush_in_time.__name__ = "flush"
    return hub.lane(observer).run(observer, flush_in_time)


def close_all(observers: tuple[Observer, ...], timeout: float) -> bool:
    """Close the observers, each on its own worker; say whether all were in time."""
    until = time.monotonic() + timeout
    closes = [(observer, getattr(observer, "close", None)) for observer in observers]
    closing = [
        (observer, hub.lane(observer).run(observer, partial(close)))
        for observer, close in closes
        if callable(close)
    ]
    late = [observer for observer, done in closing if not _awaited([done], until)]
    for observer in late:
        if callable(getattr(observer, "give_up", None)):
            _give_up(observer, time.monotonic() + GIVING_UP)
    return not late
