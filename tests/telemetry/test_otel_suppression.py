"""OpenTelemetry's own instrumentation of the OpenAI SDK inside guarded calls, on real HTTP."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import openai
import pytest
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.trace import NoOpTracerProvider

import reliai
from reliai.integrations.openai import wrap
from reliai.telemetry import OpenTelemetry
from reliai.testing import Status, fault_server, virtual_clock
from tests.telemetry._collected import Collected, told

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def instrumented(seen: Collected) -> Iterator[None]:
    """The SDK, instrumented with the same providers as the observer."""
    instrumentor: Any = OpenAIInstrumentor()
    instrumentor.instrument(
        tracer_provider=seen.tracers, meter_provider=seen.meters, logger_provider=seen.loggers
    )
    try:
        yield
    finally:
        instrumentor.uninstrument()


@contextmanager
def client(script: Any) -> Iterator[openai.OpenAI]:
    """A plain client of a server on the loopback."""
    with (
        fault_server(script) as server,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as made,
    ):
        yield made


def chat(made: Any, **more: Any) -> Any:
    messages = [{"role": "user", "content": "how are you"}]
    return made.chat.completions.create(model="scripted-large", messages=messages, **more)


def inference_spans(seen: Collected) -> list[Any]:
    return [span for span in seen.spans() if "gen_ai.operation.name" in told(span)]


def test_alone_the_instrumentation_tells_by_itself() -> None:
    """So that the other tests here would fail without the suppression."""
    seen = Collected()
    with client("fine") as made, instrumented(seen):
        chat(made)
    assert len(inference_spans(seen)) == 1


def test_inside_a_call_there_is_one_span_with_what_both_know() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(made: Any) -> str:
        answer = chat(made, temperature=0.5, max_tokens=100)
        return str(answer.choices[0].message.content)

    with client("fine") as made, instrumented(seen), reliai.collect() as calls:
        ask(made)
    (span,) = inference_spans(seen)
    attributes = told(span)
    assert span.name == "chat scripted-large"
    assert attributes["gen_ai.usage.input_tokens"] > 0
    assert attributes["gen_ai.usage.output_tokens"] == calls[0].output_tokens
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.request.max_tokens"] == 100
    assert attributes["server.address"] == "127.0.0.1"
    assert attributes["gen_ai.provider.name"] == "openai"
    assert calls[0].usage_state == "measured"


@pytest.mark.parametrize("way", ["returned", "read", "wrapped"])
def test_what_reliai_reads_too_is_counted_once(way: str) -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(made: Any) -> Any:
        if way == "wrapped":
            return str(chat(wrap(made)).choices[0].message.content)
        answer = chat(made)
        return answer if way == "returned" else str(reliai.read(answer).choices[0].finish_reason)

    with client("fine") as made:
        alone = chat(made).usage
        with instrumented(seen):
            ask(made)
    (span,) = inference_spans(seen)
    assert told(span)["gen_ai.usage.input_tokens"] == alone.prompt_tokens
    assert told(span)["gen_ai.usage.output_tokens"] == alone.completion_tokens


def test_a_wrapped_client_tells_of_its_requests_without_any_instrumentation() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(made: Any) -> Any:
        return chat(wrap(made), temperature=0.5, max_tokens=100, n=1, user="canary")

    with client("fine") as made:
        ask(made)
        port = made.base_url.port
    (span,) = inference_spans(seen)
    attributes = told(span)
    assert attributes["gen_ai.request.temperature"] == 0.5
    assert attributes["gen_ai.request.max_tokens"] == 100
    assert "gen_ai.request.choice.count" not in attributes
    assert (attributes["server.address"], attributes["server.port"]) == ("127.0.0.1", port)
    assert "canary" not in str(attributes)
    (duration,) = seen.metrics()["gen_ai.client.operation.duration"]
    assert duration.attributes["server.address"] == "127.0.0.1"
    assert duration.attributes["server.port"] == port


def test_tokens_of_several_attempts_are_added_up() -> None:
    seen = Collected()
    bad = iter([True, True, False])

    @reliai.reliable(reliai.Retry(3), name="ask", observers=[seen.observer])
    def ask(made: Any) -> str:
        text = str(chat(made).choices[0].message.content)
        if next(bad):
            raise ConnectionError("cut")
        return text

    with client("fine") as made:
        alone = chat(made).usage
        with instrumented(seen), virtual_clock():
            ask(made)
    (span,) = inference_spans(seen)
    assert told(span)["gen_ai.usage.input_tokens"] == 3 * alone.prompt_tokens


def test_requests_within_one_attempt_are_added_up_too() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(made: Any) -> str:
        chat(made)
        return str(chat(made).choices[0].message.content)

    with client("fine") as made:
        alone = chat(made).usage
        with instrumented(seen):
            ask(made)
    (span,) = inference_spans(seen)
    assert told(span)["gen_ai.usage.output_tokens"] == 2 * alone.completion_tokens


def test_a_request_that_fails_leaves_one_failed_span() -> None:
    seen = Collected()

    @reliai.reliable(reliai.Retry(2), name="ask", observers=[seen.observer])
    def ask(made: Any) -> str:
        return str(chat(made))

    failing = client([Status(500), Status(500)])
    with failing as made, instrumented(seen), virtual_clock(), suppress(openai.APIError):
        ask(made)
    (span,) = inference_spans(seen)
    assert span.name == "chat scripted-large"
    assert told(span)["error.type"] == "server"
    assert told(span)["gen_ai.response.finish_reasons"] == ("error",)


def test_a_stream_is_one_span_with_the_usage_of_its_last_chunk() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(made: Any) -> Iterator[str]:
        options = {"include_usage": True}
        for chunk in chat(made, stream=True, stream_options=options):
            for choice in chunk.choices:
                yield choice.delta.content or ""

    with client([["I ", "am ", "fine"]]) as made, instrumented(seen):
        assert "".join(ask(made)) == "I am fine"
    (span,) = inference_spans(seen)
    assert told(span)["gen_ai.usage.output_tokens"] > 0
    assert told(span)["gen_ai.request.stream"] is True


def test_a_stream_that_is_closed_early_is_a_request_whose_usage_is_not_complete() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(made: Any) -> Iterator[str]:
        with chat(made, stream=True) as chunks:
            for chunk in chunks:
                for choice in chunk.choices:
                    yield choice.delta.content or ""

    with client([["I ", "am ", "fine"]]) as made, instrumented(seen):
        stream: Any = ask(made)
        next(stream)
        stream.close()
    (span,) = inference_spans(seen)
    assert span.name == "chat scripted-large"
    assert told(span)["reliai.usage.complete"] is False
    assert told(span)["reliai.outcome"] == "cancelled"
    assert "gen_ai.usage.input_tokens" not in told(span)


def test_an_asynchronous_client_is_told_of_once() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    async def ask(made: Any) -> str:
        return str((await chat(made)).choices[0].message.content)

    async def main(url: str) -> None:
        async with openai.AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as made:
            await ask(made)

    with fault_server("fine") as server, instrumented(seen):
        asyncio.run(main(server.url))
    (span,) = inference_spans(seen)
    assert told(span)["gen_ai.usage.input_tokens"] > 0


def test_metrics_of_the_request_come_once() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(made: Any) -> str:
        return str(chat(made).choices[0].message.content)

    with client("fine") as made, instrumented(seen):
        ask(made)
    points = seen.metrics()["gen_ai.client.operation.duration"]
    assert sum(point.count for point in points) == 1


def test_metrics_of_the_request_come_once_also_without_traces() -> None:
    seen = Collected()
    observer = OpenTelemetry(
        tracer_provider=NoOpTracerProvider(),
        meter_provider=seen.meters,
        logger_provider=seen.loggers,
    )

    @reliai.reliable(name="ask", observers=[observer])
    def ask(made: Any) -> str:
        return str(chat(made).choices[0].message.content)

    with client("fine") as made, instrumented(seen):
        ask(made)
        assert ask(made)
    assert seen.spans() == []
    points = seen.metrics()["gen_ai.client.operation.duration"]
    assert sum(point.count for point in points) == 2


def test_outside_of_guarded_calls_the_instrumentation_goes_on_as_before() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(made: Any) -> str:
        return str(chat(made).choices[0].message.content)

    with client("fine") as made, instrumented(seen):
        ask(made)
        chat(made)
    assert len(inference_spans(seen)) == 2
