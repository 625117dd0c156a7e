"""Feedback in the database: in any order, after forks and crashes, until it is forgotten."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

import reliai
from reliai import feedback
from reliai.records import RecordStore
from reliai.records import _schema as schema
from reliai.records import _tables as tables
from reliai.records._databases import database_of
from reliai.records._retention import prune
from reliai.records.revision import Revision
from reliai.testing import virtual_clock
from tests.records.programs import ran, started

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reliai.records._inbox import Inbox

CALL = "0" * 31 + "1"
OTHER = "0" * 31 + "2"
CANARY = "canary-5b1d"


@reliai.reliable(name="answer")
def answer(prompt: str) -> str:
    return prompt


def count(store: RecordStore) -> int:
    with store._reading() as connection:
        found: Any = connection.execute(select(func.count()).select_from(tables.feedback)).scalar()
        return int(found)


# --- revisions ------------------------------------------------------------------------------------
_said = st.tuples(
    st.sampled_from(["c1", "c2"]),
    st.sampled_from(["thumbs", "stars"]),
    st.sampled_from(["u1", "u2", None]),
    st.integers(0, 12),
    st.sampled_from(["value", "retraction"]),
)


def held(said: list[Any]) -> set[tuple[Any, ...]]:
    """What holds of things that were said in that order: the plain way."""
    last: dict[Any, Any] = {}
    for number, (call_id, name, by, at, kind) in enumerate(said):
        before = last.get((call_id, name, by))
        if before is None or at >= before[0]:
            last[call_id, name, by] = (at, number, kind)
    return {(*who, number) for who, (_, number, kind) in last.items() if kind == "value"}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> RecordStore:
    return RecordStore(f"sqlite:///{tmp_path_factory.mktemp('said')}/records.db")


@settings(max_examples=40, deadline=None)
@given(said=st.lists(_said, max_size=25), sizes=st.lists(st.integers(1, 7), min_size=25))
def test_in_whatever_batches_it_comes_the_word_said_last_holds(
    shared: RecordStore, said: list[Any], sizes: list[int]
) -> None:
    with shared._database.writing() as connection:
        connection.execute(tables.feedback.delete())
    inbox: Inbox = shared._writer.inbox
    rest = [
        Revision(f"k{number}", kind, name, number, float(at), 0.0, call_id, by=by)
        for number, (call_id, name, by, at, kind) in enumerate(said)
    ]
    for size in sizes:
        for revision in rest[:size]:
            inbox.put(revision, 0)
        inbox.write()
        rest = rest[size:]
    found = {(one.call_id, one.name, one.by, one.value) for one in shared.feedback.current()}
    assert found == held(said)
    assert [one.value for one in shared.feedback.history()] == list(range(len(said)))


def test_one_that_the_database_refuses_takes_no_other_with_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db")
    good = Revision("k", "value", "thumbs", 1, 0.0, 0.0, CALL)
    with store._writer.turn.taken():
        for number in range(9):
            store.feedback.put(good._replace(key=f"k{number}", name=f"n{number}"), 0)
        store.feedback.put(good._replace(key="bad", name=bytes), 0)  # type: ignore[arg-type]
    assert store.flush()
    assert store.feedback.counts == (10, 9, 1, 0, 0)
    assert "feedback was refused and dropped" in caplog.text
    store.close()


def test_what_waits_while_the_database_is_away_is_written_when_it_is_back(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db")
    reliai.configure(observers=[], records=store)
    with sqlite3.connect(tmp_path / "records.db", isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert feedback.record(CALL, "thumbs", 0)
        assert not store.flush(0.05)
        assert store.feedback.counts.pending == 1
        holder.execute("ROLLBACK")
    holder.close()
    assert store.flush(20)
    assert store.feedback.counts.written == 1


def test_what_was_written_makes_room_for_as_many_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reliai.records._inbox.MOST_BYTES", 1_000)
    store = RecordStore(f"sqlite:///{tmp_path}/small.db")
    reliai.configure(observers=[], records=store)
    for number in range(3):
        assert feedback.record(f"c{number}", "thumbs", 0, comment="x" * 900)
        assert store.flush()
    assert store.feedback.counts.written == 3
    store.close()


# --- processes ------------------------------------------------------------------------------------
def test_a_program_that_ends_at_once_leaves_what_was_said(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    program = f"""
from reliai import feedback
feedback.record("{CALL}", "thumbs", 0, by="parent")
if os.fork() == 0:
    feedback.record("{CALL}", "thumbs", 1, by="child")
    store.close()
    os._exit(0)
os.wait()
"""
    ran(url, program, tmp_path)
    store = RecordStore(url)
    found = sorted((said.by, said.value) for said in store.feedback.history())
    assert found == [("child", 1), ("parent", 0)]
    store.close()


def test_durable_feedback_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    program = f"""
from reliai import feedback
for number in range(10**6):
    feedback.record("{CALL}", f"n{{number}}", number, durable=True)
    print(number, flush=True)
"""
    process = started(url, program, tmp_path)
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(5)]
    process.kill()
    process.communicate()
    store = RecordStore(url)
    assert set(told) <= {said.value for said in store.feedback.current(CALL)}
    store.close()


# --- forgetting -----------------------------------------------------------------------------------
def test_what_is_said_of_and_by_a_forgotten_subject_is_gone(store: RecordStore) -> None:
    with reliai.context(subject=CANARY, session="s1"):
        theirs = reliai.execute(answer, "x").call_id
    other = reliai.execute(answer, "y").call_id
    assert theirs is not None
    assert other is not None
    feedback.record(theirs, "thumbs", 0, by="somebody")
    feedback.record(theirs, "thumbs", 1, by="somebody")
    feedback.record(None, "solved", True, session="s1", by="somebody")
    feedback.record(other, "thumbs", 0, by=CANARY)
    feedback.prefer(better=other, worse=theirs, by="somebody")
    feedback.record(other, "thumbs", 1, by="somebody")
    assert store.forget(subject=CANARY) == 1
    (left,) = feedback.history()
    assert (left.call_id, left.by) == (other, "somebody")


def test_of_what_a_forgotten_subject_said_no_byte_is_left(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db", content="full")
    reliai.configure(observers=[], records=store)
    for number in range(50):
        feedback.record(CALL, f"n{number}", "x", by=CANARY, comment=CANARY)
    store.flush()
    assert CANARY.encode() in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    store.forget(subject=CANARY)
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
    store.close()


def test_feedback_goes_with_calls_that_are_too_old_and_alone_when_it_is(
    store: RecordStore,
) -> None:
    with virtual_clock() as clock:
        first = reliai.execute(answer, "x").call_id
        assert first is not None
        feedback.record(first, "thumbs", 0)
        feedback.record(CALL, "thumbs", 0)
        feedback.record(None, "solved", 0, session="s1")
        clock.advance(100)
        second = reliai.execute(answer, "y").call_id
        feedback.record(second, "thumbs", 1)
        feedback.record(OTHER, "thumbs", 1)
        store.flush()
        prune(store._database, 50)
    assert {said.call_id for said in feedback.read()} == {second, OTHER}
    assert count(store) == 2


# --- the schema -----------------------------------------------------------------------------------
def test_feedback_of_an_older_schema_is_kept(url: str, opened: Callable[..., RecordStore]) -> None:
    database = database_of(url)
    with database.writing() as connection:
        schema._migrate(connection, "0004")
    with database.writing() as connection:
        connection.execute(
            text(
                'INSERT INTO feedback ("key", call_id, name, value, "by", "at", kind, "current") '
                "VALUES ('k1', 'aa01', 'thumbs', '0', 'u1', 17.5, 'value', true)"
            )
        )
    database.close()
    (said,) = opened().feedback.current("aa01")
    assert (said.key, said.value, said.by, said.at, said.received_at) == ("k1", 0, "u1", 17.5, 17.5)
