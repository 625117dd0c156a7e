"""Conditions on what is in the parts of calls, and the indexes that find them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, text

import reliai
from reliai.records import _queries as queries
from reliai.records._retention import delete_some
from reliai.records._tables import calls

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from reliai.records import RecordStore


@reliai.reliable(reliai.Retry(3, wait=lambda state: 0.0, budget=None), name="answer")
def answer(
    prompt: str, options: dict[str, Any] | None = None, *, failures: int = 0
) -> dict[str, Any]:
    if prompt == "flaky" and _left(failures):
        raise ConnectionError("down")
    reliai.measure(score=len(prompt), mood="good" if options else "bad", sure=bool(options))
    return {"label": prompt, "parts": [1, 2]}


_failed: list[int] = []


def _left(failures: int) -> bool:
    _failed.append(1)
    return len(_failed) <= failures


@pytest.fixture
def kept(opened: Callable[..., RecordStore]) -> RecordStore:
    """A store that keeps content, with three calls in it."""
    store = opened(content="full")
    reliai.configure(observers=[], records=store)
    _failed.clear()
    with reliai.context(session="s1", tenant="t1"):
        answer("hello", {"temperature": 0.5, "stream": True, "mode": "fast"})
    answer("bye", {"temperature": 1, "stream": False, "mode": "7"})
    answer("flaky", failures=1)
    return store


@pytest.mark.parametrize(
    ("where", "prompts"),
    [
        ({"input:prompt": "hello"}, {"hello"}),
        ({"input:prompt": ["hello", "bye"]}, {"hello", "bye"}),
        ({"input:options.temperature": (">", 0.7)}, {"bye"}),
        ({"input:options.temperature": (">=", 0.5)}, {"hello", "bye"}),
        ({"input:options.stream": True}, {"hello"}),
        ({"input:options.mode": "fast"}, {"hello"}),
        ({"input:options.mode": (">", 5)}, set[str]()),
        ({"input:options": None}, {"flaky"}),
        ({"output:label": ("!=", "hello")}, {"bye", "flaky"}),
        ({"output:nothing": None}, {"hello", "bye", "flaky"}),
        ({"value:score": ("<=", 3)}, {"bye"}),
        ({"value:mood": "bad"}, {"flaky"}),
        ({"value:sure": True}, {"hello", "bye"}),
        ({"value:nothing": None}, {"hello", "bye", "flaky"}),
        ({"event:retry": True}, {"flaky"}),
        ({"event:retry": False}, {"hello", "bye"}),
        ({"event:retry.attempt": (">", 50)}, set[str]()),
        ({"session": "s1"}, {"hello"}),
        ({"duration": (">=", 0), "value:score": 5}, {"hello", "flaky"}),
    ],
    ids=lambda part: " ".join(sorted(part)) if isinstance(part, set) else str(part),
)
def test_calls_are_found_by_what_is_in_their_parts(
    kept: RecordStore, where: dict[str, Any], prompts: set[str]
) -> None:
    assert {call.output["label"] for call in kept.calls(where=where)} == prompts


def test_calls_are_found_by_conversation_customer_and_run(kept: RecordStore) -> None:
    assert [call.inputs["prompt"] for call in kept.calls(session="s1", tenant="t1")] == ["hello"]
    assert kept.calls(session="s2") == kept.calls(tenant="t2") == kept.calls(run_id="r1") == []


def test_an_expression_of_sqlalchemy_is_a_condition(kept: RecordStore) -> None:
    assert len(kept.calls(where=calls.c.name.like("ans%"))) == 3


@pytest.mark.parametrize(
    "where",
    [{"event:retry": 1}, {"input:": 1}, {"inputs": 1}, {"what:prompt": 1}, {"tags": "x"}],
    ids=str,
)
def test_what_calls_do_not_have_is_an_error(kept: RecordStore, where: dict[str, Any]) -> None:
    with pytest.raises(reliai.ConfigurationError, match="where="):
        kept.calls(where=where)


def test_an_unknown_filter_is_an_error(kept: RecordStore) -> None:
    with pytest.raises(TypeError, match="nme"):
        kept.to_parquet("calls.parquet", nme="answer")


_MANY = 3_000


@pytest.fixture
def connection(store: RecordStore) -> Any:
    """A connection to a store with so many calls that a look through all of them is slower."""
    rows = [
        {
            "id": f"id{number}",
            "epoch": "e",
            "name": f"name{number % 50}",
            "started_at": float(number),
            "subject": f"subject{number % 500}",
            "session": f"session{number % 900}",
            "run_id": f"run{number % 900}",
        }
        for number in range(_MANY)
    ]
    with store._database.writing() as writing:
        writing.execute(insert(calls), rows)
        writing.execute(text("ANALYZE calls"))
    with store._reading() as reading:
        yield reading


def _plan(connection: Connection, act: Callable[[Connection], object]) -> str:
    """How the database goes about the first statement on calls that `act` makes."""
    from sqlalchemy import event

    seen: list[tuple[str, Any]] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if "calls" in statement:
            seen.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    act(connection)
    event.remove(connection, "before_cursor_execute", note)
    statement, parameters = seen[0]
    how = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    return str(connection.exec_driver_sql(f"{how} {statement}", parameters).all())


@pytest.mark.parametrize(
    ("which", "index"),
    [
        ({"name": "name7", "since": 100.0}, "calls_name_started_at"),
        ({"subject": "subject7"}, "calls_subject"),
        ({"session": "session7"}, "calls_session"),
        ({"run_id": "run7"}, "calls_run_id"),
        ({"since": _MANY - 10.0}, "calls_started_at"),
        ({}, "calls_started_at"),
    ],
    ids=str,
)
def test_calls_are_found_through_an_index(
    connection: Connection, which: dict[str, Any], index: str
) -> None:
    found = queries.conditions(**which)
    assert index in _plan(connection, lambda to: queries.newest(to, found, 100))


def test_a_call_is_found_by_its_id_through_an_index(connection: Connection) -> None:
    assert "calls_id" in _plan(connection, lambda to: queries.newest(to, [calls.c.id == "id7"], 1))


def test_the_calls_of_a_subject_are_deleted_through_an_index(connection: Connection) -> None:
    of_subject = calls.c.subject == "subject7"
    assert "calls_subject" in _plan(connection, lambda to: delete_some(to, of_subject))


def test_a_page_of_calls_begins_where_the_last_one_ended(connection: Connection) -> None:
    plan = _plan(connection, lambda to: queries.page(to, [], (1000.0, 1000), 10))
    assert "calls_started_at" in plan
