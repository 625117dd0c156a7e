"""What `execute` gives, and the lines of `report`."""

from __future__ import annotations

import asyncio
import gc
from typing import Any, cast

import pytest

import reliai
from reliai import clock
from reliai.testing import ScriptedModel, virtual_clock
from tests.core._kinds import every_kind, of_kind, outcome_of, record_of


# --- outcomes -----------------------------------------------------------------------------
@every_kind
def test_execute_gives_the_outcome_of_any_kind(kind: str) -> None:
    function = reliai.reliable()(of_kind(ScriptedModel(["a", KeyError("b")]), kind))
    good, bad = outcome_of(function, kind), outcome_of(function, kind)
    assert good.ok
    assert not bad.ok
    assert isinstance(bad.error, KeyError)
    assert bad.value is None
    assert bad.failure is not None
    assert bad.record is not None
    assert bad.record.status == "error"
    assert bad.call_id == bad.record.id
    assert good.call_id is not None
    with pytest.raises(KeyError):
        bad.unwrap()
    if kind in {"sync", "async"}:
        assert good.unwrap() == good.value == "a"
        assert good.record is not None
        assert repr(good) == "<reliai.Outcome value=str>"
    assert repr(bad) == "<reliai.Outcome error=KeyError('b')>"


def test_outcome_of_a_stream_has_its_record_when_the_stream_has_ended() -> None:
    function = reliai.reliable()(ScriptedModel([["a", "b"]]).streaming)
    outcome = reliai.execute(function)
    stream = outcome.value
    assert outcome.record is None
    assert stream.record is None
    assert outcome.call_id == stream.call_id
    assert list(stream) == ["a", "b"]
    assert outcome.record is not None
    assert outcome.record is stream.record
    assert outcome.record.chunks == 2


def test_outcome_of_an_async_stream_has_its_record_when_the_stream_has_ended() -> None:
    function = reliai.reliable()(ScriptedModel([["a", "b"]]).streaming.asynchronous)

    async def main() -> None:
        outcome = await reliai.aexecute(function)
        assert outcome.record is None
        assert [chunk async for chunk in outcome.value] == ["a", "b"]
        assert outcome.record is not None
        assert outcome.record.chunks == 2

    asyncio.run(main())


def test_stream_that_failed_to_start_has_a_record() -> None:
    function = reliai.reliable()(ScriptedModel([ConnectionError("down")]).streaming)
    stream: Any = function()
    with pytest.raises(ConnectionError):
        next(stream)
    assert stream.record is not None
    assert stream.record.status == "error"
    with pytest.raises(StopIteration):
        next(stream)


def test_execute_of_a_method_takes_its_object() -> None:
    class Service:
        @reliai.reliable()
        def ask(self, prompt: str) -> str:
            return f"{type(self).__name__} {prompt}"

        @reliai.reliable()
        async def ask_later(self, prompt: str) -> str:
            return f"{type(self).__name__} {prompt}"

    assert reliai.execute(Service().ask, "a").value == "Service a"
    assert asyncio.run(reliai.aexecute(Service().ask_later, "a")).value == "Service a"


def test_execute_is_for_guarded_functions_of_its_own_kind() -> None:
    async def later() -> None: ...

    with pytest.raises(reliai.ConfigurationError, match="not guarded"):
        reliai.execute(len, "a")
    with pytest.raises(reliai.ConfigurationError, match=r"execute\(answer, …\)") as caught:
        reliai.execute(cast("Any", "the answer"))  # called first, by mistake
    assert "the answer" not in str(caught.value)
    with pytest.raises(reliai.ConfigurationError, match="aexecute"):
        reliai.execute(reliai.reliable()(later))
    with pytest.raises(reliai.ConfigurationError, match=r"reliai\.execute"):
        asyncio.run(reliai.aexecute(reliai.reliable()(ScriptedModel(["a"]))))


# --- report -------------------------------------------------------------------------------
def test_report_has_a_line_a_call_oldest_first() -> None:
    gc.collect()  # streams that earlier tests left behind end their records now
    reliai.flush()
    ask = reliai.reliable(name="ask")(ScriptedModel(["a", ValueError("no\nsecond line")]))
    stream = reliai.reliable(name="stream")(ScriptedModel([["a", "b"]]).streaming)
    fallen = reliai.reliable(reliai.Fallback("b"), name="fallen")(ScriptedModel([OSError("x")]))
    with virtual_clock():
        ask()
        with pytest.raises(ValueError, match="no"):
            ask()
        list(stream())
        fallen()
    lines = reliai.report(4).splitlines()
    assert [line.split()[0] for line in lines] == ["success", "error", "success", "degraded"]
    assert "unknown: no" in lines[1]
    assert "second" not in lines[1]
    assert "2 chunks" in lines[2]
    assert "by value" in lines[3]
    assert reliai.report(1).splitlines() == lines[-1:]
    assert reliai.report(0) == ""


def test_report_says_what_a_stand_in_answered_for() -> None:
    breaker = reliai.CircuitBreaker("down", consecutive=1)
    model = ScriptedModel([ConnectionError("no route")])
    ask = reliai.reliable(reliai.Fallback("b"), breaker)(model)
    with virtual_clock():
        ask()
        ask()
    first, second = reliai.report(2).splitlines()
    assert first.endswith("by value  after connection: no route")
    assert second.endswith("by value  after rejected")


@pytest.mark.parametrize(
    ("usd", "shown"),
    [(0.0, "$0.0000"), (0.0021, "$0.0021"), (12.5, "$12.5000"), (0.00000334, "$0.0000033")],
)
def test_report_shows_small_prices_as_more_than_nothing(usd: float, shown: str) -> None:
    @reliai.reliable()
    def ask() -> None:
        reliai.usage(cost_usd=usd)

    ask()
    assert reliai.report(1).split("  ")[-1] == shown


def test_report_looks_back_on_256_calls() -> None:
    ask = reliai.reliable()(lambda: "a")
    for _ in range(300):
        ask()
    assert len(reliai.report(1000).splitlines()) == 256


def test_report_shows_usage_and_long_durations() -> None:
    @reliai.reliable(name="ask")
    def ask() -> Any:
        clock.active().sleep(12)
        return {
            "object": "chat.completion",
            "model": "m-1",
            "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7},
        }

    with virtual_clock():
        record = record_of(ask, "sync")
    assert (record.model_served, record.input_tokens, record.output_tokens) == ("m-1", 5, 7)
    assert record.usage_state == "measured"
    assert record.attempts[0].output_tokens == 7
    line = reliai.report(1)
    assert "12.00 s" in line
    assert "m-1" in line
    assert "5+7 tokens" in line
