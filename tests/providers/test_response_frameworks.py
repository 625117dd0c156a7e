"""How the answers of pydantic-ai, LangChain and Cohere are read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import cohere
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk
from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.usage import RequestUsage

from reliai.providers import Response, ToolCall, looks_like_response, read_response
from tests.providers.answers import (
    CALL,
    both,
    fields,
)


def test_an_answer_of_pydantic_ai() -> None:
    usage = RequestUsage(
        input_tokens=10, output_tokens=5, cache_read_tokens=4, cost=Decimal("0.25")
    )
    called = ToolCallPart("look", {"a": 1}, "t1")
    parts: list[Any] = [ThinkingPart("hm"), TextPart("a"), called, TextPart("b")]
    value = ModelResponse(
        parts=parts,
        usage=usage,
        model_name="m",
        provider_name="openai",
        provider_response_id="p1",
        finish_reason="tool_call",
    )
    assert looks_like_response(value)
    assert read_response(value) == Response(
        "openai",
        "m",
        "p1",
        "ab",
        "tool_call",
        tool_calls=(ToolCall("look", {"a": 1}, "t1"),),
        input_tokens=10,
        output_tokens=5,
        cached_tokens=4,
        cost_usd=0.25,
    )


def test_usage_that_pydantic_ai_was_not_told_is_unknown_and_not_zero() -> None:
    for usage in (RequestUsage(), RequestUsage(input_tokens=1, unmeasured_requests=1)):
        response = read_response(ModelResponse(parts=[], usage=usage))
        assert response is not None
        assert (response.input_tokens, response.output_tokens, response.cost_usd) == (None,) * 3


def test_a_refusal_of_pydantic_ai_is_in_the_providers_details() -> None:
    details = {"refusal": "I cannot"}
    value = ModelResponse(parts=[], provider_details=details, finish_reason="content_filter")
    response = read_response(value)
    assert response is not None
    assert (response.finish_reason, response.refusal) == ("refusal", "I cannot")


def langchain(**fields: Any) -> AIMessage:
    return AIMessage(**{"content": "hi", "id": "l1", **fields})


COUNTED = {
    "input_tokens": 10,
    "output_tokens": 5,
    "total_tokens": 15,
    "input_token_details": {"cache_read": 4},
}
LANGCHAIN = Response(id="l1", text="hi")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (
            langchain(
                usage_metadata=COUNTED,
                response_metadata={
                    "model_name": "gpt",
                    "finish_reason": "stop",
                    "model_provider": "openai",
                },
            ),
            {
                "provider": "openai",
                "model": "gpt",
                "finish_reason": "stop",
                "input_tokens": 10,
                "output_tokens": 5,
                "cached_tokens": 4,
            },
        ),
        (
            langchain(response_metadata={"model": "claude", "stop_reason": "max_tokens"}),
            {"model": "claude", "finish_reason": "length"},
        ),
        (
            langchain(content=[{"type": "text", "text": "a"}, {"type": "image"}, "b"]),
            {"text": "ab"},
        ),
        (
            langchain(
                tool_calls=[{"name": "look", "args": {"a": 1}, "id": "t1"}],
                invalid_tool_calls=[{"name": "grep", "args": "{", "id": "t2", "error": "e"}],
                response_metadata={"finish_reason": "STOP"},
            ),
            {
                "finish_reason": "tool_call",
                "tool_calls": (ToolCall("look", {"a": 1}, "t1"), ToolCall("grep", "{", "t2")),
            },
        ),
        (
            langchain(additional_kwargs={"refusal": "I cannot", "parsed": 3}),
            {"finish_reason": "refusal", "refusal": "I cannot", "parsed": 3},
        ),
    ],
)
def test_a_message_of_langchain(value: AIMessage, expected: dict[str, Any]) -> None:
    """Case 29: a refusal with status 200 is told as one."""
    both(value, value.model_dump(), Response(**{**fields(LANGCHAIN), **expected}))


def test_the_sum_of_the_chunks_of_langchain_is_an_answer() -> None:
    chunks = AIMessageChunk(content="a", id="l1") + AIMessageChunk(
        content="b", id="l1", response_metadata={"finish_reason": "stop"}
    )
    response = read_response(chunks)
    assert response is not None
    assert (response.text, response.finish_reason) == ("ab", "stop")


def test_an_answer_of_cohere() -> None:
    said = {"role": "assistant", "content": [{"type": "text", "text": "hi"}], "tool_calls": [CALL]}
    usage = {"tokens": {"input_tokens": 10.0, "output_tokens": 5.0}, "cached_tokens": 4.0}
    plain = {"id": "co1", "finish_reason": "MAX_TOKENS", "message": said, "usage": usage}
    value = cohere.V2ChatResponse.model_validate(plain)
    expected = Response(
        "cohere",
        None,
        "co1",
        "hi",
        "length",
        tool_calls=(ToolCall("look", '{"a": 1}', "t1"),),
        input_tokens=10,
        output_tokens=5,
        cached_tokens=4,
    )
    both(value, plain, expected)
