"""Streams as the SDKs themselves parse them from HTTP: what the readers make of the real events.

Each stream is served whole, and once more without its last event.
"""

from __future__ import annotations

import asyncio
import binascii
import importlib
import json
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

import anthropic
import cohere
import openai
import pytest
from google import genai
from google.genai import types as google
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from mistralai.client import Mistral
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from reliai.providers import Response, ToolCall, chunk_text, stream_reader
from tests.providers.wire import Reply, sse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reliai.providers import StreamReader
    from tests.providers.wire import Wire

boto3: Any = importlib.import_module("boto3")  # carries no types

STREAM = {"content-type": "text/event-stream"}
SAY: Any = [{"role": "user", "content": "x"}]


def read(events: Iterable[Any]) -> tuple[StreamReader, str]:
    """The reader after all events, and the text of all chunks one by one."""
    events = list(events)
    reader = stream_reader(events[0])
    assert reader is not None
    fed = "".join(text for each in events if (text := reader.feed(each)))
    alone = "".join(text for each in events if (text := chunk_text(each)))
    assert fed == alone
    return reader, fed


# --- the events --------------------------------------------------------------------------------
def chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt"}
    return {**head, "choices": [choice], **more}


USED = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
CACHED = {**USED, "prompt_tokens_details": {"cached_tokens": 4}}
LOOK = {"index": 0, "id": "t1", "type": "function", "function": {"name": "look", "arguments": ""}}
CHAT: list[Any] = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "he"}),
    chunk({"content": "llo"}),
    chunk({"tool_calls": [LOOK]}),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"a": 1}'}}]}),
    {**chunk({}), "choices": [], "usage": CACHED},
    chunk({}, "tool_calls"),
]

ANSWER = {
    "id": "r1",
    "object": "response",
    "created_at": 1.0,
    "model": "gpt",
    "output": [],
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
    "status": "in_progress",
}
MESSAGE = {"id": "m1", "type": "message", "role": "assistant", "status": "completed"}
PART = {"type": "output_text", "text": "hello", "annotations": []}
FUNCTION = {"id": "f1", "type": "function_call", "call_id": "t1", "name": "look"}
RESPONSES_USED = {
    "input_tokens": 10,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 0},
    "output_tokens": 5,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 15,
}
TEXT_AT = {"item_id": "m1", "output_index": 0, "content_index": 0, "logprobs": []}
DONE = {
    **ANSWER,
    "status": "completed",
    "output": [
        {**MESSAGE, "content": [PART]},
        {**FUNCTION, "arguments": '{"a": 1}', "status": "completed"},
    ],
    "usage": RESPONSES_USED,
}
_RESPONSES: list[Any] = [
    {"type": "response.created", "response": ANSWER},
    {"type": "response.output_item.added", "output_index": 0, "item": {**MESSAGE, "content": []}},
    {
        "type": "response.content_part.added",
        **TEXT_AT,
        "part": {"type": "output_text", "text": "", "annotations": []},
    },
    {"type": "response.output_text.delta", **TEXT_AT, "delta": "he"},
    {"type": "response.output_text.delta", **TEXT_AT, "delta": "llo"},
    {"type": "response.output_text.done", **TEXT_AT, "text": "hello"},
    {
        "type": "response.output_item.added",
        "output_index": 1,
        "item": {**FUNCTION, "arguments": "", "status": "in_progress"},
    },
    {
        "type": "response.function_call_arguments.delta",
        "item_id": "f1",
        "output_index": 1,
        "delta": '{"a": 1}',
    },
    {"type": "response.completed", "response": DONE},
]
RESPONSES = [{**each, "sequence_number": n} for n, each in enumerate(_RESPONSES)]

START: dict[str, Any] = {
    "id": "m1",
    "type": "message",
    "role": "assistant",
    "content": [],
    "model": "claude",
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 6, "cache_read_input_tokens": 4, "output_tokens": 1},
}
MESSAGES: list[Any] = [
    {"type": "message_start", "message": START},
    {"type": "ping"},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "he"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "llo"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t1", "name": "look", "input": {}},
    },
    {
        "type": "content_block_delta",
        "index": 1,
        "delta": {"type": "input_json_delta", "partial_json": '{"a": 1}'},
    },
    {"type": "content_block_stop", "index": 1},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use", "stop_sequence": None},
        "usage": {"output_tokens": 5},
    },
    {"type": "message_stop"},
]


def candidate(*parts: Any, finish: str | None = None, **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    if finish is not None:
        told["finishReason"] = finish
    return {"candidates": [told], "modelVersion": "gemini", "responseId": "g1", **more}


GOOGLE: list[Any] = [
    candidate({"text": "hm", "thought": True}, usageMetadata={"promptTokenCount": 10}),
    candidate({"text": "he"}, usageMetadata={"promptTokenCount": 10, "candidatesTokenCount": 1}),
    candidate({"text": "llo"}),
    candidate(
        {"functionCall": {"id": "t1", "name": "look", "args": {"a": 1}}},
        finish="STOP",
        usageMetadata={
            "promptTokenCount": 10,
            "candidatesTokenCount": 3,
            "thoughtsTokenCount": 2,
            "cachedContentTokenCount": 4,
        },
    ),
]
WHOLE_LOOK = {"index": 0, "id": "t1", "function": {"name": "look", "arguments": '{"a": 1}'}}
MISTRAL: list[Any] = [
    *CHAT[:3],
    chunk({"tool_calls": [WHOLE_LOOK]}),
    chunk({"content": ""}, "tool_calls", usage=CACHED),
]
COHERE_USED = {"tokens": {"input_tokens": 10, "output_tokens": 5}, "cached_tokens": 4}
COHERE_LOOK = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": ""}}
COHERE: list[Any] = [
    {
        "type": "message-start",
        "id": "co1",
        "delta": {"message": {"role": "assistant", "content": []}},
    },
    {
        "type": "content-start",
        "index": 0,
        "delta": {"message": {"content": {"type": "text", "text": ""}}},
    },
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "he"}}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "llo"}}}},
    {"type": "content-end", "index": 0},
    {"type": "tool-call-start", "index": 0, "delta": {"message": {"tool_calls": COHERE_LOOK}}},
    {
        "type": "tool-call-delta",
        "index": 0,
        "delta": {"message": {"tool_calls": {"function": {"arguments": '{"a": 1}'}}}},
    },
    {"type": "tool-call-end", "index": 0},
    {
        "type": "message-end",
        "id": "co1",
        "delta": {"finish_reason": "TOOL_CALL", "usage": COHERE_USED},
    },
]
BEDROCK: list[tuple[str, Any]] = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "he"}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "llo"}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    (
        "contentBlockStart",
        {"contentBlockIndex": 1, "start": {"toolUse": {"toolUseId": "t1", "name": "look"}}},
    ),
    (
        "contentBlockDelta",
        {"contentBlockIndex": 1, "delta": {"toolUse": {"input": '{"a": 1}'}}},
    ),
    ("contentBlockStop", {"contentBlockIndex": 1}),
    (
        "metadata",
        {
            "usage": {
                "inputTokens": 6,
                "cacheReadInputTokens": 4,
                "outputTokens": 5,
                "totalTokens": 15,
            },
            "metrics": {"latencyMs": 1},
        },
    ),
    ("messageStop", {"stopReason": "tool_use"}),
]


# --- how each SDK is driven ----------------------------------------------------------------------
def chat(url: str) -> list[Any]:
    with openai.OpenAI(api_key="x", base_url=url) as sdk:
        return list(sdk.chat.completions.create(model="m", messages=SAY, stream=True))


def chat_helper(url: str) -> list[Any]:
    with openai.OpenAI(api_key="x", base_url=url) as sdk:
        completions: Any = sdk.chat.completions
        with completions.stream(model="m", messages=SAY) as stream:
            return list(stream)


def responses(url: str) -> list[Any]:
    with openai.OpenAI(api_key="x", base_url=url) as sdk:
        return list(sdk.responses.create(model="m", input="x", stream=True))


def responses_helper(url: str) -> list[Any]:
    with openai.OpenAI(api_key="x", base_url=url) as sdk:
        made: Any = sdk.responses
        with made.stream(model="m", input="x") as stream:
            return list(stream)


def messages(url: str) -> list[Any]:
    with anthropic.Anthropic(api_key="x", base_url=url) as sdk:
        return list(sdk.messages.create(model="m", max_tokens=9, messages=SAY, stream=True))


def messages_helper(url: str) -> list[Any]:
    with anthropic.Anthropic(api_key="x", base_url=url) as sdk:
        made: Any = sdk.messages
        with made.stream(model="m", max_tokens=9, messages=SAY) as stream:
            return list(stream)


def gemini(url: str) -> list[Any]:
    options = google.HttpOptions(base_url=url)
    with genai.Client(api_key="x", http_options=options) as sdk:
        models: Any = sdk.models
        return list(models.generate_content_stream(model="m", contents="x"))


def mistral(url: str) -> list[Any]:
    with Mistral(api_key="x", server_url=url) as sdk:
        made: Any = sdk.chat
        with made.stream(model="m", messages=SAY) as stream:
            return list(stream)


def with_cohere(url: str) -> list[Any]:
    sdk: Any = cohere.ClientV2(api_key="x", base_url=url, max_retries=0)
    with sdk:
        return list(sdk.chat_stream(model="m", messages=SAY))


def bedrock(url: str) -> list[Any]:
    sdk = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106  nobody checks it
    )
    try:
        return list(sdk.converse_stream(modelId="m", messages=[])["stream"])
    finally:
        sdk.close()


def as_sse(events: list[Any]) -> Reply:
    return Reply(200, sse(*events), STREAM)


def as_chat(events: list[Any]) -> Reply:
    """OpenAI's chunks have no name; "type" stands in none of them."""
    return Reply(200, sse(*events, done=True), STREAM)


def as_data(events: list[Any]) -> Reply:
    return Reply(200, "".join(f"data: {json.dumps(each)}\n\n" for each in events), STREAM)


def as_event_stream(events: list[Any]) -> Reply:
    body = b"".join(amazon(name, payload) for name, payload in events)
    return Reply(200, body, {"content-type": "application/vnd.amazon.eventstream"})


def amazon(name: str, payload: Any) -> bytes:
    """One message of Amazon's event stream."""
    headers = {
        ":event-type": name,
        ":content-type": "application/json",
        ":message-type": "event",
    }
    fields = b"".join(
        struct.pack("B", len(key)) + key.encode() + b"\x07"
        + struct.pack(">H", len(value)) + value.encode()
        for key, value in headers.items()
    )  # fmt: skip
    data = json.dumps(payload).encode()
    start = struct.pack(">II", len(fields) + len(data) + 16, len(fields))
    start += struct.pack(">I", binascii.crc32(start))
    body = start + fields + data
    return body + struct.pack(">I", binascii.crc32(body))


class Form(NamedTuple):
    """One form of streams: its events, how they are sent, and how the SDK is asked for them."""

    events: list[Any]
    sent: Callable[[list[Any]], Reply]
    ask: Callable[[str], list[Any]]
    expected: Response


def expected(provider: str, model: str | None, response_id: str | None, **more: Any) -> Response:
    told: dict[str, Any] = {
        "text": "hello",
        "finish_reason": "tool_call",
        "tool_calls": (ToolCall("look", '{"a": 1}', "t1"),),
        "input_tokens": 10,
        "output_tokens": 5,
        "cached_tokens": 4,
    }
    return Response(provider, model, response_id, **{**told, **more})


FORMS = {
    "openai chat": Form(CHAT, as_chat, chat, expected("openai", "gpt", "c1")),
    "openai chat helper": Form(CHAT, as_chat, chat_helper, expected("openai", "gpt", "c1")),
    "openai responses": Form(RESPONSES, as_sse, responses, expected("openai", "gpt", "r1")),
    "openai responses helper": Form(
        RESPONSES, as_sse, responses_helper, expected("openai", "gpt", "r1")
    ),
    "anthropic": Form(MESSAGES, as_sse, messages, expected("anthropic", "claude", "m1")),
    "anthropic helper": Form(
        MESSAGES, as_sse, messages_helper, expected("anthropic", "claude", "m1")
    ),
    "google": Form(
        GOOGLE,
        as_data,
        gemini,
        expected("google", "gemini", "g1", tool_calls=(ToolCall("look", {"a": 1}, "t1"),)),
    ),
    "mistral": Form(MISTRAL, as_data, mistral, expected("mistral", "gpt", "c1")),
    "cohere": Form(COHERE, as_sse, with_cohere, expected("cohere", None, "co1")),
    "bedrock": Form(BEDROCK, as_event_stream, bedrock, expected("bedrock", None, None)),
}
every_form = pytest.mark.parametrize("name", FORMS)


@every_form
def test_a_whole_stream_is_summed(wire: Wire, name: str) -> None:
    form = FORMS[name]
    reader, text = read(form.ask(wire.place(form.sent(form.events))))
    response = reader.response()
    assert text == "hello"
    got = {field: getattr(response, field) for field in Response.__slots__}
    want = {field: getattr(form.expected, field) for field in Response.__slots__}
    assert got | {"cache_write_tokens": None} == want | {"cache_write_tokens": None}


@every_form
def test_a_whole_stream_is_finished(wire: Wire, name: str) -> None:
    form = FORMS[name]
    reader, _ = read(form.ask(wire.place(form.sent(form.events))))
    assert (reader.finished, reader.failure) == (True, None)


@every_form
def test_a_stream_without_its_last_event_is_not_finished(wire: Wire, name: str) -> None:
    """No SDK says so: it takes a stream that merely stops for a whole one."""
    form = FORMS[name]
    reader, _ = read(form.ask(wire.place(form.sent(form.events[:-1]))))
    assert (reader.finished, reader.requires_terminal) == (False, True)


@every_form
def test_what_comes_before_the_first_text_is_no_content(wire: Wire, name: str) -> None:
    form = FORMS[name]
    events = form.ask(wire.place(form.sent(form.events)))
    reader = stream_reader(events[0])
    assert reader is not None
    for event in events:
        text = reader.feed(event)
        if text is not None:
            assert (text, reader.content) == ("he", True)
            return
        assert not reader.content


# --- errors that the SDK does not raise --------------------------------------------------------
@pytest.mark.parametrize(
    ("event", "code"),
    [
        (
            {"type": "error", "code": "server_error", "message": "m", "param": None},
            "server_error",
        ),
        (
            {
                "type": "response.failed",
                "response": {
                    **ANSWER,
                    "status": "failed",
                    "error": {"code": "rate_limit_exceeded", "message": "m"},
                },
            },
            "rate_limit_exceeded",
        ),
    ],
)
def test_an_error_event_of_the_responses_api_is_a_failure(
    wire: Wire, event: dict[str, Any], code: str
) -> None:
    events = [*RESPONSES[:4], {**event, "sequence_number": 4}]
    reader, text = read(responses(wire.place(as_sse(events))))
    assert text == "he"
    assert reader.failure is not None
    assert reader.failure.code == code


# --- refusals and other endings ------------------------------------------------------------------
def test_a_refusal_in_a_chat_stream(wire: Wire) -> None:
    events = [chunk({"role": "assistant"}), chunk({"refusal": "I cannot"}), chunk({}, "stop")]
    reader, text = read(chat(wire.place(as_chat(events))))
    response = reader.response()
    assert (text, response.finish_reason, response.refusal) == ("", "refusal", "I cannot")


def test_a_refusal_in_a_stream_of_anthropic(wire: Wire) -> None:
    usage = {"output_tokens": 1}
    ending = {"type": "message_delta", "delta": {"stop_reason": "refusal"}, "usage": usage}
    events = [MESSAGES[0], ending, MESSAGES[-1]]
    reader, _ = read(messages(wire.place(as_sse(events))))
    assert reader.response().finish_reason == "refusal"


@pytest.mark.parametrize(
    ("word", "finish"), [("MAX_TOKENS", "length"), ("SAFETY", "content_filter")]
)
def test_how_a_stream_of_google_ended(wire: Wire, word: str, finish: str) -> None:
    events = [candidate({"text": "he"}), candidate(finish=word)]
    reader, _ = read(gemini(wire.place(as_data(events))))
    assert reader.response().finish_reason == finish


def test_a_prompt_that_google_blocks_ends_its_stream(wire: Wire) -> None:
    events = [{"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "g1"}]
    reader, _ = read(gemini(wire.place(as_data(events))))
    assert reader.response().finish_reason == "content_filter"


@pytest.mark.parametrize(("word", "finish"), [("max_tokens", "length"), ("refusal", "refusal")])
def test_how_a_stream_of_bedrock_ended(wire: Wire, word: str, finish: str) -> None:
    events = [*BEDROCK[:3], ("messageStop", {"stopReason": word})]
    reader, _ = read(bedrock(wire.place(as_event_stream(events))))
    assert reader.response().finish_reason == finish


# --- frameworks ----------------------------------------------------------------------------------
def test_a_stream_of_pydantic_ai(wire: Wire) -> None:
    events = [*CHAT[:3], chunk({}, "stop"), {**chunk({}), "choices": [], "usage": CACHED}]
    place = wire.place(as_chat(events))

    async def ask() -> list[Any]:
        async with openai.AsyncOpenAI(api_key="x", base_url=place) as sdk:
            model = OpenAIChatModel("m", provider=OpenAIProvider(openai_client=sdk))
            agent: Any = Agent(model)
            seen: list[Any] = []
            async with agent.iter("x") as run:
                async for node in run:
                    if type(node).__name__ == "ModelRequestNode":
                        async with node.stream(run.ctx) as stream:
                            seen.extend([event async for event in stream])
            return seen

    _, text = read(asyncio.run(ask()))
    assert text == "hello"


def test_a_stream_of_langchain() -> None:
    model = GenericFakeChatModel(messages=iter(["hello you"]))
    _, text = read(model.stream("x"))
    assert text == "hello you"
