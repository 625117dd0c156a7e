"""What the store keeps of a call, and what it answers; on SQLite and on PostgreSQL alike."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.records._schema import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.records import RecordStore


@reliai.reliable(
    reliai.Retry(3, wait=lambda state: 0.0, budget=None), name="answer", tags={"team": "support"}
)
def answer(prompt: str, failures: list[Exception] | None = None) -> str:
    reliai.measure(confidence=0.83, mood="good", ages=[31, 45, 62])
    if failures:
        raise failures.pop()
    return prompt.upper()


def test_a_call_comes_back_as_it_was(store: RecordStore) -> None:
    with reliai.context(subject="u1", session="s1", tenant="t1", tags={"locale": "de"}):
        outcome = reliai.execute(answer, "hello", [ConnectionError("down")])
    assert outcome.record is not None
    found = store.get(outcome.call_id)
    assert found is not None
    assert found.to_dict() == outcome.record.to_dict()
    assert [attempt.status for attempt in found.attempts] == ["error", "success"]


def test_what_comes_back_is_of_the_records_schema(store: RecordStore) -> None:
    import jsonschema

    found = store.get(reliai.execute(answer, "hello").call_id)
    assert found is not None
    jsonschema.validate(found.to_dict(), reliai.CallRecord.json_schema())


def test_an_error_comes_back_with_its_kind_and_type(store: RecordStore) -> None:
    outcome = reliai.execute(answer, "hello", [ValueError("odd")] * 3)
    found = store.get(outcome.call_id)
    assert found is not None
    assert found.status == "error"
    assert found.error == ("unknown", "ValueError", "")


def test_content_is_not_kept(store: RecordStore) -> None:
    found = store.get(reliai.execute(answer, "hello").call_id)
    assert found is not None
    assert found.inputs is None
    assert found.output is None


def test_a_call_that_is_not_there_is_none(store: RecordStore) -> None:
    assert store.get("0" * 32) is None


@pytest.mark.parametrize(
    ("which", "prompts"),
    [
        ({"name": "answer"}, 3),
        ({"name": "other"}, 0),
        ({"status": "error"}, 1),
        ({"subject": "u2"}, 1),
        ({"since": 0.0}, 3),
        ({"since": 1e12}, 0),
        ({"where": {"tag:locale": "de"}}, 1),
        ({"where": {"tag:team": "support"}}, 3),
        ({"where": {"value:confidence": ("<", 0.9)}}, 3),
        ({"where": {"value:confidence": ("<", 0.5)}}, 0),
        ({"where": {"status": ["error", "success"], "subject": None}}, 1),
        ({"where": {"error_kind": "unknown"}}, 1),
        ({"limit": 2}, 2),
    ],
    ids=str,
)
def test_calls_are_found_by_what_they_are(
    store: RecordStore, which: dict[str, Any], prompts: int
) -> None:
    with reliai.context(subject="u1", tags={"locale": "de"}):
        answer("one")
    with reliai.context(subject="u2"):
        reliai.execute(answer, "two", [ValueError("odd")] * 3)
    answer("three")
    assert len(store.calls(**which)) == prompts


def test_the_latest_call_comes_first(store: RecordStore) -> None:
    ids = [reliai.execute(answer, "hello").call_id for _ in range(3)]
    assert [call.id for call in store.calls()] == ids[::-1]


@pytest.mark.parametrize("where", [{"nothing": 1}, {"duration": ("~", 1)}, {"tags": "x"}], ids=str)
def test_a_condition_on_what_calls_do_not_have_is_an_error(
    store: RecordStore, where: dict[str, Any]
) -> None:
    with pytest.raises(reliai.ConfigurationError, match="where="):
        store.calls(where=where)


def test_every_record_is_written_dropped_or_pending(store: RecordStore) -> None:
    for _ in range(10):
        answer("hello")
    reliai.flush()
    assert store.counts[:4] == (10, 10, 0, 0)


def test_a_subject_is_forgotten_with_all_parts(store: RecordStore) -> None:
    with reliai.context(subject="u1"):
        mine = reliai.execute(answer, "hello").call_id
    with reliai.context(subject="u2"):
        other = reliai.execute(answer, "hello").call_id
    assert store.forget(subject="u1") == 1
    assert store.get(mine) is None
    assert store.get(other) is not None


def test_texts_that_a_database_cannot_hold_are_mended(store: RecordStore) -> None:
    with reliai.context(subject="nul\0", session="half \ud800"):
        outcome = reliai.execute(answer, "hello")
    found = store.get(outcome.call_id)
    assert found is not None
    assert found.session == "half ?"


def test_a_later_store_finds_what_an_earlier_one_wrote(
    opened: Callable[..., RecordStore], store: RecordStore
) -> None:
    call_id = reliai.execute(answer, "hello").call_id
    reliai.flush()
    assert opened().get(call_id) is not None


def test_the_schema_is_the_newest(store: RecordStore) -> None:
    from reliai.records._schema import version_of

    with store._reading() as connection:
        assert version_of(connection) == HEAD
