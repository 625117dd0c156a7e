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


ODD = ["a\0b", "\ud800", "\0\udfff"]


@pytest.mark.parametrize("odd", ODD)
def test_calls_with_an_odd_text_are_found_by_that_text(store: RecordStore, odd: str) -> None:
    with reliai.context(subject=odd, session=odd, tenant=odd, tags={"odd": odd, odd: "x"}):
        reliai.reliable(reliai.Retry(2), name=odd)(lambda: "x")()
    answer("other")
    asked: list[dict[str, Any]] = [
        *({key: odd} for key in ("name", "subject", "session", "tenant")),
        *({"where": {key: odd}} for key in ("subject", "tag:odd")),
        {"where": {"subject": [odd]}},
        {"where": {"subject": ("=", odd)}},
        {"where": {"tag:odd": [odd]}},
        {"where": {f"tag:{odd}": "x"}},
    ]
    assert [len(store.calls(**one)) for one in asked] == [1] * len(asked)
    assert store.calls(run_id=odd) == []


@pytest.mark.parametrize("odd", ODD)
def test_a_subject_with_an_odd_name_is_forgotten_by_that_name(store: RecordStore, odd: str) -> None:
    for subject in (odd, "other"):
        with reliai.context(subject=subject):
            answer("x")
    assert store.forget(subject=odd) == 1
    assert store.calls(subject=odd) == []
    assert len(store.calls()) == 1


def test_a_subject_with_nul_is_found_though_a_call_beside_it_had_half_a_pair(
    store: RecordStore,
) -> None:
    for subject in ("a\0b", "\ud800"):
        with reliai.context(subject=subject):
            answer("x")
    assert len(store.calls(subject="a\0b")) == 1
    assert store.forget(subject="a\0b") == 1


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_text_of_content_and_values_is_found(
    opened: Callable[..., RecordStore], odd: str
) -> None:
    store = opened(content="full")
    reliai.configure(observers=[], records=store)
    measured(odd, text=odd)
    for key in ("output", "input:prompt", "value:text"):
        assert len(store.calls(where={key: odd})) == 1, key


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_name_of_the_service_costs_no_record(store: RecordStore, odd: str) -> None:
    reliai.configure(service=odd, environment=odd, release=odd)
    answer("x")
    assert len(store.calls(where={"service": odd, "environment": odd, "release": odd})) == 1
    assert store.counts.dropped == 0


@pytest.mark.parametrize("odd", ODD)
def test_no_call_is_found_by_an_odd_id(store: RecordStore, odd: str) -> None:
    assert store.get(odd) is None
    assert store.find(odd) == []


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
