"""The record that each call leaves: complete, valid by its schema, unchanged afterwards."""

from __future__ import annotations

import asyncio
import json
import threading
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import reliai
from reliai import clock
from reliai._core.record_parts import ErrorInfo
from reliai.testing import Latency, ScriptedModel, records, virtual_clock
from tests.core._kinds import each_stream, every_kind, of_kind, read, record_of

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = reliai.CallRecord.json_schema()


def plain() -> str:
    return "a"


def answer(prompt: str) -> str:
    return "the answer"


def valid(record: reliai.CallRecord) -> dict[str, Any]:
    """The record as plain data, once it is proven to be what the schema says and JSON can hold."""
    data = record.to_dict()
    jsonschema.validate(data, SCHEMA)
    assert json.loads(json.dumps(data)) == json.loads(json.dumps(data))
    return data


def test_schema_is_a_schema_and_allows_nothing_unknown() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    data = valid(record_of(reliai.reliable()(plain), "sync"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**data, "surprise": 1}, SCHEMA)
    assert set(SCHEMA["required"]) == set(data)


@every_kind
@pytest.mark.parametrize(
    "script", [["a"], [ConnectionError("down"), "a"], [ValueError("no")], [["a", KeyError("b")]]]
)
def test_record_of_any_outcome_is_valid(kind: str, script: list[Any]) -> None:
    function = reliai.reliable(
        reliai.Timeout(30), reliai.Retry(2, wait=0), reliai.CircuitBreaker(), tags={"team": "a"}
    )(of_kind(ScriptedModel(script), kind))
    with virtual_clock(), reliai.context(subject="u1"):
        valid(record_of(function, kind, "x"))


def test_success_is_recorded_in_full() -> None:
    reliai.configure(service="shop", release="1.2", environment="test")

    @reliai.reliable(reliai.Retry(3, wait=2), name="ask", tags={"team": "a"})
    def ask(prompt: str) -> str:
        return str(model(prompt))

    model = ScriptedModel([Latency(1, ConnectionError("down")), Latency(3, "a")])
    with virtual_clock(), reliai.context(subject="u", session="s", tenant="t"):
        record = record_of(ask, "sync", "x")
    data = valid(record)
    assert data["name"] == "ask"
    assert data["status"] == "success"
    assert data["duration"] == 1 + 2 + 3
    assert data["started_at"] == 1_700_000_000
    assert data["target"] == "ask"
    assert (data["service"], data["release"], data["environment"]) == ("shop", "1.2", "test")
    assert (data["subject"], data["session"], data["tenant"]) == ("u", "s", "t")
    assert data["tags"] == {"team": "a"}
    assert data["usage_state"] == "unknown"
    assert data["cost_usd"] is None
    first, second = data["attempts"]
    assert first == {
        "number": 1, "target": "ask", "started_at": 1_700_000_000, "duration": 1,
        "status": "error", "wait": 0.0, "model": None, "input_tokens": None, "output_tokens": None,
        "error": {"kind": "connection", "type": "ConnectionError", "message": None},
    }  # fmt: skip
    assert (second["number"], second["wait"], second["duration"]) == (2, 2, 3)
    assert second["started_at"] == 1_700_000_003
    assert (second["status"], second["error"]) == ("success", None)
    assert data["events"] == [
        {"kind": "retry", "at": 1.0, "attributes": {"attempt": 1, "wait": 2, "error": "connection"}}
    ]


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (ValueError("no"), "error", "unknown"),
        (ConnectionError("down"), "error", "connection"),
        (TimeoutError("late"), "error", "timeout"),
        (reliai.BulkheadFull("full"), "rejected", "rejected"),
        (reliai.CircuitOpen("c", 3.0), "rejected", "rejected"),
        (reliai.GuardRejected("no"), "rejected", "rejected"),
        (reliai.OutputInvalid("bad"), "error", "invalid_output"),
        (asyncio.CancelledError(), "cancelled", "cancelled"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_status_tells_who_refused(error: BaseException, status: str, kind: str) -> None:
    def ask() -> Any:
        raise error

    with records() as seen, pytest.raises(type(error)):
        reliai.reliable()(ask)()
    data = valid(seen[0])
    assert data["status"] == status
    assert data["error"]["kind"] == kind
    assert data["error"]["type"].endswith(type(error).__name__)


def test_degraded_answer_names_who_gave_it() -> None:
    ask = reliai.Fallback(ScriptedModel(["b"], name="backup"))(
        ScriptedModel([ConnectionError("down")], name="primary")
    )
    data = valid(record_of(ask, "sync"))
    assert (data["status"], data["error"], data["target"]) == ("degraded", None, "backup")
    assert [attempt["target"] for attempt in data["attempts"]] == ["primary", "backup"]


def test_message_of_an_error_is_cut_to_size() -> None:
    record = record_of(ScriptedModelOf(ValueError("x" * 10_000)), "sync")
    assert record.error is not None
    assert len(record.error.message) == 500


def ScriptedModelOf(error: Exception) -> Any:  # noqa: N802  reads like a model
    return reliai.reliable()(ScriptedModel([error]))


def test_message_of_a_validation_error_quotes_no_content() -> None:
    from pydantic import BaseModel

    class Answer(BaseModel):
        number: int

    def ask() -> Any:
        return Answer.model_validate({"number": "a secret"})

    record = record_of(reliai.reliable()(ask), "sync")
    assert record.error is not None
    assert record.error.message == "1 validation errors"
    assert "secret" not in json.dumps(record.to_dict())


def test_neither_arguments_nor_answers_are_recorded() -> None:
    """A73."""
    record = record_of(reliai.Retry(2)(answer), "sync", "the prompt")
    text = json.dumps(record.to_dict())
    assert "the prompt" not in text
    assert "the answer" not in text


# --- unchanged once the call has ended ----------------------------------------------------
@every_kind
def test_record_does_not_change_after_the_end(kind: str) -> None:
    calls: list[reliai.Call] = []

    async def keep(call: reliai.Call, proceed: Any) -> Any:
        calls.append(call)
        return await proceed(call)

    function = reliai.reliable(keep, reliai.Retry(2, wait=0))(
        of_kind(ScriptedModel([ConnectionError("down"), ["a", "b"]]), kind)
    )
    if kind in {"sync", "async"}:
        function = reliai.reliable(keep)(of_kind(ScriptedModel(["a"]), kind))
    record = record_of(function, kind)
    before = record.to_dict()
    calls[0].emit("late", reason="too late")
    calls[0].check("late", passed=False)
    reliai.configure(service="another", release="2")
    assert record.to_dict() == before


def test_event_of_a_straggler_does_not_reach_the_record() -> None:
    go, gone = threading.Event(), threading.Event()

    @reliai.Timeout(0.002)
    def ask() -> None:
        go.wait(10)
        call = reliai.current_call()
        assert call is not None
        call.emit("late")
        gone.set()

    with records() as seen, pytest.raises(reliai.CallTimeout):
        ask()
    go.set()
    assert gone.wait(10)
    assert seen[0].events == ()


# --- events -------------------------------------------------------------------------------
def test_events_carry_their_time_since_the_start() -> None:
    @reliai.reliable()
    def ask() -> None:
        call = reliai.current_call()
        assert call is not None
        call.emit("looked", count=1)
        clock.active().sleep(2)
        call.emit("found", count=2, kind="word", self="allowed")

    with virtual_clock() as time:
        time.advance(100)
        record = record_of(ask, "sync")
    assert record.events == (
        ("looked", 0, {"count": 1}),
        ("found", 2, {"count": 2, "kind": "word", "self": "allowed"}),
    )


def test_events_beyond_the_limit_are_counted() -> None:
    @reliai.reliable()
    def ask() -> None:
        call = reliai.current_call()
        assert call is not None
        for number in range(300):
            call.emit("step", number=number)

    record = record_of(ask, "sync")
    assert len(record.events) == 256
    assert record.events[-1].kind == "events_dropped"
    assert record.events[-1].attributes["count"] == 300 - 255
    valid(record)


def test_checks_are_recorded() -> None:
    async def checking(call: reliai.Call, proceed: Any) -> Any:
        call.check("length", passed=True)
        call.check("tone", passed=False, reason="rude")
        return await proceed(call)

    data = valid(record_of(reliai.reliable(checking)(plain), "sync"))
    assert data["checks"] == [
        {"name": "length", "passed": True, "reason": None},
        {"name": "tone", "passed": False, "reason": "rude"},
    ]


# --- measure ------------------------------------------------------------------------------
@every_kind
def test_measure_puts_values_on_the_record_and_never_fails_a_call(kind: str) -> None:
    def measure(arguments: Any, output: Any) -> dict[str, Any]:
        if arguments["args"] == ("boom",):
            raise RuntimeError("a mistake in measuring")
        return {"prompts": len(arguments["args"])}

    function = reliai.reliable(measure=measure)(
        of_kind(ScriptedModel(["a", "a", KeyError()]), kind)
    )
    assert record_of(function, kind, "x").values == {"prompts": 1}
    record = record_of(function, kind, "boom")
    assert (record.status, record.values) == ("success", {})
    assert record_of(function, kind, "x").values == {}, "nothing to measure on a failure"


# --- streams ------------------------------------------------------------------------------
@each_stream
def test_stream_record_tells_first_chunk_count_and_duration_until_the_end(kind: str) -> None:
    model = ScriptedModel([Latency(2, ["a", Latency(3), "b", Latency(4), "c"])])
    with virtual_clock():
        record = record_of(reliai.reliable()(of_kind(model, kind)), kind)
    assert record.time_to_first_chunk == pytest.approx(2)
    assert record.chunks == 3
    assert record.duration == pytest.approx(9)
    assert record.attempts[0].duration == pytest.approx(9)
    valid(record)


def test_record_and_attempt_show_themselves() -> None:
    record = record_of(reliai.reliable(name="ask")(ScriptedModel(["a"], name="m")), "sync")
    assert repr(record) == f"<CallRecord {record.id} ask: success>"
    assert repr(record.attempts[0]) == "<Attempt 1 of m: success>"
    for thing in (record, record.attempts[0]):
        with pytest.raises(AttributeError, match="no attribute 'surprise'"):
            _ = thing.surprise


def test_fingerprint_changes_with_the_settings_and_only_then() -> None:
    def fingerprint(*policies: Any) -> str:
        return record_of(reliai.reliable(*policies)(plain), "sync").fingerprint

    assert fingerprint(reliai.Retry(3)) == fingerprint(reliai.Retry(3))
    assert fingerprint(reliai.Retry(3)) != fingerprint(reliai.Retry(4))
    assert fingerprint() != fingerprint(reliai.Retry(3))


def test_call_shows_itself_and_its_place() -> None:
    seen: dict[str, Any] = {}

    async def look(call: reliai.Call, proceed: Any) -> Any:
        seen.update(
            name=call.name, target=call.target, primary=call.primary, tags=dict(call.tags),
            variant=call.variant, attempt=call.attempt, parent=call.parent_id, text=repr(call),
            id=call.id,
        )  # fmt: skip
        return await proceed(call)

    reliai.reliable(look, name="ask", tags={"a": "1"})(ScriptedModel(["a"], name="m"))()
    assert seen == {
        "name": "ask", "target": "m", "primary": True, "tags": {"a": "1"}, "variant": None,
        "attempt": 1, "parent": None, "text": f"<reliai.Call {seen['id']} of ask>",
        "id": seen["id"],
    }  # fmt: skip


def test_stream_of_nothing_is_a_success_without_chunks() -> None:
    @reliai.Retry(2)
    def stream() -> Iterator[str]:
        return
        yield

    record = record_of(stream, "generator")
    assert (record.status, record.chunks, len(record.attempts)) == ("success", 0, 1)
    assert read(stream, "generator") == []
    assert record.attempts[0].status == "success"


@pytest.mark.parametrize("error", [ConnectionError("CANARY"), ValueError("CANARY")])
def test_what_is_written_of_a_record_leaves_out_messages_that_may_quote_content(
    error: Exception,
) -> None:
    @reliai.reliable(reliai.Retry(2, on=Exception, wait=0, budget=None))
    def failing() -> None:
        raise error

    record = reliai.execute(failing).record
    assert record is not None
    assert record.error is not None
    assert record.error.message == "CANARY", "in the process it is there"
    assert "CANARY" not in json.dumps(record.to_dict())


def test_messages_of_reliais_own_errors_are_written() -> None:
    @reliai.Guard(reliai.MaxLength(1))
    def ask(prompt: str) -> str:
        return prompt

    record = reliai.execute(ask, "ab").record
    assert record is not None
    assert "MaxLength" in record.to_dict()["error"]["message"]


def test_an_error_of_reliai_has_one_name() -> None:
    from reliai.errors import CircuitOpen

    module = CircuitOpen.__module__
    try:
        for name in ("reliai", "reliai.errors"):
            CircuitOpen.__module__ = name
            assert ErrorInfo.of(CircuitOpen("a", 1.0), "rejected").type == "reliai.CircuitOpen"
    finally:
        CircuitOpen.__module__ = module
