"""Content on spans, in the form the conventions give messages, when it is asked for."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import sdk_answer
from tests.telemetry._collected import Collected, told

if TYPE_CHECKING:
    from collections.abc import Iterator

KEYS = ("gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions")


def content_of(seen: Collected) -> dict[str, Any]:
    """The content on the one span that has any."""
    (found,) = (
        {key: json.loads(attributes[key]) for key in KEYS if key in attributes}
        for attributes in map(told, seen.spans())
        if set(KEYS) & set(attributes)
    )
    return found


def test_nothing_is_told_of_content_unless_it_is_asked_for() -> None:
    seen = Collected()

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(prompt: str, system: str = "canary") -> Any:
        raise ValueError(prompt)

    with suppress(ValueError):
        ask("canary")
    everything = [span.to_json() for span in seen.spans()] + [str(e) for e in seen.events()]
    assert everything
    assert "canary" not in str(everything) + str(seen.metrics())


def test_a_prompt_and_its_answer_are_messages() -> None:
    seen = Collected(content="full")

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(prompt: str) -> Any:
        return sdk_answer("fine", "chat")

    ask("how are you")
    assert content_of(seen) == {
        "gen_ai.input.messages": [
            {"role": "user", "parts": [{"type": "text", "content": "how are you"}]}
        ],
        "gen_ai.output.messages": [
            {
                "role": "assistant",
                "parts": [{"type": "text", "content": "fine"}],
                "finish_reason": "stop",
            }
        ],
    }


def test_messages_and_instructions_are_told_apart() -> None:
    seen = Collected(content="full")

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(messages: list[Any], instructions: str) -> str:
        return "a"

    ask(
        [
            {"role": "user", "content": [{"type": "text", "text": "look"}]},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "t1", "function": {"name": "find", "arguments": '{"x": 1}'}}],
            },
            {"role": "tool", "tool_call_id": "t1", "content": "found"},
        ],
        instructions="be kind",
    )
    found = content_of(seen)
    assert found["gen_ai.system_instructions"] == [{"type": "text", "content": "be kind"}]
    call = {"type": "tool_call", "id": "t1", "name": "find", "arguments": '{"x": 1}'}
    assert found["gen_ai.input.messages"] == [
        {"role": "user", "parts": [{"type": "text", "content": "look"}]},
        {"role": "assistant", "parts": [call]},
        {
            "role": "tool",
            "parts": [{"type": "tool_call_response", "id": "t1", "response": "found"}],
        },
    ]


def test_of_a_stream_it_is_the_text_that_was_delivered() -> None:
    seen = Collected(content="full")

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(prompt: str) -> Iterator[str]:
        yield from ("a", "b")

    list(ask("x"))
    (message,) = content_of(seen)["gen_ai.output.messages"]
    assert message["parts"] == [{"type": "text", "content": "ab"}]


def test_personal_data_is_replaced_and_counted() -> None:
    seen = Collected(content="redacted")

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(prompt: str) -> str:
        return "write to bob@example.com"

    ask("I am ann@example.com")
    text = str(content_of(seen))
    assert "ann@example.com" not in text
    assert "bob@example.com" not in text
    assert "I am" in text
    assert seen.observer.redactions == 2
    redactions = {
        point.attributes["reliai.observer"]: point.value
        for point in seen.metrics()["reliai.telemetry.redactions"]
    }
    assert max(redactions.values()) >= 2


def test_a_redactor_that_raises_drops_the_content_and_not_the_span() -> None:
    def fails(text: str) -> str:
        raise RuntimeError(text)

    seen = Collected(content="redacted", redact=fails)

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(prompt: str) -> str:
        return "canary"

    ask("canary")
    assert "canary" not in str([span.to_json() for span in seen.spans()])
    assert seen.observer.redaction_failures == 2


def test_a_long_prompt_is_cut_and_its_length_is_told() -> None:
    seen = Collected(content="full", content_limit=1000)

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask(prompt: str) -> str:
        return "a"

    ask("ü" * 1_000_000)
    (attributes,) = (told(s) for s in seen.spans() if KEYS[0] in told(s))
    assert len(attributes[KEYS[0]].encode()) <= 1000
    assert attributes["reliai.content.input.messages.bytes"] >= 2_000_000


def test_of_several_targets_the_one_that_answered_has_the_content() -> None:
    seen = Collected(content="full")

    def small(prompt: str) -> Any:
        return sdk_answer("fine", "chat", model="small")

    @reliai.reliable(reliai.Fallback(small), name="ask", observers=[seen.observer])
    def ask(prompt: str) -> Any:
        reliai.read(sdk_answer("lost", "chat", model="big"))
        raise ConnectionError("cut")

    ask("how are you")
    (span,) = (s for s in seen.spans() if "gen_ai.output.messages" in told(s))
    assert span.name == "chat small"


def test_a_call_of_no_model_tells_its_arguments() -> None:
    seen = Collected(content="full")

    @reliai.reliable(name="look", observers=[seen.observer])
    def look(x: int, y: int) -> str:
        return "a"

    look(1, y=2)
    (message,) = content_of(seen)["gen_ai.input.messages"]
    assert message["parts"][0]["content"] == {"x": 1, "y": 2}


def test_the_message_of_a_failure_is_content() -> None:
    seen = Collected(content="redacted")

    @reliai.reliable(name="ask", observers=[seen.observer])
    def ask() -> str:
        raise ValueError("no such user: ann@example.com")

    with suppress(ValueError):
        ask()
    (event,) = seen.events("reliai.call.exception")
    said = dict(event.attributes)["exception.message"]
    assert "no such user" in said
    assert "ann@example.com" not in said


@pytest.mark.parametrize(("content", "limit"), [("all", 8192), ("full", 10)])
def test_what_is_no_mode_or_limit_of_content_is_refused(content: str, limit: int) -> None:
    with pytest.raises(reliai.ConfigurationError):
        Collected(content=content, content_limit=limit)
