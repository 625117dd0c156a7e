"""Guarded functions that return the stream objects of real SDKs, served over HTTP."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

import anthropic
import openai
import pytest
from google import genai
from google.genai import types as google
from mistralai.client import Mistral

import reliai
from reliai import StreamInterrupted
from tests.core._events import recorded
from tests.providers.test_sdk_streams import (
    BEDROCK,
    CHAT,
    GOOGLE,
    MESSAGES,
    MISTRAL,
    RESPONSES,
    SAY,
    as_chat,
    as_data,
    as_event_stream,
    as_sse,
)
from tests.providers.wire import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.providers.wire import Wire

boto3: Any = importlib.import_module("boto3")  # carries no types


_clients: list[Any] = []
"""Those that a test has used, to be closed after it; Google's close themselves when dropped."""


@pytest.fixture(autouse=True)
def _closing() -> Iterator[None]:
    yield
    while _clients:
        client = _clients.pop()
        close = getattr(client, "close", None)
        if close is not None:
            close()
        else:
            client.__exit__(None, None, None)


def kept(client: Any) -> Any:
    """A client, to be closed after the test."""
    _clients.append(client)
    return client


def openai_chat(url: str) -> Any:
    sdk = kept(openai.OpenAI(api_key="x", base_url=url, max_retries=0))
    return sdk.chat.completions.create(model="m", messages=SAY, stream=True)


def openai_responses(url: str) -> Any:
    sdk = kept(openai.OpenAI(api_key="x", base_url=url, max_retries=0))
    return sdk.responses.create(model="m", input="x", stream=True)


def openai_helper(url: str) -> Any:
    sdk = kept(openai.OpenAI(api_key="x", base_url=url, max_retries=0))
    return sdk.chat.completions.stream(model="m", messages=SAY).__enter__()


def anthropic_raw(url: str) -> Any:
    sdk = kept(anthropic.Anthropic(api_key="x", base_url=url, max_retries=0))
    return sdk.messages.create(model="m", max_tokens=9, messages=SAY, stream=True)


def anthropic_helper(url: str) -> Any:
    sdk = kept(anthropic.Anthropic(api_key="x", base_url=url, max_retries=0))
    return sdk.messages.stream(model="m", max_tokens=9, messages=SAY).__enter__()


def gemini(url: str) -> Any:
    options = google.HttpOptions(base_url=url)
    sdk = kept(genai.Client(api_key="x", http_options=options))
    return sdk.models.generate_content_stream(model="m", contents="x")


def mistral(url: str) -> Any:
    sdk = kept(Mistral(api_key="x", server_url=url))
    return sdk.chat.stream(model="m", messages=SAY)


def bedrock(url: str) -> Any:
    sdk = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="a",
        aws_secret_access_key="b",  # noqa: S106  nobody checks it
    )
    return kept(sdk).converse_stream(modelId="m", messages=[])


SDKS: dict[str, tuple[Callable[[str], Any], Callable[[list[Any]], Reply], list[Any]]] = {
    "openai chat": (openai_chat, as_chat, CHAT),
    "openai responses": (openai_responses, as_sse, RESPONSES),
    "openai helper": (openai_helper, as_chat, CHAT),
    "anthropic": (anthropic_raw, as_sse, MESSAGES),
    "anthropic helper": (anthropic_helper, as_sse, MESSAGES),
    "google": (gemini, as_data, GOOGLE),
    "mistral": (mistral, as_data, MISTRAL),
    "bedrock": (bedrock, as_event_stream, BEDROCK),
}
every_sdk = pytest.mark.parametrize("name", SDKS)


@every_sdk
def test_its_events_are_those_of_the_bare_stream(wire: Wire, name: str) -> None:
    ask, sent, events = SDKS[name]
    url = wire.place(sent(events))
    bare = ask(url)
    expected = [undated(each) for each in (bare["stream"] if isinstance(bare, dict) else bare)]
    assert [undated(each) for each in reliai.reliable()(ask)(url)] == expected


def undated(event: Any) -> Any:
    """An event without the moment its answer was sent, which google's carry in their headers."""
    headers = getattr(getattr(event, "sdk_http_response", None), "headers", None)
    for name in ("date", "Date"):
        if isinstance(headers, dict):
            headers.pop(name, None)
    return event


@every_sdk
def test_its_usage_is_on_the_record(wire: Wire, name: str) -> None:
    ask, sent, events = SDKS[name]
    record = recorded(reliai.reliable()(ask), wire.place(sent(events)))
    assert (record.input_tokens, record.output_tokens) == (10, 5)
    assert (record.usage_state, record.finish_reason) == ("measured", "tool_call")


@every_sdk
def test_one_that_merely_stops_was_cut(wire: Wire, name: str) -> None:
    ask, sent, events = SDKS[name]
    got: list[Any] = []
    with pytest.raises(StreamInterrupted, match="ended without"):
        got.extend(reliai.reliable()(ask)(wire.place(sent(events[:-1]))))


@every_sdk
def test_a_fallback_answers_when_it_cannot_start(wire: Wire, name: str) -> None:
    ask, sent, events = SDKS[name]
    broken, well = wire.place(Reply(500, {"error": {"message": "no"}})), wire.place(sent(events))
    guarded = reliai.reliable(reliai.Fallback.models(well, parameter="url"))(ask)
    record = recorded(guarded, broken)
    assert (record.status, record.input_tokens) == ("degraded", 10)


@every_sdk
def test_what_read_gives_is_the_same_stream(wire: Wire, name: str) -> None:
    ask, sent, events = SDKS[name]
    url = wire.place(sent(events))

    @reliai.reliable(name="asks")
    def asks() -> int:
        stream = reliai.read(ask(url))
        return len(list(stream["stream"] if isinstance(stream, dict) else stream))

    record = recorded(asks)
    assert (record.status, record.input_tokens, record.usage_state) == ("success", 10, "measured")


class TestHelpers:
    """What the SDKs' streams offer besides their events."""

    def test_the_texts_of_anthropics(self, wire: Wire) -> None:
        stream = reliai.reliable()(anthropic_helper)(wire.place(as_sse(MESSAGES)))
        assert "".join(stream.text_stream) == "hello"
        assert stream.record.input_tokens == 10

    def test_the_final_message_of_anthropics(self, wire: Wire) -> None:
        stream = reliai.reliable()(anthropic_helper)(wire.place(as_sse(MESSAGES)))
        assert stream.get_final_message().content[0].text == "hello"
        assert stream.record.usage_state == "measured"

    def test_the_final_completion_of_openais(self, wire: Wire) -> None:
        stream = reliai.reliable()(openai_helper)(wire.place(as_chat(CHAT)))
        assert stream.get_final_completion().choices[0].message.content == "hello"
        assert stream.record.usage_state == "measured"

    def test_the_texts_of_one_that_is_read(self, wire: Wire) -> None:
        url = wire.place(as_sse(MESSAGES))

        @reliai.reliable()
        def ask() -> Iterator[str]:
            sdk = kept(anthropic.Anthropic(api_key="x", base_url=url, max_retries=0))
            manager = sdk.messages.stream(model="m", max_tokens=9, messages=SAY)
            with reliai.read(manager) as stream:
                yield from stream.text_stream

        with reliai.collect() as calls:
            assert "".join(ask()) == "hello"
        assert (calls[0].input_tokens, calls[0].usage_state) == (10, "measured")

    def test_in_with_it_is_closed_by_its_own_means(self, wire: Wire) -> None:
        stream = reliai.reliable()(openai_chat)(wire.place(as_chat(CHAT)))
        with stream:
            next(stream)
        assert (stream.response.is_closed, stream.record.status) == (True, "cancelled")


class TestAsynchronous:
    def openais(self, events: list[Any], wire: Wire) -> Any:
        url = wire.place(as_chat(events))

        async def main() -> Any:
            async with openai.AsyncOpenAI(api_key="x", base_url=url, max_retries=0) as sdk:

                @reliai.reliable()
                async def ask() -> Any:
                    return await sdk.chat.completions.create(model="m", messages=SAY, stream=True)

                stream = await ask()
                got = [event async for event in stream]
                return got, stream.record

        return asyncio.run(main())

    def test_openais(self, wire: Wire) -> None:
        events, record = self.openais(CHAT, wire)
        assert len(events) == len(CHAT)
        assert (record.input_tokens, record.usage_state) == (10, "measured")

    def test_one_that_merely_stops_was_cut(self, wire: Wire) -> None:
        with pytest.raises(StreamInterrupted):
            self.openais(CHAT[:-1], wire)

    def test_anthropics_texts(self, wire: Wire) -> None:
        url = wire.place(as_sse(MESSAGES))

        async def main() -> Any:
            made: Any = anthropic.AsyncAnthropic(api_key="x", base_url=url, max_retries=0)
            async with made as sdk:

                @reliai.reliable()
                async def ask() -> Any:
                    manager = sdk.messages.stream(model="m", max_tokens=9, messages=SAY)
                    return await manager.__aenter__()

                stream = await ask()
                return "".join([text async for text in stream.text_stream]), stream.record

        text, record = asyncio.run(main())
        assert (text, record.input_tokens) == ("hello", 10)
