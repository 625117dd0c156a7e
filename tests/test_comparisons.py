"""Comparators: which answers are the same, which are not, and which cannot be compared."""

from __future__ import annotations

import math
import sys
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

import reliai
from reliai import comparisons
from reliai.comparisons import Exact, Json, Judgement, Numbers, Scored, Text, comparator_of, judged
from reliai.errors import ConfigurationError

ANY: Any = 3
"""A value of a wrong type that the type checkers let pass."""


class Answer(BaseModel):
    title: str
    score: float = 0.0


@dataclass
class Point:
    x: float
    y: float


class Pair(NamedTuple):
    one: int
    other: int


class Colour(Enum):
    RED = "red"


class Opaque:
    """Compared by what it says itself."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Opaque) and other.value == self.value

    def __hash__(self) -> int:
        return self.value


def completion(text: str | None, **tools: str) -> dict[str, Any]:
    """A chat completion as JSON, of an id of its own."""
    calls = [
        {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": given}}
        for number, (name, given) in enumerate(tools.items())
    ]
    message = {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}
    return {
        "id": f"chatcmpl-{id(message)}",
        "object": "chat.completion",
        "model": "gpt-x",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": len(text or "")},
    }


def verdict(comparator: Any, primary: Any, candidate: Any) -> bool:
    """Whether the two count as the same."""
    return judged(comparator, comparator(primary, candidate)).same


NAN = float("nan")
EXACT: dict[str, tuple[Any, Any, bool]] = {
    "equal text": ("a", "a", True),
    "other text": ("a", "A", False),
    "text and a space": ("a", "a ", False),
    "none": (None, None, True),
    "none and empty": (None, "", False),
    "whole and float": (1, 1.0, True),
    "true and one": (True, 1, False),
    "false and zero": ([False], [0], False),
    "nan": (NAN, float("nan"), True),
    "nan inside": ({"a": [NAN]}, {"a": [float("nan")]}, True),
    "nan and a number": (NAN, 1.0, False),
    "infinities": (math.inf, math.inf, True),
    "other infinities": (math.inf, -math.inf, False),
    "order of keys": ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
    "missing key": ({"a": 1}, {"a": 1, "b": None}, False),
    "order of a list": ([1, 2], [2, 1], False),
    "list and tuple": ([1, 2], (1, 2), True),
    "shorter": ([1, 2], [1], False),
    "list and text": (["a"], "a", False),
    "sets": ({1, 2}, {2, 1}, True),
    "other sets": ({1, 2}, {1, 3}, False),
    "bytes": (b"a", b"a", True),
    "dates": (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC), True),
    "models": (Answer(title="a"), Answer(title="a"), True),
    "other models": (Answer(title="a"), Answer(title="b"), False),
    "dataclasses": (Point(1, 2), Point(1, 2), True),
    "other dataclasses": (Point(1, 2), Point(1, 3), False),
    "named tuples": (Pair(1, 2), Pair(1, 2), True),
    "enumerations": (Colour.RED, Colour.RED, True),
    "objects that say so": (Opaque(1), Opaque(1), True),
    "objects that say not": ([Opaque(1)], [Opaque(2)], False),
    "arrays": (np.array([1.0, NAN]), np.array([1.0, NAN]), True),
    "other arrays": (np.array([1, 2]), np.array([1, 3]), False),
    "shapes": (np.zeros((2, 1)), np.zeros((1, 2)), False),
    "arrays inside": ({"a": np.array([1])}, {"a": np.array([1])}, True),
    "other kinds of mapping": (OrderedDict(a=1), {"a": 1}, True),
    "answers": (completion("a"), completion("a"), True),
    "other answers": (completion("a"), completion("b"), False),
    "answer and its text": (completion("a"), "a", True),
    "answer and another text": ("b", completion("a"), False),
    "answer and a number": (completion("a"), 3, False),
    "tool calls": (
        completion(None, refund='{"a":1,"b":2}'),
        completion(None, refund='{"b": 2, "a": 1}'),
        True,
    ),
    "other arguments": (completion(None, refund='{"a":1}'), completion(None, refund="{}"), False),
    "other tools": (completion(None, refund="{}"), completion(None, send="{}"), False),
    "broken arguments": (completion(None, f="{"), completion(None, f="{"), True),
}


@pytest.mark.parametrize("case", EXACT)
def test_exact(case: str) -> None:
    primary, candidate, expected = EXACT[case]
    assert verdict(Exact(), primary, candidate) is expected
    assert verdict(Exact(), candidate, primary) is expected


JSON: dict[str, tuple[Any, Any, dict[str, Any], bool]] = {
    "spaces and order": ('{"a": 1, "b": [1]}', '{"b":[1],"a":1}', {}, True),
    "another value": ('{"a": 1}', '{"a": 2}', {}, False),
    "another order of a list": ("[1, 2]", "[2, 1]", {}, False),
    "a fence around it": ('```json\n{"a": 1}\n```', '{"a": 1}', {}, True),
    "a fence without a language": ("```\n[1]\n```", "[1]", {}, True),
    "text and data": ('{"a": 1}', {"a": 1}, {}, True),
    "a model": (Answer(title="a", score=1), '{"title": "a", "score": 1.0}', {}, True),
    "an answer": (completion('{"a": 1}'), '{"a": 1.0}', {}, True),
    "true and one": ("[true]", "[1]", {}, False),
    "null and nothing": ('{"a": null}', "{}", {}, False),
    "one is no JSON": ('{"a": 1}', "sorry", {}, False),
    "an ignored key": ('{"a": 1, "id": 1}', '{"a": 1, "id": 2}', {"ignore": ["id"]}, True),
    "one ignored by name": ('{"id": 1}', '{"id": 2}', {"ignore": "id"}, True),
    "an ignored key deep": ('[{"x": {"id": 1}}]', '[{"x": {"id": 2}}]', {"ignore": ["id"]}, True),
    "an ignored missing key": ('{"a": 1, "id": 1}', '{"a": 1}', {"ignore": ["id"]}, True),
    "an ignored path": ('{"u": {"t": 1}}', '{"u": {"t": 2}}', {"ignore": ["u.t"]}, True),
    "the same key elsewhere": (
        '{"t": 1, "u": {}}',
        '{"t": 2, "u": {}}',
        {"ignore": ["u.t"]},
        False,
    ),
    "a path through a list": (
        '{"items": [{"id": 1}, {"id": 2}]}',
        '{"items": [{"id": 3}, {"id": 4}]}',
        {"ignore": ["items.*.id"]},
        True,
    ),
    "one place of a list": ("[[1, 2]]", "[[1, 3]]", {"ignore": ["0.1"]}, True),
    "numbers near": ('{"a": 1.0}', '{"a": 1.05}', {"tolerance": 0.1}, True),
    "numbers far": ('{"a": 1.0}', '{"a": 1.2}', {"tolerance": 0.1}, False),
    "numbers near by share": ("[1000]", "[1009]", {"relative": 0.01}, True),
    "numbers far by share": ("[1000]", "[1020]", {"relative": 0.01}, False),
}


@pytest.mark.parametrize("case", JSON)
def test_json(case: str) -> None:
    primary, candidate, options, expected = JSON[case]
    assert verdict(Json(**options), primary, candidate) is expected
    assert verdict(Json(**options), candidate, primary) is expected


def test_what_is_no_json_on_either_side_cannot_be_compared_as_such() -> None:
    with pytest.raises(ValueError, match="neither answer is JSON"):
        Json()("sorry", "no")


def test_the_reason_names_the_first_place_and_no_content() -> None:
    reason = Json()('{"a": [{"b": "secret"}]}', '{"a": [{"b": "other"}]}')
    assert reason == "'a.0.b' differs"
    assert Json()("1", "2") == "they differ"
    assert Json()("1", "one") == "the candidate's answer is no JSON"


NUMBERS: dict[str, tuple[Any, Any, dict[str, Any], bool]] = {
    "rounding": (0.1 + 0.2, 0.3, {}, True),
    "apart": (1.0, 1.1, {}, False),
    "tolerance": (1.0, 1.1, {"tolerance": 0.2}, True),
    "share": (1e9, 1.001e9, {"relative": 0.01}, True),
    "text": ("1.50", 1.5, {}, True),
    "text that is none": ("about two", "about two", {}, True),
    "other text": ("about two", "2", {}, False),
    "lists": ([1.0, 2.0], [1.0, 2.0 + 1e-9], {}, True),
    "arrays": (np.array([1.0, 2.0]), [1.0, 2.0], {}, True),
    "numbers of arrays": (np.float32(0.5), 0.5, {}, True),
    "predictions by name": ({"cat": 0.7}, {"cat": 0.71}, {"tolerance": 0.02}, True),
    "names": ({"cat": 0.7}, {"dog": 0.7}, {"tolerance": 1}, False),
    "labels": ([{"label": "a", "p": 0.1}], [{"label": "b", "p": 0.1}], {}, False),
    "an answer": (completion(" 42 "), 42, {}, True),
    "nan": (NAN, NAN, {"tolerance": 1}, True),
    "infinity": (math.inf, 1.0, {"tolerance": 1e300, "relative": 1}, False),
}


@pytest.mark.parametrize("case", NUMBERS)
def test_numbers(case: str) -> None:
    primary, candidate, options, expected = NUMBERS[case]
    assert verdict(Numbers(**options), primary, candidate) is expected
    assert verdict(Numbers(**options), candidate, primary) is expected


TEXT = [
    ("Hello  World", "hello world\n", 0.8, True),
    ("the cat sat", "the cat sat down", 0.8, True),
    ("the cat sat", "a dog ran off", 0.8, False),
    ("", "", 1.0, True),
    ("", "a", 0.1, False),
    (completion("hello"), "hallo", 0.8, True),
    (b"hello", "hello", 1.0, True),
]


@pytest.mark.parametrize(("primary", "candidate", "minimum", "expected"), TEXT)
def test_text(primary: Any, candidate: Any, minimum: float, expected: bool) -> None:
    assert verdict(Text(minimum), primary, candidate) is expected


def test_text_gives_how_alike_the_two_are() -> None:
    assert Text()("abcd", "abce") == 0.75


def test_what_has_no_text_cannot_be_compared_by_it() -> None:
    with pytest.raises(TypeError, match="int has no text"):
        Text()(1, "a")


def test_text_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz.fuzz", None)
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    with pytest.raises(ConfigurationError, match=r"reliai\[similarity\]"):
        Text()


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=10,
)


@given(PLAIN)
def test_everything_is_the_same_as_itself(value: Any) -> None:
    for comparator in (Exact(), Json(), Numbers()):
        if not isinstance(value, str):
            assert verdict(comparator, value, value)


@given(PLAIN, PLAIN)
def test_it_does_not_matter_which_is_which(one: Any, other: Any) -> None:
    for comparator in (Exact(), Numbers(tolerance=0.5)):
        assert verdict(comparator, one, other) is verdict(comparator, other, one)


def test_values_that_contain_themselves_cannot_be_compared() -> None:
    loop: list[Any] = []
    loop.append(loop)
    other: list[Any] = []
    other.append(other)
    with pytest.raises(ValueError, match="deeper than"):
        Exact()(loop, other)


# --- what comparators give ----------------------------------------------------------------
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (True, Judgement(same=True)),
        (None, Judgement(same=True)),
        (False, Judgement(same=False)),
        ("too short", Judgement(same=False, reason="too short")),
        ("", Judgement(same=False, reason="")),
        (0.8, Judgement(same=True, score=0.8)),
        (0.79, Judgement(same=False, score=0.79)),
        (1, Judgement(same=True, score=1.0)),
        (0, Judgement(same=False, score=0.0)),
        (np.float64(0.5), Judgement(same=False, score=0.5)),
        (np.bool_(True), Judgement(same=True)),
    ],
)
def test_what_a_comparator_gives_is_a_verdict(given: Any, expected: Judgement) -> None:
    assert judged(lambda one, other: given, given) == expected


@pytest.mark.parametrize("given", [1.01, -0.01, NAN, math.inf])
def test_a_number_outside_of_0_to_1_is_none(given: float) -> None:
    with pytest.raises(ValueError, match=r"must be in \[0, 1\]"):
        judged(Exact(), given)


@pytest.mark.parametrize("given", [b"a", [], object()])
def test_anything_else_is_none(given: object) -> None:
    with pytest.raises(TypeError, match="it must give"):
        judged(Exact(), given)


def test_a_number_counts_from_the_minimum_that_is_given_with_the_function() -> None:
    lenient = Scored(lambda one, other: 0.5, minimum=0.4)
    assert verdict(lenient, "a", "b")
    assert repr(lenient).endswith("minimum=0.4)")


@pytest.mark.parametrize(
    ("compare", "kind"),
    [(None, Exact), ("exact", Exact), ("json", Json), ("numbers", Numbers), ("text", Text)],
)
def test_a_setting_names_a_comparator(compare: Any, kind: Any) -> None:
    assert type(comparator_of(compare)) is kind


def test_a_function_is_a_comparator_itself() -> None:
    def compare(one: Any, other: Any) -> bool:
        return True

    assert comparator_of(compare) is compare
    assert comparator_of(json := Json()) is json


@pytest.mark.parametrize("wrong", ["fuzzy", 3, Json, []])
def test_a_setting_that_names_none_is_refused(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match="names no comparator"):
        comparator_of(wrong)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Json(tolerance=-1),
        lambda: Json(relative=math.nan),
        lambda: Json(ignore=[""]),
        lambda: Json(ignore=[ANY]),
        lambda: Numbers(tolerance=True),
        lambda: Text(minimum=1.5),
        lambda: Scored(lambda one, other: 1, minimum=-1),
        lambda: Scored(ANY, minimum=0.5),
    ],
    ids=lambda make: str(make.__code__.co_firstlineno),
)
def test_options_out_of_their_range_are_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError):
        make()


def test_they_say_what_they_are() -> None:
    made = (Exact(), Json(ignore=["id"]), Numbers(), Text())
    assert all(repr(each).startswith("reliai.comparisons.") for each in made)


def test_everything_public_is_named() -> None:
    assert sorted(comparisons.__all__) == comparisons.__all__
    assert all(hasattr(comparisons, name) for name in comparisons.__all__)


def test_responses_of_streams_are_answers_too() -> None:
    assert verdict(Exact(), reliai.Response(text="a"), "a")
    assert verdict(Exact(), reliai.Response(refusal="no"), reliai.Response(refusal="no"))
    assert not verdict(Exact(), reliai.Response(text="a"), reliai.Response(text="b"))
