"""How chat completions and Responses are read: the SDKs' own objects and their JSON alike."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mistralai.client.models
import openai.types
import openai.types.chat
import openai.types.responses
import pytest

from reliai.providers import Response, ToolCall, read_response
from tests.providers.answers import (
    CALL,
    CUSTOM,
    FUNCTION,
    USAGE,
    both,
    chat,
    fields,
    item,
    responses,
    written,
)

CHAT = Response(provider="openai", model="gpt", id="c1", finish_reason="stop")


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (
            chat(content="hello", usage=USAGE),
            {"text": "hello", "input_tokens": 10, "output_tokens": 5, "cached_tokens": 4},
        ),
        (
            chat("tool_calls", tool_calls=[CALL]),
            {"finish_reason": "tool_call", "tool_calls": (ToolCall("look", '{"a": 1}', "t1"),)},
        ),
        (
            chat("tool_calls", tool_calls=[CUSTOM]),
            {"finish_reason": "tool_call", "tool_calls": (ToolCall("grep", "x", "t2"),)},
        ),
        (chat("length", content="hel"), {"finish_reason": "length", "text": "hel"}),
        (chat("content_filter"), {"finish_reason": "content_filter"}),
        (chat(refusal="I cannot"), {"finish_reason": "refusal", "refusal": "I cannot"}),
        (chat(content="", refusal=""), {"text": ""}),
    ],
)
def test_a_chat_completion(plain: dict[str, Any], expected: dict[str, Any]) -> None:
    """Case 29: a refusal with status 200 is told as one."""
    value = openai.types.chat.ChatCompletion.model_validate(plain)
    both(value, plain, Response(**{**fields(CHAT), **expected}))


def test_the_content_of_compatible_servers_may_be_a_list() -> None:
    parts = [
        {"type": "text", "text": "a"},
        "b",
        {"type": "image"},
        {"type": "thinking", "text": "x"},
    ]
    response = read_response(chat(content=parts))
    assert response is not None
    assert response.text == "ab"


def test_a_proxy_may_tell_the_cost() -> None:
    response = read_response(chat(content="x", usage={"prompt_tokens": 1, "cost": 0.002}))
    assert response is not None
    assert (response.cost_usd, response.output_tokens) == (0.002, None)


def test_litellm_tells_provider_and_cost_beside_the_answer() -> None:
    hidden = {"custom_llm_provider": "groq", "response_cost": 0.5}
    value = SimpleNamespace(**chat(content="x"), _hidden_params=hidden)
    response = read_response(value)
    assert response is not None
    assert (response.provider, response.cost_usd) == ("groq", 0.5)


def test_a_parsed_chat_completion_holds_what_was_built() -> None:
    parsed = chat(content="{}")
    parsed["choices"][0]["message"]["parsed"] = {"number": 3}
    response = read_response(parsed)
    assert response is not None
    assert response.parsed == {"number": 3}


def test_a_text_completion() -> None:
    choice = {"index": 0, "finish_reason": "length", "text": "abc", "logprobs": None}
    plain = {
        "id": "c1",
        "object": "text_completion",
        "created": 1,
        "model": "gpt",
        "choices": [choice],
    }
    value = openai.types.Completion.model_validate(plain)
    both(value, plain, Response("openai", "gpt", "c1", "abc", "length"))


def test_a_chat_completion_of_mistral() -> None:
    content = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "bonjour"}]
    plain = chat("model_length", content=content, usage=USAGE)
    value = mistralai.client.models.ChatCompletionResponse.model_validate(plain)
    response = read_response(value)
    assert response is not None
    assert (response.provider, response.text) == ("mistral", "bonjour")
    assert (response.finish_reason, response.input_tokens) == ("length", 10)


THOUGHT = {"type": "reasoning_text", "text": "thinking"}
REASONING = {"id": "x", "type": "reasoning", "summary": [], "content": [THOUGHT]}
TOOL = {"type": "custom_tool_call", "call_id": "t2", "name": "grep", "input": "x"}
RESPONSES_USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 15,
}
RESPONSES = Response(provider="openai", model="gpt", id="r1", finish_reason="stop")


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (
            responses(REASONING, item(written("a"), written("b")), usage=RESPONSES_USAGE),
            {"text": "ab", "input_tokens": 10, "output_tokens": 5, "cached_tokens": 4},
        ),
        (
            responses(FUNCTION, TOOL),
            {
                "finish_reason": "tool_call",
                "tool_calls": (ToolCall("look", "{}", "t1"), ToolCall("grep", "x", "t2")),
            },
        ),
        (
            responses(item({"type": "refusal", "refusal": "I cannot"})),
            {"finish_reason": "refusal", "refusal": "I cannot"},
        ),
        (
            responses(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            {"finish_reason": "length"},
        ),
        (
            responses(status="incomplete", incomplete_details={"reason": "content_filter"}),
            {"finish_reason": "content_filter"},
        ),
        (responses(status="incomplete"), {"finish_reason": None}),
        (responses(status="failed", error={"code": "server_error", "message": "m"}),
         {"finish_reason": "error"}),
        (responses(status="queued"), {"finish_reason": "suspended"}),
    ],
)  # fmt: skip
def test_an_answer_of_the_responses_api(plain: dict[str, Any], expected: dict[str, Any]) -> None:
    """Case 29: a refusal with status 200 is told as one."""
    value = openai.types.responses.Response.model_validate(plain)
    both(value, plain, Response(**{**fields(RESPONSES), **expected}))


def test_a_parsed_answer_of_the_responses_api_holds_what_was_built() -> None:
    response = read_response(responses(item(written("3"))) | {"output_parsed": 3})
    assert response is not None
    assert response.parsed == 3
