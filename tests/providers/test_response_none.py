"""What is no answer, and what values may do: reading never raises."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import openai.types
import openai.types.chat
import openai.types.responses
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from reliai.providers import Response, looks_like_response, read_response
from tests.providers.answers import (
    CALL,
    FUNCTION,
    USED,
    candidate,
    chat,
    converse,
    item,
    message,
    responses,
    written,
)


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
