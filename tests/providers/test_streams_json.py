"""Events as JSON, and those of frameworks: also what SDKs hide and what they never send."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk
from pydantic_ai import messages as pydantic_ai

from reliai.errors import ErrorKind
from reliai.providers import Response, ToolCall, chunk_text, classify, stream_reader
from tests.core._events import CHAT, MESSAGES, RESPONSES, block, chat, error, failed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.providers import StreamReader

BEDROCK: list[Any] = [
    {"messageStart": {"role": "assistant"}},
    {"contentBlockDelta": {"delta": {"text": "hello"}, "contentBlockIndex": 0}},
    {"messageStop": {"stopReason": "end_turn"}},
    {"metadata": {"usage": {"inputTokens": 100, "outputTokens": 10}}},
]
GOOGLE: list[Any] = [
    {"candidates": [{"content": {"parts": [{"text": "hm", "thought": True}]}}]},
    {"candidates": [{"content": {"parts": [{"text": "hel"}]}}]},
    {
        "candidates": [{"content": {"parts": [{"text": "lo"}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 10},
    },
]
COHERE: list[Any] = [
    {"type": "message-start", "id": "co1", "delta": {"message": {"role": "assistant"}}},
    {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "hello"}}}},
    {
        "type": "message-end",
        "delta": {
            "finish_reason": "COMPLETE",
            "usage": {"tokens": {"input_tokens": 100.0, "output_tokens": 10.0}},
        },
    },
]
OLLAMA: list[Any] = [
    {"model": "m", "message": {"role": "assistant", "content": "hello"}, "done": False},
    {
        "model": "m",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 100,
        "eval_count": 10,
    },
]
PYDANTIC_AI: list[Any] = [
    pydantic_ai.PartStartEvent(index=0, part=pydantic_ai.TextPart("hel")),
    pydantic_ai.PartDeltaEvent(index=0, delta=pydantic_ai.TextPartDelta("lo")),
]
LANGCHAIN: list[Any] = [
    AIMessageChunk(content="hel"),
    AIMessageChunk(
        content="lo",
        usage_metadata={"input_tokens": 100, "output_tokens": 10, "total_tokens": 110},
        response_metadata={"finish_reason": "stop", "model_name": "m"},
    ),
]
FORMS: dict[str, list[Any]] = {
    "chat": CHAT,
    "mistral": [{"data": event} for event in CHAT],
    "responses": RESPONSES,
    "anthropic": MESSAGES,
    "google": GOOGLE,
    "bedrock": BEDROCK,
    "cohere": COHERE,
    "ollama": OLLAMA,
    "pydantic-ai": PYDANTIC_AI,
    "langchain": LANGCHAIN,
}
every_form = pytest.mark.parametrize("form", FORMS)


def fed(events: Iterable[Any]) -> StreamReader:
    events = list(events)
    reader = stream_reader(events[0])
    assert reader is not None
    for event in events:
        reader.feed(event)
    return reader


def summed(events: Iterable[Any]) -> Response:
    return fed(events).response()


@every_form
def test_texts_are_summed(form: str) -> None:
    assert summed(FORMS[form]).text == "hello"


@every_form
def test_the_text_of_one_chunk_needs_no_reader(form: str) -> None:
    assert "".join(text for each in FORMS[form] if (text := chunk_text(each))) == "hello"


@every_form
def test_usage_is_told(form: str) -> None:
    reader = fed(FORMS[form])
    if form == "pydantic-ai":
        assert not reader.settled
    else:
        assert reader.settled
        assert (reader.input_tokens, reader.output_tokens) == (100, 10)


@every_form
def test_objects_are_read_like_json(form: str) -> None:
    def as_object(value: Any) -> Any:
        if isinstance(value, dict) and form != "bedrock":
            return SimpleNamespace(**{name: as_object(each) for name, each in value.items()})
        return [as_object(each) for each in value] if isinstance(value, list) else value

    if form not in ("google", "ollama"):  # Google's objects have names of their own
        objects = [as_object(event) for event in FORMS[form]]
        assert summed(objects) == summed(FORMS[form])


@every_form
def test_a_whole_stream_lacks_nothing(form: str) -> None:
    assert fed(FORMS[form]).ending() is None


@pytest.mark.parametrize("form", sorted(FORMS.keys() - {"pydantic-ai", "langchain"}))
def test_a_cut_stream_lacks_its_last_event(form: str) -> None:
    ending = fed(FORMS[form][:2]) if form in ("bedrock", "cohere", "google") else None
    reader = ending or fed(FORMS[form][:1])
    missed = reader.ending()
    assert missed is not None
    assert classify(missed).kind is ErrorKind.CONNECTION


class TestChat:
    def test_the_usage_of_the_last_chunk_without_choices_counts(self) -> None:
        assert CHAT[-1]["choices"] == []
        assert summed(CHAT).input_tokens == 100

    def test_cumulative_usage_is_not_added_up(self) -> None:
        events = [
            chat({"content": "a"}, usage={"prompt_tokens": 100, "completion_tokens": number})
            for number in (1, 2, 3)
        ]
        assert summed(events).output_tokens == 3

    def test_groqs_usage_counts(self) -> None:
        usage = {"prompt_tokens": 100, "completion_tokens": 10}
        events = [chat({"content": "a"}), chat({}, "stop", x_groq={"id": "x", "usage": usage})]
        assert summed(events).input_tokens == 100

    def test_a_reader_without_usage_is_not_settled(self) -> None:
        assert not fed(CHAT[:4]).settled

    @pytest.mark.parametrize("delta", [{"role": "assistant"}, {"content": ""}, {}])
    def test_a_role_is_no_content(self, delta: dict[str, Any]) -> None:
        assert not fed([chat(delta)]).content

    def test_reasoning_is_a_sign_of_life_and_no_content(self) -> None:
        reader = fed([chat({"reasoning_content": "hm"})])
        assert (reader.alive, reader.content) == (True, False)

    def test_an_empty_delta_is_no_sign_of_life(self) -> None:
        assert not fed([chat({"content": ""})]).alive

    def test_a_refusal_is_content(self) -> None:
        reader = fed([chat({"refusal": "I can"}), chat({"refusal": "not"}), chat({}, "stop")])
        response = reader.response()
        assert (response.refusal, response.finish_reason) == ("I cannot", "refusal")

    def test_only_the_first_of_several_answers_is_summed(self) -> None:
        second = chat({"content": "b"})
        second["choices"][0]["index"] = 1
        assert summed([chat({"content": "a"}), second]).text == "a"

    def test_tool_calls_are_put_together_by_their_number(self) -> None:
        def called(index: int, **function: str) -> dict[str, Any]:
            named = {"id": f"t{index}"} if "name" in function else {}
            return chat({"tool_calls": [{"index": index, **named, "function": function}]})

        events = [
            called(0, name="a", arguments=""),
            called(1, name="b", arguments='{"x'),
            called(0, arguments="{}"),
            called(1, arguments='": 1}'),
        ]
        assert summed(events).tool_calls == (
            ToolCall("a", "{}", "t0"),
            ToolCall("b", '{"x": 1}', "t1"),
        )

    def test_whole_tool_calls_under_one_number_are_several(self) -> None:
        """Google's copy of the API numbers all of them 0."""

        def called(name: str) -> dict[str, Any]:
            function = {"name": name, "arguments": "{}"}
            return chat({"tool_calls": [{"index": 0, "id": name, "function": function}]})

        names = [call.name for call in summed([called("a"), called("b")]).tool_calls]
        assert names == ["a", "b"]

    def test_an_error_in_a_chunk_is_a_failure(self) -> None:
        reader = fed([chat({"content": "a"}), chat({}, error={"code": 502, "message": "no"})])
        assert reader.failure is not None

    def test_a_text_completion_is_read(self) -> None:
        choice = {"index": 0, "text": "hello", "finish_reason": "stop"}
        event = {"object": "text_completion", "choices": [choice]}
        assert summed([event]).text == "hello"

    def test_a_whole_answer_is_no_chunk(self) -> None:
        choice = {"index": 0, "message": {"content": "x"}, "finish_reason": "stop"}
        assert stream_reader({"choices": [choice]}) is None

    def test_parts_of_text_are_joined(self) -> None:
        parts = [{"type": "text", "text": "hello"}, {"type": "thinking", "thinking": []}]
        assert summed([chat({"content": parts})]).text == "hello"


class TestErrors:
    @pytest.mark.parametrize(
        ("events", "kind"),
        [
            ([MESSAGES[0], error()], ErrorKind.OVERLOADED),
            ([MESSAGES[0], error("rate_limit_error")], ErrorKind.RATE_LIMITED),
            ([MESSAGES[0], error("invalid_request_error")], ErrorKind.BAD_REQUEST),
            ([RESPONSES[0], failed()], ErrorKind.SERVER),
            ([RESPONSES[0], failed("rate_limit_exceeded")], ErrorKind.RATE_LIMITED),
            (
                [
                    RESPONSES[0],
                    {
                        "type": "error",
                        "code": "server_is_overloaded",
                        "message": "no",
                        "sequence_number": 1,
                    },
                ],
                ErrorKind.OVERLOADED,
            ),
            ([BEDROCK[0], {"throttlingException": {"message": "no"}}], ErrorKind.RATE_LIMITED),
            ([BEDROCK[0], {"modelStreamErrorException": {"message": "no"}}], ErrorKind.SERVER),
            (
                [COHERE[0], {"type": "message-end", "delta": {"error": "no"}}],
                ErrorKind.SERVER,
            ),
        ],
    )
    def test_an_error_event_has_the_kind_of_its_code(
        self, events: list[Any], kind: ErrorKind
    ) -> None:
        failure = fed(events).failure
        assert failure is not None
        assert (classify(failure).kind, classify(failure).in_stream) == (kind, True)

    @pytest.mark.parametrize(
        "first", [error(), {"type": "error", "message": "no", "code": "x", "sequence_number": 0}]
    )
    def test_a_stream_may_begin_with_an_error(self, first: Any) -> None:
        assert fed([first]).failure is not None

    def test_an_error_survives_pickling(self) -> None:
        import pickle

        failure = fed([error()]).failure
        again = pickle.loads(pickle.dumps(failure))  # noqa: S301  our own
        assert classify(again).kind is ErrorKind.OVERLOADED


class TestAnthropic:
    def test_tokens_of_the_cache_belong_to_the_request(self) -> None:
        usage = {
            "input_tokens": 1,
            "cache_read_input_tokens": 10,
            "cache_creation_input_tokens": 100,
        }
        start = {"type": "message_start", "message": {"usage": usage}}
        response = summed([start, *MESSAGES[1:]])
        assert (response.input_tokens, response.cached_tokens) == (111, 10)
        assert response.cache_write_tokens == 100

    def test_a_refusal_says_why(self) -> None:
        last = {
            "type": "message_delta",
            "delta": {"stop_reason": "refusal", "stop_details": {"explanation": "because"}},
            "usage": {"output_tokens": 1},
        }
        assert summed([MESSAGES[0], last]).refusal == "because"

    @pytest.mark.parametrize("kind", ["thinking_delta", "signature_delta"])
    def test_reasoning_is_no_text(self, kind: str) -> None:
        assert chunk_text(block("hm", kind)) is None

    def test_a_ping_is_no_sign_of_life(self) -> None:
        reader = fed([MESSAGES[0], {"type": "ping"}])
        assert not reader.alive

    def test_a_tool_that_the_provider_runs_is_no_call(self) -> None:
        begun = {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "server_tool_use", "id": "s", "name": "search", "input": {}},
        }
        delta = {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "input_json_delta", "partial_json": "{}"},
        }
        assert summed([MESSAGES[0], begun, delta]).tool_calls == ()


class TestFrameworks:
    def test_a_tool_call_of_pydantic_ai(self) -> None:
        part = pydantic_ai.ToolCallPart("look", None, tool_call_id="t1")
        delta = pydantic_ai.ToolCallPartDelta(args_delta='{"a": 1}')
        events = [
            pydantic_ai.PartStartEvent(index=0, part=part),
            pydantic_ai.PartDeltaEvent(index=0, delta=delta),
        ]
        assert summed(events).tool_calls == (ToolCall("look", '{"a": 1}', "t1"),)

    def test_usage_of_langchains_chunks_adds_up(self) -> None:
        usage: Any = {"input_tokens": 100, "output_tokens": 0, "total_tokens": 100}
        later: Any = {"input_tokens": 0, "output_tokens": 10, "total_tokens": 10}
        events = [
            AIMessageChunk(content="a", usage_metadata=usage),
            AIMessageChunk(content="b", usage_metadata=later),
        ]
        assert (summed(events).input_tokens, summed(events).output_tokens) == (100, 10)

    def test_an_empty_chunk_of_langchain_is_no_sign_of_life(self) -> None:
        assert not fed([AIMessageChunk(content="a"), AIMessageChunk(content="")]).alive

    def test_a_tool_call_of_langchain(self) -> None:
        def called(name: str | None, args: str) -> Any:
            given: Any = {"name": name, "args": args, "id": name and "t1", "index": 0}
            return AIMessageChunk(content="", tool_call_chunks=[given])

        assert summed([called("look", '{"a"'), called(None, ": 1}")]).tool_calls == (
            ToolCall("look", '{"a": 1}', "t1"),
        )


class TestForeign:
    """What is no provider's event is left alone."""

    @pytest.mark.parametrize(
        "chunk",
        [
            "text",
            b"bytes",
            3,
            None,
            [1],
            {"a": 1},
            {"type": "chunk", "text": "x"},
            {"type": "text", "text": "x"},
            {"type": "error", "message": "no"},
            {"choices": "many"},
            {"done": True},
            {"event": "message", "data": "x"},
            object(),
            SimpleNamespace(type="text", text="x"),
            MagicMock(),
        ],
    )
    def test_it_has_no_reader(self, chunk: Any) -> None:
        assert stream_reader(chunk) is None

    def test_a_string_is_its_own_text(self) -> None:
        assert chunk_text("hello") == "hello"

    def test_a_chunk_of_unknown_form_has_no_text(self) -> None:
        assert chunk_text({"text": "hello"}) is None


_NAMES = """type choices delta content index finish_reason usage prompt_tokens message id error
    response
    output candidates parts text tool_calls function name arguments event_kind part messageStop
    metadata contentBlockDelta done x_groq item data chunk""".split()
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(_NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(first=st.sampled_from([events[0] for events in FORMS.values()]), event=_JSON)
def test_nothing_that_comes_makes_a_reader_fail(first: Any, event: Any) -> None:
    reader = stream_reader(first)
    assert reader is not None
    reader.feed(event)
    reader.feed(first)
    reader.response()
    reader.ending()
    stream_reader(event)
    chunk_text(event)
