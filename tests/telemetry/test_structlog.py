"""Structlog logs a line a call through the application's own structlog."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from structlog.testing import capture_logs

import reliai
from reliai.telemetry import Structlog
from reliai.testing import ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping


def logged(function: Callable[[], Any]) -> MutableMapping[str, Any]:
    """The one line that a call leaves."""
    with capture_logs() as lines:
        with suppress(Exception):  # the line tells
            function()
        assert reliai.flush(60)
    (line,) = lines
    return line


def test_success_is_a_line_at_info() -> None:
    ask = reliai.reliable(observers=[Structlog()], name="ask")(lambda: "a")
    with reliai.collect() as calls:
        line = logged(ask)
    assert line == {
        "event": "call",
        "log_level": "info",
        "call_id": calls[0].id,
        "name": "ask",
        "status": "success",
        "duration": calls[0].duration,
        "attempts": 1,
        "target": "<lambda>",
    }


def test_failure_is_a_line_at_error_with_kind_and_type() -> None:
    ask = reliai.reliable(observers=[Structlog()])(ScriptedModel([ConnectionError("down")]))
    line = logged(ask)
    assert (line["log_level"], line["status"]) == ("error", "error")
    assert (line["error_kind"], line["error_type"]) == ("connection", "ConnectionError")
    assert "down" not in str(line), "the message may quote content"


def test_degraded_answer_is_a_warning_that_names_who_gave_it() -> None:
    model = ScriptedModel([ConnectionError("down")])
    ask = reliai.reliable(reliai.Fallback("sorry"), observers=[Structlog()])(model)
    line = logged(ask)
    assert (line["log_level"], line["status"], line["target"]) == ("warning", "degraded", "value")
    assert "fallback" in line["events"]


def test_rejected_call_is_an_error_and_made_no_attempt() -> None:
    guard = reliai.Guard(prompt=reliai.MaxLength(3))
    ask = reliai.reliable(guard, observers=[Structlog()])(lambda prompt: prompt)
    line = logged(lambda: ask("too long"))
    assert (line["log_level"], line["status"], line["attempts"]) == ("error", "rejected", 0)


def test_cancelled_call_is_no_error() -> None:
    ask = reliai.reliable(observers=[Structlog()])(ScriptedModel([KeyboardInterrupt()]))
    with capture_logs() as lines:
        with pytest.raises(KeyboardInterrupt):
            ask()
        assert reliai.flush(60)
    assert [(line["log_level"], line["status"]) for line in lines] == [("info", "cancelled")]


def test_what_is_known_is_on_the_line_and_what_is_not_is_left_out() -> None:
    reliai.configure(service="support", release="1.2", environment="test")

    @reliai.reliable(observers=[Structlog()], tags={"team": "a"})
    def ask(prompt: str) -> Any:
        return {
            "object": "chat.completion",
            "model": "m-1",
            "choices": [{"message": {"content": "secret"}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 5, "completion_tokens": 7},
        }

    with reliai.context(subject="u1", tenant="t1"):
        line = logged(lambda: ask("a private question"))
    known = {
        "service": "support",
        "release": "1.2",
        "environment": "test",
        "tags": {"team": "a"},
        "subject": "u1",
        "tenant": "t1",
        "model_served": "m-1",
        "input_tokens": 5,
        "output_tokens": 7,
    }
    assert known.items() <= line.items()
    assert "session" not in line
    assert "cost_usd" not in line
    assert "private" not in str(line)
    assert "secret" not in str(line)


def test_values_that_the_caller_bound_are_on_the_line_of_its_own_call() -> None:
    ask = reliai.reliable(observers=[Structlog()], name="ask")(lambda: "a")
    with capture_logs() as lines:
        for request in ("r1", "r2"):
            with structlog.contextvars.bound_contextvars(request_id=request, name="mine", event=1):
                ask()
        ask()
        assert reliai.flush(60)
    assert [(line.get("request_id"), line["name"]) for line in lines] == [
        ("r1", "ask"),
        ("r2", "ask"),
        (None, "ask"),
    ]
    assert {line["event"] for line in lines} == {"call"}


def test_ids_of_the_trace_are_on_the_line_of_a_recorded_span_only() -> None:
    ask = reliai.reliable(observers=[Structlog()])(lambda: "a")
    with TracerProvider().get_tracer("test").start_as_current_span("request") as span:
        line = logged(ask)
    assert line["trace_id"] == trace.format_trace_id(span.get_span_context().trace_id)
    assert line["span_id"] == trace.format_span_id(span.get_span_context().span_id)
    tracer = TracerProvider(sampler=ALWAYS_OFF).get_tracer("test")
    with tracer.start_as_current_span("request"):
        line = logged(ask)
    assert "trace_id" not in line


def test_checks_that_failed_are_named() -> None:
    guard = reliai.Guard(prompt=reliai.MaxLength(3))
    line = logged(lambda: reliai.reliable(guard, observers=[Structlog()])(lambda prompt: 1)("long"))
    assert line["failed_checks"] == ["MaxLength"]


def test_stream_is_logged_when_it_ends() -> None:
    ask = reliai.reliable(observers=[Structlog()])(ScriptedModel([["a", "b"]]).streaming)
    with capture_logs() as lines:
        stream = ask()
        next(stream)
        assert reliai.flush(60)
        assert lines == []
        assert list(stream) == ["b"]
        assert reliai.flush(60)
    assert [(line["status"], line["chunks"]) for line in lines] == [("success", 2)]


def test_logger_of_ones_own_keeps_what_is_bound_to_it() -> None:
    logger = structlog.get_logger("mine").bind(component="bot")
    line = logged(reliai.reliable(observers=[Structlog(logger)])(lambda: "a"))
    assert line["component"] == "bot"


@pytest.mark.parametrize("logger", [5, "reliai", logging.getLogger("x"), structlog.BoundLogger])
def test_what_is_no_logger_with_fields_is_refused_and_named(logger: Any) -> None:
    with pytest.raises(reliai.ConfigurationError) as caught:
        Structlog(logger=logger)
    assert f"Structlog(logger={logger!r}): is no logger" in str(caught.value)
    assert "structlog.get_logger()" in str(caught.value)
