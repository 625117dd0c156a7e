"""Personal data and secrets in answers: Validate keeps them from the caller, in streams too."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai import OutputInvalid, Pii, Secrets, StreamInterrupted, Validate
from tests.policies._guarded import STREAMS, Guarded, every_one_value, every_stream

MAIL, CARD = "ana.maria@example.com", "4242 4242 4242 4242"
BEFORE = "some words that say nothing of anybody at all, and go on and on. " * 12
ANSWER = f"{BEFORE}Write to {MAIL}, who pays with {CARD}. {BEFORE}"
SAFE = ANSWER.replace(MAIL, "[EMAIL]").replace(CARD, "[CARD]")


def in_chunks(text: str, size: int) -> list[str]:
    return [text[place : place + size] for place in range(0, len(text), size)]


@every_one_value
def test_an_answer_with_personal_data_is_refused_without_saying_what(kind: str) -> None:
    with pytest.raises(OutputInvalid) as caught:
        Guarded(kind, Validate(Pii()), answer=lambda _: ANSWER)()
    assert "it has personal data: card (1), email (1)" in str(caught.value)
    assert MAIL not in str(caught.value)


@every_one_value
def test_an_answer_is_redacted(kind: str) -> None:
    assert Guarded(kind, Validate(Pii("redact")), answer=lambda _: ANSWER)() == SAFE


@every_stream
@pytest.mark.parametrize("size", [1, 7, 64, 5000])
def test_a_stream_is_redacted_wherever_it_is_cut(kind: str, size: int) -> None:
    model = Guarded(kind, Validate(Pii("redact")), answer=lambda _: in_chunks(ANSWER, size))
    assert "".join(model()) == SAFE


@every_stream
@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_stream_ends_before_the_first_character_of_personal_data(kind: str, size: int) -> None:
    """IR-30: split over chunks, nothing of it gets out."""
    model = Guarded(kind, Validate(Pii()), answer=lambda _: in_chunks(ANSWER, size))
    got: list[str] = []
    with pytest.raises((StreamInterrupted, OutputInvalid)) as caught:
        _collect(model.function("hello"), got)
    text = "".join(got)
    assert ANSWER.startswith(text)
    assert len(text) <= ANSWER.index(MAIL)
    assert MAIL[:4] not in str(caught.value)


@every_stream
def test_a_stream_goes_out_while_it_comes_in(kind: str) -> None:
    model = Guarded(kind, Validate(Pii("redact")), answer=lambda _: in_chunks(ANSWER, 16))
    assert len(model()) > 20


@every_stream
@pytest.mark.parametrize("size", [3, 40])
def test_secrets_in_a_stream_get_out_neither_whole_nor_in_part(kind: str, size: int) -> None:
    secret = "ghp_" + "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA1bC2"
    answer = f"{BEFORE}use {secret} for it. {BEFORE}"
    model = Guarded(kind, Validate(Secrets()), answer=lambda _: in_chunks(answer, size))
    got: list[str] = []
    with pytest.raises((StreamInterrupted, OutputInvalid)):
        _collect(model.function("hello"), got)
    assert "ghp_" not in "".join(got)
    checks = Validate(Secrets("redact", kinds=["github_token"]))
    model = Guarded(kind, checks, answer=lambda _: in_chunks(answer, size))
    assert "".join(model()) == answer.replace(secret, "[GITHUB_TOKEN]")


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(STREAMS), st.lists(st.integers(1, 90), min_size=1, max_size=30))
def test_a_redacted_stream_is_the_redacted_answer_however_it_is_cut(
    kind: str, sizes: list[int]
) -> None:
    chunks: list[str] = []
    rest, turn = ANSWER, 0
    while rest:
        size = sizes[turn % len(sizes)]
        chunks.append(rest[:size])
        rest, turn = rest[size:], turn + 1
    model = Guarded(kind, Validate(Pii("redact")), answer=lambda _: chunks)
    assert "".join(model()) == SAFE


def _collect(stream: Any, into: list[str]) -> None:
    if hasattr(stream, "__aiter__"):
        import asyncio

        async def read() -> None:
            async for chunk in stream:
                into.append(chunk)  # noqa: PERF401  what came before an error counts

        asyncio.run(read())
    else:
        for chunk in stream:
            into.append(chunk)  # noqa: PERF402  as above
