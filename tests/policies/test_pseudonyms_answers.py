"""Pseudonyms in answers of every form: providers' objects, structured output, what has no copy."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import reliai
from reliai import Guard, Pii
from tests.policies._guarded import STREAMS, Guarded, every_kind, every_one_value
from tests.providers import answers

if TYPE_CHECKING:
    from collections.abc import Callable

MAIL, BOB = "ana@example.com", "bob@example.com"
NICK = 'The "Rock" \\ Jr'
PII = Pii("pseudonymize", kinds=["email"], patterns={"nick": r'The "Rock" \\ Jr'})
PROMPT = f"{MAIL} {BOB} {NICK}"
ARGUMENTS = '{"to": "<EMAIL_1>", "who": "<NICK_1>"}'
GIVEN = {"to": MAIL, "who": NICK}


def answered(answer: Any, kind: str = "sync", *policies: Any) -> Any:
    return Guarded(kind, Guard(PII), *policies, answer=lambda _: answer)(PROMPT)


def openai_chat() -> Any:
    from openai.types.chat import ChatCompletion

    call = {"id": "t", "type": "function", "function": {"name": "send", "arguments": ARGUMENTS}}
    return ChatCompletion.model_validate(answers.chat(content="to <EMAIL_1>", tool_calls=[call]))


def openai_responses() -> Any:
    from openai.types.responses import Response

    said = {"type": "output_text", "text": "to <EMAIL_1>", "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "completed"}
    call = {"type": "function_call", "call_id": "c", "name": "send", "arguments": ARGUMENTS}
    return Response.model_validate(answers.responses({**message, "content": [said]}, call))


def anthropic() -> Any:
    from anthropic.types import Message

    tool = {"type": "tool_use", "id": "t", "name": "send"}
    return Message.model_validate(
        {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "stop_reason": "tool_use",
            "content": [
                {"type": "text", "text": "to <EMAIL_1>"},
                {**tool, "input": {"to": "<EMAIL_1>", "who": "<NICK_1>"}},
            ],
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    )


def google() -> Any:
    from google.genai.types import GenerateContentResponse

    call = {"name": "send", "args": {"to": "<EMAIL_1>", "who": "<NICK_1>"}}
    parts = [{"text": "to <EMAIL_1>"}, {"function_call": call}]
    candidate = {"content": {"role": "model", "parts": parts}, "finish_reason": "STOP"}
    return GenerateContentResponse.model_validate({"candidates": [candidate]})


def langchain() -> Any:
    from langchain_core.messages import AIMessage

    call = {"name": "send", "args": {"to": "<EMAIL_1>", "who": "<NICK_1>"}, "id": "t"}
    return AIMessage(content="to <EMAIL_1>", tool_calls=[{**call, "type": "tool_call"}])


def pydantic_ai() -> Any:
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart

    return ModelResponse(parts=[TextPart("to <EMAIL_1>"), ToolCallPart("send", ARGUMENTS)])


def litellm() -> Any:
    return answers.chat(
        content="to <EMAIL_1>",
        tool_calls=[
            {"id": "t", "type": "function", "function": {"name": "f", "arguments": ARGUMENTS}}
        ],
    )


def bedrock() -> Any:
    tool = {
        "toolUse": {"toolUseId": "t", "name": "f", "input": {"to": "<EMAIL_1>", "who": "<NICK_1>"}}
    }
    content = [{"text": "to <EMAIL_1>"}, tool]
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": "tool_use",
    }


MADE: dict[str, Callable[[], Any]] = {
    "openai chat": openai_chat,
    "openai responses": openai_responses,
    "anthropic": anthropic,
    "google": google,
    "langchain": langchain,
    "pydantic-ai": pydantic_ai,
    "litellm": litellm,
    "bedrock": bedrock,
}


@every_one_value
@pytest.mark.parametrize("provider", MADE)
def test_a_providers_answer_is_restored_in_a_copy(kind: str, provider: str) -> None:
    """50"""
    answer = MADE[provider]()
    out = answered(answer, kind)
    read = reliai.read_response(out)
    assert read is not None
    assert read.text == f"to {MAIL}"
    (call,) = read.tool_calls
    given = call.arguments
    assert (json.loads(given) if isinstance(given, str) else given) == GIVEN
    assert type(out) is type(answer)
    assert out is not answer
    before = reliai.read_response(answer)
    assert before is not None
    assert before.text == "to <EMAIL_1>"


def test_the_rest_of_a_providers_answer_stays() -> None:
    answer = openai_chat()
    answer._request_id = "req_1"
    out = answered(answer)
    assert out._request_id == "req_1"
    assert out.model_dump(exclude={"choices"}) == answer.model_dump(exclude={"choices"})


class Letter(BaseModel):
    to: str
    cc: list[str] = []
    more: dict[str, Any] = {}


class Sealed(BaseModel, frozen=True, extra="allow"):
    to: str


anyhow: Any = Sealed  # what it allows beyond its fields no type checker knows


@dataclass
class Note:
    to: str
    number: int = 1
    inner: Any = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Slotted:
    to: str


class Pair(NamedTuple):
    to: str
    cc: int


class Texts(list[str]):
    """A list of a user's own."""


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (None, None),
        (3, 3),
        (True, True),
        ("<EMAIL_1>", MAIL),
        ({"<EMAIL_1>": ["<EMAIL_2>", {"a": "<EMAIL_1>"}]}, {MAIL: [BOB, {"a": MAIL}]}),
        (("<EMAIL_1>",), (MAIL,)),
        ({"<EMAIL_1>"}, {MAIL}),
        (frozenset({"<EMAIL_1>"}), frozenset({MAIL})),
        (Pair("<EMAIL_1>", 2), Pair(MAIL, 2)),
        (OrderedDict(a="<EMAIL_1>"), OrderedDict(a=MAIL)),
        (Texts(["<EMAIL_1>"]), Texts([MAIL])),
        (SimpleNamespace(to="<EMAIL_1>"), SimpleNamespace(to=MAIL)),
        (Note("<EMAIL_1>", inner=Note("<EMAIL_2>")), Note(MAIL, inner=Note(BOB))),
        (Slotted("<EMAIL_1>"), Slotted(MAIL)),
        (Letter(to="<EMAIL_1>", more={"x": "<EMAIL_2>"}), Letter(to=MAIL, more={"x": BOB})),
        (anyhow(to="<EMAIL_1>", also="<EMAIL_2>"), anyhow(to=MAIL, also=BOB)),
    ],
)
def test_an_answer_of_any_form_is_restored(answer: Any, expected: Any) -> None:
    out = answered(answer)
    assert out == expected
    assert type(out) is type(expected)


def test_structured_output_is_restored_after_it_was_built() -> None:
    answer = '{"to": "<EMAIL_1>", "cc": ["<EMAIL_2>"]}'
    out = answered(answer, "sync", reliai.Validate(output=Letter))
    assert out == Letter(to=MAIL, cc=[BOB])


def test_text_that_is_json_stays_json() -> None:
    assert json.loads(answered(ARGUMENTS)) == GIVEN
    assert answered("Hi <NICK_1>") == f"Hi {NICK}"
    assert answered('{"broken": <NICK_1>') == f'{{"broken": {NICK}'


def test_json_that_escapes_what_html_would_read_is_restored() -> None:
    assert json.loads(answered(r'{"to": "\u003cEMAIL_1\u003e"}')) == {"to": MAIL}


def test_what_is_the_same_stays_the_same_object() -> None:
    answer = {"kept": ["a", {"b": 1}], "to": "<EMAIL_1>"}
    assert answered(answer)["kept"] is answer["kept"]
    same = {"a": ["b"]}
    assert answered(same) is same


class Stubborn(BaseModel):
    to: str

    def __copy__(self) -> Stubborn:
        raise RuntimeError("no copies")


def test_an_object_that_cannot_be_copied_is_delivered_as_it_is_and_that_is_told() -> None:
    model = Guarded(
        "sync", Guard(PII), answer=lambda _: {"a": Stubborn(to="<EMAIL_1>"), "b": "<EMAIL_1>"}
    )
    out = model(PROMPT)
    assert out["a"].to == "<EMAIL_1>"
    assert out["b"] == MAIL
    assert model.event("pseudonyms_kept") == {"type": "Stubborn"}


def test_an_object_that_cannot_be_looked_into_is_delivered_and_that_is_told() -> None:
    given = object()
    model = Guarded("sync", Guard(PII), answer=lambda _: given)
    assert model(PROMPT) is given
    assert model.event("pseudonyms_kept") == {"type": "object"}


@dataclass
class Rude:
    to: str

    def __getattribute__(self, name: str) -> Any:
        if name == "__dict__":
            raise RuntimeError("not yours")
        return super().__getattribute__(name)


@every_kind
def test_an_answer_that_hurts_who_reads_it_is_delivered_as_it_is(kind: str) -> None:
    made = Rude(to="<EMAIL_1>")
    answer = [made] if kind in STREAMS else made
    model = Guarded(kind, Guard(PII), answer=lambda _: answer)
    out = model(PROMPT)
    assert (out[0] if kind in STREAMS else out) is made
    assert model.event("pseudonyms_kept") == {"type": "Rude"}


def test_an_answer_that_holds_itself_is_restored_where_it_can_be() -> None:
    answer: dict[str, Any] = {"to": "<EMAIL_1>"}
    answer["self"] = answer
    assert answered(answer)["to"] == MAIL


JSON = st.recursive(
    st.sampled_from(["<EMAIL_1>", "<EMAIL_2> x", "a", "<NICK_1>", "<EMAIL_9>"])
    | st.integers()
    | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(JSON)
def test_as_json_and_as_data_an_answer_becomes_the_same(answer: Any) -> None:
    data = answered({"x": answer})
    assert json.loads(answered(json.dumps({"x": answer}))) == data
