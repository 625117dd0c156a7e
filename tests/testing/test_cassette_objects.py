"""The answers of SDKs and frameworks, as JSON and back, and typed answers of real clients."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import cohere
import mistralai.client.models as mistral
import openai.types.chat
import pydantic
import pytest
from google.genai import types as google
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, ToolCall
from pydantic_ai.messages import (
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    UserPromptPart,
)
from pydantic_ai.usage import RequestUsage

import reliai
from reliai.providers import read_response
from reliai.testing import FaultServer, cassette, sdk_answer, sdk_stream
from reliai.testing._cassette.codec import Codec
from tests.testing._callers import SYNC

if TYPE_CHECKING:
    from pathlib import Path


class Parcel(pydantic.BaseModel):
    days: int


COHERE = {
    "id": "c1",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "yes"}]},
    "usage": {"tokens": {"input_tokens": 4.0, "output_tokens": 1.0}},
}
MISTRAL = {
    "id": "m1",
    "object": "chat.completion",
    "model": "m",
    "created": 1,
    "usage": {"prompt_tokens": 4, "completion_tokens": 1, "total_tokens": 5},
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "yes", "tool_calls": None},
        }
    ],
}
GOOGLE = {
    "candidates": [
        {
            "content": {
                "role": "model",
                "parts": [{"text": "yes"}, {"inline_data": {"data": b"x"}}],
            },
            "finish_reason": "STOP",
        }
    ],
    "usage_metadata": {"prompt_token_count": 4, "candidates_token_count": 1},
    "model_version": "m",
    "response_id": "g1",
}

CHAT: dict[str, Any] = sdk_answer('{"days": 2}', "chat").model_dump()

OBJECTS: list[Any] = [
    *(sdk_answer("yes", api) for api in ("chat", "responses", "messages")),
    *(sdk_stream("yes", api)[-1] for api in ("chat", "responses", "messages")),
    cohere.V2ChatResponse(**COHERE),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    mistral.ChatCompletionResponse.model_validate(MISTRAL),
    google.GenerateContentResponse.model_validate(GOOGLE),
    AIMessage(
        [{"type": "text", "text": "yes"}],
        id="run-1",
        tool_calls=[ToolCall(name="look", args={"a": 1}, id="t1")],
        usage_metadata={"input_tokens": 4, "output_tokens": 1, "total_tokens": 5},
        response_metadata={"model_name": "m", "finish_reason": "stop"},
    ),
    AIMessageChunk(content="ye", id="run-1"),
    [HumanMessage("hi"), Document("page", metadata={"source": "a"})],
    ModelResponse(
        parts=[ThinkingPart("hm"), TextPart("yes"), ToolCallPart("look", {"a": 1}, "t1")],
        usage=RequestUsage(input_tokens=4, output_tokens=1, cost=Decimal("0.25")),
        model_name="m",
        provider_response_id="p1",
        timestamp=datetime(2026, 8, 1, tzinfo=UTC),
    ),
    ModelRequest(parts=[UserPromptPart("hi", timestamp=datetime(2026, 8, 1, tzinfo=UTC))]),
    openai.types.chat.ParsedChatCompletion[Parcel].model_validate(CHAT),
]


@pytest.mark.parametrize("value", OBJECTS, ids=lambda value: type(value).__name__)
def test_it_comes_back_equal_and_of_its_type(value: Any) -> None:
    codec = Codec()
    back = codec.decode(json.loads(json.dumps(codec.encode(value))))
    assert back == value
    assert type(back) is type(value)
    assert read_response(back) == read_response(value)


@pytest.mark.parametrize("value", OBJECTS[:6], ids=lambda value: type(value).__name__)
def test_an_sdks_object_is_written_as_the_provider_sent_it(value: Any) -> None:
    stored = Codec().encode(value)
    assert list(stored) == ["$model", "data"]
    assert stored["data"] == value.model_dump(mode="json", exclude_unset=True, warnings=False)


def test_what_the_provider_has_added_since_is_kept() -> None:
    data = {**sdk_answer("yes", "chat").model_dump(), "brand_new": {"a": [1]}}
    construct: Any = openai.types.chat.ChatCompletion.construct
    value = construct(**data)
    back = Codec().decode(Codec().encode(value))
    assert back.brand_new == {"a": [1]}


def test_a_finish_reason_that_this_sdk_does_not_know_is_kept() -> None:
    value = sdk_answer("yes", "messages")
    value.stop_reason = "brand_new"
    assert Codec().decode(Codec().encode(value)).stop_reason == "brand_new"


def test_a_typed_answer_of_a_real_client_is_replayed_with_its_type(
    server: FaultServer, tmp_path: Path
) -> None:
    server.reset(['{"days": 2}'])
    by_api = {caller.api: caller for caller in SYNC}
    asked: Any = [{"role": "user", "content": "when?"}]

    def ask_chat(client: Any) -> Any:
        return client.chat.completions.parse(model="m", messages=asked, response_format=Parcel)

    def ask_responses(client: Any) -> Any:
        return client.responses.parse(model="m", input="when?", text_format=Parcel)

    def ask_messages(client: Any) -> Any:
        return client.messages.parse(model="m", max_tokens=9, messages=asked, output_format=Parcel)

    asks = {"chat": ask_chat, "responses": ask_responses, "messages": ask_messages}
    for api, ask in asks.items():
        caller, guarded = by_api[api], reliai.reliable(name=api)(ask)
        given: list[Any] = []
        for _ in range(2):
            with (
                caller._client(server.url, 5.0) as client,
                cassette(tmp_path / f"{caller.api}.json"),
            ):
                given.append(guarded(client))
        assert type(given[1]) is type(given[0])
        assert given[1] == given[0]
        parsed = read_response(given[1])
        assert parsed is not None
        assert parsed.parsed == Parcel(days=2)
    assert len(server.requests) == 3


def test_a_replayed_answer_may_be_changed_without_changing_the_next(tmp_path: Path) -> None:
    """Row 38: who changes what he was given changes his own copy."""

    @reliai.reliable(name="ask")
    def ask() -> dict[str, list[int]]:
        return {"days": [2]}

    with cassette(tmp_path / "a.json"):
        for _ in range(2):
            ask()["days"].append(3)
    with cassette(tmp_path / "a.json"):
        for _ in range(2):
            answer = ask()
            assert answer == {"days": [2]}
            answer["days"].append(3)


def test_plain_calls_are_replayed_inside_a_running_loop(tmp_path: Path) -> None:
    """Row 45: no loop is asked for, so a notebook's is no hindrance."""

    @reliai.reliable(reliai.Timeout(5), name="ask")
    def ask() -> str:
        return "yes"

    async def main() -> str:
        await asyncio.sleep(0)
        with cassette(tmp_path / "a.json"):
            return ask()

    assert [asyncio.run(main()) for _ in range(2)] == ["yes", "yes"]
