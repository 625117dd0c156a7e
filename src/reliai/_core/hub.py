"""The bounded queue between calls and observers, and the one daemon thread that empties it.

Nothing starts before the first observer gets its first call. What is put is exported or dropped,
and both are counted, so a loss is never silent.
"""

from __future__ import annotations

import atexit
import hashlib  # noqa: F401  # pyright: ignore[reportUnusedImport]  see below
import os
import threading
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from reliai._core.delivery import complain, deliver
from reliai._core.settings import settings
from reliai._core.stream import settle_abandoned

if TYPE_CHECKING:
    from reliai._core.observers import Observer

__all__ = ["CAPACITY", "Hub", "hub"]

# The worker must not be the one who imports what a record needs to be read: a process that forks
# just then leaves the import's lock to the child, held for ever.

CAPACITY = 10_000
"""Entries the queue holds; what comes on top is dropped and counted."""

_Entry = tuple[tuple["Observer", ...], str, tuple[Any, ...]]


class Hub:
    """One queue, one worker.

    Attributes:
        capacity: entries held at most.
        exported: entries that an observer took.
        dropped: entries that found the queue full, or whose observer raised.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.capacity = capacity
        self._at_exit = False
        self._renew()

    def _renew(self) -> None:
        # SimpleQueue.put may be called from a destructor: it takes no lock of Python's.
        self._queue: SimpleQueue[_Entry | threading.Event] = SimpleQueue()
        self._lock = threading.RLock()  # a signal handler that flushes may find it held
        self._worker: threading.Thread | None = None
        self.exported = 0
        self.dropped = 0

    def put(self, observers: tuple[Observer, ...], method: str, args: tuple[Any, ...]) -> None:
        """Hand an entry to the worker; never blocks."""
        if self._queue.qsize() >= self.capacity:
            with self._lock:
                self.dropped += len(observers)
            return
        self._queue.put((observers, method, args))
        if self._worker is None:
            self._start()

    def _start(self) -> None:
        with self._lock:
            if self._worker is not None:
                return
            worker = threading.Thread(target=self._work, name="reliai-observers", daemon=True)
            try:
                worker.start()
            except RuntimeError:
                return  # the interpreter is shutting down; flush empties the queue
            self._worker = worker
            if not self._at_exit:
                self._at_exit = True
                atexit.register(_flush_at_exit)

    def _work(self) -> None:
        queue = self._queue
        while True:
            self._handle(queue.get())

    def _handle(self, entry: _Entry | threading.Event) -> None:
        if isinstance(entry, threading.Event):
            entry.set()
            return
        observers, method, args = entry
        for observer in observers:
            try:
                taken = deliver(observer, getattr(observer, method), *args)
            except BaseException:  # noqa: BLE001  an observer that exits must not take us along
                complain(observer, f"tried to end the program in {method}")
                taken = False
            with self._lock:
                if taken:
                    self.exported += 1
                else:
                    self.dropped += 1

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until all that was put has been taken, at most `timeout` seconds.

        Returns:
            Whether the queue was emptied in time.
        """
        worker = self._worker
        if worker is None or not worker.is_alive():
            return self._drain()
        done = threading.Event()
        self._queue.put(done)
        return done.wait(timeout)

    def _drain(self) -> bool:
        while not self._queue.empty():
            self._handle(self._queue.get())
        return True

    @property
    def pending(self) -> int:
        """Entries that wait for the worker."""
        return self._queue.qsize()


hub = Hub()

# The worker does not live on in a forked child, and what waits is the parent's to export.
os.register_at_fork(after_in_child=hub._renew)  # noqa: SLF001


def _flush_at_exit() -> None:
    flush_all(settings.observers, 2.0)


def flush_all(observers: tuple[Observer, ...], timeout: float) -> bool:
    """Empty the queue, then have each observer write out what it holds back."""
    settle_abandoned()
    until = time.monotonic() + timeout
    emptied = hub.flush(timeout)
    for observer in observers:
        flush = getattr(observer, "flush", None)
        left = max(0.0, until - time.monotonic())
        if callable(flush) and not deliver(observer, flush, left):
            complain(observer, "could not be flushed")
    return emptied
