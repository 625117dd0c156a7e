"""Following a store: each call is given once, in whatever order transactions end."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import insert

import reliai
from reliai.records import RecordStore
from reliai.records import _databases as databases
from reliai.records._databases import database_of
from reliai.records._tables import calls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from reliai.records._databases import Database
    from tests.servers import PostgresServer


@reliai.reliable(reliai.Retry(2), name="quick")
def quick(prompt: str) -> str:
    return prompt


def write(connection: Connection, name: str) -> None:
    connection.execute(insert(calls).values(id=name, epoch="e", name=name, started_at=1.0))


@pytest.fixture
def other(url: str) -> Iterator[Database]:
    """The same database, as another process has it open."""
    database = database_of(url)
    yield database
    database.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers do not wait for writers."""
    monkeypatch.setattr(databases, "SETTLING", 0.0)


@pytest.mark.usefixtures("impatient")
def test_a_call_whose_transaction_ends_later_than_the_next_one_is_given(
    store: RecordStore, other: Database
) -> None:
    quick("x")
    _, place = store.latest(10)
    with other.writing() as connection:
        write(connection, "slow")
        quick("y")
        store.flush(0.5)  # SQLite has it wait for the other
        given, place = store.after(place)
    store.flush(20)
    more, place = store.after(place)
    assert sorted(call.name for call in given + more) == ["quick", "slow"]
    assert store.after(place) == ([], place)


@pytest.mark.usefixtures("impatient")
def test_calls_are_given_where_a_transaction_was_undone(
    store: RecordStore, other: Database
) -> None:
    quick("x")
    _, place = store.latest(10)
    with other.engine.connect() as connection:
        write(connection, "undone")
        connection.rollback()
    quick("y")
    store.flush(20)
    assert [call.name for call in store.after(place)[0]] == ["quick"]


@pytest.fixture
def on_postgres(postgres: PostgresServer) -> Iterator[tuple[RecordStore, Database]]:
    """A store, and its database as another process has it open."""
    url = postgres.database()
    store, other = RecordStore(url), database_of(url)
    yield store, other
    other.close()
    store.close()


@pytest.mark.usefixtures("impatient")
def test_one_look_need_not_wait_for_what_may_still_come(
    on_postgres: tuple[RecordStore, Database],
) -> None:
    store, other = on_postgres
    with other.engine.connect() as slow, other.engine.connect() as fast:
        write(slow, "slow")
        write(fast, "fast")
        fast.commit()
        assert store.after(0) == ([], 0)
        assert [call.name for call in store.after(0, settled=False)[0]] == ["fast"]


def test_a_reader_waits_for_no_transaction_that_began_meanwhile(
    on_postgres: tuple[RecordStore, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = on_postgres
    with other.engine.connect() as first, other.engine.connect() as second:
        write(first, "first")
        with other.writing() as quicker:
            write(quicker, "quicker")

        def others_go_on(_: float) -> None:
            write(second, "second")
            first.commit()

        clock = SimpleNamespace(monotonic=time.monotonic, sleep=others_go_on)
        monkeypatch.setattr(databases, "time", clock)
        found, place = store.latest(10)
        assert [call.name for call in found] == ["first", "quicker"]
        monkeypatch.undo()
        second.commit()
    assert [call.name for call in store.after(place)[0]] == ["second"]
