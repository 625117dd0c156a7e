"""Whatever happens: taken = written + dropped + pending, and what is written is in the database."""

from __future__ import annotations

import signal
import sqlite3
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

import reliai
from reliai.records import RecordStore
from reliai.records import _tables as tables
from reliai.records import _writer as writer
from reliai.records._batches import Batches
from tests.records.programs import started
from tests.records.test_crashes import eventually, file_limit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers import PostgresServer


@reliai.reliable(name="answer")
def answer(prompt: str = "") -> str:
    return prompt


def assert_conserved(store: RecordStore, calls: int) -> None:
    """After so many calls."""
    taken, written, dropped, pending = store.counts[:4]
    assert taken == calls == written + dropped + pending


def rows_in(store: RecordStore) -> int:
    with store._reading() as connection:
        return int(connection.execute(select(func.count()).select_from(tables.calls)).scalar() or 0)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[RecordStore]:
    """A store on SQLite with room for 50 records that wait, and a record in it."""
    store = RecordStore(f"sqlite:///{tmp_path}/records.db", capacity=50)
    reliai.configure(observers=[], records=store)
    answer()
    assert store.flush(20)
    yield store
    store.close()


def test_a_full_disk(small: RecordStore) -> None:
    with file_limit(0):
        for _ in range(80):
            answer()
        assert not small.flush(0.3)
        assert_conserved(small, 81)
        assert small.counts.dropped == 30
    assert small.flush(30)
    assert small.counts[:4] == (81, 51, 30, 0)
    assert rows_in(small) == 51


def test_a_database_that_another_one_has_locked(small: RecordStore, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for _ in range(80):
        answer()
    assert not small.flush(0.3)
    assert_conserved(small, 81)
    other.execute("COMMIT")
    other.close()
    assert small.flush(30)
    assert small.counts[:4] == (81, 51, 30, 0)
    assert rows_in(small) == 51


def test_a_file_that_may_not_be_written(
    small: RecordStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Permissions do not bind a superuser, so the connections themselves are made read-only.
    from reliai.records import _databases as databases

    monkeypatch.setattr(databases, "_PRAGMAS", ("query_only = ON",))
    small._writer._lost_touch()
    for _ in range(80):
        answer()
    assert not small.flush(0.3)
    assert_conserved(small, 81)
    assert "readonly" in caplog.text
    monkeypatch.undo()
    small._writer._lost_touch()
    assert small.flush(30)
    assert small.counts[:4] == (81, 51, 30, 0)


def test_a_server_that_stops_and_starts_in_the_middle(postgres: PostgresServer) -> None:
    store = RecordStore(postgres.database(), capacity=50)
    reliai.configure(observers=[], records=store)
    for _ in range(10):
        answer()
    assert store.flush(20)
    postgres.kill()
    try:
        for _ in range(80):
            answer()
        assert not store.flush(0.3)
        assert_conserved(store, 90)
    finally:
        postgres.start()
    assert eventually(lambda: store.flush(1.0))
    assert store.counts[:4] == (90, 60, 30, 0)
    assert rows_in(store) == 60
    store.close()


def test_a_kill_loses_no_more_than_is_told(url: str, tmp_path: Path) -> None:
    program = """
for n in range(10**9):
    answer(str(n))
    if n % 50 == 0 and store.counts.written:
        print(n, flush=True)
"""
    process = started(url, program, tmp_path)
    assert process.stdout is not None
    while (made := int(process.stdout.readline())) < 2_000:
        pass
    process.send_signal(signal.SIGKILL)
    said, _ = process.communicate(timeout=60)
    made = max([made, *map(int, said.split())])
    store = RecordStore(url)
    (loss,) = store.losses()
    assert loss.written == rows_in(store)
    assert loss.written + loss.dropped + loss.at_most >= made
    store.close()


def test_a_record_that_is_there_already_is_a_duplicate(store: RecordStore) -> None:
    for _ in range(2):
        with reliai.context(call_id="aa01"):
            answer()
    answer()
    assert store.flush(20)
    assert store.counts[:4] == (3, 2, 1, 0)
    assert store.counts.duplicates == 1
    assert rows_in(store) == 2


def test_a_duplicate_changes_nothing_of_the_call_that_is_there(
    opened: Callable[..., RecordStore], store: RecordStore
) -> None:
    @reliai.reliable(name="measuring")
    def measuring(**values: float) -> None:
        reliai.measure(**values)

    with reliai.context(call_id="aa01"):
        measuring(first=1.0)
    assert store.flush(20)
    other = opened()
    reliai.configure(observers=[], records=other)
    with reliai.context(call_id="aa01"):
        measuring(second=2.0)
    measuring(third=3.0)
    assert other.flush(20)
    assert (other.counts.written, other.counts.duplicates) == (1, 1)
    found = store.get("aa01")
    assert found is not None
    assert found.values == {"first": 1.0}


def test_a_batch_whose_answer_was_lost_is_not_written_again(
    store: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import contextmanager
    from typing import Any

    database, failures = store._database, [1]
    writing = database.writing

    @contextmanager
    def losing() -> Iterator[Any]:
        with writing() as connection:
            yield connection
        if failures:
            failures.pop()
            raise OSError("the line broke after the commit")

    monkeypatch.setattr(database, "writing", losing)
    for _ in range(5):
        answer()
    assert store.flush(20)
    assert not failures
    assert store.counts[:4] == (5, 5, 0, 0)
    assert store.counts.duplicates == 0
    assert rows_in(store) == 5


def test_the_record_that_is_refused_is_the_only_one_that_is_dropped(
    store: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = Batches._fill

    def refusing(
        self: Batches, connection: object, rows: object, fresh: list[object], *rest: object
    ) -> None:
        if any(getattr(record, "subject", "") == "bad" for record in fresh):
            raise ValueError("this one")
        fill(self, connection, rows, fresh, *rest)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Batches, "_fill", refusing)
    for number in range(20):
        with reliai.context(subject="bad" if number == 13 else "good"):
            answer()
    assert store.flush(20)
    assert store.counts[:4] == (20, 19, 1, 0)
    assert store.counts.duplicates == 0
    assert {call.subject for call in store.calls()} == {"good"}


def test_what_one_closes_in_the_middle_of_goes_on_with_another_epoch(store: RecordStore) -> None:
    answer()
    store.close(20)
    answer()
    assert store.flush(20)
    assert store.counts[:4] == (2, 2, 0, 0)
    store.close(20)
    assert len({call.epoch for call in store.calls()}) == 2
    assert store.losses() == []


def test_no_sign_of_life_comes_after_the_end_of_an_epoch(store: RecordStore) -> None:
    answer()
    assert store.flush(20)
    store._writer.patiently(store._writer._close_epoch)
    assert store._writer._step()
    with store._reading() as connection:
        closed = connection.execute(select(tables.epochs.c.closed_at)).scalars().all()
    assert len(closed) == 1
    assert closed[0] is not None


def test_an_epoch_with_records_that_wait_is_not_ended(small: RecordStore) -> None:
    with file_limit(0):
        answer()
        small.close(0.3)
    with small._reading() as connection:
        assert connection.execute(select(tables.epochs.c.closed_at)).scalar() is None
    assert small.flush(20)
    assert small.counts[:4] == (2, 2, 0, 0)


def test_many_threads_lose_nothing(store: RecordStore, monkeypatch: pytest.MonkeyPatch) -> None:
    from threading import Thread

    monkeypatch.setattr(writer, "BATCH", 7)
    threads = [Thread(target=lambda: [answer() for _ in range(100)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.flush(20)
    assert store.counts[:4] == (400, 400, 0, 0)
    assert rows_in(store) == 400
