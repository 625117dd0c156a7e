"""The queue of a store and the one thread that empties it into the database.

What does not fit into the queue is dropped and counted; what the database will not take now waits
in it. A batch is one transaction: its records, their parts, and the process's running totals.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

from reliai._core.hub import CAPACITY as HUB_CAPACITY
from reliai.records._batches import Batches, Fate
from reliai.records._epochs import Epoch, report_lost
from reliai.records._forking import Turn
from reliai.records._inbox import Inbox
from reliai.records._retention import prune
from reliai.records._schema import bring_up_to_date
from reliai.records.counts import Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from reliai._core.record import CallRecord
    from reliai.checks.redaction import Redaction
    from reliai.records._contents import Contents
    from reliai.records._databases import Database
    from reliai.records.revision import Revision

__all__ = ["BATCH", "Writer"]

BATCH = 2_000
"""Records of one transaction at most."""
LINGER = 0.1
"""Seconds that the first record of a batch waits for more."""
HEARTBEAT = 15.0
"""Seconds between two signs of life of a process that writes nothing."""
PATIENCE = (0.1, 5.0)
"""Seconds between two attempts to reach a database that is away: at first, and at most."""
BUSY_PATIENCE = 5.0
"""Seconds after which a database that others keep busy counts as away."""
BUSY_PAUSE = 0.005
"""Seconds between two attempts to write to one that is busy."""
PRUNE_EVERY = 600.0
"""Seconds between two looks for records that are too old."""
PRUNED_CHUNKS = 3
"""Chunks that are deleted after each batch: more than a batch adds."""

T = TypeVar("T")

_logger = logging.getLogger("reliai")


class Writer:
    """Takes records in, and writes them out in batches.

    Args:
        database: where to.
        capacity: how many records wait at most.
        keep: seconds after which a record is deleted; None for never.
        contents: what keeps the content of the records that wait.
        said: what makes of feedback what may be kept.
    """

    def __init__(
        self,
        database: Database,
        capacity: int,
        keep: float | None,
        contents: Contents,
        said: Redaction,
    ) -> None:
        self.database = database
        self._contents = contents
        self.capacity = capacity
        self._keep = keep
        self._said = said
        self._ready = False
        self._prune_at = 0.0
        self._begin()

    def _begin(self) -> None:
        self.turn = Turn()
        self._lock = threading.RLock()  # a signal handler that flushes may find it held
        self._queue: deque[CallRecord] = deque()
        self._batch: list[CallRecord] = []
        self.inbox = Inbox(self.database, self.capacity, self._said)
        self._arrived, self._hurry = threading.Event(), threading.Event()
        self._moved = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._taken = self._written = self._dropped = self._duplicates = self._handled = 0
        self._accepted = self._dropped_before = 0
        self._before = (0, 0, 0)
        self._closed = False
        self._wait = 0.0
        self._away_since: float | None = None
        self._busy_since: float | None = None
        self._epoch = Epoch(self.capacity + HUB_CAPACITY)
        self._batches = Batches(
            self.database, self._contents, lambda: self._epoch, self._totals, self._settle
        )

    def set_down(self) -> None:
        """Before a fork: close what the child must not find open."""
        if self.database.closes_for_forks:
            self.database.close()

    def begin_anew(self, *, clean: bool) -> None:
        """In a forked child: what waits is the parent's to write."""
        self.database.leave(clean=clean)
        self._ready = False
        self._contents.renew()
        self._begin()

    def put(self, record: CallRecord) -> None:
        """Take a record in; never blocks on the database."""
        with self._lock:
            self._closed = False
            self._taken += 1
            waiting = len(self._queue) + len(self._batch)
            if waiting >= self.capacity:
                self._dropped += 1
                return
            self._accepted += 1
            self._contents.take(record)
            self._queue.append(record)
        if waiting == 0 or self._thread is None:
            self._arrived.set()
            self._start()
        elif waiting == BATCH:
            self._hurry.set()

    def say(self, revision: Revision, size: int) -> bool:
        """Take feedback in, of so many bytes; never blocks on the database. False: it is full."""
        self._closed = False
        waiting = self.inbox.put(revision, size)
        if waiting is None:
            return False
        if waiting == 0 or self._thread is None:
            self._arrived.set()
            self._start()
        return True

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._work, name="reliai-records", daemon=True)
            with suppress(RuntimeError):  # the interpreter is shutting down; flush does the work
                thread.start()
                self._thread = thread

    @property
    def counts(self) -> Counts:
        """What became of the records taken in."""
        with self._lock:
            pending = self._accepted - self._handled
            contents = self._contents
            return Counts(
                self._taken,
                self._written,
                self._dropped,
                pending,
                contents.replaced,
                contents.failed,
                contents.dropped,
                self._duplicates,
            )

    def flush(self, timeout: float) -> bool:
        """Have all that was taken in written, within `timeout` seconds; say whether it was."""
        until = time.monotonic() + timeout
        with self._lock:
            wanted, said = self._accepted, self.inbox.accepted
            if self._handled >= wanted and self.inbox.handled >= said:
                return True
            thread = self._thread
        if thread is None or not thread.is_alive():
            return self._drain(until)
        self._hurry.set()
        self._arrived.set()
        with self._moved:
            return self._moved.wait_for(
                lambda: self._handled >= wanted and self.inbox.handled >= said,
                max(0.0, until - time.monotonic()),
            )

    def _drain(self, until: float) -> bool:
        while self._waiting() and time.monotonic() < until:
            if not self._step():
                time.sleep(min(self._wait, max(0.0, until - time.monotonic())))
        return not self._waiting()

    def _waiting(self) -> int:
        return self.counts.pending + self.inbox.pending

    def close(self, timeout: float) -> bool:
        """Write out what waits, and say in the database that nothing more comes."""
        emptied = self.flush(timeout)
        with suppress(Exception):
            self.patiently(self._close_epoch, timeout)
        with suppress(TimeoutError), self.turn.taken(timeout):
            self._lost_touch()
        with self._lock:
            self._closed = True
        self._arrived.set()
        return emptied

    def _close_epoch(self) -> None:
        """End the epoch, unless records wait that belong to it; what comes later begins another."""
        with self._lock:
            if self._accepted > self._handled:
                return
            self._closed = True  # no sign of life after this, which would open it again
            ended, totals = self._so_far(), self._totals(Fate(0, 0))
        if self._ready:
            with self.database.writing() as connection:
                self._epoch.close(connection, totals)
        with self._lock:
            self._epoch = Epoch(self.capacity + HUB_CAPACITY)
            self._before = ended

    def _so_far(self) -> tuple[int, int, int]:
        return self._taken, self._written, self._dropped

    def patiently(self, action: Callable[[], T], seconds: float = BUSY_PATIENCE) -> T:
        """Do something when it is our turn, again and again while others keep the database busy."""
        until = time.monotonic() + seconds
        while True:
            try:
                with self.turn.taken(max(0.0, until - time.monotonic())):
                    return action()
            except Exception as error:
                if not self.database.busy(error) or time.monotonic() > until:
                    raise
            time.sleep(BUSY_PAUSE)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection to read with; whoever forks meanwhile waits."""
        with self.turn.taken():
            self.open()
            with self.database.reading() as connection:
                yield connection

    def open(self) -> None:
        """Check or make the tables, and look for processes that ended badly.

        Raises:
            ConfigurationError: when the schema is newer than this reliai.
        """
        with self.turn.taken():
            if self._ready and self.database.intact():
                return
            if self._ready:
                self._lost_touch()
            with self.database.writing() as connection:
                self.database.lock_schema(connection)
                bring_up_to_date(connection)
                report_lost(connection, repr(self.database.url))
            self._ready = True

    def _work(self) -> None:
        # The first step does not wait for more: from then on the database knows of this process.
        self._hurry.set()
        while True:
            if self._wait:
                self._hurry.wait(self._wait)
            elif self._arrived.wait(HEARTBEAT):
                self._hurry.wait(LINGER)
            self._arrived.clear()
            self._hurry.clear()
            if self._retired():
                return
            try:
                self._step()
                while not self._wait and (len(self._queue) >= BATCH or self.inbox.full):
                    self._step()
            except Exception:
                _logger.exception("record store %r: unexpected failure", self.database.url)
                self._wait = PATIENCE[1]
            if self._queue or self.inbox.pending:
                self._arrived.set()

    def _retired(self) -> bool:
        """Whether the store was closed; a later record starts another thread."""
        with self._lock:
            if not self._closed or self._queue or self._batch or self.inbox.pending:
                return False
            self._thread = None
            return True

    def _step(self) -> bool:
        """Write a batch, or a sign of life; say whether the database took it."""
        with self.turn.taken():
            with self._lock:
                while self._queue and len(self._batch) < BATCH:
                    self._batch.append(self._queue.popleft())
                batch = self._batch
                if self._closed and not batch and not self.inbox.pending:
                    return True
            try:
                self.open()
                self._batches.write(batch)
                self._write_feedback()
                if self._keep is not None and time.monotonic() >= self._prune_at:
                    self._prune(self._keep)
            except Exception as error:  # noqa: BLE001  whatever a driver raises
                self._failed(error)
                return False
        self._recovered()
        return True

    def _write_feedback(self) -> None:
        if self.inbox.pending:
            try:
                self.inbox.write()
            finally:
                with self._moved:
                    self._moved.notify_all()

    def _totals(self, fate: Fate) -> tuple[int, int, int]:
        with self._lock:
            taken, written, dropped = self._before
            return (
                self._taken - taken,
                self._written + fate.written - written,
                self._dropped + fate.records - fate.written - dropped,
            )

    def _settle(self, fate: Fate) -> None:
        with self._moved:
            self._contents.let_go(self._batch[: fate.records])
            self._batch = self._batch[fate.records :]
            self._handled += fate.records
            self._written += fate.written
            self._dropped += fate.records - fate.written
            self._duplicates += fate.duplicates
            self._moved.notify_all()

    def _prune(self, keep: float) -> None:
        for _ in range(PRUNED_CHUNKS):
            if not prune(self.database, keep):
                self._prune_at = time.monotonic() + PRUNE_EVERY
                return

    def _failed(self, error: Exception) -> None:
        if self.database.busy(error):
            self._busy_since = self._busy_since or time.monotonic()
            if time.monotonic() - self._busy_since < BUSY_PATIENCE:
                self._wait = BUSY_PAUSE
                return
        self._wait = min(PATIENCE[1], max(PATIENCE[0], self._wait * 2))
        if self._away_since is None:
            self._away_since = time.monotonic()
            self._dropped_before = self._dropped
            _logger.warning(
                "record store %r cannot be written: %s: %s; up to %d records wait, more are "
                "dropped and counted",
                self.database.url,
                type(error).__name__,
                getattr(error, "orig", None) or error,
                self.capacity,
            )
        self._lost_touch()

    def _lost_touch(self) -> None:
        self._ready = False
        self._epoch.anew()
        with suppress(Exception):
            self.database.close()

    def _recovered(self) -> None:
        self._wait = 0.0
        self._busy_since = None
        if self._away_since is not None:
            _logger.warning(
                "record store %r is written again after %.1f s; %d records were dropped",
                self.database.url,
                time.monotonic() - self._away_since,
                self._dropped - self._dropped_before,
            )
            self._away_since = None
