"""A state for the processes of one host: a SQLite file, on a local disk.

Every write begins with BEGIN IMMEDIATE: a transaction that only later finds out that it wants to
write fails at once when another wrote in between, whatever its timeout. A call that is not served
in time raises `StateUnavailable`; "database is locked" is seen by nobody.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from reliai import clock
from reliai._core.chance import chance
from reliai._core.forking import renew_after_fork
from reliai.state.base import (
    PATIENT,
    PROMPT,
    Counted,
    Entry,
    Exchanged,
    StateBusy,
    StateUnavailable,
    Taken,
)
from reliai.state.memory import fits, taken, wait_for

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from reliai.state.base import Count

__all__ = ["SqliteState"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entries (
    key TEXT PRIMARY KEY, value BLOB NOT NULL, version INTEGER NOT NULL, until REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS counts (
    key TEXT NOT NULL, bucket INTEGER NOT NULL, place INTEGER NOT NULL,
    amount REAL NOT NULL, until REAL NOT NULL,
    PRIMARY KEY (key, bucket, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS buckets (
    key TEXT PRIMARY KEY, level REAL NOT NULL, at REAL NOT NULL, until REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
    key TEXT PRIMARY KEY, owner TEXT NOT NULL, epoch INTEGER NOT NULL, until REAL NOT NULL
) WITHOUT ROWID;
"""
_SWEEP_EVERY = 1_000
"""Writes between two looks for what has expired."""
_STEP = 0.001
"""Seconds between two attempts to become the writer, on average."""


class SqliteState:
    """A state in a SQLite file that all processes of a host open.

    Args:
        path: the file; made when it is not there. Not on a network file system, whose locks lie.
    """

    shared = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None
        self._timeout = -1.0
        self._writes = 0
        renew_after_fork(self)

    def _renew(self) -> None:
        # A connection must not be used after a fork, nor closed: its locks are the parent's.
        self._lock = Lock()
        self._inherited, self._connection = self._connection, None

    def exchange(
        self, counts: Sequence[Count], keys: Sequence[str], *, within: float = PATIENT
    ) -> Exchanged:
        now = clock.active().time()
        with self._transaction(within, write=bool(counts)) as connection:
            for count in counts:
                _add(connection, count, now)
            counted = {count.key: _counted(connection, count, now) for count in counts}
            entries = {key: _entry(connection, key, now) for key in keys}
        return Exchanged(now, counted, entries)

    def reserve(
        self, count: Count, caps: tuple[float, ...], *, within: float = PROMPT
    ) -> tuple[bool, Counted]:
        now = clock.active().time()
        with self._transaction(within) as connection:
            here = _counted(connection, count, now)
            if not fits(here, count.amounts, caps):
                return False, here
            _add(connection, count, now)
            return True, _counted(connection, count, now)

    def take(
        self,
        key: str,
        amount: float,
        rate: float,
        capacity: float,
        *,
        partly: bool = False,
        within: float = PROMPT,
    ) -> Taken:
        with self._transaction(within) as connection:
            level, now = _level(connection, key, rate, capacity)
            granted = taken(level, amount, partly=partly)
            _fill(connection, key, level - granted, now, rate, capacity)
            return Taken(granted, level - granted, wait_for(level, amount, granted, rate))

    def correct(
        self, key: str, amount: float, rate: float, capacity: float, *, within: float = PATIENT
    ) -> float:
        with self._transaction(within) as connection:
            level, now = _level(connection, key, rate, capacity)
            level = min(capacity, level - amount)
            _fill(connection, key, level, now, rate, capacity)
            return level

    def get(self, key: str, *, within: float = PROMPT) -> Entry | None:
        with self._transaction(within, write=False) as connection:
            return _entry(connection, key, clock.active().time())

    def put(
        self,
        key: str,
        value: bytes,
        *,
        ttl: float | None = None,
        expected: int | None = None,
        within: float = PROMPT,
    ) -> int | None:
        now = clock.active().time()
        with self._transaction(within) as connection:
            known = _entry(connection, key, now)
            version = 0 if known is None else known.version
            if expected is not None and expected != version:
                return None
            connection.execute(
                "INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?)",
                (key, value, version + 1, None if ttl is None else now + ttl),
            )
            return version + 1

    def delete(self, key: str, *, within: float = PROMPT) -> None:
        with self._transaction(within) as connection:
            connection.execute("DELETE FROM entries WHERE key = ?", (key,))

    def lease(self, key: str, owner: str, ttl: float, *, within: float = PROMPT) -> int | None:
        now = clock.active().time()
        with self._transaction(within) as connection:
            row = connection.execute(
                "SELECT owner, epoch, until FROM leases WHERE key = ?", (key,)
            ).fetchone()
            holder, epoch, until = row or ("", 0, 0.0)
            if holder != owner or until <= now:
                if until > now:
                    return None
                epoch += 1
            connection.execute(
                "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)", (key, owner, epoch, now + ttl)
            )
            return int(epoch)

    def release(self, key: str, owner: str, *, within: float = PROMPT) -> None:
        with self._transaction(within) as connection:
            connection.execute(
                "UPDATE leases SET until = 0 WHERE key = ? AND owner = ?", (key, owner)
            )

    def close(self) -> None:
        with self._lock:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()

    @contextmanager
    def _transaction(self, within: float, *, write: bool = True) -> Iterator[sqlite3.Connection]:
        if not self._lock.acquire(timeout=within):
            message = f"{self._path} was busy for {within:g} s"
            raise StateBusy(message)
        try:
            connection = self._opened(within)
            if not write:
                connection.execute("BEGIN")
            elif not _begins_to_write(connection, within):
                message = f"{self._path} was busy for {within:g} s"
                raise StateBusy(message)
            try:
                yield connection
                if write:
                    self._sweep(connection)
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            self._drop()
            message = f"{self._path}: {error}"
            raise StateUnavailable(message) from error
        finally:
            self._lock.release()

    def _opened(self, within: float) -> sqlite3.Connection:
        connection = self._connection
        if connection is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self._path, timeout=within, isolation_level=None, check_same_thread=False
            )
            self._timeout = within
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.executescript(_SCHEMA)
            self._connection = connection
        if self._timeout != within:
            connection.execute(f"PRAGMA busy_timeout = {int(within * 1000)}")
            self._timeout = within
        return connection

    def _drop(self) -> None:
        """Begin anew with the next call; the file may have been replaced or its disk filled up."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _sweep(self, connection: sqlite3.Connection) -> None:
        self._writes += 1
        if self._writes % _SWEEP_EVERY:
            return
        now = clock.active().time()
        for table in ("entries", "counts", "buckets"):
            connection.execute(f"DELETE FROM {table} WHERE until <= ?", (now,))  # noqa: S608  our own names


def _begins_to_write(connection: sqlite3.Connection, within: float) -> bool:
    """Wait for the other writers in small steps; False when they took too long.

    SQLite's own waiting grows to steps of 100 ms: with eight writers one of them regularly waits
    longer than a call may, while the others write many times.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    until = time.monotonic() + within
    try:
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise
            else:
                return True
            left = until - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(left, 2 * _STEP * chance.random()))
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(within * 1000)}")


def _entry(connection: sqlite3.Connection, key: str, now: float) -> Entry | None:
    row = connection.execute(
        "SELECT value, version FROM entries WHERE key = ? AND (until IS NULL OR until > ?)",
        (key, now),
    ).fetchone()
    return None if row is None else Entry(*row)


def _add(connection: sqlite3.Connection, count: Count, now: float) -> None:
    oldest = _oldest(count, now)
    connection.execute("DELETE FROM counts WHERE key = ? AND bucket < ?", (count.key, oldest))
    if count.bucket < oldest:
        return
    until = now + count.keep * count.width
    connection.executemany(
        "INSERT INTO counts VALUES (?, ?, ?, ?, ?) ON CONFLICT (key, bucket, place) "
        "DO UPDATE SET amount = amount + excluded.amount, until = excluded.until",
        [(count.key, count.bucket, n, float(each), until) for n, each in enumerate(count.amounts)],
    )


def _counted(
    connection: sqlite3.Connection, count: Count, now: float
) -> dict[int, tuple[float, ...]]:
    buckets: dict[int, list[float]] = {}
    rows: Any = connection.execute(
        "SELECT bucket, amount FROM counts WHERE key = ? AND bucket >= ? ORDER BY bucket, place",
        (count.key, _oldest(count, now)),
    )
    for bucket, amount in rows:
        buckets.setdefault(bucket, []).append(amount)
    return {bucket: tuple(amounts) for bucket, amounts in buckets.items()}


def _oldest(count: Count, now: float) -> int:
    return int(now // count.width) - count.keep + 1


def _level(
    connection: sqlite3.Connection, key: str, rate: float, capacity: float
) -> tuple[float, float]:
    now = clock.active().time()
    row = connection.execute("SELECT level, at FROM buckets WHERE key = ?", (key,)).fetchone()
    level, at = row or (capacity, now)
    return min(capacity, level + max(0.0, now - at) * rate), now


def _fill(  # noqa: PLR0917  one row of the table
    connection: sqlite3.Connection,
    key: str,
    level: float,
    now: float,
    rate: float,
    capacity: float,
) -> None:
    until = now + (capacity - level) / rate  # by then it is full, as one that is not there
    connection.execute(
        "INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?)", (key, level, now, until)
    )
