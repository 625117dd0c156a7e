"""How fast feedback gets into a database, and what giving it takes of who gives it."""

from __future__ import annotations

import sqlite3
import statistics
import time
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import reliai
from benchmarks._harness import settle
from reliai import feedback
from reliai.records import RecordStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["BY_HAND", "DURABLE", "RECORD", "ingested", "summed"]

RECORD, DURABLE = "reliai feedback.record", "reliai feedback.record(durable=True)"
BY_HAND = "sqlite3 by hand, a transaction each"
COMMENT = "It names the wrong city, and the tone is off."


def given(store: RecordStore, count: int) -> None:
    """Thumbs with a comment; one that is dropped because too much waits is given again."""
    for number in range(count):
        while not feedback.record(
            f"call-{number}", "thumbs", number % 2, by=f"user-{number % 100}", comment=COMMENT
        ):
            time.sleep(0.001)
    if not store.flush(120) or store.feedback.counts.written != count:
        message = f"not all was written: {store.feedback.counts}"
        raise RuntimeError(message)


def given_durably(store: RecordStore, count: int) -> None:
    """Each is in the database before the next one is given."""
    for number in range(count):
        feedback.record(f"call-{number}", "thumbs", number % 2, by="user-1", durable=True)
    if store.feedback.counts.written != count:
        message = f"not all was written: {store.feedback.counts}"
        raise RuntimeError(message)


def by_hand(path: Path, count: int) -> None:
    """What a first version does: no history, no index, no redaction; a write-ahead log."""
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute(
            "CREATE TABLE said (call_id, name, value, author, comment, at, "
            "PRIMARY KEY (call_id, name, author))"
        )
        for number in range(count):
            row = (f"call-{number}", "thumbs", number % 2, f"user-{number % 100}", COMMENT, 1.0)
            with database:
                database.execute("INSERT OR REPLACE INTO said VALUES (?, ?, ?, ?, ?, ?)", row)


def ingested(urls: Sequence[str], count: int, rounds: int) -> dict[str, list[float]]:
    """Feedback a second, round by round, until all of it is in the database.

    Args:
        urls: databases beside SQLite in a temporary folder.
        count: how much is given in a round; a hundredth of it where each is waited for.
        rounds: how often.
    """
    found: dict[str, list[float]] = {}
    for number in range(rounds):
        with TemporaryDirectory() as folder:
            here = Path(folder)
            few = max(10, count // 100)
            for name, url in (("sqlite", f"sqlite:///{here}/records.db"), *named(urls)):
                rate = timed(url, given, count)
                found.setdefault(f"{RECORD} [{name}]", []).append(rate)
            rate = timed(f"sqlite:///{here}/durable.db", given_durably, few)
            found.setdefault(f"{DURABLE} [sqlite]", []).append(rate)
            settle()
            began = time.perf_counter()
            by_hand(here / f"{number}.db", count)
            rate = count / (time.perf_counter() - began)
            found.setdefault(f"{BY_HAND} [sqlite]", []).append(rate)
    return found


def named(urls: Sequence[str]) -> list[tuple[str, str]]:
    """Databases by their kind."""
    return [(url.partition(":")[0].partition("+")[0], url) for url in urls]


def timed(url: str, give: Callable[[RecordStore, int], None], count: int) -> float:
    """Feedback a second."""
    store = RecordStore(url)
    reliai.configure(observers=[], records=store)
    try:
        store.flush(10)
        settle()
        began = time.perf_counter()
        give(store, count)
        return count / (time.perf_counter() - began)
    finally:
        reliai.configure(observers=[])
        store.close()


def summed(rates: Sequence[float]) -> dict[str, float]:
    """The median and the best."""
    return {"median": statistics.median(rates), "best": max(rates)}
