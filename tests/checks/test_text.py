"""Checks of text: what they let pass and what they stop, in tables."""

from __future__ import annotations

import re
from typing import Any

import pytest

from reliai.checks import MaxLength, NotEmpty, OneOf, Pattern
from reliai.errors import ConfigurationError


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        ("", True),
        ("abc", True),
        ("äöü", True),
        ("😀😀😀", True),
        ("abcd", False),
        ("ab\n\n", False),
    ],
)
def test_max_length_counts_characters(value: str, *, passes: bool) -> None:
    assert (MaxLength(3)(value) is None) is passes


def test_max_length_tells_the_numbers_and_not_the_text() -> None:
    assert MaxLength(3)("secret") == "it has 6 characters, at most 3 are allowed"


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "5", None])
def test_max_length_wants_a_whole_number(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"characters={value!r}")):
        MaxLength(value)


@pytest.mark.parametrize(
    ("regex", "forbid", "value", "passes"),
    [
        ("[0-9]", False, "a1", True),
        ("[0-9]", False, "a", False),
        (r"\A[a-z]+\Z", False, "abc", True),
        (r"\A[a-z]+\Z", False, "abc1", False),
        (r"\A[a-z]+\Z", False, "abc\n", False),
        ("(?i)secret", True, "a SECRET thing", False),
        ("(?i)secret", True, "nothing here", True),
        (r"\bass\b", True, "a classic passage", True),
        (re.compile("SECRET", re.IGNORECASE), True, "secret", False),
    ],
)
def test_pattern_searches(regex: Any, value: str, *, forbid: bool, passes: bool) -> None:
    assert (Pattern(regex, forbid=forbid)(value) is None) is passes


def test_pattern_gives_reasons_without_the_text() -> None:
    assert Pattern("s.c", forbid=True)("sec") == "it has a forbidden part"
    assert Pattern("x")("sec") == "it does not have the form asked for"


def test_patterns_are_told_apart_by_name() -> None:
    assert Pattern("a").name == "Pattern('a')"
    assert len(Pattern("a" * 500).name) == 80


@pytest.mark.parametrize("regex", ["(", 5, None, b"a", re.compile(b"b")])
def test_pattern_wants_a_regular_expression_of_text(regex: Any) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"regex={regex!r}")):
        Pattern(regex)


@pytest.mark.parametrize("check", [MaxLength(3), Pattern("a"), Pattern("a", forbid=True)])
def test_a_text_check_stops_what_is_no_text(check: Any) -> None:
    assert check(None) == "it is not text but NoneType"
    assert check(["a"]) == "it is not text but list"


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        ("a", True),
        (" a ", True),
        (".", True),
        ("", False),
        (" \t\n\xa0", False),
        ("\u200b\ufeff", False),
        (" \u200b ", False),
        ("\u200ba", True),
        (None, False),
        ([], False),
        ({}, False),
        ([0], True),
        (0, True),
        (False, True),
        (0.0, True),
        (object(), True),
    ],
)
def test_not_empty_wants_something_to_see(value: object, *, passes: bool) -> None:
    assert (NotEmpty()(value) is None) is passes


def test_every_blank_character_is_known() -> None:
    blank = "".join(chr(code) for code in range(0x110000) if chr(code).isspace())
    assert NotEmpty()(blank) == "it is empty"
    assert NotEmpty()(blank + "x" + blank) is None


@pytest.mark.parametrize(
    ("allowed", "value", "passes"),
    [
        (("yes", "no"), "yes", True),
        (("yes", "no"), "YES", False),
        (("yes", "no"), "yes ", False),
        (("yes", "no"), "", False),
        (("yes", "no"), None, False),
        ((1, 0), 1, True),
        ((1, 0), 1.0, True),
        ((1, 0), True, False),
        ((True,), 1, False),
        ((True,), True, True),
        ((None,), None, True),
        (([1],) * 2, [1], True),
    ],
)
def test_one_of_wants_an_equal_value(allowed: tuple[Any, ...], value: Any, *, passes: bool) -> None:
    assert (OneOf(*allowed)(value) is None) is passes


def test_one_of_gives_a_reason_without_the_value() -> None:
    assert OneOf("a", "b")("secret") == "it is none of the 2 allowed values"


@pytest.mark.parametrize("values", [(), (["a", "b"],), ({"a"},), ({"a": 1},)])
def test_one_of_wants_values_and_not_a_list_of_them(values: tuple[Any, ...]) -> None:
    with pytest.raises(ConfigurationError, match="OneOf"):
        OneOf(*values)


def test_checks_tell_their_settings() -> None:
    assert MaxLength(3).describe()["characters"] == 3
    assert OneOf("a", 1).describe()["values"] == ["'a'", "1"]
    told = Pattern("(?i)a", forbid=True).describe()
    assert (told["regex"], told["forbid"]) == ("(?i)a", True)
    assert told["flags"] & re.IGNORECASE


def test_checks_look_like_the_code_that_makes_them() -> None:
    assert repr(MaxLength(3)) == "reliai.MaxLength(3)"
    assert repr(OneOf("a", 1)) == "reliai.OneOf('a', 1)"
    assert repr(NotEmpty()) == "reliai.NotEmpty()"
    assert repr(Pattern("a", forbid=True)) == "reliai.Pattern('a', forbid=True)"
