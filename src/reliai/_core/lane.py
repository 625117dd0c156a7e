"""The queue of one observer and the daemon thread that empties it, with exact counts.

Each observer has a lane of its own, so one that hangs or is slow keeps no other one waiting. What
is produced for an observer is exported, dropped or pending; nothing is lost uncounted.
"""

from __future__ import annotations

import time
import weakref
from bisect import bisect_left
from contextlib import suppress
from itertools import count
from math import inf
from queue import Empty, SimpleQueue
from threading import Event, Lock, RLock, Thread, current_thread
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai._core.content import seen_by
from reliai._core.delivery import complain, deliver

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BOUNDS", "CAPACITY", "Counts", "Lane"]

CAPACITY = 10_000
"""Entries that wait for one observer at most; what comes on top is dropped and counted."""
LINGER = 0.02
"""Seconds that a worker rests when its queue is empty. Waking it costs the caller about 5 µs,
so it takes what came meanwhile in one go; only a flush ends the rest."""
IDLE = 1.0
"""Seconds between two turns of an observer that has something to do when nothing comes."""
BOUNDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""Upper bounds, in seconds, of the buckets that the time of an export is counted in."""

_Entry = tuple[Any, str, tuple[Any, ...]]


class _Task(NamedTuple):
    """Something that the worker is to do in between."""

    observer: Any
    action: Callable[[], object]
    done: Event


class Counts:
    """What became of the entries of one observer, in this process.

    Attributes:
        name: the observer's class, with a number for the second one of it and so on.
        taken: entries that it took.
        refused: entries that found the queue full.
        raised: entries that it raised over.
        failures: how often one of its methods raised.
        seconds: the time it took on its worker in all.
        buckets: how many entries took up to each of `BOUNDS` seconds, and longer.
    """

    __slots__ = (
        "_lock",
        "_shown",
        "buckets",
        "failures",
        "name",
        "raised",
        "refused",
        "seconds",
        "taken",
    )

    def __init__(self, name: str) -> None:
        self.name = name
        self.renew()

    def renew(self) -> None:
        """Begin at zero: counts belong to one process."""
        self._lock = RLock()  # a signal handler that flushes may find it held
        self._shown = count()
        self.taken = self.refused = self.raised = self.failures = 0
        self.seconds = 0.0
        self.buckets = [0] * (len(BOUNDS) + 1)

    def show(self) -> None:
        """An entry is shown in the call path. This is atomic, and costs next to nothing."""
        next(self._shown)

    def shown_in_vain(self) -> None:
        """What was shown in the call path was raised over."""
        with self._lock:
            self.taken -= 1
            self.raised += 1
            self.failures += 1

    def handled(self, seconds: float, *, taken: bool) -> None:
        """The worker showed an entry, which took so long."""
        with self._lock:
            self.seconds += seconds
            self.buckets[bisect_left(BOUNDS, seconds)] += 1
            if taken:
                self.taken += 1
            else:
                self.raised += 1
                self.failures += 1

    def refuse(self) -> None:
        """An entry found the queue full."""
        with self._lock:
            self.refused += 1

    def trouble(self) -> None:
        """A method raised that takes no entries, such as `on_start`."""
        with self._lock:
            self.failures += 1

    @property
    def dropped(self) -> int:
        """Entries that found the queue full, or that the observer raised over."""
        return self.refused + self.raised

    @property
    def exported(self) -> int:
        """Entries that the observer took."""
        return self.taken + int(repr(self._shown)[6:-1])  # "count(7)": to ask it would count


class Lane:
    """The way to one observer.

    Args:
        observer: whom for; not kept alive.
        counts: where to count.
        capacity: how many entries wait at most.
        starts: called before the lane's thread starts.
    """

    def __init__(
        self, observer: object, counts: Counts, capacity: int, starts: Callable[[], object]
    ) -> None:
        self.counts = counts
        self.capacity = capacity
        self.inline = bool(getattr(observer, "inline", False))
        self._starts = starts
        self._idle = callable(getattr(observer, "on_idle", None))
        try:
            self._observer: Callable[[], Any] = weakref.ref(observer)
        except TypeError:  # it has slots, and none for that
            self._observer = lambda: observer
        self._new_queue()

    @property
    def observer(self) -> Any:
        """The observer, or None when it is gone."""
        return self._observer()

    def _new_queue(self) -> None:
        # SimpleQueue.put may be called from a destructor: it takes no lock of Python's.
        self._queue: SimpleQueue[_Entry | _Task | None] = SimpleQueue()
        self._lock = RLock()
        self._nudge = Lock()
        self._nudge.acquire()
        self._in_hand = self._in_other_hand = self._tasks = 0
        self.thread: Thread | None = None

    def renew(self) -> None:
        """In a forked child: what waits is the parent's to export, and no thread came along."""
        self._new_queue()
        self.counts.renew()

    def put(self, observer: object, method: str, args: tuple[Any, ...]) -> None:
        """Hand an entry to the worker; never blocks."""
        queue = self._queue
        if queue.qsize() >= self.capacity:
            self.counts.refuse()
            seen_by(observer, method, args)
            return
        queue.put((observer, method, args))
        if self.thread is None:
            self._start()

    @property
    def pending(self) -> int:
        """Entries that wait, the one that the observer is being shown included."""
        waiting = max(0, self._queue.qsize() - self._tasks)
        return waiting + self._in_hand + self._in_other_hand

    def _start(self) -> bool:
        with self._lock:
            if self.thread is not None and self.thread.is_alive():
                return True
            self._starts()  # first: who finds a thread here may end the program at once
            thread = Thread(target=self._work, name="reliai-observers", daemon=True)
            self.thread = thread  # before it runs: an observer may ask whose thread it is on
            try:
                thread.start()
            except RuntimeError:
                self.thread = None
                return False  # the interpreter is shutting down; flush empties the queue
        return True

    def _work(self) -> None:
        queue, patience = self._queue, IDLE if self._idle else None
        while True:
            try:
                entry = queue.get(timeout=patience)
            except Empty:
                self._turn()
                continue
            if entry is None:
                self.drain()  # who asked meanwhile would wait for ever
                return
            self._handle(entry)
            asked = type(entry) is _Task
            del entry
            if queue.empty() and not asked:  # who asked may ask for more
                self._nudge.acquire(timeout=LINGER)

    def _turn(self) -> None:
        observer = self.observer
        if observer is not None and not _survived(observer, "on_idle", ()):
            self.counts.trouble()

    def _handle(self, entry: _Entry | _Task) -> None:
        if isinstance(entry, _Task):
            with self._lock:
                self._tasks -= 1
            if not _survived(entry.observer, entry.action, ()):
                self.counts.trouble()
            entry.done.set()
            return
        self._in_hand = 1
        self._show(entry)
        self._in_hand = 0

    def _show(self, entry: _Entry) -> None:
        observer, method, args = entry
        began = time.perf_counter()
        taken = _survived(observer, method, args)
        self.counts.handled(time.perf_counter() - began, taken=taken)
        seen_by(observer, method, args)

    def run(self, observer: object, task: Callable[[], object]) -> Event | None:
        """Have the worker do something once it has shown what waits now.

        Returns:
            What is set when it is done; None when this is the worker, which cannot wait for itself.
        """
        if current_thread() is self.thread:
            return None
        done = Event()
        if (self.thread is None or not self.thread.is_alive()) and not self._start():
            self._ask(observer, task, done)
            self.drain()
        else:
            self._ask(observer, task, done)
        return done

    def _ask(self, observer: object, task: Callable[[], object], done: Event) -> None:
        with self._lock:
            self._tasks += 1
        self._queue.put(_Task(observer, task, done))
        with suppress(RuntimeError):  # it is about to end a rest already
            self._nudge.release()

    def drain(self, until: float = inf) -> None:
        """Show the observer what waits, in this thread, until a moment of the monotonic clock."""
        while time.monotonic() < until:
            try:
                entry = self._queue.get_nowait()
            except Empty:
                return
            if isinstance(entry, _Task):
                self._handle(entry)
            elif entry is not None:
                self._in_other_hand = 1  # the worker may have one in hand that it never ends
                self._show(entry)
                self._in_other_hand = 0

    def end(self) -> None:
        """Let the thread go: the observer is gone."""
        self._queue.put(None)


def _survived(observer: Any, what: Any, args: tuple[Any, ...]) -> bool:
    """Whether it went well; whatever the observer raises, the worker goes on."""
    try:
        return deliver(observer, getattr(observer, what) if isinstance(what, str) else what, *args)
    except BaseException:  # noqa: BLE001  an observer that exits must not take us along
        name = what if isinstance(what, str) else getattr(what, "__name__", "a callback")
        complain(observer, "tried to end the program in %s", name)
        return False
