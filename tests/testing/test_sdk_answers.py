"""Scripted answers that are objects of the SDKs' own."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import anthropic.types
import openai.types.chat
import openai.types.responses
import pytest

import reliai
from reliai.errors import ConfigurationError
from reliai.providers import read_response
from reliai.testing import ScriptedModel, records, sdk_answer, sdk_stream, virtual_clock

APIS: list[Any] = ["chat", "responses", "messages"]
FINISHES: dict[str, dict[str, str | None]] = {
    "stop": dict.fromkeys(APIS, "stop"),
    "length": dict.fromkeys(APIS, "length"),
    "content_filter": {**dict.fromkeys(APIS, "content_filter"), "messages": "refusal"},
}
every_api = pytest.mark.parametrize("api", APIS)
TEXT = "It is on its way."


def text_of(value: Any) -> str | None:
    response = read_response(value)
    return None if response is None else response.text


@every_api
def test_an_answer_is_an_object_of_the_sdk(api: Any) -> None:
    kinds: dict[str, type[Any]] = {
        "chat": openai.types.chat.ChatCompletion,
        "responses": openai.types.responses.Response,
        "messages": anthropic.types.Message,
    }
    assert type(sdk_answer(TEXT, api)) is kinds[api]


@every_api
@pytest.mark.parametrize("finish", FINISHES)
def test_it_says_what_it_was_told_to_say(api: Any, finish: Any) -> None:
    response = read_response(sdk_answer(TEXT, api, model="m", prompt="two words", finish=finish))
    assert response is not None
    assert (response.text, response.model) == (TEXT, "m")
    assert response.finish_reason == FINISHES[finish][api]
    assert (response.input_tokens, response.output_tokens) == (2, 5)


@every_api
def test_a_refusal_is_a_refusal(api: Any) -> None:
    response = read_response(sdk_answer("I cannot", api, finish="refusal"))
    assert response is not None
    assert response.refusal == "I cannot"


@every_api
@pytest.mark.parametrize("view", ["plain", "asynchronous", "streaming", "async_streaming"])
def test_every_view_of_a_scripted_model_gives_it(api: Any, view: str) -> None:
    streamed = view in ("streaming", "async_streaming")
    item = sdk_stream(TEXT, api) if streamed else sdk_answer(TEXT, api)
    model = ScriptedModel([ConnectionError("down"), item])

    async def read_stream(guarded: Any) -> int:
        return len([event async for event in guarded("hi")])

    with virtual_clock(), records() as seen:
        if view == "plain":
            reliai.Retry(3)(model)("hi")
        elif view == "asynchronous":
            asyncio.run(reliai.Retry(3)(model.asynchronous)("hi"))
        elif view == "streaming":
            list(reliai.Retry(3)(model.streaming)("hi"))
        else:
            asyncio.run(read_stream(reliai.Retry(3)(model.streaming.asynchronous)))
    (record,) = seen
    assert record.status == "success"
    assert record.output_tokens == 5
    assert record.model_served == "scripted-large"
    assert record.finish_reason == "stop"


@every_api
def test_a_stream_gives_a_word_an_event(api: Any) -> None:
    from reliai.providers import stream_reader

    events = sdk_stream(TEXT, api)
    reader = stream_reader(events[0])
    assert reader is not None
    assert [text for event in events if (text := reader.feed(event))] == [
        "It ",
        "is ",
        "on ",
        "its ",
        "way.",
    ]
    assert reader.finished


def test_no_two_answers_have_one_id() -> None:
    assert sdk_answer("a").id != sdk_answer("a").id


@pytest.mark.parametrize("settings", [{"api": "completions"}, {"finish": "tired"}], ids=str)
@pytest.mark.parametrize("make", [sdk_answer, sdk_stream])
def test_what_is_not_known_is_refused(make: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="use one of"):
        make(TEXT, **settings)


@every_api
def test_an_sdk_that_is_not_installed_is_named(api: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    package = "anthropic" if api == "messages" else "openai"
    for name in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigurationError, match=rf'pip install "reliai\[{package}\]"'):
        sdk_answer(TEXT, api)
