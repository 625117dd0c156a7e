"""How much of a stream a check must hold back."""

from __future__ import annotations

import importlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.checks import MaxLength, NotEmpty, OneOf, Pattern, Schema
from reliai.checks._width import longest_match


@pytest.mark.parametrize(
    ("regex", "characters"),
    [
        ("secret", 6),
        ("(?i)secret|password", 8),
        ("[0-9]{3,16}", 16),
        (r"(ab|c)(x{2})\1", 6),
        (r"\bkey\b", 5),
        ("^key", 4),
        ("key(?=.{4})", 7),
        ("(?<=ab)c", 3),
        (r"(?:a(?!bc))d", 4),
        (r"(?=a(?=bc))d", 4),
        ("(a)?(?(1)bc|d)", 3),
        ("a+", None),
        ("key$", None),
        (r"key\Z", None),
        ("x(?=a*)", None),
        ("a{10001}", None),
    ],
)
def test_a_forbidden_pattern_holds_back_its_longest_match(
    regex: str, characters: int | None
) -> None:
    assert Pattern(regex, forbid=True).window == characters


def test_what_must_be_there_is_known_only_at_the_end() -> None:
    assert Pattern("secret").window is None
    assert NotEmpty().window is None
    assert OneOf("a").window is None
    assert Schema(int).window is None


def test_a_length_needs_nothing_held_back() -> None:
    assert MaxLength(5).window == 0


def test_without_the_parser_nothing_is_promised(monkeypatch: pytest.MonkeyPatch) -> None:
    parser = importlib.import_module("re._parser")
    pattern = re.compile("secret")
    monkeypatch.delattr(parser, "parse")
    assert longest_match(pattern) is None


WORDS = st.sampled_from(["a", "ab", "[abc]", "a{2,3}", "(?:ab|c)", r"\b", "^", "(?=b)", "(?!c)"])


@given(st.lists(WORDS, min_size=1, max_size=5), st.text("abc ", max_size=30))
def test_a_match_is_found_in_the_window_that_ends_with_it(parts: list[str], text: str) -> None:
    """Where a match starts in a text, it also starts in that part of it which the window spans."""
    pattern = re.compile("".join(parts))
    window = longest_match(pattern)
    assert window is not None
    for match in pattern.finditer(text):
        seen = text[max(0, match.start() - 1) : match.start() + window + 1]
        assert pattern.search(seen)
