"""Metrics as the SDK of OpenTelemetry collects them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor

import reliai
from reliai._core.hub import hub
from reliai.testing import ScriptedModel, sdk_stream, virtual_clock
from tests.telemetry._collected import Collected

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_two_failures_and_a_success_are_one_call_and_three_attempts() -> None:
    seen = Collected()
    model = ScriptedModel([ConnectionError("down"), ConnectionError("down"), "a"])
    ask = reliai.reliable(reliai.Retry(3), name="ask", observers=[seen.observer])(model)
    with virtual_clock():
        ask()
    found = seen.metrics()
    (call,) = found["reliai.call.duration"]
    assert (call.count, dict(call.attributes)) == (
        1,
        {"reliai.call.name": "ask", "reliai.outcome": "success"},
    )
    assert sum(point.count for point in found["reliai.attempt.duration"]) == 3
    (retries,) = found["reliai.call.retries"]
    assert (retries.count, retries.sum) == (1, 2)


def test_a_stream_of_n_chunks_gives_n_minus_one_times_between_them() -> None:
    seen = Collected()
    with virtual_clock() as clock:

        @reliai.reliable(name="ask", observers=[seen.observer])
        def ask(model: str) -> Iterator[str]:
            for text in "abcd":
                clock.advance(0.5)
                yield text
            reliai.usage(model="gpt-x-1", input_tokens=3, output_tokens=4)

        list(ask("gpt-x"))
    found = seen.metrics()
    (first,) = found["gen_ai.client.operation.time_to_first_chunk"]
    (between,) = found["gen_ai.client.operation.time_per_output_chunk"]
    (duration,) = found["gen_ai.client.operation.duration"]
    assert (first.count, first.sum) == (1, pytest.approx(0.5))
    assert (between.count, between.sum) == (3, pytest.approx(1.5))
    assert duration.sum == pytest.approx(2.0)


def test_a_providers_stream_is_counted_by_its_last_chunk_that_has_no_choices() -> None:
    seen = Collected()
    events = sdk_stream("one two three", "chat")

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(model: str) -> Iterator[Any]:
        yield from events

    assert not events[-1].choices
    assert len(list(ask("gpt-x"))) == len(events)
    found = seen.metrics()
    tokens = {p.attributes["gen_ai.token.type"]: p.sum for p in found["gen_ai.client.token.usage"]}
    assert tokens["output"] == events[-1].usage.completion_tokens
    (between,) = found["gen_ai.client.operation.time_per_output_chunk"]
    assert between.count == len(events) - 1


def test_a_stream_that_a_plain_function_returns_counts_its_chunks_alone() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(model: str) -> Any:
        return (event for event in sdk_stream("one two three", "chat"))

    events = list(ask("gpt-x"))
    (between,) = seen.metrics()["gen_ai.client.operation.time_per_output_chunk"]
    assert between.count == len(events) - 1


def test_nothing_is_recorded_in_the_thread_of_the_call() -> None:
    seen = Collected()
    threads: set[int] = set()
    ask = reliai.reliable(name="ask", observers=[seen.observer])(ScriptedModel(["a", "b"]))
    ask()
    assert hub.flush(60)
    recording = seen.observer._metrics
    assert recording is not None
    record = recording.record

    def watched(*args: Any) -> None:
        threads.add(threading.get_ident())
        record(*args)

    setattr(recording, "record", watched)  # noqa: B010  a method is replaced
    ask()
    assert hub.flush(60)
    assert threads
    assert threading.get_ident() not in threads


def test_exemplars_name_the_calls_trace() -> None:
    seen = Collected()
    ask = reliai.reliable(name="ask", observers=[seen.observer])(ScriptedModel(["a"]))
    with reliai.collect() as calls:
        ask()
    (point,) = seen.metrics()["reliai.call.duration"]
    (exemplar,) = point.exemplars
    assert f"{exemplar.trace_id:032x}" == calls[0].trace_id
    assert f"{exemplar.span_id:016x}" == calls[0].span_id


def test_attributes_that_are_not_wanted_are_left_away() -> None:
    seen = Collected(metric_labels=["outcome"])
    ask = reliai.reliable(name="ask", observers=[seen.observer])(ScriptedModel(["a"]))
    ask()
    (point,) = seen.metrics()["reliai.call.duration"]
    assert dict(point.attributes) == {"reliai.outcome": "success"}


def test_an_attribute_that_is_an_id_is_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="'user_id' may be no label"):
        Collected(metric_labels=["user_id"])


def test_names_beyond_the_cap_are_others_and_the_counts_are_complete() -> None:
    seen = Collected(label_limit=2)
    for number in range(5):
        reliai.reliable(name=f"ask{number}", observers=[seen.observer])(ScriptedModel(["a"]))()
    points = seen.metrics()["reliai.call.duration"]
    counts = {point.attributes["reliai.call.name"]: point.count for point in points}
    assert counts == {"ask0": 1, "ask1": 1, "_other": 3}


def test_its_own_health_is_among_the_metrics() -> None:
    seen = Collected()
    ask = reliai.reliable(name="ask", observers=[seen.observer])(ScriptedModel(["a", "b"]))
    ask()
    ask()
    exported = seen.metrics()["reliai.telemetry.events"]
    assert sum(point.value for point in exported) >= 2


def test_refused_calls_are_counted_with_why() -> None:
    seen = Collected()

    @reliai.reliable(reliai.Guard(reliai.MaxLength(1)), name="ask", observers=[seen.observer])
    def ask(prompt: str) -> str:
        return "a"

    with suppress(reliai.GuardRejected):
        ask("long")
    found = seen.metrics()
    (call,) = found["reliai.call.duration"]
    assert call.attributes["error.type"] == "guard_rejected"
    (result,) = found["reliai.guard.results"]
    assert result.attributes["reliai.guard.verdict"] == "deny"


def test_what_the_process_uses_is_among_the_metrics() -> None:
    seen = Collected(resources=True)
    reliai.reliable(observers=[seen.observer])(ScriptedModel(["a"]))()
    found = seen.metrics()
    assert found["process.memory.usage"][0].value > 1_000_000
    assert found["process.thread.count"][0].value >= 1


def test_what_the_process_uses_need_not_be_told() -> None:
    seen = Collected(resources=False)
    reliai.reliable(observers=[seen.observer])(ScriptedModel(["a"]))()
    assert not [name for name in seen.metrics() if name.startswith("process.")]


def test_a_processor_of_spans_that_raises_is_no_reason_to_miscount() -> None:
    seen = Collected()

    class Raises(SpanProcessor):
        def on_start(self, span: Any, parent_context: Any = None) -> None:
            raise RuntimeError("a processor's fault")

    seen.tracers.add_span_processor(Raises())
    ask = reliai.reliable(name="ask", observers=[seen.observer])(ScriptedModel(["a"]))
    assert ask() == "a"
    (point,) = seen.metrics()["reliai.call.duration"]
    assert point.count == 1


def test_counters_grow_from_one_collection_to_the_next() -> None:
    seen = Collected()
    ask = reliai.reliable(reliai.Cache(), name="ask", observers=[seen.observer])(
        ScriptedModel(["a"])
    )
    ask()
    counts = []
    for _ in range(2):
        ask()
        points = seen.metrics()["reliai.events"]
        counts.append({p.attributes["reliai.event.type"]: p.value for p in points})
    assert [each["cache_hit"] for each in counts] == [1, 2]
    assert [each["cache_miss"] for each in counts] == [1, 1]


_FORKS = """
import os
import reliai
from tests.telemetry._collected import Collected

seen = Collected()

@reliai.reliable(reliai.Cache(), name="ask", observers=[seen.observer])
def ask():
    return "a"

for _ in range(5):
    ask()
assert seen.metrics()["reliai.events"]
child = os.fork()
ask()
points = seen.metrics()["reliai.events"]
counts = {point.attributes["reliai.event.type"]: point.value for point in points}
if child == 0:
    assert counts == {"cache_hit": 1}, counts
    os._exit(0)
_, status = os.waitpid(child, 0)
assert os.waitstatus_to_exitcode(status) == 0
assert counts["cache_hit"] == 5, counts
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_counts_from_zero() -> None:
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", _FORKS], check=True, timeout=60, cwd=root)
