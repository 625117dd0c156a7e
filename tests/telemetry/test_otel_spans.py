"""The shape of the spans of every kind of call, as the SDK of OpenTelemetry exports them."""

from __future__ import annotations

import asyncio
import gc
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import SpanKind, StatusCode, Tracer, TracerProvider

import reliai
from reliai.telemetry import OpenTelemetry
from reliai.testing import ScriptedModel, sdk_answer, virtual_clock
from tests.telemetry._collected import Collected, id_of, parent_of, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from opentelemetry.context import Context


def used(model: str = "gpt-x-1", **numbers: Any) -> str:
    """What a function does that asked a model."""
    reliai.usage(model=model, **{"input_tokens": 10, "output_tokens": 3, **numbers})
    return "a"


def test_a_call_of_a_model_is_one_client_span_with_one_attempt_below() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(model: str) -> str:
        return used(cost_usd=0.5)

    ask("gpt-x")
    call, attempt = seen.only("chat gpt-x"), seen.only("reliai.attempt")
    assert len(seen.spans()) == 2
    assert (call.kind, attempt.kind) == (SpanKind.CLIENT, SpanKind.INTERNAL)
    assert (parent_of(call), parent_of(attempt)) == (None, id_of(call))
    attributes = told(call)
    assert attributes["gen_ai.operation.name"] == "chat"
    assert attributes["gen_ai.request.model"] == "gpt-x"
    assert attributes["gen_ai.response.model"] == "gpt-x-1"
    assert attributes["gen_ai.usage.input_tokens"] == 10
    assert attributes["gen_ai.usage.output_tokens"] == 3
    assert attributes["reliai.cost.usd"] == 0.5
    assert attributes["reliai.call.name"] == "ask"
    assert attributes["reliai.outcome"] == "success"
    assert not [key for key in told(attempt) if key.startswith("gen_ai.")]


def test_a_call_of_no_model_is_an_internal_span_without_model_attributes() -> None:
    seen = Collected()

    @reliai.reliable(name="look", observers=[seen.observer])
    def look() -> str:
        return "a"

    look()
    call = seen.only("reliai.call look")
    assert call.kind is SpanKind.INTERNAL
    assert not [key for key in told(call) if key.startswith("gen_ai.")]


def test_failures_that_were_retried_away_are_on_the_attempts_and_not_on_the_call() -> None:
    seen = Collected()
    model = ScriptedModel([ConnectionError("down"), ConnectionError("down"), "a"])
    ask = reliai.reliable(reliai.Retry(3), name="ask", observers=[seen.observer])(model)
    with virtual_clock():
        ask()
    call = seen.only("reliai.call ask")
    assert call.status.status_code is StatusCode.UNSET
    assert "error.type" not in told(call)
    assert told(call)["reliai.attempt.count"] == 3
    attempts = [told(span) for span in seen.named("reliai.attempt")]
    assert [each.get("error.type") for each in attempts] == ["connection", "connection", None]
    assert [each["reliai.attempt.number"] for each in attempts] == [1, 2, 3]
    assert attempts[1]["reliai.attempt.reason"] == "connection"
    retries = [dict(each.attributes or {}) for each in call.events if each.name == "reliai.retry"]
    assert [each["error.type"] for each in retries] == ["connection"] * 2
    assert all(float(str(each["reliai.retry.delay"])) > 0 for each in retries)


def test_a_call_whose_attempts_all_fail_is_an_error_of_the_last_one() -> None:
    seen = Collected()
    errors: Iterator[Exception] = iter([ConnectionError("down"), TimeoutError("late")])

    @reliai.reliable(reliai.Retry(2), name="ask", observers=[seen.observer])
    def ask(model: str) -> str:
        raise next(errors)

    with virtual_clock(), suppress(TimeoutError):
        ask("gpt-x")
    call = seen.only("chat gpt-x")
    assert call.status.status_code is StatusCode.ERROR
    assert told(call)["error.type"] == "timeout"
    assert told(call)["gen_ai.response.finish_reasons"] == ("error",)
    (event,) = seen.events()
    assert event.event_name == "gen_ai.client.operation.exception"
    assert event.severity_text == "WARN"
    assert event.span_id == id_of(call)


def test_targets_are_client_spans_of_their_own_under_an_internal_one_without_usage() -> None:
    seen = Collected()

    def small(prompt: str) -> str:
        return used("small-1", input_tokens=7)

    @reliai.reliable(reliai.Fallback(small), reliai.Retry(2), name="ask", observers=[seen.observer])
    def ask(prompt: str) -> str:
        used("big-1", input_tokens=20)
        raise ConnectionError("cut")

    with virtual_clock():
        ask("…")
    call = seen.only("reliai.call ask")
    big, little = seen.only("chat big-1"), seen.only("chat small-1")
    assert call.kind is SpanKind.INTERNAL
    assert told(call)["reliai.outcome"] == "degraded"
    assert not [key for key in told(call) if key.startswith("gen_ai.usage")]
    assert [span.kind for span in (big, little)] == [SpanKind.CLIENT] * 2
    assert [parent_of(span) for span in (big, little)] == [id_of(call)] * 2
    assert told(big)["gen_ai.usage.input_tokens"] == 40  # two attempts were billed
    assert told(big)["error.type"] == "connection"
    assert told(little)["gen_ai.usage.input_tokens"] == 7
    assert "error.type" not in told(little)
    last = seen.named("reliai.attempt")[-1]
    assert parent_of(last) == id_of(little)
    assert told(last)["reliai.fallback.from"] == "ask"


def test_the_providers_of_two_targets_are_told_apart() -> None:
    seen = Collected()

    def other(prompt: str) -> Any:
        return reliai.read(anthropic_answer())

    @reliai.reliable(reliai.Fallback(other), name="ask", observers=[seen.observer])
    def ask(prompt: str) -> Any:
        reliai.read(openai_answer())
        raise ConnectionError("cut")

    ask("…")
    providers = [told(span).get("gen_ai.provider.name") for span in seen.spans()]
    assert [each for each in providers if each] == ["openai", "anthropic"]


def openai_answer() -> Any:
    return sdk_answer("a", "chat")


def anthropic_answer() -> Any:
    return sdk_answer("a", "messages")


class _Looks(Sampler):
    """Samples everything, and keeps what it was told of root spans."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, SpanKind | None, dict[str, Any]]] = []

    def should_sample(  # noqa: PLR0917  the SDK's
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Any = None,
        links: Any = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        self.seen.append((name, kind, dict(attributes or {})))
        return SamplingResult(Decision.RECORD_AND_SAMPLE, {**(attributes or {}), "added": 1})

    def get_description(self) -> str:
        return "looks"


def test_a_sampler_is_asked_once_a_call_with_what_is_known_of_the_function() -> None:
    looks = _Looks()
    seen = Collected(sampler=looks)

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(model: str) -> Any:
        return openai_answer()

    ask("gpt-x")
    assert len(seen.spans()) == 2
    ask("gpt-x")
    assert [name for name, _, _ in looks.seen] == ["reliai.call ask"] * 2
    assert looks.seen[1][1:] == (
        SpanKind.CLIENT,
        {
            "reliai.call.name": "ask",
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": "gpt-x",
        },
    )
    assert [told(span)["added"] for span in seen.named("chat gpt-x")] == [1, 1]


def test_what_was_expected_of_a_call_that_asked_no_model_is_not_on_its_span() -> None:
    seen = Collected()
    breaker = reliai.CircuitBreaker("otel-expected", consecutive=1)
    answers = iter([False, True])

    @reliai.reliable(reliai.Cache(), breaker, name="ask", observers=[seen.observer])
    def ask(model: str) -> str:
        if next(answers):
            raise ConnectionError("down")
        return used()

    for model in ("gpt-x", "gpt-x", "gpt-y", "gpt-z"):
        with suppress(ConnectionError, reliai.CircuitOpen):
            ask(model)
        assert seen.spans()
    hit, refused = (s for s in seen.spans() if told(s).get("reliai.attempt.count") == 0)
    for span in (hit, refused):
        assert span.kind is SpanKind.INTERNAL
        assert span.name == "reliai.call ask"
        assert not [key for key in told(span) if key.startswith("gen_ai.")]


class _Plain(Tracer):
    """A tracer of another make: it tells neither its ids nor its sampler."""

    def __init__(self, tracer: Any) -> None:
        self._tracer = tracer

    def start_span(self, *args: Any, **kwargs: Any) -> Any:
        return self._tracer.start_span(*args, **kwargs)

    def start_as_current_span(self, *args: Any, **kwargs: Any) -> Any:
        return self._tracer.start_as_current_span(*args, **kwargs)


class _PlainTracers(TracerProvider):
    def __init__(self, tracers: TracerProvider) -> None:
        self._tracers = tracers

    def get_tracer(self, *args: Any, **kwargs: Any) -> Tracer:
        return _Plain(self._tracers.get_tracer(*args, **kwargs))


def test_a_tracer_of_another_make_gets_spans_of_the_same_shape() -> None:
    seen = Collected()
    observer = OpenTelemetry(tracer_provider=_PlainTracers(seen.tracers))
    bad = iter([True, False])

    @reliai.reliable(reliai.Retry(2), name="ask", observers=[observer])
    def ask(model: str) -> str:
        if next(bad):
            raise ConnectionError("down")
        return used()

    with virtual_clock():
        ask("gpt-x")
    call = seen.only("chat gpt-x")
    assert told(call)["gen_ai.usage.input_tokens"] == 10
    assert [parent_of(span) for span in seen.named("reliai.attempt")] == [id_of(call)] * 2


def test_what_a_function_does_to_its_span_is_done_to_the_one_that_is_exported() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> str:
        span = trace.get_current_span()
        assert span.is_recording()
        span.set_attribute("one", 1)
        span.set_attributes({"two": 2})
        span.add_event("three", {"x": 3})
        span.add_link(span.get_span_context())
        span.record_exception(ValueError("four"))
        span.set_status(StatusCode.OK)
        span.end()
        return "a"

    ask()
    attempt = seen.only("reliai.attempt")
    assert (told(attempt)["one"], told(attempt)["two"]) == (1, 2)
    assert [event.name for event in attempt.events] == ["three", "exception"]
    assert len(attempt.links) == 1
    assert attempt.status.status_code is StatusCode.OK


def test_an_open_circuit_refuses_without_a_client_span() -> None:
    seen = Collected()
    breaker = reliai.CircuitBreaker("otel-circuit", consecutive=1)
    model = ScriptedModel([ConnectionError("down")])
    ask = reliai.reliable(breaker, name="ask", observers=[seen.observer])(model)
    for _ in range(2):
        with suppress(ConnectionError, reliai.CircuitOpen):
            ask()
    failed, refused = seen.named("reliai.call ask")
    changes = [event for event in failed.events if event.name.startswith("reliai.circuit_")]
    assert [event.name for event in changes] == ["reliai.circuit_opened"]
    change = dict(changes[0].attributes or {})
    assert change["reliai.breaker.name"] == "otel-circuit"
    assert change["reliai.breaker.state"] == "open"
    assert change["reliai.breaker.state.previous"] == "closed"
    assert told(refused)["reliai.outcome"] == "rejected"
    assert told(refused)["error.type"] == "circuit_open"
    assert refused.kind is SpanKind.INTERNAL
    assert len(seen.named("reliai.attempt")) == 1
    states = [
        point.value
        for point in seen.metrics()["reliai.breaker.state"]
        if point.attributes["reliai.breaker.name"] == "otel-circuit"
    ]
    assert sorted(states) == [0, 0, 0, 1]


def test_a_guards_refusal_is_a_rejected_call_without_an_attempt() -> None:
    seen = Collected()

    @reliai.reliable(reliai.Guard(reliai.MaxLength(1)), name="ask", observers=[seen.observer])
    def ask(prompt: str) -> str:
        return "a"

    with suppress(reliai.GuardRejected):
        ask("long")
    (span,) = seen.spans()
    assert told(span)["error.type"] == "guard_rejected"
    assert told(span)["reliai.outcome"] == "rejected"
    (event,) = span.events
    assert (event.attributes or {})["reliai.guard.name"] == "MaxLength"


def test_a_cache_hit_is_a_call_without_an_attempt() -> None:
    seen = Collected()

    @reliai.reliable(reliai.Cache(), name="ask", observers=[seen.observer])
    def ask(prompt: str) -> str:
        return used()

    ask("a")
    ask("a")
    missed, hit = seen.only("chat gpt-x-1"), seen.only("reliai.call ask")
    assert told(missed)["reliai.cache.hit"] is False
    assert told(hit)["reliai.cache.hit"] is True
    assert told(hit)["reliai.cache.kind"] == "exact"
    assert told(hit)["reliai.attempt.count"] == 0
    assert not [key for key in told(hit) if key.startswith("gen_ai.")]


def test_a_guarded_call_inside_is_a_span_below_the_attempt_and_alone_has_the_usage() -> None:
    seen = Collected()

    @reliai.reliable(name="inner", observers=[seen.observer])
    def inner(model: str) -> str:
        return used()

    @reliai.reliable(name="outer", observers=[seen.observer])
    def outer(model: str) -> str:
        return inner(model)

    outer("gpt-x")
    around, call = seen.only("reliai.call outer"), seen.only("chat gpt-x")
    between = next(
        span for span in seen.named("reliai.attempt") if parent_of(span) == id_of(around)
    )
    assert parent_of(call) == id_of(between)
    usage = [span for span in seen.spans() if "gen_ai.usage.input_tokens" in told(span)]
    assert usage == [call]


def test_an_asynchronous_call_has_the_same_shape() -> None:
    async def main() -> None:
        seen = Collected()

        @reliai.reliable(name="ask", observers=[seen.observer])
        async def ask(model: str) -> str:
            await asyncio.sleep(0)
            return used()

        await ask("gpt-x")
        call, attempt = seen.only("chat gpt-x"), seen.only("reliai.attempt")
        assert parent_of(attempt) == id_of(call)

    asyncio.run(main())


def test_a_cancelled_call_is_no_error_and_says_so() -> None:
    async def main() -> None:
        seen = Collected()
        entered = asyncio.Event()

        @reliai.reliable(name="ask", observers=[seen.observer])
        async def ask() -> str:
            entered.set()
            await asyncio.Event().wait()
            return "a"

        task = asyncio.ensure_future(ask())
        await entered.wait()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        call = seen.only("reliai.call ask")
        assert told(call)["reliai.outcome"] == "cancelled"
        assert call.status.status_code is StatusCode.UNSET
        assert told(seen.only("reliai.attempt"))["reliai.attempt.result"] == "cancelled"

    asyncio.run(main())


def test_rivals_of_a_hedge_are_attempts_of_one_call() -> None:
    async def main() -> None:
        seen = Collected()
        slow = iter([True, False])

        @reliai.reliable(reliai.Hedge(after=0.01), name="ask", observers=[seen.observer])
        async def ask() -> str:
            if next(slow):
                await asyncio.Event().wait()
            return used()

        await ask()
        call = seen.only("chat gpt-x-1")
        attempts = seen.named("reliai.attempt")
        assert [parent_of(span) for span in attempts] == [id_of(call)] * 2
        results = [told(span)["reliai.attempt.result"] for span in attempts]
        assert results == ["cancelled", "success"]

    asyncio.run(main())


def test_a_stream_is_one_span_until_its_last_chunk() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(model: str) -> Iterator[str]:
        yield from ("a", "b", "c")
        used()

    stream = ask("gpt-x")
    assert next(stream) == "a"
    assert seen.spans() == []
    assert list(stream) == ["b", "c"]
    call = seen.only("chat gpt-x")
    assert told(call)["gen_ai.request.stream"] is True
    assert told(call)["gen_ai.response.time_to_first_chunk"] > 0
    assert told(call)["reliai.stream.chunks"] == 3
    assert len(seen.named("reliai.attempt")) == 1


@pytest.mark.parametrize("way", ["closed", "abandoned"])
def test_a_stream_that_is_left_ends_its_span_once(way: str) -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> Iterator[str]:
        yield "a"
        yield "b"

    stream: Any = ask()
    next(stream)
    if way == "closed":
        stream.close()
    del stream
    gc.collect()
    call = seen.only("reliai.call ask")
    assert told(call)["reliai.outcome"] == "cancelled"
    assert told(call)["reliai.stream.chunks"] == 1


def test_a_stream_that_fails_midway_is_an_error() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> Iterator[str]:
        yield "a"
        raise ConnectionError("cut")

    with suppress(ConnectionError):
        list(ask())
    call = seen.only("reliai.call ask")
    assert call.status.status_code is StatusCode.ERROR
    assert told(call)["error.type"] == "connection"


def test_an_asynchronous_stream_is_one_span_until_its_last_chunk() -> None:
    async def main() -> None:
        seen = Collected()

        @reliai.reliable(name="ask", observers=[seen.observer])
        async def ask(model: str) -> AsyncIterator[str]:
            yield "a"
            yield "b"
            used()

        assert [chunk async for chunk in ask("gpt-x")] == ["a", "b"]
        call = seen.only("chat gpt-x")
        assert told(call)["reliai.stream.chunks"] == 2
        assert told(call)["gen_ai.usage.input_tokens"] == 10

    asyncio.run(main())


def test_spans_begin_and_end_when_the_record_says() -> None:
    seen = Collected()
    ask = reliai.reliable(name="ask", observers=[seen.observer])(ScriptedModel(["a"]))
    with reliai.collect() as calls:
        ask()
    call, record = seen.only("reliai.call ask"), calls[0]
    assert call.start_time == int(record.started_at * 1e9)
    assert call.end_time == pytest.approx((record.started_at + (record.duration or 0)) * 1e9)


def test_the_record_knows_its_trace() -> None:
    seen = Collected()
    ask = reliai.reliable(name="ask", observers=[seen.observer])(ScriptedModel(["a"]))
    with reliai.collect() as calls:
        ask()
    call = seen.only("reliai.call ask").get_span_context()
    assert call is not None
    assert calls[0].trace_id == f"{call.trace_id:032x}"
    assert calls[0].span_id == f"{call.span_id:016x}"


def test_who_called_and_why_is_on_the_span() -> None:
    seen = Collected()
    ask = reliai.reliable(name="ask", tags={"team": "x"}, observers=[seen.observer])(lambda: "a")
    with reliai.context(subject="u1", session="s1", tenant="t1", tags={"locale": "de"}):
        ask()
    attributes = told(seen.only("reliai.call ask"))
    assert attributes["user.id"] == "u1"
    assert attributes["gen_ai.conversation.id"] == "s1"
    assert attributes["reliai.tenant"] == "t1"
    assert attributes["reliai.tag.team"] == "x"
    assert attributes["reliai.tag.locale"] == "de"


def test_measured_numbers_are_on_the_span_and_texts_are_not() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> str:
        reliai.measure(confidence=0.8, said="secret")
        return "a"

    ask()
    attributes = told(seen.only("reliai.call ask"))
    assert attributes["reliai.value.confidence"] == 0.8
    assert "reliai.value.said" not in attributes


def test_a_tool_is_the_execution_of_a_tool() -> None:
    seen = Collected()

    @reliai.tool(name="find", observers=[seen.observer])
    def find(query: str) -> str:
        return "a"

    find("x")
    call = seen.only("execute_tool find")
    assert call.kind is SpanKind.INTERNAL
    assert told(call)["gen_ai.operation.name"] == "execute_tool"
    assert told(call)["gen_ai.tool.name"] == "find"
