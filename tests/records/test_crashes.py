"""A store whose process is killed, whose disk is full, whose server goes away."""

from __future__ import annotations

import contextlib
import logging
import resource
import signal
import time
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

import reliai
from reliai.records import RecordStore
from reliai.records import _tables as tables
from tests.records.programs import ran, started

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.servers import PostgresServer


@reliai.reliable(name="answer")
def answer(prompt: str) -> str:
    return prompt


@contextlib.contextmanager
def file_limit(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size`, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture
def killed(url: str, tmp_path: Path) -> str:
    """The URL of a store whose process was killed while it wrote."""
    program = """
for n in range(10**9):
    answer(str(n))
    if n % 100 == 0 and store.counts.written:
        print("writing", flush=True)
"""
    process = started(url, program, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    return url


def test_a_kill_tears_no_record(killed: str) -> None:
    store = RecordStore(killed)
    with store._reading() as connection:
        calls = set(connection.execute(select(tables.calls.c.id)).scalars())
        for table in (tables.attempts, tables.values):
            assert set(connection.execute(select(table.c.call_id)).scalars()) == calls
    store.close()


def test_a_kill_is_told_at_open_with_what_was_lost_at_most(
    killed: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "reliai"):
        store = RecordStore(killed)
    losses = store.losses()
    with store._reading() as connection:
        written = connection.execute(select(func.count()).select_from(tables.calls)).scalar()
    store.close()
    assert [loss.written for loss in losses] == [written]
    assert losses[0].at_most == 20_000
    assert "ended without closing it" in caplog.text


def test_a_loss_is_told_once(killed: str, caplog: pytest.LogCaptureFixture) -> None:
    RecordStore(killed).close()
    caplog.clear()
    store = RecordStore(killed)
    assert not caplog.records
    assert len(store.losses()) == 1
    store.close()


def test_a_process_that_ends_by_itself_loses_nothing(url: str, tmp_path: Path) -> None:
    ran(url, "for n in range(500): answer(str(n))", tmp_path)
    store = RecordStore(url)
    assert len(store.calls()) == 500
    assert store.losses() == []
    store.close()


def test_a_process_that_is_still_running_has_lost_nothing(
    store: RecordStore, opened: Callable[..., RecordStore]
) -> None:
    answer("hello")
    reliai.flush()
    assert opened().losses() == []


def test_the_totals_of_a_closed_epoch_agree_with_the_records(url: str, tmp_path: Path) -> None:
    ran(url, "for n in range(500): answer(str(n))", tmp_path)
    store = RecordStore(url)
    with store._reading() as connection:
        row = connection.execute(select(tables.epochs)).mappings().one()
    store.close()
    assert (row["taken"], row["written"], row["dropped"]) == (500, 500, 0)
    assert row["closed_at"] is not None


def test_parent_and_forked_child_both_keep_their_calls(url: str, tmp_path: Path) -> None:
    program = """
answer("parent, before")
child = os.fork()
answer("after")
if child == 0:
    reliai.shutdown()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
"""
    ran(url, program, tmp_path)
    store = RecordStore(url)
    assert len(store.calls()) == 3
    assert len({call.epoch for call in store.calls()}) == 2
    assert store.losses() == []
    store.close()


def test_a_full_disk_loses_nothing_that_fits_in_the_queue(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db")
    reliai.configure(observers=[], records=store)
    answer("before")
    reliai.flush()
    with file_limit(200_000):
        for _ in range(3000):
            answer("meanwhile")
        assert not store.flush(1.0)
        assert store.counts.pending
    assert store.flush(30.0)
    assert store.counts[:4] == (3001, 3001, 0, 0)
    assert len(store.calls(limit=None)) == 3001
    store.close()


def test_what_does_not_fit_in_the_queue_is_dropped_and_counted(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db", capacity=100)
    reliai.configure(observers=[], records=store)
    with file_limit(0):
        for _ in range(500):
            answer("meanwhile")
        reliai.flush(1.0)
        taken, written, dropped, pending = store.counts[:4]
        assert (taken, written, dropped, pending) == (500, 0, 400, 100)
    assert store.flush(30.0)
    assert store.counts[:4] == (500, 100, 400, 0)
    store.close()


def test_a_server_that_is_killed_and_comes_back_gets_all_that_waited(
    postgres: PostgresServer,
) -> None:
    store = RecordStore(postgres.database())
    reliai.configure(observers=[], records=store)
    answer("before")
    reliai.flush()
    postgres.kill()
    try:
        for _ in range(100):
            answer("meanwhile")
        assert not reliai.flush(1.0) or store.counts.pending
        assert store.counts.written == 1
    finally:
        postgres.start()
    assert eventually(lambda: store.flush(1.0))
    assert len(store.calls()) == 101
    store.close()


def test_a_server_that_is_away_at_the_start_is_waited_for(postgres: PostgresServer) -> None:
    url = postgres.database()
    postgres.kill()
    try:
        store = RecordStore(url)
        reliai.configure(observers=[], records=store)
        answer("hello")
    finally:
        postgres.start()
    assert eventually(lambda: store.flush(1.0))
    assert len(store.calls()) == 1
    store.close()


def test_a_file_that_is_deleted_is_made_again(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db")
    reliai.configure(observers=[], records=store)
    answer("before")
    reliai.flush()
    for path in tmp_path.iterdir():
        path.unlink()
    answer("after")
    assert len(store.calls()) == 1
    store.close()
