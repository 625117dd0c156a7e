"""Placeholders: what is one, what stands for itself, and values that are not guessed at."""

from __future__ import annotations

import datetime as dt
import json
from enum import Enum, StrEnum
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai import ConfigurationError
from reliai.prompts import PromptVersion


def filled(text: str, **values: Any) -> str:
    return PromptVersion(name="p", text=text).format(**values)


def test_a_name_in_braces_is_replaced_everywhere() -> None:
    assert filled("{a}{b} and {a}", a="1", b="2") == "12 and 1"


def test_json_and_code_in_the_text_stay_as_they_are() -> None:
    text = 'Answer as {"answer": {"text": "…", "n": {n}}, "list": [{}, { }]} or f(x){ return; }'
    assert filled(text, n=3) == text.replace("{n}", "3")


def test_a_name_in_two_pairs_of_braces_stands_for_itself() -> None:
    assert filled("write {{name}}, not {name}", name="Ann") == "write {name}, not Ann"


def test_what_a_value_says_is_never_looked_into() -> None:
    assert filled("{a} {b}", a="{b} {{b}}", b="{a}") == "{b} {{b}} {a}"


def test_any_name_may_be_a_placeholder() -> None:
    assert filled("{self} {values} {größe}", self="a", values="b", größe="c") == "a b c"


@given(st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), st.text(), max_size=4))
def test_every_value_comes_out_where_its_name_stood(values: dict[str, str]) -> None:
    text = "|".join(f"<{{{name}}}>" for name in values)
    assert filled(text, **values) == "|".join(f"<{value}>" for value in values.values())


@given(st.text(st.sampled_from('{}" :,[]1'), max_size=40))
def test_a_text_without_names_in_braces_is_itself(text: str) -> None:
    assert filled(f"{text}.") == f"{text}."


@given(st.dictionaries(st.text("ab c"), st.lists(st.integers(), max_size=3), max_size=3))
def test_json_is_itself(data: Any) -> None:
    assert filled(json.dumps(data)) == json.dumps(data)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "no value is given for {a}, {b}"),
        ({"a": "1"}, "no value is given for {b}"),
        ({"a": "1", "b": "2", "c": "3"}, "there is no placeholder {c}"),
    ],
)
def test_missing_and_extra_values_are_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        filled("{a} {b}", **values)
    assert message in str(raised.value)
    assert "Its placeholders are: {a}, {b}" in str(raised.value)


@pytest.mark.parametrize(
    "text", ["{{ name }}", "{ name }", "{name.first}", "{name!r}", "{name:>9}"]
)
def test_a_placeholder_in_another_language_is_explained(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"placeholder is written \{name\}, with"):
        filled(f"Dear {text}", name="Ann")


def test_a_text_full_of_braces_takes_no_longer() -> None:
    with pytest.raises(ConfigurationError, match="there is no placeholder"):
        filled("{" * 300_000, name="Ann")


def test_the_message_holds_no_value() -> None:
    with pytest.raises(ConfigurationError) as raised:
        filled("{a}", a="secret", b="secret")
    assert "secret" not in str(raised.value)


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (3, "3"),
        (0.5, "0.5"),
        (dt.date(2026, 8, 1), "2026-08-01"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("a/b"), "a/b"),
        (Colour.RED, "red"),
        ("", ""),
    ],
)
def test_a_value_that_has_one_way_to_be_written_is(value: object, said: str) -> None:
    assert filled("<{x}>", x=value) == f"<{said}>"


@pytest.mark.parametrize("value", [None, b"bytes", ["a"], {"a": 1}, object(), Enum("E", "A").A])  # type: ignore[attr-defined]
def test_a_value_that_could_be_written_in_several_ways_is_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match=r"\{x\} is given a value of .*; give text"):
        filled("{x}", x=value)
