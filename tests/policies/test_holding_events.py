"""Checks on streams of providers' events: held whole, let out in their order."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import RawMessageStreamEvent
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from reliai import (
    Fallback,
    MaxLength,
    NoRefusal,
    NotTruncated,
    OutputInvalid,
    OutputRefused,
    OutputTruncated,
    Pattern,
    Retry,
    StreamInterrupted,
    Validate,
    check,
)
from reliai.providers import chunk_text
from tests.policies._guarded import Guarded, every_stream
from tests.policies._holding import SECRET, guarded, interrupted
from tests.policies._orders import made_of
from tests.policies.test_holding_spans import Digits

_anthropic: TypeAdapter[Any] = TypeAdapter(RawMessageStreamEvent)
_responses: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
TOOL = {"index": 0, "id": "t1", "type": "function", "function": {"name": "look", "arguments": ""}}


def chat_event(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt"}
    return {**head, "choices": [choice]}


def chat(*texts: str, finish: str = "stop") -> list[Any]:
    """A chat completion's events, as OpenAI's SDK gives them."""
    events = [
        chat_event(role="assistant", content=""),
        *[chat_event(content=text) for text in texts],
        chat_event(finish),
    ]
    return [ChatCompletionChunk.model_validate(event) for event in events]


def message(*texts: str, stop: str = "end_turn") -> list[Any]:
    """A message's events, as Anthropic's SDK gives them."""
    usage = {"input_tokens": 3, "output_tokens": 1}
    opening: dict[str, Any] = {
        "id": "m1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage,
    }
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": opening},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *[
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": text},
            }
            for text in texts
        ],
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": stop, "stop_sequence": None},
            "usage": {"output_tokens": 9},
        },
        {"type": "message_stop"},
    ]
    return [_anthropic.validate_python(event) for event in events]


def response(*texts: str) -> list[Any]:
    """A response's events, as OpenAI's SDK gives them; the last ones repeat the whole text."""
    whole = "".join(texts)
    at = {"item_id": "m1", "output_index": 0, "content_index": 0, "logprobs": []}
    head = {
        "id": "r1",
        "object": "response",
        "created_at": 1.0,
        "model": "gpt",
        "tools": [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "status": "in_progress",
    }
    part = {"type": "output_text", "text": whole, "annotations": []}
    said = {"id": "m1", "type": "message", "role": "assistant", "status": "completed"}
    done = {**head, "status": "completed", "output": [{**said, "content": [part]}]}
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**head, "output": []}},
        *[{"type": "response.output_text.delta", **at, "delta": text} for text in texts],
        {"type": "response.output_text.done", **at, "text": whole},
        {"type": "response.completed", "response": done},
    ]
    return [
        _responses.validate_python({"sequence_number": place, **event})
        for place, event in enumerate(events)
    ]


def text_of(chunks: list[Any]) -> str:
    """All that the delivered events say."""
    return "".join(chunk_text(chunk) or "" for chunk in chunks)


each_provider = pytest.mark.parametrize("events", [chat, message, response])


@each_provider
@every_stream
def test_events_are_delivered_as_they_are_and_in_their_order(kind: str, events: Any) -> None:
    script = events("Nothing ", "is ", "kept ", "sec", "re", "ly here")
    model = guarded(kind, script)
    delivered = model()
    assert [id(chunk) for chunk in delivered] == [id(chunk) for chunk in script]
    assert model.record.status == "success"


@each_provider
@every_stream
def test_no_event_with_a_character_of_a_forbidden_phrase_is_delivered(
    kind: str, events: Any
) -> None:
    """19"""
    script = events("This much ", "is fine, ", "but not the s", "ecr", "et", " of it")
    error = interrupted(guarded(kind, script))
    delivered = script[: error.chunks]
    assert error.partial == delivered
    assert text_of(delivered) == "This much is fine, "


@each_provider
@every_stream
def test_events_before_any_content_wait_for_it(kind: str, events: Any) -> None:
    """So an answer that fails at once can be asked for again."""
    good = events("fine, ", "as it ", "should be")
    model = guarded(kind, events("sec", "ret"), good, reask=1)
    assert model() == good
    assert len(model.record.attempts) == 2


@every_stream
def test_tool_calls_do_not_wait_for_text(kind: str) -> None:
    arrived: list[int] = []
    script = [
        ChatCompletionChunk.model_validate(event)
        for event in (
            chat_event(role="assistant", content=None),
            chat_event(tool_calls=[TOOL]),
            *[
                chat_event(tool_calls=[{"index": 0, "function": {"arguments": each}}])
                for each in ('{"a":', " 1}")
            ],
            chat_event("tool_calls"),
        )
    ]

    def chunks(prompt: str) -> Any:
        for number, chunk in enumerate(script):
            arrived.append(number)
            yield chunk

    model = Guarded(kind, Validate(SECRET), answer=chunks)
    stream = model.function("x")
    if kind == "generator":
        next(stream)
        assert len(arrived) <= 2
        stream.close()
    assert model() == script


@every_stream
def test_json_events_are_read_like_objects(kind: str) -> None:
    script = [chat_event(content=text) for text in ("This is fine, ", "and so is, ", "sec", "ret")]
    error = interrupted(guarded(kind, [*script, chat_event("stop")]))
    assert error.partial == script[: error.chunks]
    assert text_of(script[: error.chunks]) == "This is fine, "


# --- checks of the response --------------------------------------------------------------------
@every_stream
def test_an_answer_that_was_cut_off_is_told_at_the_end(kind: str) -> None:
    checks = (NotTruncated(), SECRET)
    texts = ("This is fine, ", "or so it seems")
    error = interrupted(guarded(kind, chat(*texts, finish="length"), checks=checks))
    assert isinstance(error.__cause__, OutputTruncated)
    ok = chat("This is fine", " to the end")
    assert guarded(kind, ok, checks=checks)() == ok


@every_stream
def test_an_answer_that_was_refused_is_told_at_the_end(kind: str) -> None:
    refused = [
        ChatCompletionChunk.model_validate(event)
        for event in (chat_event(content="Well, let me see now. "), chat_event("content_filter"))
    ]
    model = guarded(kind, refused, checks=(NoRefusal(),))
    with pytest.raises((OutputRefused, StreamInterrupted)) as caught:
        model()
    assert isinstance(caught.value.__cause__ or caught.value, OutputRefused)
    assert model.record.error is not None
    assert model.record.error.kind == "content_filter"


@every_stream
def test_a_refusal_in_the_providers_own_field_is_never_begun_and_falls_back(kind: str) -> None:
    """29"""
    script = [
        ChatCompletionChunk.model_validate(event)
        for event in (
            chat_event(role="assistant", content=""),
            chat_event(refusal="I will "),
            chat_event(refusal="not do that."),
            chat_event("stop"),
        )
    ]
    validate = Validate(NoRefusal(), SECRET, reask=1)
    retry = Retry(3, wait=0, budget=None)
    model = Guarded(kind, Fallback("plan B"), validate, retry, answer=made_of(script))
    assert model() == ["plan B"]
    assert len(model.prompts) == 1
    alone = Guarded(kind, validate, retry, answer=made_of(script))
    with pytest.raises(OutputRefused) as caught:
        alone()
    assert caught.value.raw == "I will not do that."
    assert guarded(kind, script, checks=(SECRET,))() == script, "nobody asked"
    assert guarded(kind, script, checks=(NoRefusal(),), mode="observe")() == script


@every_stream
def test_an_answer_cut_off_by_its_length_is_not_asked_for_again(kind: str) -> None:
    """27"""
    wanted = check(Pattern("Regards"), window=3)
    model = guarded(kind, chat("Hi", finish="length"), checks=(wanted,), reask=1)
    with pytest.raises(OutputTruncated):
        model()
    assert len(model.prompts) == 1


# --- what cannot be held back -------------------------------------------------------------------
@every_stream
def test_the_text_of_an_event_cannot_be_replaced(kind: str) -> None:
    model = guarded(kind, chat("Call ", "12345", " now, please"), checks=(Digits(),))
    with pytest.raises((OutputInvalid, StreamInterrupted), match="provider's response"):
        model()
    script = chat("Call ", "12345", " now, please")
    observed = guarded(kind, script, checks=(Digits(),), mode="observe")
    assert observed() == script
    assert observed.events.count("output_would_replace") == 1


@every_stream
def test_chunks_that_are_no_text_are_not_let_through_unseen(kind: str) -> None:
    model = guarded(kind, [{"n": 1}, {"n": 2}])
    with pytest.raises(OutputInvalid, match="buffer=True"):
        model()
    late = guarded(kind, ["some text at first, ", {"n": 2}])
    error = interrupted(late)
    assert "dict" in str(error)
    observed = guarded(kind, [{"n": 1}, "a secret", {"n": 2}], mode="observe")
    assert observed() == [{"n": 1}, "a secret", {"n": 2}]
    assert observed.events == ["output_would_reject"] * 2


@every_stream
def test_text_between_events_keeps_its_place(kind: str) -> None:
    first, second = chat_event(content="one, "), chat_event(content="two, ")
    script = ["zero, ", first, "and a half, ", second, "three"]
    model = guarded(kind, script)
    delivered = model()
    joined: list[Any] = []
    for chunk in delivered:
        if isinstance(chunk, str) and joined and isinstance(joined[-1], str):
            joined[-1] += chunk
        else:
            joined.append(chunk)
    assert joined == script


@every_stream
def test_a_collected_stream_of_events_is_judged_by_its_text(kind: str) -> None:
    script = chat("Dear ", "Sir, ", "Regards")
    model = Guarded(kind, Validate(Pattern("Regards"), MaxLength(99)), answer=made_of(script))
    assert model() == script
    bad = Guarded(kind, Validate(Pattern("Yours")), answer=made_of(chat("Dear Sir")))
    with pytest.raises(OutputInvalid, match="form asked for"):
        bad()
    value = Guarded(
        kind, Validate(output=list[int], buffer=True), answer=made_of(chat("[1,", "2]"))
    )
    assert value() == [[1, 2]]
