"""JSON as models write it: strict first, repaired where that is safe, never completed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.checks.repair import Reading, is_json, read_json

TEXTS = st.text(max_size=12)
SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
CONTAINERS = st.lists(VALUES, max_size=4) | st.dictionaries(TEXTS, VALUES, max_size=4)
INDENT = st.sampled_from([None, 0, 2])
PROSE = st.sampled_from(
    ["", "Sure! ", "Here is the JSON you asked for [as agreed]:\n", "I'd say {name}: \n", "1. "]
)


def written(value: Any, indent: int | None, *, ascii_only: bool = True) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=ascii_only)


def refused(text: str) -> Reading:
    reading = read_json(text)
    assert reading.text is None
    assert not reading.repaired
    assert reading.reason
    return reading


@given(VALUES, INDENT, st.booleans())
def test_valid_json_is_unchanged_byte_for_byte(
    value: Any, indent: int | None, ascii_only: bool
) -> None:
    """28"""
    text = written(value, indent, ascii_only=ascii_only)
    assert read_json(text) == Reading(text)
    assert read_json(f" \n{text}\n") == Reading(f" \n{text}\n")


@given(CONTAINERS, INDENT, PROSE, st.sampled_from(["", "\n\nHope this helps!", "\nDone [really]."]))
def test_fences_and_prose_around_one_value_are_taken_away(
    value: Any, indent: int | None, before: str, after: str
) -> None:
    """28"""
    text = written(value, indent)
    for wrapped in (f"{before}{text}{after}", f"{before}\n```json\n{text}\n```{after}"):
        reading = read_json(wrapped)
        assert reading.text is not None
        assert json.loads(reading.text) == value
        assert reading.repaired is (wrapped.strip() != text.strip())


@given(VALUES, st.sampled_from(["```\n{}\n```", "```json\n{}\n```", "\ufeff{}", "\ufeff \xa0{}"]))
def test_a_fence_or_a_byte_order_mark_alone_is_taken_away(value: Any, wrap: str) -> None:
    """28"""
    text = written(value, None)
    reading = read_json(wrap.replace("{}", text, 1))
    assert reading.repaired
    assert json.loads(reading.text or "") == value


@given(CONTAINERS.filter(len), INDENT)
def test_trailing_commas_are_taken_away(value: Any, indent: int | None) -> None:
    """28"""
    text = written(value, indent)
    for comma in (",", " ,\n ", ", "):
        reading = read_json(text[:-1] + comma + text[-1])
        assert reading.repaired
        assert json.loads(reading.text or "") == value


@given(CONTAINERS, INDENT, PROSE, st.data())
def test_a_document_cut_short_is_never_accepted(
    value: Any, indent: int | None, before: str, data: st.DataObject
) -> None:
    """27"""
    text = written(value, indent, ascii_only=False)
    cut = text[: data.draw(st.integers(1, len(text) - 1), label="kept")]
    for wrapped in (cut, f"{before}{cut}", f"```json\n{cut}", f"```json\n{cut}\n```"):
        reading = refused(wrapped)
        assert reading.truncated


@given(CONTAINERS, CONTAINERS, st.sampled_from(["", "\n", " and also ", "```\n\n```json\n"]))
def test_of_two_values_none_is_chosen(one: Any, two: Any, between: str) -> None:
    """28"""
    reading = refused(f"{json.dumps(one)}{between}{json.dumps(two)}")
    assert reading.reason == "it holds more than one JSON value"
    assert not reading.truncated


@given(st.text(max_size=60))
def test_whatever_comes_out_is_strict_json(text: str) -> None:
    reading = read_json(text)
    assert reading.text is None or is_json(reading.text)


@given(st.text('{}[]",:01tnu“”`\\ a\n', max_size=40))
def test_whatever_comes_out_of_broken_json_is_strict_json(text: str) -> None:
    reading = read_json(text)
    assert reading.text is None or is_json(reading.text)
    assert not (reading.text is not None and reading.truncated)


@pytest.mark.parametrize(
    ("text", "repaired"),
    [
        ("{“a”: “b”}", '{"a": "b"}'),
        ("{“a”: “it is”, “b”: [1,]}", '{"a": "it is", "b": [1]}'),
        ('{"a": "she said “hi”",}', '{"a": "she said “hi”"}'),
        ("```\n[1]\n```", "[1]"),
        ("```json\n42\n```", "42"),
        ('```\n"yes"\n```', '"yes"'),
        ("```JSON5 [1] ```", "[1]"),
        ("```python\n[1]\n```", "[1]"),
        ('```json\n{"code": "```python```"}\n```', '{"code": "```python```"}'),
        ('```json\n{"a": 1}', '{"a": 1}'),
        ('Answer: {"a": "}"} .', '{"a": "}"}'),
        ('[ {"a" : null ,} , ]', '[ {"a" : null }  ]'),
        ('{"a": -1.5e+10,}', '{"a": -1.5e+10}'),
    ],
)
def test_safe_repairs(text: str, repaired: str) -> None:
    """28"""
    assert read_json(text) == Reading(repaired, repaired=True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON at all",
        "yes",
        "[see below]",
        "{name}",
        "['a', 'b']",
    ],
)
def test_without_a_value_there_is_none(text: str) -> None:
    reading = refused(text)
    assert reading.reason == "it holds no JSON value"
    assert not reading.truncated


@pytest.mark.parametrize(
    "text",
    [
        "{'a': 1}",
        "{a: 1}",
        '{a: {"b": 1}}',
        '{"a": 1 "b": {"c": 2}}',
        '{"a": {"b": 1}, c: 2}',
        '"a": {"b": 1}',
        '"a": {"b": 1}}',
        '1, {"a": 2}, 3',
        '{"a": 1}: {',
        '{"a": NaN}',
        '{"a": +1}',
        '{"a": 01}',
        '{"a": 1x}',
        '{"a": "\t"}',
        '{"a": "\\x"}',
        '{"a": True}',
        '{"a" 1, "b": 2}',
        '{"a": 1,, "b": 2}',
        "[1, 2 3]",
        "[,]",
        "{,}",
        '{"a",}',
        "[1}",
        '{"a": 1]',
        "{“a”: “he said “hi” to me”}",
        '{“a”: “he said "hi" to me”}',
        "{“a”: “he said “hi”, and left”}",
    ],
)
def test_what_could_mean_something_else_is_left_alone(text: str) -> None:
    """28"""
    reading = refused(text)
    assert reading.reason == "its JSON is malformed"


@pytest.mark.parametrize(
    "text",
    [
        '{"items": ["ls","pwd"',
        '{"items": ["ls","pw',
        '{"a": "\\u12',
        '{"a": "b\\',
        '{"a": tru',
        '{"a": -',
        '{"a": 1.',
        '{"a": “b',
        '```json\n{"a": [1, 2\n```',
        '{"a": 1} and {"b": ',
        '"a string without an end',
        "[" * 100_000,
    ],
)
def test_what_stops_before_its_end_is_truncated(text: str) -> None:
    """27"""
    assert refused(text).truncated


@pytest.mark.parametrize("text", ["NaN", "Infinity", "[NaN]", "[1, -Infinity]"])
def test_what_strict_json_does_not_know_is_no_json(text: str) -> None:
    assert not is_json(text)


def test_depth_and_size_of_numbers_do_not_matter() -> None:
    deep = "[" * 50_000 + "]" * 50_000
    assert read_json(deep).text == deep
    assert read_json("9" * 10_000) == Reading("9" * 10_000)
