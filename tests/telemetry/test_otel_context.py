"""What is current where, when a call is made, runs, waits and streams."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import baggage, trace
from opentelemetry._logs import NoOpLoggerProvider
from opentelemetry.context import attach, detach
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
from opentelemetry.trace import NonRecordingSpan, NoOpTracerProvider, SpanContext

import reliai
from reliai.telemetry import OpenTelemetry
from reliai.testing import ScriptedModel, virtual_clock
from tests.telemetry._collected import Collected, id_of, parent_of, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def current() -> int:
    """The id of the span that is current here."""
    return trace.get_current_span().get_span_context().span_id


def test_the_attempts_span_is_current_in_the_function_and_in_nothing_else() -> None:
    seen = Collected()
    inside: list[int] = []

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> str:
        inside.append(current())
        return "a"

    with seen.tracer.start_as_current_span("mine"):
        before = current()
        ask()
        assert current() == before
    assert inside == [id_of(seen.only("reliai.attempt"))]
    assert parent_of(seen.only("reliai.call ask")) == id_of(seen.only("mine"))


def test_what_the_function_sends_names_its_attempt_as_the_parent() -> None:
    seen = Collected()
    headers: dict[str, str] = {}

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> str:
        inject(headers)
        return "a"

    ask()
    attempt = seen.only("reliai.attempt")
    context = attempt.get_span_context()
    assert context is not None
    ids = f"00-{context.trace_id:032x}-{context.span_id:016x}-"
    assert headers["traceparent"].startswith(ids)
    assert int(headers["traceparent"][-2:], 16) & trace.TraceFlags.SAMPLED


def test_each_attempt_is_current_in_itself() -> None:
    seen = Collected()
    inside: list[int] = []

    @reliai.reliable(reliai.Retry(2), name="ask", observers=[seen.observer])
    def ask() -> str:
        inside.append(current())
        if len(inside) == 1:
            raise ConnectionError("down")
        return "a"

    with virtual_clock():
        ask()
    assert inside == [id_of(span) for span in seen.named("reliai.attempt")]


def test_a_timeout_in_a_worker_thread_keeps_the_callers_span_and_variables() -> None:
    seen = Collected()
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    inside: list[Any] = []

    @reliai.reliable(reliai.Timeout(30), name="ask", observers=[seen.observer])
    def ask() -> str:
        inside.append((threading.current_thread(), current(), variable.get()))
        return "a"

    token = variable.set("mine")
    with seen.tracer.start_as_current_span("mine"):
        ask()
    variable.reset(token)
    (thread, span, value) = inside[0]
    assert thread is not threading.current_thread()
    assert span == id_of(seen.only("reliai.attempt"))
    assert value == "mine"
    assert parent_of(seen.only("reliai.call ask")) == id_of(seen.only("mine"))


def test_rivals_at_the_same_time_are_each_current_in_their_own_task() -> None:
    seen = Collected()
    inside: list[int] = []

    @reliai.reliable(reliai.Hedge(after=0.01), name="ask", observers=[seen.observer])
    async def ask() -> str:
        inside.append(current())
        if len(inside) == 1:
            await asyncio.Event().wait()
        await asyncio.sleep(0)
        inside.append(current())
        return "a"

    asyncio.run(ask())
    first, second = (id_of(span) for span in seen.named("reliai.attempt"))
    assert inside == [first, second, second]


def test_between_the_chunks_of_a_stream_the_consumers_span_is_current() -> None:
    seen = Collected()
    inside: list[int] = []

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> Iterator[str]:
        for text in "ab":
            inside.append(current())
            yield text

    with seen.tracer.start_as_current_span("mine"):
        mine = current()
        assert [current() for _ in ask()] == [mine, mine]
    assert inside == [id_of(seen.only("reliai.attempt"))] * 2


@pytest.mark.parametrize("cut", [False, True])
def test_an_async_generator_closed_in_another_task_detaches_nothing(
    cut: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    async def ask() -> AsyncIterator[str]:
        with seen.tracer.start_as_current_span("inside"):
            for text in "abc":
                yield text

    async def main() -> list[bool]:
        stream: Any = ask()
        there = []
        with seen.tracer.start_as_current_span("mine"):
            mine = current()
            await asyncio.ensure_future(stream.__anext__())
            there.append(current() == mine)
            if not cut:
                await asyncio.ensure_future(stream.__anext__())
            await asyncio.ensure_future(stream.aclose())
            there.append(current() == mine)
        return there

    with caplog.at_level(logging.ERROR):
        assert asyncio.run(main()) == [True, True]
    assert "detach" not in caplog.text
    assert len(seen.named("reliai.attempt")) == 1


def test_no_baggage_is_written() -> None:
    seen = Collected()
    headers: dict[str, str] = {}

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> str:
        inject(headers)
        return "a"

    with reliai.context(subject="canary", tenant="canary"):
        token = attach(baggage.set_baggage("theirs", "1"))
        ask()
        detach(token)
    assert headers["baggage"] == "theirs=1"


def test_a_trace_that_is_not_sampled_gives_no_spans_but_all_metrics() -> None:
    seen = Collected(sampler=ALWAYS_OFF)
    headers: dict[str, str] = {}

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> str:
        inject(headers)
        return "a"

    ask()
    assert seen.spans() == []
    assert not int(headers["traceparent"][-2:], 16) & trace.TraceFlags.SAMPLED
    (point,) = seen.metrics()["reliai.call.duration"]
    assert point.count == 1


def test_failed_refused_and_slow_calls_are_kept_whatever_is_sampled() -> None:
    seen = Collected(
        sampler=ParentBased(TraceIdRatioBased(0.01)), keep_failures=True, keep_slow=5.0
    )
    with virtual_clock() as clock:

        @reliai.reliable(
            reliai.Guard(reliai.MaxLength(9)),
            reliai.Retry(2),
            name="ask",
            observers=[seen.observer],
        )
        def ask(prompt: str) -> str:
            if prompt == "fail":
                raise ConnectionError("down")
            if prompt == "slow":
                clock.advance(6)
            return "a"

        for prompt in ("fail", "slow", "much too long"):
            for _ in range(5):
                with suppress(ConnectionError, reliai.GuardRejected):
                    ask(prompt)
        kept = seen.named("reliai.call ask")
        assert len(kept) == 15
        attempts = seen.named("reliai.attempt")
        assert len(attempts) == 15  # two of each that failed, one of each that was slow
        assert {parent_of(span) for span in attempts} <= {id_of(span) for span in kept}
        for _ in range(100):
            ask("well")
    assert len(seen.named("reliai.call ask")) < 30
    points = seen.metrics()["reliai.call.duration"]
    assert sum(point.count for point in points) == 115


def test_what_is_kept_although_it_was_not_sampled_asks_nobody_else_to_sample() -> None:
    seen = Collected(sampler=ALWAYS_OFF, keep_failures=True)
    headers: dict[str, str] = {}

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> str:
        inject(headers)
        raise ConnectionError("down")

    with suppress(ConnectionError):
        ask()
    attempt = seen.only("reliai.attempt").get_span_context()
    assert attempt is not None
    assert headers["traceparent"].startswith(f"00-{attempt.trace_id:032x}-{attempt.span_id:016x}")
    assert not int(headers["traceparent"][-2:], 16) & trace.TraceFlags.SAMPLED


def test_two_processes_decide_alike_for_one_trace() -> None:
    both = []
    for _ in range(2):
        seen = Collected(sampler=TraceIdRatioBased(0.3))
        ask = reliai.reliable(name="ask", observers=[seen.observer])(ScriptedModel(["a"] * 60))
        for number in range(60):
            trace_id = (number * 0x9E3779B97F4A7C15) % 2**64 + (1 << 64)
            above = NonRecordingSpan(SpanContext(trace_id, 1, is_remote=True))
            token = attach(trace.set_span_in_context(above))
            ask()
            detach(token)
        contexts = [span.get_span_context() for span in seen.named("reliai.call ask")]
        both.append({context.trace_id for context in contexts if context is not None})
    assert both[0] == both[1]
    assert 5 < len(both[0]) < 40


@pytest.mark.parametrize("seconds", [0, -1, True, "5"])
def test_what_is_no_time_from_which_calls_are_slow_is_refused(seconds: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="keep_slow"):
        OpenTelemetry(keep_slow=seconds)


BAD: list[tuple[dict[str, Any], str]] = [
    ({"tracer_provider": 5}, r"tracer_provider=5\): has no get_tracer\(\); give a TracerProvider"),
    ({"meter_provider": 5}, r"meter_provider=5\): has no get_meter\(\); give a MeterProvider"),
    ({"logger_provider": 5}, r"logger_provider=5\): has no get_logger\(\); give a LoggerProvider"),
    ({"tracer_provider": NoOpTracerProvider}, "has no get_tracer"),
    ({"resources": "yes"}, r"resources='yes'\): must be True or False"),
    ({"keep_failures": "no"}, r"keep_failures='no'\): must be True or False"),
]


@pytest.mark.parametrize(("wrong", "message"), BAD, ids=range(len(BAD)))
def test_wrong_setting_is_refused_and_named(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=message):
        OpenTelemetry(**wrong)


def test_a_trace_is_sampled_as_a_whole() -> None:
    seen = Collected(sampler=ParentBased(TraceIdRatioBased(0.5)))
    model = ScriptedModel(["a"] * 50)
    ask = reliai.reliable(name="ask", observers=[seen.observer])(model)
    for _ in range(50):
        ask()
    calls, attempts = seen.named("reliai.call ask"), seen.named("reliai.attempt")
    assert 0 < len(calls) < 50
    assert {parent_of(span) for span in attempts} == {id_of(span) for span in calls}
    (point,) = seen.metrics()["reliai.call.duration"]
    assert point.count == 50


def test_what_the_function_adds_to_the_current_span_is_kept() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> str:
        trace.get_current_span().set_attribute("mine", 1)
        return "a"

    ask()
    assert told(seen.only("reliai.attempt"))["mine"] == 1


def test_an_observer_without_any_provider_computes_nothing() -> None:
    program = """
import reliai
from reliai.telemetry import OpenTelemetry
import reliai.telemetry.opentelemetry as module

def never(*args):
    raise AssertionError("computed")

for name in ("end_spans", "of_record", "content_attributes"):
    setattr(module, name, never)
observer = OpenTelemetry()
@reliai.reliable(observers=[observer])
def ask():
    return "a"
with reliai.collect() as calls:
    ask()
assert reliai.flush()
assert reliai.telemetry.health()["OpenTelemetry"].failures == 0
assert calls[0].trace_id is None
import sys
assert "opentelemetry.sdk" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_provider_that_is_set_later_is_used_from_then_on() -> None:
    program = """
import reliai
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from reliai.telemetry import OpenTelemetry

reliai.configure(observers=[OpenTelemetry()])
@reliai.reliable(name="ask")
def ask():
    return "a"
ask()
reliai.flush()
exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
ask()
reliai.flush()
names = sorted(span.name for span in exporter.get_finished_spans())
assert names == ["reliai.attempt", "reliai.call ask"], names
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@pytest.mark.parametrize("before", [True, False])
def test_the_last_calls_of_a_program_are_told(before: bool) -> None:
    """Also when its provider came after its first call, and so shuts down sooner."""
    program = f"""
import reliai
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from reliai.telemetry import OpenTelemetry

class Prints(SpanExporter):
    def export(self, spans):
        for span in spans:
            print(span.name, flush=True)
        return SpanExportResult.SUCCESS

reliai.configure(observers=[OpenTelemetry()])
@reliai.reliable(name="ask")
def ask():
    return "a"
if {before}:
    ask()
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Prints()))
trace.set_tracer_provider(provider)
ask()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], check=True, timeout=60, capture_output=True, text=True
    )
    assert sorted(done.stdout.split("\n")[:2]) == ["reliai.attempt", "reliai.call ask"]


def test_without_the_observer_nothing_of_opentelemetry_is_loaded() -> None:
    program = """
import sys
import reliai
@reliai.reliable(reliai.Retry(2))
def ask():
    return "a"
assert ask() == "a"
from reliai.telemetry import Memory
loaded = {"opentelemetry", "prometheus_client", "structlog"} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_one_observer_twice_for_the_same_providers_is_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="traces and metrics and logs"):
        reliai.configure(observers=[OpenTelemetry(), OpenTelemetry()])


def test_two_dialects_for_the_same_providers_are_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="counted twice"):
        reliai.reliable(observers=[OpenTelemetry("v1_41"), OpenTelemetry("latest")])


def test_two_observers_that_share_one_provider_are_refused() -> None:
    seen = Collected()
    one = OpenTelemetry(tracer_provider=seen.tracers)
    other = OpenTelemetry("langfuse", tracer_provider=Collected().tracers)
    with pytest.raises(reliai.ConfigurationError, match="provider of metrics and logs"):
        reliai.configure(observers=[one, other])


def test_an_observer_for_traces_alone_is_well_beside_another() -> None:
    seen = Collected()
    traces = OpenTelemetry(
        "langfuse",
        tracer_provider=Collected().tracers,
        meter_provider=NoOpMeterProvider(),
        logger_provider=NoOpLoggerProvider(),
    )

    @reliai.reliable(name="ask", observers=[seen.observer, traces])
    def ask() -> str:
        return "a"

    ask()
    (point,) = seen.metrics()["reliai.call.duration"]
    assert point.count == 1


def test_two_dialects_for_two_backends_are_well() -> None:
    one, other = Collected("v1_41"), Collected("langfuse")

    @reliai.reliable(name="ask", observers=[one.observer, other.observer])
    def ask() -> str:
        return "a"

    ask()
    assert len(one.spans()) == len(other.spans()) == 2
