"""A conversation is asked again in its own form: of any SDK or framework, tools, streams."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import Any

import pytest
from anthropic.types import Message
from google.genai import types as google
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from openai.types.chat import ChatCompletion
from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, UserPromptPart

import reliai
from reliai import MaxLength, OutputInvalid, Retry, Validate
from reliai.policies._messages import with_turns
from reliai.testing import virtual_clock
from tests.policies._guarded import KINDS, STREAMS, delivered
from tests.policies._orders import GOOD, ORDER, Order, chat

SAID, TOLD = "sorry", "that was wrong"


@dataclasses.dataclass
class Turn:
    role: str
    content: str


class OnlyUsers:
    role = "user"

    def __init__(self, text: str) -> None:
        self.text = text


USER = {"role": "user", "content": "list it"}
CALL = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": "{}"}}
CONVERSATIONS: dict[str, tuple[list[Any], list[Any]]] = {
    "nothing yet": (
        [],
        [{"role": "assistant", "content": SAID}, {"role": "user", "content": TOLD}],
    ),
    "OpenAI": (
        [{"role": "system", "content": "be kind"}, USER],
        [{"role": "assistant", "content": SAID}, {"role": "user", "content": TOLD}],
    ),
    "OpenAI with tools": (
        [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "pen"},
        ],
        [{"role": "assistant", "content": SAID}, {"role": "user", "content": TOLD}],
    ),
    "Anthropic with blocks": (
        [
            {"role": "user", "content": [{"type": "text", "text": "list it"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f"}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]},
        ],
        [{"role": "assistant", "content": SAID}, {"role": "user", "content": TOLD}],
    ),
    "Bedrock": (
        [{"role": "user", "content": [{"text": "list it"}]}],
        [
            {"role": "assistant", "content": [{"text": SAID}]},
            {"role": "user", "content": [{"text": TOLD}]},
        ],
    ),
    "Bedrock with tools": (
        [{"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": []}}]}],
        [
            {"role": "assistant", "content": [{"text": SAID}]},
            {"role": "user", "content": [{"text": TOLD}]},
        ],
    ),
    "Google": (
        [{"role": "user", "parts": [{"text": "list it"}]}],
        [
            {"role": "model", "parts": [{"text": SAID}]},
            {"role": "user", "parts": [{"text": TOLD}]},
        ],
    ),
    "Google's objects": (
        [google.Content(role="user", parts=[google.Part(text="list it")])],
        [
            google.Content(role="model", parts=[google.Part(text=SAID)]),
            google.Content(role="user", parts=[google.Part(text=TOLD)]),
        ],
    ),
    "LangChain": (
        [SystemMessage("be kind"), HumanMessage("list it")],
        [AIMessage(SAID), HumanMessage(TOLD)],
    ),
    "LangChain with tools": (
        [HumanMessage("list it"), ToolMessage("pen", tool_call_id="c1")],
        [AIMessage(SAID), HumanMessage(TOLD)],
    ),
    "pairs": ([("system", "be kind"), ("human", "list it")], [("ai", SAID), ("user", TOLD)]),
    "own class": ([Turn("user", "list it")], [Turn("assistant", SAID), Turn("user", TOLD)]),
    "own class and dictionaries": (
        [Turn("system", "be kind"), USER],
        [{"role": "assistant", "content": SAID}, {"role": "user", "content": TOLD}],
    ),
}


@pytest.mark.parametrize(("messages", "more"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_the_two_messages_are_in_the_form_of_the_others(
    messages: list[Any], more: list[Any]
) -> None:
    before = list(messages)
    assert with_turns(messages, SAID, TOLD) == [*messages, *more]
    assert messages == before
    assert with_turns(tuple(messages), SAID, TOLD) == [*messages, *more]


def test_messages_of_pydantic_ai_are_continued() -> None:
    history = [ModelRequest(parts=[UserPromptPart("list it")])]
    longer = with_turns(history, SAID, TOLD)
    assert longer is not None
    response, request = longer[1:]
    assert isinstance(response, ModelResponse)
    assert response.parts == [TextPart(SAID)]
    assert isinstance(request, ModelRequest)
    (part,) = request.parts
    assert isinstance(part, UserPromptPart)
    assert part.content == TOLD


@pytest.mark.parametrize(
    "messages",
    [[5], ["text"], [None], [OnlyUsers("x")], [object()], [("a", "b", "c")], [Turn("tool", "x")]],
    ids=["number", "text", "none", "no content", "object", "triple", "no user"],
)
def test_messages_of_an_unknown_form_are_left_alone(messages: list[Any]) -> None:
    assert with_turns(messages, SAID, TOLD) is None


def test_a_call_with_unknown_messages_is_not_asked_again() -> None:
    @Validate(output=Order, reask=1)
    def ask(messages: list[Any]) -> str:
        return "sorry"

    with reliai.collect() as calls, pytest.raises(OutputInvalid):
        ask([object()])
    assert [event.kind for event in calls[0].events] == ["output_invalid", "reask_impossible"]


def test_messages_that_are_one_text_get_the_problem_as_a_suffix() -> None:
    seen: list[str] = []
    answers = iter(["sorry", GOOD])

    @Validate(output=Order, reask=1)
    def ask(messages: str) -> str:
        seen.append(messages)
        return next(answers)

    assert ask("list it") == ORDER  # type: ignore[comparison-overlap]
    assert seen[1].startswith("list it\n\nYour previous answer was not accepted")


# --- what the model is shown of its own answer ----------------------------------------------


def openai_answer(text: str | None, *arguments: str) -> ChatCompletion:
    calls = [
        {"id": f"c{n}", "type": "function", "function": {"name": "order", "arguments": each}}
        for n, each in enumerate(arguments)
    ]
    message = {"role": "assistant", "content": text, "tool_calls": calls or None}
    return ChatCompletion.model_validate(
        {
            "id": "x",
            "object": "chat.completion",
            "created": 1,
            "model": "gpt-x",
            "choices": [
                {
                    "index": 0,
                    "finish_reason": "tool_calls" if calls else "stop",
                    "message": message,
                    "logprobs": None,
                }
            ],
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
        }
    )


def anthropic_answer(*blocks: dict[str, Any]) -> Message:
    return Message.model_validate(
        {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "claude-x",
            "content": list(blocks),
            "stop_reason": "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 10, "output_tokens": 5},
        }
    )


TOOL = {"type": "tool_use", "id": "t", "name": "order", "input": {"items": 5}}
SHOWN: dict[str, tuple[Any, str]] = {
    "text": ("sorry", "sorry"),
    "empty": ("", "(an empty answer)"),
    "OpenAI": (openai_answer("sorry"), "sorry"),
    "OpenAI's tool call": (openai_answer(None, '{"items": 5}'), '{"items": 5}'),
    "two tool calls": (openai_answer(None, "{}", "[1]"), "{}\n[1]"),
    "Anthropic": (anthropic_answer({"type": "text", "text": "sorry"}), "sorry"),
    "Anthropic's tool": (anthropic_answer(TOOL), '{"items": 5}'),
    "Anthropic's words and tool": (
        anthropic_answer({"type": "text", "text": "One moment."}, TOOL),
        "One moment.",
    ),
    "JSON of OpenAI's": (chat("sorry"), "sorry"),
    "a value": ({"items": 5}, "{'items': 5}"),
}


def asked_again(kind: str, first: Any, last: Any = GOOD) -> tuple[list[Any], reliai.CallRecord]:
    """What a function of a kind is called with, the second time, and the record."""
    seen: list[Any] = []
    answers = iter([first, last])

    def ask(messages: list[Any]) -> Any:
        seen.append(messages)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask_async(messages: list[Any]) -> Any:
        return ask(messages)

    def stream(messages: list[Any]) -> Any:
        yield from ask(messages)

    async def stream_async(messages: list[Any]) -> Any:
        for chunk in ask(messages):
            yield chunk

    functions: dict[str, Any] = {
        "sync": ask,
        "async": ask_async,
        "generator": stream,
        "async_generator": stream_async,
    }
    guarded: Any = Validate(output=Order, reask=1, buffer=kind in STREAMS)(functions[kind])
    with reliai.collect() as calls:
        answer = guarded([USER])
        if kind in STREAMS:
            assert delivered(answer) == [ORDER]
        else:
            assert (asyncio.run(answer) if kind == "async" else answer) == ORDER
    return seen[1], calls[0]


@pytest.mark.parametrize(("answer", "shown"), SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("kind", ["sync", "async"])
def test_the_model_is_shown_its_own_words(kind: str, answer: Any, shown: str) -> None:
    """25"""
    again, _ = asked_again(kind, answer)
    assert again[0] == USER
    assert again[1] == {"role": "assistant", "content": shown}
    assert again[2]["role"] == "user"
    assert len(again) == 3


@pytest.mark.parametrize("kind", STREAMS)
def test_a_buffered_stream_is_asked_again_with_its_whole_text(kind: str) -> None:
    """25"""
    again, record = asked_again(kind, ["so", "rry"])
    assert again[1] == {"role": "assistant", "content": "sorry"}
    assert [attempt.status for attempt in record.attempts] == ["error", "success"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_usage_is_the_sum_and_each_attempt_keeps_its_error(kind: str) -> None:
    """25"""
    _, record = asked_again(kind, openai_answer("sorry"), openai_answer(GOOD))
    assert (record.input_tokens, record.output_tokens) == (20, 10)
    first, second = record.attempts
    assert (first.status, first.input_tokens, second.input_tokens) == ("error", 10, 10)
    assert first.error is not None
    assert first.error.kind == "invalid_output"
    assert "Invalid JSON" in first.error.message
    assert "sorry" not in json.dumps(record.to_dict())
    assert second.error is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_the_transport_never_enters_the_conversation(kind: str) -> None:
    """26"""
    seen: list[Any] = []
    answers = iter(["sorry", ConnectionError("429 slow down"), GOOD])

    def ask(messages: list[Any]) -> Any:
        seen.append(messages)
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def ask_async(messages: list[Any]) -> Any:
        return ask(messages)

    def stream(messages: list[Any]) -> Any:
        yield from ask(messages)

    async def stream_async(messages: list[Any]) -> Any:
        for chunk in ask(messages):
            yield chunk

    functions: dict[str, Any] = {
        "sync": ask,
        "async": ask_async,
        "generator": stream,
        "async_generator": stream_async,
    }
    policies = (Validate(output=Order, reask=1, buffer=kind in STREAMS), Retry(3))
    guarded: Any = reliai.reliable(*policies)(functions[kind])
    with virtual_clock():
        answer = guarded([USER])
        if kind in STREAMS:
            assert delivered(answer) == [ORDER]
        else:
            assert (asyncio.run(answer) if kind == "async" else answer) == ORDER
    assert [len(messages) for messages in seen] == [1, 3, 3]
    assert "429" not in json.dumps(seen)
    assert seen[1] == seen[2]


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_a_conversation_grows_by_two_however_often_it_is_asked(answers: list[str]) -> None:
    """25"""
    lengths: list[int] = []
    left = iter([*answers, "ok"])

    @Validate(lambda text: text == "ok" or "not ok", reask=10)
    def ask(messages: list[Any]) -> str:
        lengths.append(len(messages))
        return next(left)

    ask([USER])
    assert lengths[0] == 1
    assert set(lengths[1:]) <= {3}


def test_a_refused_part_of_a_stream_is_asked_again_before_anything_is_seen() -> None:
    """25"""
    answers = iter([["far too ", "long"], ["ok"]])
    seen: list[Any] = []

    @Validate(MaxLength(4), buffer=True, reask=1)
    def ask(messages: list[Any]) -> Any:
        seen.append(messages)
        yield from next(answers)

    assert "".join(ask([USER])) == "ok"
    assert seen[1][1]["content"] == "far too long"
