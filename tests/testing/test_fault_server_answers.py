"""The fault server's normal answers, read by the real SDKs."""

from __future__ import annotations

import pytest

pytest.importorskip("openai")
pytest.importorskip("anthropic")

from typing import TYPE_CHECKING, Any

from reliai.testing import Filtered, Refusal, Truncated
from tests.testing._callers import ALL, SYNC, Caller

if TYPE_CHECKING:
    from reliai.testing import FaultServer

every_caller = pytest.mark.parametrize("caller", ALL, ids=str)
CHAT, RESPONSES, MESSAGES = SYNC


@every_caller
def test_text_comes_back_as_the_answer(server: FaultServer, caller: Caller) -> None:
    server.reset(["an answer of five words"])
    assert caller.text(caller.call(server.url)) == "an answer of five words"


@every_caller
def test_text_is_streamed_by_the_word(server: FaultServer, caller: Caller) -> None:
    server.reset(["an answer of five words"])
    seen = caller.stream(server.url)
    assert seen.error is None
    assert seen.text == "an answer of five words"
    assert server.requests[0].chunks_sent == 5


@every_caller
def test_a_list_is_streamed_chunk_by_chunk(server: FaultServer, caller: Caller) -> None:
    server.reset([["one", " two three"]])
    assert caller.stream(server.url).text == "one two three"
    assert server.requests[0].chunks_sent == 2


def test_usage_counts_words(server: FaultServer) -> None:
    server.reset("three more words")
    chat = CHAT.call(server.url).usage
    assert (chat.prompt_tokens, chat.completion_tokens, chat.total_tokens) == (2, 3, 5)
    responses = RESPONSES.call(server.url, instructions="be brief").usage
    assert (responses.input_tokens, responses.output_tokens) == (4, 3)
    messages = MESSAGES.call(server.url, system=[{"type": "text", "text": "be brief"}]).usage
    assert (messages.input_tokens, messages.output_tokens) == (4, 3)


def test_chat_streams_role_content_reason_and_the_usage_that_was_asked_for(
    server: FaultServer,
) -> None:
    server.reset([["a ", "b"]])
    events = CHAT.stream(server.url, stream_options={"include_usage": True}).events
    role, first, second, end, usage = events
    assert role.choices[0].delta.role == "assistant"
    assert [e.choices[0].delta.content for e in (role, first, second)] == ["", "a ", "b"]
    assert end.choices[0].finish_reason == "stop"
    assert usage.choices == []
    assert usage.usage.total_tokens == 4


def test_chat_streams_no_usage_unasked(server: FaultServer) -> None:
    server.reset(["a"])
    events = CHAT.stream(server.url).events
    assert [bool(event.choices) for event in events] == [True] * len(events)
    assert all(event.usage is None for event in events)


def test_responses_streams_its_events_in_order_and_numbered(server: FaultServer) -> None:
    server.reset([["a ", "b"]])
    seen = RESPONSES.stream(server.url)
    assert seen.types == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in seen.events] == list(range(10))
    assert seen.events[-1].response.output_text == "a b"
    assert seen.events[-1].response.usage.output_tokens == 2


def test_messages_streams_its_events_in_order(server: FaultServer) -> None:
    server.reset([["a ", "b"]])
    seen = MESSAGES.stream(server.url)
    assert seen.types == [  # the SDK keeps the ping to itself
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert seen.events[0].message.usage.input_tokens == 2
    assert seen.events[-2].delta.stop_reason == "end_turn"
    assert seen.events[-2].usage.output_tokens == 2


def test_the_sdks_own_accumulators_understand_the_streams(server: FaultServer) -> None:
    openai = pytest.importorskip("openai")
    anthropic = pytest.importorskip("anthropic")
    server.reset("all of it")
    settings: dict[str, Any] = {"api_key": "key", "max_retries": 0}
    with openai.OpenAI(base_url=server.url + "/v1", **settings) as client:
        with client.responses.stream(model="m", input="x") as stream:
            assert stream.get_final_response().output_text == "all of it"
        with client.chat.completions.stream(model="m", messages=[]) as stream:
            assert stream.get_final_completion().choices[0].message.content == "all of it"
    with (
        anthropic.Anthropic(base_url=server.url, **settings) as client,
        client.messages.stream(model="m", max_tokens=9, messages=[]) as stream,
    ):
        assert stream.get_final_text() == "all of it"


def test_both_sdks_list_the_models(server: FaultServer) -> None:
    openai = pytest.importorskip("openai")
    anthropic = pytest.importorskip("anthropic")
    server.reset(["an item that no list of models uses up"])
    with openai.OpenAI(base_url=server.url + "/v1", api_key="key") as client:
        assert [model.id for model in client.models.list()] == ["scripted-large", "scripted-small"]
    with anthropic.Anthropic(base_url=server.url, api_key="key") as client:
        assert [model.id for model in client.models.list()] == ["scripted-large", "scripted-small"]
    assert CHAT.text(CHAT.call(server.url)) == "an item that no list of models uses up"


# --- answers that are not what was asked for ------------------------------------------------


def test_a_truncated_answer_says_so_in_each_providers_words(server: FaultServer) -> None:
    server.reset(Truncated(then="a b c d"))
    chat = CHAT.call(server.url).choices[0]
    assert (chat.message.content, chat.finish_reason) == ("a b ", "length")
    response = RESPONSES.call(server.url)
    assert (response.status, response.incomplete_details.reason) == (
        "incomplete",
        "max_output_tokens",
    )
    assert MESSAGES.call(server.url).stop_reason == "max_tokens"


def test_a_truncated_stream_ends_in_good_order(server: FaultServer) -> None:
    server.reset(Truncated(after=1, then="a b c d"))
    chat = CHAT.stream(server.url)
    assert (chat.text, chat.events[-1].choices[0].finish_reason) == ("a ", "length")
    assert RESPONSES.stream(server.url).types[-1] == "response.incomplete"
    assert MESSAGES.stream(server.url).events[-2].delta.stop_reason == "max_tokens"


def test_a_filtered_answer_says_so_in_each_providers_words(server: FaultServer) -> None:
    server.reset(Filtered(after=1, then="a b"))
    assert CHAT.call(server.url).choices[0].finish_reason == "content_filter"
    assert RESPONSES.call(server.url).incomplete_details.reason == "content_filter"
    assert MESSAGES.call(server.url).stop_reason == "refusal"


@every_caller
def test_a_refusal_comes_in_the_providers_own_place(server: FaultServer, caller: Caller) -> None:
    server.reset(Refusal("not this"))
    answer = caller.call(server.url)
    if caller.api == "chat":
        message = answer.choices[0].message
        assert (message.content, message.refusal) == (None, "not this")
    elif caller.api == "responses":
        assert answer.output[0].content[0].refusal == "not this"
        assert answer.output_text == ""
    else:
        assert answer.content == []
        assert (answer.stop_reason, answer.stop_details.explanation) == ("refusal", "not this")


@every_caller
def test_a_refusal_streams_no_text(server: FaultServer, caller: Caller) -> None:
    server.reset(Refusal("not this"))
    seen = caller.stream(server.url)
    assert (seen.error, seen.text) == (None, "")
    if caller.api == "chat":
        assert "".join(e.choices[0].delta.refusal or "" for e in seen.events) == "not this"
    elif caller.api == "responses":
        assert seen.events[-1].response.output[0].content[0].refusal == "not this"
    else:
        assert seen.events[-2].delta.stop_details.explanation == "not this"


def test_a_mapping_is_the_body_as_it_is(server: FaultServer) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "look_up", "input": {"key": 1}}
    server.reset([{"type": "message", "content": [call], "stop_reason": "tool_use"}])
    assert MESSAGES.call(server.url).content[0].input == {"key": 1}


def test_a_mapping_in_a_list_is_an_event_as_it_is(server: FaultServer) -> None:
    delta = {"type": "input_json_delta", "partial_json": '{"key":'}
    event = {"type": "content_block_delta", "index": 0, "delta": delta}
    server.reset([[event]])
    stream = MESSAGES.stream(server.url)
    assert isinstance(stream.error, AttributeError)  # the reader of this test expects text
    assert stream.events[-1].delta.partial_json == '{"key":'
