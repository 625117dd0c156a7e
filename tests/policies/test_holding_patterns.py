"""Forbidden expressions on streams: found exactly where they are in the whole text."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import reliai
from reliai import Pattern, StreamInterrupted, Validate
from reliai.checks._width import longest_match
from reliai.policies import _holding_stages
from tests.core._kinds import each_stream

PARTS = st.sampled_from(
    [
        *("a", "ab", "[abc]", "a{2,3}", "(?:ab|c)", r"\b", r"\B", "^", r"\A", "(?m:^)", "(?=b)"),
        *("(?!c)", "(?<=a)", "(?<!b)", "(?<=ab)c", "a?", "b{0,2}", "(a)|b", ".", r"\w", r"\s"),
        *("(?=a(?=b))", "(?:a(?=bc)){1,2}", "(?i:B)", "(a)(?(1)b|c)", r"(b|c)\1", "é", "(?s:.)"),
    ]
)
TEXTS = st.text("abc \nB\u00e9e\u0301\U0001f600", max_size=30)


def chunked(text: str, cuts: list[int]) -> list[str]:
    places = sorted({min(cut, len(text)) for cut in cuts})
    return [text[a:b] for a, b in zip([0, *places], [*places, len(text)], strict=True)]


def delivered(kind: str, check: Any, chunks: list[str]) -> tuple[str, BaseException | None]:
    """The text that came, and how it ended."""
    got: list[str] = []

    def stream(prompt: str) -> Any:
        yield from chunks

    async def stream_later(prompt: str) -> Any:
        for chunk in chunks:
            yield chunk

    async def later() -> None:
        guarded: Any = reliai.reliable(Validate(check))(stream_later)
        async for chunk in guarded("x"):
            got.append(chunk)  # noqa: PERF401  what came before an error counts

    try:
        if kind == "generator":
            for chunk in reliai.reliable(Validate(check))(stream)("x"):
                got.append(chunk)  # noqa: PERF402  the same
        else:
            asyncio.run(later())
    except reliai.ReliaiError as error:
        return "".join(got), error
    return "".join(got), None


@pytest.mark.parametrize("slack", [0, _holding_stages.SLACK])
@settings(max_examples=300)
@given(
    st.lists(PARTS, min_size=1, max_size=4),
    TEXTS,
    st.lists(st.integers(0, 30), max_size=8),
)
def test_what_is_delivered_is_as_if_the_whole_text_had_been_judged(
    slack: int, parts: list[str], text: str, cuts: list[int]
) -> None:
    """19, 25: however soon the text that was let out is forgotten."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_holding_stages, "SLACK", slack)
        _judge(parts, text, cuts)


def _judge(parts: list[str], text: str, cuts: list[int]) -> None:
    regex = re.compile("".join(parts))
    assert longest_match(regex) is not None
    matches = every_match(regex, text)
    got, error = delivered("generator", Pattern(regex, forbid=True), chunked(text, cuts))
    assert text.startswith(got)
    if not matches:
        assert (got, error) == (text, None)
    else:
        assert error is not None
        assert len(got) <= min(match.start() for match in matches), "no character of any match"


def every_match(regex: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """The matches that begin at each place, overlapping ones too."""
    found = (regex.search(text, place) for place in range(len(text) + 1))
    return [match for match in found if match is not None]


@settings(max_examples=100)
@given(
    st.sampled_from(["secret", r"\bkey\b", "(?<!x)ab", "a(?!b)", r"[a-c]{3}"]),
    st.text("secrtkyxab ", max_size=60),
    st.lists(st.integers(0, 60), max_size=20),
)
def test_nothing_is_held_back_longer_than_its_window(
    regex: str, text: str, cuts: list[int]
) -> None:
    check = Pattern(regex, forbid=True)
    assert check.window is not None
    arrived: list[int] = [0]

    def stream(prompt: str) -> Any:
        for chunk in chunked(text, cuts):
            arrived[0] += len(chunk)
            yield chunk

    released = 0
    try:
        for chunk in reliai.reliable(Validate(check))(stream)("x"):
            released += len(chunk)
            assert released >= arrived[0] - check.window + 1
    except reliai.ReliaiError:
        return


@each_stream
@pytest.mark.parametrize("chunks", [["a sec", "r", "e", "t b"], list("a secret b"), ["a secret b"]])
def test_no_character_of_a_phrase_split_over_chunks_is_delivered(
    kind: str, chunks: list[str]
) -> None:
    """19"""
    got, error = delivered(kind, Pattern("secret", forbid=True), ["hello, ", *chunks])
    assert "hello, a ".startswith(got)
    assert got
    assert isinstance(error, StreamInterrupted)
    assert error.partial == got
    assert isinstance(error.__cause__, reliai.OutputInvalid)
    assert "secret" not in str(error).replace("Pattern('secret')", "")


@each_stream
def test_word_that_only_begins_like_a_forbidden_one_passes(kind: str) -> None:
    check = Pattern(r"\bkey\b", forbid=True)
    assert delivered(kind, check, ["mon", "key", " key", "s"]) == ("monkey keys", None)
    got, error = delivered(kind, check, ["a ", "key", " b"])
    assert error is not None
    assert got in {"a ", "a", ""}


@each_stream
def test_expression_without_bound_is_found_as_far_as_its_given_window_goes(kind: str) -> None:
    check = reliai.check(Pattern(r"key-\w+", forbid=True), window=12)
    text = ["no keys here, and nothing else either; ", "key", "-12345678 and", " more"]
    got, error = delivered(kind, check, text)
    assert "no keys here, and nothing else either; ".startswith(got)
    assert got
    assert isinstance(error, StreamInterrupted)


@each_stream
def test_long_streams_keep_only_the_end_of_the_text(kind: str) -> None:
    check = Pattern(r"(?<=x)secret", forbid=True)
    long = ["lorem ipsum "] * 1000
    assert delivered(kind, check, [*long, "secret"]) == ("lorem ipsum " * 1000 + "secret", None)
    got, error = delivered(kind, check, [*long, "xsec", "ret", *long])
    assert error is not None
    assert "lorem ipsum " * 999 in got
    assert "sec" not in got
