"""How the answers of Anthropic, Google and Bedrock are read: objects and their JSON alike."""

from __future__ import annotations

from typing import Any

import anthropic.types
import pytest
from google.genai import types as google

from reliai.providers import Response, ToolCall, read_response
from tests.providers.answers import (
    SAID,
    USED,
    both,
    candidate,
    converse,
    fields,
    message,
)

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
        (
            message(SAID, usage=CACHED),
            {
                "text": "hi",
                "input_tokens": 1110,
                "cached_tokens": 100,
                "cache_write_tokens": 1000,
            },
        ),
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


BEDROCK = Response("bedrock", None, "b1", None, "stop", input_tokens=10, output_tokens=5)


@pytest.mark.parametrize(
    ("plain", "expected"),
    [
        (converse({"reasoningContent": {}}, {"text": "a"}, {"text": "b"}), {"text": "ab"}),
        (
            converse(cacheReadInputTokens=100, cacheWriteInputTokens=1000),
            {"input_tokens": 1110, "cached_tokens": 100, "cache_write_tokens": 1000},
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
