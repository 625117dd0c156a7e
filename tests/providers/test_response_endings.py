"""Why an answer ended, in the words of providers that have their own, by their SDKs' types."""

from __future__ import annotations

from typing import Any

import cohere
import pytest
from mistralai.client.models import ChatCompletionResponse

from reliai.providers import read_response
from tests.providers.answers import chat


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("COMPLETE", "stop"),
        ("STOP_SEQUENCE", "stop"),
        ("MAX_TOKENS", "length"),
        ("TOOL_CALL", "tool_call"),
        ("ERROR", "error"),
        ("TIMEOUT", "error"),
    ],
)
def test_how_an_answer_of_cohere_ended(word: str, finish: str) -> None:
    said = {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}
    plain: dict[str, Any] = {"id": "co1", "finish_reason": word, "message": said}
    for value in (plain, cohere.V2ChatResponse.model_validate(plain)):
        response = read_response(value)
        assert response is not None
        assert response.finish_reason == finish


@pytest.mark.parametrize(
    ("word", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("model_length", "length"),
        ("tool_calls", "tool_call"),
        ("error", "error"),
    ],
)
def test_how_an_answer_of_mistral_ended(word: str, finish: str) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    plain = chat(word, content="hi", usage=usage)
    for value in (plain, ChatCompletionResponse.model_validate(plain)):
        response = read_response(value)
        assert response is not None
        assert response.finish_reason == finish
