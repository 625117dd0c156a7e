"""Sampled shows a share of the calls, and each that failed, was slow or was refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from prometheus_client import CollectorRegistry

import reliai
from reliai.telemetry import JsonLines, Memory, Prometheus, Sampled, read_json_lines
from reliai.testing import ScriptedModel, virtual_clock
from tests.programs import printed

if TYPE_CHECKING:
    from pathlib import Path


def test_calls_that_matter_are_all_kept_and_metrics_count_every_call() -> None:
    """At 1 %: errors, slow calls and calls that a guard blocked are kept, and counted all."""
    kept, registry = Memory(limit=10_000), CollectorRegistry()
    observers: list[object] = [Sampled(kept, 0.01, slow=5.0), Prometheus(registry)]
    with virtual_clock() as clock:

        def model(prompt: str) -> str:
            if prompt == "slow":
                clock.advance(6)
            if prompt == "bad":
                raise ConnectionError("down")
            return prompt

        guard = reliai.Guard(prompt=reliai.MaxLength(5))
        ask = reliai.reliable(guard, observers=observers, name="ask")(model)
        for _ in range(50):
            ask("slow")
            with pytest.raises(ConnectionError):
                ask("bad")
            with pytest.raises(reliai.GuardRejected):
                ask("too long")
            for _ in range(20):
                ask("good")
    assert reliai.flush(60)
    seen = [(record.status, (record.duration or 0) >= 5) for record in kept]
    assert seen.count(("error", False)) == 50
    assert seen.count(("rejected", False)) == 50
    assert seen.count(("success", True)) == 50
    assert seen.count(("success", False)) < 60
    counted = sum(
        sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "reliai_call_duration_seconds_count"
    )
    assert counted == 23 * 50


def test_share_is_about_the_rate_and_what_is_left_out_is_counted() -> None:
    kept = Memory(limit=10_000)
    sampled = Sampled(kept, 0.25)
    ask = reliai.reliable(observers=[sampled])(lambda: "a")
    for _ in range(4000):
        ask()
    assert 800 < len(kept) < 1200
    assert len(kept) + sampled.left_out == 4000


DECIDING = """
import sys
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span
import reliai
from reliai.telemetry import Memory, Sampled
kept = Memory(10_000)
ask = reliai.reliable(observers=[Sampled(kept, 0.5)])(lambda: "a")
for number in range(64):
    trace_id = (number << 64) | ((number * 2654435761 * 2**32 + 12345) % 2**64) or 1
    with use_span(NonRecordingSpan(SpanContext(trace_id, 1, True, TraceFlags(0)))):
        ask()
        ask()
print(*(record.trace_id for record in kept))
"""


def test_a_trace_is_kept_or_not_alike_in_every_process_and_by_opentelemetry() -> None:
    (first,), (second,) = printed(DECIDING), printed(DECIDING)
    assert first == second
    kept = first.split()
    assert 20 < len(kept) < 108
    assert all(kept.count(trace_id) == 2 for trace_id in kept), "all calls of a trace, or none"
    for trace_id in kept:
        result = TraceIdRatioBased(0.5).should_sample(None, int(trace_id, 16), "x")
        assert result.decision is Decision.RECORD_AND_SAMPLE


def test_calls_inside_a_call_go_with_it_where_there_is_no_trace() -> None:
    kept = Memory(limit=10_000)
    sampled = Sampled(kept, 0.5)
    inner = reliai.reliable(observers=[sampled], name="inner")(lambda: "a")
    outer = reliai.reliable(observers=[sampled], name="outer")(lambda: inner() + inner())
    for _ in range(100):
        outer()
    names = [record.name for record in kept]
    assert names == ["inner", "inner", "outer"] * (len(names) // 3)
    assert 0 < len(names) < 300


def test_it_passes_on_what_else_is_asked_of_the_sink(tmp_path: Path) -> None:
    lines = JsonLines(tmp_path / "calls.jsonl", content="redacted")
    sampled = Sampled(lines, 1.0)
    ask = reliai.reliable(observers=[sampled])(lambda prompt: f"to {prompt}")
    with TracerProvider().get_tracer("test").start_as_current_span("request"):
        ask("ana@example.org")
    assert reliai.flush(60)
    (record,) = read_json_lines(lines.path)
    assert "example.org" not in record["output"]
    assert sampled.redactions == lines.redactions > 0
    assert reliai.shutdown(60)


class Watching(Memory):
    """Sees events too."""

    def on_event(self, call: reliai.Call, event: object) -> None:
        pass


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rate": 2}, "rate=2"),
        ({"rate": "all"}, "rate='all'"),
        ({"slow": 0}, "slow=0"),
        ({"observer": Memory}, "give an observer"),
        ({"observer": 5}, "Sampled(5)"),
        ({"observer": Watching()}, "sample its traces in the collector"),
    ],
    ids=str,
)
def test_wrong_setting_is_refused_and_named(wrong: dict[str, Any], message: str) -> None:
    settings: dict[str, Any] = {"observer": Memory(), "rate": 0.5, **wrong}
    with pytest.raises(reliai.ConfigurationError) as caught:
        Sampled(**settings)
    assert message in str(caught.value)


def test_failures_of_the_sink_are_still_its_own() -> None:
    class Failing(Memory):
        def on_end(self, record: reliai.CallRecord) -> None:
            raise OSError("full")

    ask = reliai.reliable(observers=[Sampled(Failing(), 1.0)])(ScriptedModel(["a"]))
    assert ask() == "a"
