"""What is deleted: a subject's calls, to the last byte, and calls that are too old."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

import reliai
from reliai.records import RecordStore
from reliai.records import _retention as retention
from reliai.records import _tables as tables
from reliai.records import _writer as writer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CANARY = "canary-7f3a9c"


@reliai.reliable(reliai.Retry(2, wait=lambda state: 0.0, budget=None), name="answer")
def answer(prompt: str, failures: list[Exception] | None = None) -> str:
    reliai.measure(**{prompt: 1.0, "text": prompt})
    if failures:
        raise failures.pop()
    return prompt


def fill(store: RecordStore, calls: int = 200) -> None:
    """Calls of the subject with the canary in each place a call has, among those of others."""
    reliai.configure(observers=[], records=store)
    for number in range(calls):
        with reliai.context(subject=f"other{number}"):
            answer(f"something {number}" * 20)
        with reliai.context(subject=CANARY, session=CANARY, tags={"note": CANARY}):
            answer(CANARY * 20, [ConnectionError(CANARY)])
    store.flush(20)


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


def test_of_a_forgotten_subject_no_byte_is_left_in_the_file(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db", content="full")
    fill(store)
    assert CANARY.encode() in bytes_of(tmp_path)
    assert store.forget(subject=CANARY) == 200
    assert CANARY.encode() not in bytes_of(tmp_path)
    assert len(store.calls(limit=None)) == 200
    store.close()


def test_a_subject_is_not_forgotten_while_somebody_reads_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patiently = writer.Writer.patiently
    monkeypatch.setattr(
        writer.Writer, "patiently", lambda self, action: patiently(self, action, 0.1)
    )
    store = RecordStore(f"sqlite:///{tmp_path}/records.db")
    fill(store, 3)
    reader = sqlite3.connect(tmp_path / "records.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM calls").fetchone()
    with pytest.raises(RuntimeError, match="others still read"):
        store.forget(subject=CANARY)
    reader.close()
    assert store.forget(subject=CANARY) == 0
    assert CANARY.encode() not in bytes_of(tmp_path)
    store.close()


def test_no_part_of_a_forgotten_call_is_left(store: RecordStore) -> None:
    fill(store, 5)
    assert store.forget(subject=CANARY) == 5
    with store._reading() as connection:
        kept = set(connection.execute(select(tables.calls.c.id)).scalars())
        assert len(kept) == 5
        for table in (tables.attempts, tables.values, tables.events):
            assert set(connection.execute(select(table.c.call_id)).scalars()) <= kept


def test_calls_that_are_too_old_are_deleted_with_their_parts(
    opened: Callable[..., RecordStore], store: RecordStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "CHUNK", 2)
    monkeypatch.setattr(writer, "PRUNED_CHUNKS", 3)
    for number in range(5):
        answer(f"old {number}")
    store.flush(20)
    with store._database.writing() as connection:
        connection.execute(
            tables.calls.update().values(started_at=tables.calls.c.started_at - 86_401)
        )
    keeping = opened(keep=1)
    reliai.configure(observers=[], records=keeping)
    answer("new")
    keeping.flush(20)
    keeping.close(20)  # waits for the turn of the writer, which prunes in the same one
    assert [call.values["text"] for call in store.calls()] == ["new"]
    with store._reading() as connection:
        assert connection.execute(select(func.count()).select_from(tables.attempts)).scalar() == 1


def test_nothing_is_deleted_unless_asked_for(store: RecordStore) -> None:
    answer("old")
    store.flush(20)
    with store._database.writing() as connection:
        connection.execute(tables.calls.update().values(started_at=0.0))
    answer("new")
    assert len(store.calls()) == 2


@pytest.mark.parametrize("keep", [0, -1, "90", float("nan"), True], ids=repr)
def test_a_time_that_is_none_is_an_error(tmp_path: Path, keep: float) -> None:
    with pytest.raises(reliai.ConfigurationError, match="keep="):
        RecordStore(f"sqlite:///{tmp_path}/records.db", keep=keep)
