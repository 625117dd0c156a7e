"""What models really write where JSON was asked for, and what becomes of each.

An answer is accepted where it can mean one thing only, asked again where it is wrong, and told as
cut off where it is: never completed, never guessed.
"""

from __future__ import annotations

import asyncio
import json
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

import reliai
from reliai import OutputInvalid, OutputTruncated, Validate
from tests.policies._guarded import STREAMS, Guarded, as_delivered, every_kind, every_one_value
from tests.policies._orders import chat, made_of


class Mood(Enum):
    GOOD = "good"
    BAD = "bad"


class Card(BaseModel):
    """What is asked for in most rows."""

    title: str
    price: float = 1.0
    count: int = Field(default=1, ge=0, le=100)
    mood: Mood = Mood.GOOD
    tags: list[str] = []
    note: str | None = None


class Exact(BaseModel):
    model_config = ConfigDict(strict=True)

    count: int


def card(title: str = "pen", **more: Any) -> Card:
    return Card(title=title, **more)


PEN = card()
J = '{"title": "pen"}'

ACCEPTED: dict[str, tuple[Any, str, Any]] = {
    # strict JSON: taken as it stands
    "strict": (Card, J, PEN),
    "blanks around": (Card, f"\n  {J}\n\n", PEN),
    "indented": (Card, json.dumps({"title": "pen"}, indent=4), PEN),
    "unknown key": (Card, '{"title": "pen", "confidence": 0.9}', PEN),
    "key twice": (Card, '{"title": "ink", "title": "pen"}', PEN),
    "escapes": (Card, '{"title": "p\\u0065n"}', PEN),
    "a brace in a string": (Card, '{"title": "}{"}', card("}{")),
    "a fence in a string": (Card, '{"title": "```json```"}', card("```json```")),
    "thoughts in a string": (Card, '{"title": "<think>x</think>"}', card("<think>x</think>")),
    "NaN in a string": (Card, '{"title": "NaN and Infinity"}', card("NaN and Infinity")),
    "number as a string": (Card, '{"title": "pen", "price": "1.5"}', card(price=1.5)),
    "integer as a string": (Card, '{"title": "pen", "count": "7"}', card(count=7)),
    "integer as a float": (Card, '{"title": "pen", "count": 7.0}', card(count=7)),
    "enum": (Card, '{"title": "pen", "mood": "bad"}', card(mood=Mood.BAD)),
    "null where it may be": (Card, '{"title": "pen", "note": null}', PEN),
    "null as the answer": (Card | None, "null", None),
    "label": (Literal["yes", "no"], "yes", "yes"),
    "label in quotes": (Literal["yes", "no"], '"yes"', "yes"),
    "label and a line break": (Literal["yes", "no"], "no\n", "no"),
    "number": (int, "42", 42),
    "truth": (bool, "true", True),
    "Python's truth": (bool, "True", True),
    "array": (list[int], "[1, 2]", [1, 2]),
    "text": (str, "```json\n{}\n```", "```json\n{}\n```"),
    # around it
    "byte order mark": (Card, "\ufeff" + J, PEN),
    "zero width space": (Card, J + "\u200b", PEN),
    "fence": (Card, f"```json\n{J}\n```", PEN),
    "fence without a label": (Card, f"```\n{J}\n```", PEN),
    "fence in capitals": (Card, f"```JSON\n{J}\n```", PEN),
    "fence json5": (Card, f"```json5\n{J}\n```", PEN),
    "fence of tildes": (Card, f"~~~json\n{J}\n~~~", PEN),
    "fence of tildes around a number": (int, "~~~\n42\n~~~", 42),
    "fence of four": (Card, f"````json\n{J}\n````", PEN),
    "fence on one line": (Card, f"```json {J} ```", PEN),
    "fence left open": (Card, f"```json\n{J}", PEN),
    "fence after prose": (Card, f"Sure! Here you go:\n\n```json\n{J}\n```", PEN),
    "fence between prose": (Card, f"Sure:\n```json\n{J}\n```\nAnything else?", PEN),
    "fence beside one of Python": (
        Card,
        f"```json\n{J}\n```\n\nUse it so:\n```python\nprint(card['title'], [1])\n```",
        PEN,
    ),
    "fence after one of Python": (Card, f"```python\nd = {{}}\n```\n```json\n{J}\n```", PEN),
    "prose before": (Card, f"Here is the card: {J}", PEN),
    "prose after": (Card, f"{J}\n\nLet me know if it [really] fits.", PEN),
    "prose with braces": (Card, f"For {{you}}: {J}", PEN),
    "thoughts": (Card, f"<think>A pen? Yes.</think>\n{J}", PEN),
    "thoughts with JSON": (Card, f'<think>\nMaybe {{"title": "ink"}}?\n</think>\n\n{J}', PEN),
    "thoughts and a fence": (Card, f"<thinking>Hm.</thinking>\n```json\n{J}\n```", PEN),
    "thoughts without a beginning": (Card, f"The user wants a pen.\n</think>\n\n{J}", PEN),
    "thoughts and a label": (Literal["yes", "no"], '<think>yes?</think>\n"no"', "no"),
    "JSON in a string": (Card, json.dumps(J), PEN),
    "JSON in a string in a fence": (Card, f"```json\n{json.dumps(J)}\n```", PEN),
    # within it
    "trailing comma": (Card, '{"title": "pen",}', PEN),
    "trailing commas": (Card, '{"title": "pen", "tags": ["a", "b",],}', card(tags=["a", "b"])),
    "smart quotes": (Card, "{“title”: “pen”}", PEN),
    "single quotes": (Card, "{'title': 'pen'}", PEN),
    "single quotes with one escaped": (Card, r"{'title': 'it\'s'}", card("it's")),
    "single quotes with double ones": (Card, "{'title': 'a \"b\" c'}", card('a "b" c')),
    "Python's way of quoting": (
        Card,
        str({"title": "it's", "tags": ['"']}),
        card("it's", tags=['"']),
    ),
    "Python's literals": (Card, "{'title': 'pen', 'note': None}", PEN),
    "Python's True": (dict[str, bool], "{'a': True, 'b': False}", {"a": True, "b": False}),
    "comment": (Card, '{"title": "pen" // the name\n}', PEN),
    "comment of Python": (Card, '{\n  # the name\n  "title": "pen"\n}', PEN),
    "comment of C": (Card, '{"title": /* short */ "pen"}', PEN),
    "a slash in a string": (Card, '{"title": "http://x",}', card("http://x")),
    "line break in a string": (Card, '{"title": "two\nlines"}', card("two\nlines")),
    "tab in a string": (Card, '{"title": "a\tb", "note": "it\'s"}', card("a\tb", note="it's")),
}
ACCEPTED_AS_IT_STANDS = frozenset(name for n, name in enumerate(ACCEPTED) if n < 24)

REJECTED: dict[str, tuple[Any, str]] = {
    "empty": (Card, ""),
    "blank": (Card, " \n"),
    "prose": (Card, "I would call it pen."),
    "null": (Card, "null"),
    "null in a field": (Card, '{"title": null}'),
    "nothing but a fence": (Card, "```json\n```"),
    "an empty object": (Card, "{}"),
    "an array for an object": (Card, f"[{J}]"),
    "an object for an array": (list[Card], J),
    "wrapped": (Card, f'{{"card": {J}}}'),
    "a number for text": (Card, '{"title": 5}'),
    "text for a number": (Card, '{"title": "pen", "price": "cheap"}'),
    "a number with a unit": (Card, '{"title": "pen", "price": "1.5 €"}'),
    "a number with a comma": (Card, '{"title": "pen", "price": "1,5"}'),
    "a number beyond its range": (Card, '{"title": "pen", "count": 101}'),
    "a number below its range": (Card, '{"title": "pen", "count": -1}'),
    "a part for a whole": (Card, '{"title": "pen", "count": 1.5}'),
    "NaN": (Card, '{"title": "pen", "price": NaN}'),
    "Infinity": (Card, '{"title": "pen", "price": Infinity}'),
    "minus Infinity": (Card, '{"title": "pen", "price": -Infinity}'),
    "NaN as a string": (Card, '{"title": "pen", "price": "NaN"}'),
    "nan as a string": (Card, '{"title": "pen", "price": "nan"}'),
    "a number beyond all bounds": (Card, '{"title": "pen", "price": 1e999}'),
    "NaN for anything": (dict[str, Any], '{"a": NaN}'),
    "NaN alone": (float, "NaN"),
    "NaN in a fence": (Card, '```json\n{"title": "pen", "price": NaN}\n```'),
    "enum in another case": (Card, '{"title": "pen", "mood": "GOOD"}'),
    "enum with a capital": (Card, '{"title": "pen", "mood": "Good"}'),
    "enum with a blank": (Card, '{"title": "pen", "mood": "good "}'),
    "label in another case": (Literal["yes", "no"], "Yes"),
    "label in a sentence": (Literal["yes", "no"], "yes, I think so"),
    "two labels": (Literal["yes", "no"], "yes or no"),
    "text where a strict number is wanted": (Exact, '{"count": "1"}'),
    "two objects": (Card, f"{J}\n{J}"),
    "two objects in prose": (Card, f'Either {J} or {{"title": "ink"}}.'),
    "two fences of JSON": (Card, f"```json\n{J}\n```\n```json\n{J}\n```"),
    "an example and the answer": (Card, f'Like {{"title": "x"}}:\n```json\n{J}\n```'),
    "lines of JSON": (Card, f"{J}\n{J}\n{J}"),
    "double encoded twice": (Card, json.dumps(json.dumps(J))),
    "no comma": (Card, '{"title": "pen" "count": 1}'),
    "no quotes around a key": (Card, '{title: "pen"}'),
    "no quotes around a value": (Card, '{"title": pen}'),
    "no colon": (Card, '{"title" "pen"}'),
    "two commas": (Card, '{"title": "pen",, "count": 1}'),
    "an ellipsis": (Card, '{"title": "pen", ...}'),
    "quotes within quotes": (Card, '{"title": "a "b" c"}'),
    "an apostrophe in single quotes": (Card, "{'title': 'it's'}"),
    "a colon too many": (Card, '{"title":: "pen"}'),
    "a bracket for a brace": (Card, '{"title": "pen"]'),
    "joined strings": (Card, "{'title': 'a' 'b'}"),
    "a tuple": (list[int], "(1, 2)"),
    "a sum": (list[int], "[1 + 1]"),
    "undefined": (Card, '{"title": undefined}'),
    "XML": (Card, "<title>pen</title>"),
    "YAML": (Card, "title: pen"),
    "nothing but thoughts": (Card, "<think>A pen? Yes.</think>"),
    "thoughts that hold the answer": (Card, f"<think>{J}</think>\nDone."),
}

CUT_OFF: dict[str, tuple[Any, str]] = {
    "in a string": (Card, '{"title": "pe'),
    "after a comma": (Card, '{"title": "pen",'),
    "after a key": (Card, '{"title"'),
    "before the end": (Card, '{"title": "pen"'),
    "in an array": (Card, '{"title": "pen", "tags": ["a", "b"'),
    "in a fence": (Card, '```json\n{"title": "pe'),
    "in a fence that is closed": (Card, '```json\n{"title": "pen"\n```'),
    "after prose": (Card, 'Here it is: {"title": '),
    "in a number": (Card, '{"title": "pen", "price": 1.'),
    "in a word": (Card, '{"title": "pen", "note": nul'),
    "in single quotes": (Card, "{'title': 'pe"),
    "in Python's word": (Card, "{'title': 'pen', 'note': Non"),
    "in thoughts": (Card, f"<think>The user wants {J} and"),
    "in a string of JSON": (Card, json.dumps(J)[:-3]),
    "at an opened brace": (Card, "{"),
    "after thoughts": (Card, '<think>Yes.</think>{"title": "pe'),
}


def structured(kind: str, output: Any, *answers: Any, **settings: Any) -> Guarded:
    policy = Validate(output=output, buffer=kind in STREAMS, **settings)
    return Guarded(kind, policy, answer=made_of(*answers))


@pytest.mark.parametrize("name", ACCEPTED)
def test_what_can_mean_one_thing_only_is_accepted(name: str) -> None:
    """28"""
    output, answer, value = ACCEPTED[name]
    model = structured("sync", output, answer)
    assert model() == value
    repaired = name not in ACCEPTED_AS_IT_STANDS
    assert model.events == (["output_repaired"] if repaired else [])


@pytest.mark.parametrize("name", ACCEPTED)
@every_one_value
def test_a_response_is_read_as_its_text_is(kind: str, name: str) -> None:
    """28"""
    output, answer, value = ACCEPTED[name]
    assert structured(kind, output, chat(answer))() == value


@pytest.mark.parametrize("name", REJECTED)
@every_kind
def test_what_is_wrong_is_asked_again_and_not_guessed(kind: str, name: str) -> None:
    """25"""
    output, answer = REJECTED[name]
    good, value = _good(output)
    model = structured(kind, output, _chunks(kind, answer), _chunks(kind, good), reask=1)
    assert model() == as_delivered(kind, value)
    assert model.events == ["output_invalid", "reask"]
    assert model.event("output_invalid")["problem"] == "invalid"


@pytest.mark.parametrize("name", REJECTED)
def test_what_is_wrong_is_told_without_its_content(name: str) -> None:
    output, answer = REJECTED[name]
    with pytest.raises(OutputInvalid) as caught:
        structured("sync", output, answer)()
    assert type(caught.value) is OutputInvalid
    assert caught.value.raw == answer
    assert caught.value.errors
    assert "cheap" not in str(caught.value)


@pytest.mark.parametrize("name", CUT_OFF)
@every_kind
def test_what_is_cut_off_is_neither_completed_nor_asked_again(kind: str, name: str) -> None:
    """27, 28"""
    output, answer = CUT_OFF[name]
    model = structured(kind, output, _chunks(kind, answer), reask=3)
    with pytest.raises(OutputTruncated) as caught:
        model()
    assert caught.value.raw == answer
    assert len(model.prompts) == 1


@pytest.mark.parametrize("name", [*REJECTED, *CUT_OFF])
@every_one_value
def test_at_the_length_limit_everything_that_is_not_whole_is_cut_off(kind: str, name: str) -> None:
    """27"""
    output, answer = (REJECTED | CUT_OFF)[name]
    model = structured(kind, output, chat(answer, "length"), reask=3)
    with pytest.raises(OutputTruncated):
        model()
    assert len(model.prompts) == 1


@pytest.mark.parametrize("name", sorted({*ACCEPTED} - ACCEPTED_AS_IT_STANDS))
def test_without_repair_only_strict_json_is_taken(name: str) -> None:
    """28"""
    output, answer, _ = ACCEPTED[name]
    with pytest.raises(OutputInvalid):
        structured("sync", output, answer, repair=False)()


def _good(output: Any) -> tuple[str, Any]:
    """An answer of a type, and its value."""
    goods: dict[Any, tuple[str, Any]] = {
        Card: (J, PEN),
        list[Card]: (f"[{J}]", [PEN]),
        list[int]: ("[1]", [1]),
        float: ("1.5", 1.5),
        Exact: ('{"count": 1}', Exact(count=1)),
        dict[str, Any]: ('{"a": 1}', {"a": 1}),
    }
    return goods.get(output, ("yes", "yes"))


def _chunks(kind: str, answer: str) -> Any:
    """An answer; for a stream in pieces of three characters."""
    if kind not in STREAMS:
        return answer
    return [answer[n : n + 3] for n in range(0, len(answer), 3)]


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.text(max_size=6), VALUES, max_size=4)


@given(OBJECTS, st.sampled_from([None, 0, 2]), st.booleans())
def test_valid_json_is_taken_as_it_stands(value: Any, indent: int | None, ascii_only: bool) -> None:
    """28"""
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    model = structured("sync", dict[str, Any], text)
    assert model() == value
    assert model.events == []


@given(OBJECTS)
def test_what_python_prints_is_what_it_means(value: Any) -> None:
    """28"""
    try:
        delivered = structured("sync", dict[str, Any], repr(value))()
    except OutputInvalid:
        # Escapes of Python's that JSON does not have are left alone.
        assert any(not each.isprintable() for each in repr(value)) or "\\U" in repr(value)
    else:
        assert delivered == value


@given(OBJECTS.filter(len), st.data())
def test_what_python_prints_is_never_completed(value: Any, data: st.DataObject) -> None:
    """27"""
    text = repr(value)
    cut = text[: data.draw(st.integers(1, len(text) - 1))]
    with pytest.raises(OutputInvalid):
        structured("sync", dict[str, Any], cut)()


@given(st.text("{}[]\",:'01tnuTN/#*“`\\ a\n<>", max_size=40))
def test_no_text_breaks_it(text: str) -> None:
    try:
        structured("sync", dict[str, Any], text)()
    except OutputInvalid as error:
        assert error.raw == text  # noqa: PT017  most raise, some do not


# --- tool calls as the answer ---------------------------------------------------------------


def called(*arguments: Any, text: str | None = None, finish: str = "tool_calls") -> dict[str, Any]:
    """A chat completion that calls tools."""
    calls = [
        {"id": f"call_{n}", "type": "function", "function": {"name": "card", "arguments": each}}
        for n, each in enumerate(arguments)
    ]
    return chat(text, finish, tool_calls=calls)


def used(given: Any, text: str | None = None) -> dict[str, Any]:
    """A message of Anthropic's that uses a tool."""
    said = [] if text is None else [{"type": "text", "text": text}]
    return {
        "type": "message",
        "stop_reason": "tool_use",
        "content": [*said, {"type": "tool_use", "id": "t1", "name": "card", "input": given}],
    }


@every_one_value
@pytest.mark.parametrize(
    "answer",
    [
        called(J),
        called(J, text=""),
        called(J, text=" \n"),
        called(J, text="Here is the card."),
        called(J, finish="stop"),
        used({"title": "pen"}),
        used({"title": "pen"}, text="I will write the card."),
    ],
)
def test_the_arguments_of_the_only_tool_call_are_the_answer(kind: str, answer: Any) -> None:
    model = structured(kind, Card, answer)
    assert model() == PEN
    assert model.events == []


@every_one_value
def test_text_that_is_the_answer_goes_before_a_tool_call(kind: str) -> None:
    assert structured(kind, Card, called('{"title": "ink"}', text=J))() == PEN


@every_one_value
@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (called(J, J), "it calls 2 tools"),
        (called("{'title': 'pen'}"), "Invalid JSON"),
        (called(f"```json\n{J}\n```"), "Invalid JSON"),
        (called('{"title": "pen",}'), "Invalid JSON"),
        (called("{}"), "title"),
        (called(""), "Invalid JSON"),
        (called('{"title": "pen", "price": NaN}'), "NaN"),
        (used({}), "title"),
        (used({"title": 5}), "title"),
    ],
)
def test_arguments_are_neither_repaired_nor_chosen(kind: str, answer: Any, problem: str) -> None:
    """28: what a tool is to do must not be guessed."""
    model = structured(kind, Card, answer, J, reask=1)
    assert model() == PEN
    assert problem in str(model.event("output_invalid")["errors"])


@every_one_value
@pytest.mark.parametrize(
    "answer", [called('{"title": "pe'), called('{"title": "pe', finish="length"), called("{")]
)
def test_arguments_that_are_cut_off_are_told_as_that(kind: str, answer: Any) -> None:
    """27"""
    model = structured(kind, Card, answer, reask=3)
    with pytest.raises(OutputTruncated):
        model()
    assert len(model.prompts) == 1


def test_arguments_are_read_as_json_is() -> None:
    class When(BaseModel):
        model_config = ConfigDict(strict=True)

        tags: tuple[str, ...]
        mood: Mood

    answer = used({"tags": ["a"], "mood": "bad"})
    assert structured("sync", When, answer)() == When(tags=("a",), mood=Mood.BAD)


def test_a_text_that_is_asked_for_is_not_looked_for_in_a_tool_call() -> None:
    assert structured("sync", str, called(J))() == ""


def test_what_cannot_be_written_as_json_is_told_and_not_raised() -> None:
    with pytest.raises(OutputInvalid, match="TypeError"):
        structured("sync", Card, used({"title": object()}))()


@pytest.mark.parametrize("asynchronous", [False, True])
def test_outside_of_validate_an_answer_stays_as_it_came(asynchronous: bool) -> None:
    answer = called(J)

    def ask() -> Any:
        return answer

    async def ask_async() -> Any:
        return answer

    guarded: Any = reliai.reliable()(ask_async if asynchronous else ask)
    assert (asyncio.run(guarded()) if asynchronous else guarded()) is answer
