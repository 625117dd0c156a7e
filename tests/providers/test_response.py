"""How answers are read: the SDKs' own objects and their JSON, to the same effect."""

from __future__ import annotations

import json
from decimal import Decimal
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import anthropic.types
import cohere
import mistralai.client.models
import openai.types
import openai.types.chat
import openai.types.responses
import pytest
from google.genai import types as google
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk
from pydantic import BaseModel
from pydantic_ai.messages import ModelResponse, TextPart, ThinkingPart, ToolCallPart
from pydantic_ai.usage import RequestUsage

from reliai.providers import Response, ToolCall, looks_like_response, read_response


def both(value: Any, plain: Any, expected: Response) -> None:
    """An object and its JSON are read alike, but for who served it, which JSON does not tell."""
    assert read_response(value) == expected
    from_json = read_response(plain)
    assert from_json is not None
    assert {**fields(from_json), "provider": None} == {**fields(expected), "provider": None}
    assert looks_like_response(value)
    assert looks_like_response(plain)


def fields(response: Response) -> dict[str, Any]:
    return {name: getattr(response, name) for name in Response.__slots__}


# --- OpenAI chat ------------------------------------------------------------------------------


def chat(finish: str = "stop", usage: Any = None, **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": None, **message}
    choice = {"index": 0, "finish_reason": finish, "message": said, "logprobs": None}
    told: dict[str, Any] = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt"}
    return {**told, "choices": [choice], **({} if usage is None else {"usage": usage})}


CALL = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
CUSTOM = {"id": "t2", "type": "custom", "custom": {"name": "grep", "input": "x"}}
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
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


def test_a_tool_call_without_a_name_is_none() -> None:
    nameless = chat("tool_calls", tool_calls=[{"id": "t1"}, CALL, 3])
    for value in (
        nameless,
        responses({"type": "function_call", "call_id": "t1"}, FUNCTION),
        message({"type": "tool_use", "id": "t1"}, USED),
        candidate({"functionCall": {"id": "t1"}}, {"functionCall": {"name": "look"}}),
        converse({"toolUse": {"toolUseId": "t1"}}, {"toolUse": {"name": "look"}}),
        {"kind": "response", "parts": [{"part_kind": "tool-call"}, TOLD]},
        {"response_metadata": {}, "type": "ai", "tool_calls": [{}, {"name": "look"}]},
        {"finish_reason": "TOOL_CALL", "message": {"role": "assistant", "tool_calls": [{}, CALL]}},
    ):
        response = read_response(value)
        assert response is not None
        assert [each.name for each in response.tool_calls] == ["look"]


TOLD = {"part_kind": "tool-call", "tool_name": "look"}


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


# --- OpenAI Responses -------------------------------------------------------------------------


def responses(*output: Any, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "id": "r1",
        "object": "response",
        "created_at": 1.0,
        "model": "gpt",
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "status": status,
        **more,
    }


def item(*content: Any) -> dict[str, Any]:
    told = {"id": "m1", "type": "message", "role": "assistant", "status": "completed"}
    return {**told, "content": list(content)}


def written(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


THOUGHT = {"type": "reasoning_text", "text": "thinking"}
REASONING = {"id": "x", "type": "reasoning", "summary": [], "content": [THOUGHT]}
FUNCTION = {"type": "function_call", "call_id": "t1", "name": "look", "arguments": "{}"}
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


# --- Anthropic --------------------------------------------------------------------------------


def message(*content: Any, stop: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"id": "m1", "type": "message", "role": "assistant", "model": "claude"}
    usage = {"input_tokens": 10, "output_tokens": 5}
    told |= {"content": list(content), "stop_reason": stop, "stop_sequence": None, "usage": usage}
    return {**told, **more}


SAID = {"type": "text", "text": "hi", "citations": None}
USED = {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}}
CACHED = {
    "input_tokens": 10,
    "output_tokens": 5,
    "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 1000,
}
REFUSED = {"type": "refusal", "category": "cyber", "explanation": "not this"}
MESSAGE = Response(
    "anthropic", "claude", "m1", finish_reason="stop", input_tokens=10, output_tokens=5
)


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (message(SAID, SAID), {"text": "hihi"}),
        (message(SAID, usage=CACHED), {"text": "hi", "input_tokens": 1110, "cached_tokens": 100}),
        (
            message(SAID, USED, stop="tool_use"),
            {
                "text": "hi",
                "finish_reason": "tool_call",
                "tool_calls": (ToolCall("look", {"a": 1}, "t1"),),
            },
        ),
        (message(stop="stop_sequence"), {}),
        (message(stop="max_tokens"), {"finish_reason": "length"}),
        (message(stop="model_context_window_exceeded"), {"finish_reason": "length"}),
        (message(stop="pause_turn"), {"finish_reason": "suspended"}),
        (
            message(SAID, stop="refusal", stop_details=REFUSED),
            {"text": "hi", "finish_reason": "refusal", "refusal": "not this"},
        ),
        (
            message(SAID, stop="refusal"),
            {"text": "hi", "finish_reason": "refusal", "refusal": "hi"},
        ),
        (
            message(stop="refusal", stop_details={"type": "refusal", "category": "bio"}),
            {"finish_reason": "refusal", "refusal": "bio"},
        ),
        (message(stop="refusal"), {"finish_reason": "refusal", "refusal": ""}),
    ],
)
def test_a_message_of_anthropic(plain: dict[str, Any], expected: dict[str, Any]) -> None:
    """Case 29: a refusal with status 200 is told as one."""
    value = anthropic.types.Message.model_validate(plain)
    both(value, plain, Response(**{**fields(MESSAGE), **expected}))


def test_a_parsed_message_holds_what_was_built() -> None:
    response = read_response(message(SAID, {**SAID, "parsed_output": 3}))
    assert response is not None
    assert response.parsed == 3


def test_the_beginning_of_a_message_is_no_answer() -> None:
    assert read_response(message(stop=None)) is None


# --- Google -----------------------------------------------------------------------------------


def candidate(*parts: Any, finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    told = {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish}
    return {"candidates": [told], "modelVersion": "gemini", "responseId": "g1", **more}


GEMINI = Response(provider="google", model="gemini", id="g1", finish_reason="stop")
COUNTS = {
    "promptTokenCount": 10,
    "toolUsePromptTokenCount": 3,
    "candidatesTokenCount": 5,
    "thoughtsTokenCount": 2,
    "cachedContentTokenCount": 4,
}


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (
            candidate({"text": "let me see", "thought": True}, {"text": "a"}, {"text": "b"},
                      usageMetadata=COUNTS),
            {"text": "ab", "input_tokens": 13, "output_tokens": 7, "cached_tokens": 4},
        ),
        (
            candidate({"functionCall": {"id": "t1", "name": "look", "args": {"a": 1}}}),
            {"finish_reason": "tool_call", "tool_calls": (ToolCall("look", {"a": 1}, "t1"),)},
        ),
        (candidate({"text": "a"}, finish="MAX_TOKENS"), {"text": "a", "finish_reason": "length"}),
        *((candidate(finish=word), {"finish_reason": "content_filter"})
          for word in ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII",
                       "MODEL_ARMOR", "IMAGE_SAFETY")),
        (candidate(finish="MALFORMED_FUNCTION_CALL"), {"finish_reason": "error"}),
        (candidate(finish="OTHER"), {"finish_reason": None}),
        (candidate(finish=None), {"finish_reason": None}),
    ],
)  # fmt: skip
def test_an_answer_of_google(plain: dict[str, Any], expected: dict[str, Any]) -> None:
    value = google.GenerateContentResponse.model_validate(plain)
    both(value, plain, Response(**{**fields(GEMINI), **expected}))


def test_a_blocked_prompt_of_google_has_no_candidates_but_a_reason() -> None:
    """Case 29: it is refused with status 200."""
    plain = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "responseId": "g1"}
    value = google.GenerateContentResponse.model_validate(plain)
    expected = Response("google", None, "g1", None, "content_filter", "prohibited_content")
    both(value, plain, expected)


def test_an_unspecified_reason_does_not_block() -> None:
    feedback = {"blockReason": "BLOCKED_REASON_UNSPECIFIED"}
    assert read_response({"promptFeedback": feedback}) is None


# --- Bedrock ----------------------------------------------------------------------------------


def converse(*content: Any, stop: str = "end_turn", **usage: int) -> dict[str, Any]:
    return {
        "ResponseMetadata": {"RequestId": "b1", "HTTPStatusCode": 200},
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15, **usage},
    }


BEDROCK = Response("bedrock", None, "b1", None, "stop", input_tokens=10, output_tokens=5)


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (converse({"reasoningContent": {}}, {"text": "a"}, {"text": "b"}), {"text": "ab"}),
        (
            converse(cacheReadInputTokens=100, cacheWriteInputTokens=1000),
            {"input_tokens": 1110, "cached_tokens": 100},
        ),
        (
            converse(
                {"toolUse": {"toolUseId": "t1", "name": "look", "input": {}}}, stop="tool_use"
            ),
            {"finish_reason": "tool_call", "tool_calls": (ToolCall("look", {}, "t1"),)},
        ),
        (converse(stop="max_tokens"), {"finish_reason": "length"}),
        (converse(stop="guardrail_intervened"), {"finish_reason": "content_filter"}),
        (converse(stop="content_filtered"), {"finish_reason": "content_filter"}),
        (converse(stop="model_context_window_exceeded"), {"finish_reason": "length"}),
    ],
)
def test_an_answer_of_bedrock(plain: dict[str, Any], expected: dict[str, Any]) -> None:
    both(plain, plain, Response(**{**fields(BEDROCK), **expected}))


# --- pydantic-ai, LangChain, Cohere -------------------------------------------------------------


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


# --- what is no answer --------------------------------------------------------------------------


class Choices(BaseModel):
    """A type of the application with a telling name."""

    choices: list[str]


CHUNK = {
    "id": "1",
    "object": "chat.completion.chunk",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}],
}


@pytest.mark.parametrize(
    "value",
    [
        None,
        "text",
        7,
        [],
        {},
        {"choices": []},
        {"choices": "many"},
        {"object": "response"},
        {"kind": "response"},
        {"candidates": []},
        {"stopReason": "x"},
        {"finish_reason": "x"},
        {"response_metadata": {}},
        CHUNK,
        openai.types.chat.ChatCompletionChunk.model_validate(CHUNK),
        openai.types.responses.ResponseOutputMessage.model_validate(item(written("x"))),
        Choices(choices=["a"]),
        MagicMock(),
        object(),
        SimpleNamespace(choices=[SimpleNamespace(delta=1)]),
    ],
    ids=[str(number) for number in range(20)],
)
def test_what_is_no_answer_is_none(value: object) -> None:
    assert read_response(value) is None


def test_a_response_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Response().text = "x"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


# --- whatever a value is ------------------------------------------------------------------------

LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from(["response", "message", "text", "ai", "assistant", "function_call", "stop"])
)  # fmt: skip
KEYS = st.sampled_from(
    """choices message content text type object output usage status stop_reason stopReason parts
    candidates finish_reason finishReason kind response_metadata usage_metadata prompt_feedback
    role tool_calls function name arguments prompt_tokens input_tokens cost part_kind tokens
    _hidden_params response_cost refusal block_reason""".split()
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=25,
)


def as_object(value: Any) -> Any:
    if isinstance(value, dict):
        return SimpleNamespace(**{key: as_object(each) for key, each in value.items()})
    return [as_object(each) for each in value] if isinstance(value, list) else value


@given(JSON)
def test_no_value_makes_read_response_raise(value: Any) -> None:
    for each in (value, as_object(value)):
        looks = looks_like_response(each)
        response = read_response(each)
        assert response is None or isinstance(response, Response)
        assert looks or response is None, "the quick look missed an answer"
        if response is not None:
            assert response.cost_usd is None or 0 <= response.cost_usd < float("inf")
            assert response.input_tokens is None or response.input_tokens >= 0
            assert response.text is None or isinstance(response.text, str)


class Traps:
    """Every attribute raises, and the class promises many."""

    choices: object

    def __getattribute__(self, name: str) -> object:
        raise RuntimeError(name)


class Broken(dict[str, object]):
    """A dictionary that promises much and breaks when it is read."""

    def get(self, *_: object) -> object:
        raise KeyError

    def __contains__(self, _: object) -> bool:
        raise KeyError


@pytest.mark.parametrize("made", [Traps, Broken])
def test_a_value_that_breaks_when_read_is_no_answer(made: type) -> None:
    value = made()
    assert looks_like_response(value)
    assert read_response(value) is None


def test_many_types_made_at_run_time_are_not_all_remembered() -> None:
    from reliai.providers.response import _types

    for number in range(1100):
        looks_like_response(type(f"Type{number}", (), {})())
    assert len(_types) <= 1024


def test_a_proxy_around_an_answer_is_worth_a_look() -> None:
    class Proxy:
        __wrapped__ = None

    class Plain:
        def __init__(self) -> None:
            self.choices = [SimpleNamespace(message=SimpleNamespace(content="hi"))]

    assert looks_like_response(Proxy())
    assert looks_like_response(Plain())
    response = read_response(Plain())
    assert response is not None
    assert response.text == "hi"


def test_an_answer_survives_a_trip_through_json() -> None:
    assert read_response(json.loads(json.dumps(chat(content="x")))) is not None
