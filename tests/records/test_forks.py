"""Processes that fork while their store is being written."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest

import reliai
from reliai.records import RecordStore
from reliai.records import _forking as forking
from tests.records.programs import ran

_CHILDREN = 10


@reliai.reliable(name="answer")
def answer() -> None:
    pass


_FORKING = """
import threading

stop, made = threading.Event(), []

def loop():
    while not stop.is_set():
        made.append(reliai.execute(answer, "parent").call_id)
        time.sleep(0.0002)

thread = threading.Thread(target=loop, daemon=True)
thread.start()
children = []
for number in range(10):
    time.sleep(0.03)
    child = os.fork()
    if child == 0:
        with reliai.context(subject="child"):
            answer("child")
        written = store.flush(20)
        store.close(20)
        if not written or store.counts[:4] != (1, 1, 0, 0):
            print("child", number, written, store.counts, flush=True)
            os._exit(1)
        os._exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 10
stop.set()
thread.join()
assert store.flush(20)
assert store.counts.written == len(made), (store.counts, len(made))
store.close()
print(len(made))
"""


def test_forks_in_the_middle_of_writing_hang_nobody(url: str, tmp_path: Path) -> None:
    of_parent = int(ran(url, _FORKING, tmp_path))
    store = RecordStore(url)
    calls = store.calls(limit=None)
    of_children = [call for call in calls if call.subject == "child"]
    assert len(calls) == len({call.id for call in calls}) == of_parent + _CHILDREN
    assert len(of_children) == len({call.epoch for call in of_children}) == _CHILDREN
    assert len({call.epoch for call in calls}) == _CHILDREN + 1
    assert store.losses() == []
    store.close()


def test_a_fork_leaves_no_file_of_sqlite_open(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db")
    store.calls()
    forking._before()
    try:
        assert not any(str(tmp_path) in path for path in _open_files())
    finally:
        forking._in_parent()
    assert store.calls() == []
    store.close()


def _open_files() -> list[str]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(str(link.readlink()))
    return found


def test_what_could_not_be_closed_before_a_fork_is_not_written_by_the_child(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db")
    reliai.configure(observers=[], records=store)
    store._writer.begin_anew(clean=False)
    answer()
    assert not store.flush(0.2)
    assert store.counts[:4] == (1, 0, 0, 1)
    assert "forked while its parent had the file open" in caplog.text
    vars(store._writer.database)["_unclean"] = False  # else it would try until the process ends,
    store.close()  # and what each failure leaves be found as garbage of other tests


def test_whoever_asks_first_gets_the_turn_first() -> None:
    turn, order = forking.Turn(), list[str]()
    asking, done = threading.Event(), threading.Event()

    def fork() -> None:
        asking.set()
        with turn.taken():
            order.append("fork")
        done.set()

    with turn.taken():
        thread = threading.Thread(target=fork)
        thread.start()
        asking.wait()
        while turn._next.acquire(blocking=False):  # not in the line yet
            turn._next.release()
    with turn.taken():
        order.append("writer")
    assert done.wait(10)
    thread.join()
    assert order == ["fork", "writer"]


def test_who_has_the_turn_may_take_it_again() -> None:
    turn = forking.Turn()
    with turn.taken(), turn.taken(0.0):
        pass
    assert turn.acquire(0.0)


def test_a_turn_that_does_not_come_is_an_error() -> None:
    turn = forking.Turn()
    thread = threading.Thread(target=turn.acquire)
    thread.start()
    thread.join()
    with pytest.raises(TimeoutError), turn.taken(0.01):
        pass


def test_many_writers_of_one_file_wait_for_each_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db")
    reliai.configure(observers=[], records=store)
    other = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answer()
    assert not store.flush(0.05)
    other.execute("COMMIT")
    other.close()
    assert store.flush(20)
    assert store.counts[:4] == (1, 1, 0, 0)
    assert "cannot be written" not in caplog.text
    store.close()
