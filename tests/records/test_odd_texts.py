"""Texts and numbers that a database has its own idea of: none costs more than itself."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

import reliai

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.records import RecordStore
    from tests.servers import PostgresServer


@reliai.reliable(reliai.Retry(2), name="odd")
def answer(prompt: str) -> str:
    return prompt


@reliai.reliable(reliai.Retry(2), name="measured")
def measured(prompt: str, **numbers: Any) -> str:
    reliai.measure(**numbers)
    return prompt


@pytest.mark.parametrize("odd", ["a\0b", "\0\0", "\\\0", "\ud800"])
def test_an_odd_text_of_one_call_does_not_keep_others_from_being_found(
    store: RecordStore, odd: str
) -> None:
    with reliai.context(tags={"color": "red", "odd": odd}):
        answer("x")
    assert len(store.calls(where={"tag:color": "red"})) == 1
    assert store.calls(where={"tag:odd": "blue"}) == []
    assert store.counts.dropped == 0


def test_a_backslash_before_the_name_of_nul_stays_what_it_is(store: RecordStore) -> None:
    with reliai.context(tags={"path": r"a\u0000b"}):
        answer("x")
    assert store.calls(name="odd")[0].tags == {"path": r"a\u0000b"}


def test_nul_in_content_does_not_keep_content_from_being_found(
    opened: Callable[..., RecordStore],
) -> None:
    store = opened(content="full")
    reliai.configure(observers=[], records=store)
    answer("a\0b")
    answer("fine")
    assert len(store.calls(where={"output": "fine"})) == 1
    assert len(store.calls(where={"input:prompt": "fine"})) == 1


def test_a_tag_is_found_by_a_name_that_is_not_ascii(store: RecordStore) -> None:
    with reliai.context(tags={"größe": "klein"}):
        answer("x")
    assert len(store.calls(where={"tag:größe": "klein"})) == 1


@pytest.mark.parametrize("number", [10**400, 10**5000], ids=["400", "5000"])
def test_a_number_that_is_too_large_costs_no_record(store: RecordStore, number: Any) -> None:
    measured("x", big=number)
    assert store.calls(name="measured") != []
    assert store.counts.dropped == 0


def test_a_text_too_long_for_an_index_does_not_hold_up_what_comes_later(
    postgres: PostgresServer, opened: Callable[..., RecordStore]
) -> None:
    store = opened()
    reliai.configure(observers=[], records=store)
    with reliai.context(subject=secrets.token_hex(20_000)):
        answer("x")
    answer("later")
    assert store.flush(10)
    assert store.counts.pending == 0
    assert len(store.calls(name="odd", where={"subject": None})) == 1


def test_a_migration_takes_as_long_as_it_takes(postgres: PostgresServer) -> None:
    from sqlalchemy import text

    from reliai.records._databases import database_of

    database = database_of(postgres.database())
    limit = text("SHOW statement_timeout")
    with database.writing() as connection:
        database.lock_schema(connection)
        assert connection.execute(limit).scalar() == "0"
    with database.reading() as connection:
        assert connection.execute(limit).scalar() == "1min"
    database.close()
