"""Checks on streams: what is held back, what is let out, and what comes of an answer that fails."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

import reliai
from reliai import (
    Fallback,
    MaxLength,
    NotEmpty,
    OutputInvalid,
    Pattern,
    Retry,
    StreamInterrupted,
    Validate,
    check,
)
from reliai.testing import ScriptedModel, Stall, records, virtual_clock
from tests.core._kinds import each_stream, of_kind, read
from tests.policies._guarded import Guarded, every_stream
from tests.policies._holding import SECRET, guarded, interrupted, partial
from tests.policies._orders import made_of


# --- what passes --------------------------------------------------------------------------------
@every_stream
def test_text_in_which_nothing_is_forbidden_is_delivered_as_it_is(kind: str) -> None:
    model = guarded(kind, ["The ", "secre", "cy", " is \U0001f600e\u0301", "", "!"])
    assert "".join(model()) == "The secrecy is \U0001f600e\u0301!"
    assert model.record.status == "success"
    assert model.record.checks == ()
    assert model.events == []


@every_stream
def test_chunks_of_which_nothing_is_held_back_stay_as_they_are(kind: str) -> None:
    chunks = ["a", "bc", "", "def"]
    model = guarded(kind, chunks, checks=(MaxLength(10), Pattern("[xyz]", forbid=True)))
    assert model() == ["a", "bc", "def"]
    assert model.record.chunks == 3


@every_stream
def test_an_empty_stream_is_judged_as_empty_text(kind: str) -> None:
    asked: list[str] = []

    def look(text: str) -> bool:
        asked.append(text)
        return True

    for window in (0, 5):
        model = guarded(kind, [], checks=(SECRET, MaxLength(3), check(look, window=window)))
        assert model() == []
    assert asked == ["", ""]
    with pytest.raises(OutputInvalid):
        guarded(kind, [], checks=(check(NotEmpty(), window=3),))()


@each_stream
def test_text_is_let_out_as_soon_as_nothing_can_object_to_it(kind: str) -> None:
    """10"""
    model = ScriptedModel([["abcdef", Stall(1), "ghijkl", Stall(1), "mn"]])
    function = reliai.reliable(Validate(SECRET))(of_kind(model, kind))
    came: list[tuple[str, float]] = []

    async def later() -> None:
        async for chunk in function("x"):
            came.append((chunk, clock.now - began))

    with virtual_clock() as clock, records() as seen:
        began = clock.now
        if kind == "generator":
            came += [(chunk, clock.now - began) for chunk in function("x")]
        else:
            asyncio.run(later())
    assert [chunk for chunk, _ in came] == ["a", "bcdefg", "hi", "jklmn"]
    assert [at for _, at in came] == pytest.approx([0, 1, 2, 2])
    assert seen[0].time_to_first_chunk == pytest.approx(0)


@every_stream
def test_the_first_chunk_is_timed_when_it_is_let_out(kind: str) -> None:
    model = ScriptedModel([["abc", Stall(3), "defgh"]])
    function = reliai.reliable(Validate(SECRET))(of_kind(model, kind))
    with virtual_clock(), records() as seen:
        read(function, kind, "x")
    assert seen[0].time_to_first_chunk == pytest.approx(3)


@every_stream
def test_the_slowest_of_several_checks_decides_what_is_let_out(kind: str) -> None:
    """25"""
    arrived: list[str] = []

    def chunks(prompt: str) -> Any:
        for chunk in "abcdefghijklmno":
            arrived.append(chunk)
            yield chunk

    few, many = check(lambda text: True, window=2), check(lambda text: True, window=9)
    held: list[int] = []
    model = Guarded(kind, Validate(few, SECRET, many, MaxLength(99)), answer=chunks)

    def count(stream: Any) -> None:
        out = 0
        for chunk in stream:
            out += len(chunk)
            held.append(len(arrived) - out)

    async def count_later(stream: Any) -> None:
        out = 0
        async for chunk in stream:
            out += len(chunk)
            held.append(len(arrived) - out)

    stream = model.function("x")
    if kind == "generator":
        count(stream)
    else:
        asyncio.run(count_later(stream))
    assert held == [8, 8, 8, 8, 8, 8, 8, 0]


# --- a check that fails before anything is let out ----------------------------------------------
@every_stream
def test_an_answer_that_fails_at_once_is_an_ordinary_invalid_answer(kind: str) -> None:
    model = guarded(kind, ["sec", "ret", " and more"])
    with pytest.raises(OutputInvalid, match="forbidden part") as caught:
        model()
    assert not isinstance(caught.value, StreamInterrupted)
    assert caught.value.raw == "secret"
    assert model.events == ["output_invalid"]
    record = model.record
    assert (record.status, record.chunks) == ("error", None)
    assert record.error is not None
    assert record.error.kind == "invalid_output"
    assert [(a.status, a.error and a.error.kind) for a in record.attempts] == [
        ("error", "invalid_output")
    ]
    assert [(c.name, c.passed) for c in record.checks] == [("Pattern('secret')", False)]


@every_stream
def test_it_is_asked_for_again(kind: str) -> None:
    """25"""
    model = guarded(kind, ["sec", "ret"], ["no", " secrecy"], reask=1)
    assert "".join(model()) == "no secrecy"
    assert len(model.prompts) == 2
    assert "forbidden part" in model.prompts[1]
    assert model.events == ["output_invalid", "reask"]
    assert [attempt.status for attempt in model.record.attempts] == ["error", "success"]


@every_stream
def test_its_stand_in_is_delivered(kind: str) -> None:
    model = guarded(kind, ["secret"], otherwise=lambda call, error: "sorry")
    assert model() == ["sorry"]
    assert model.record.status == "degraded"
    fallback = Guarded(kind, Fallback("plan B"), Validate(SECRET), answer=made_of(["secret"]))
    assert fallback() == ["plan B"]


@every_stream
def test_the_stream_of_a_stand_in_stays_degraded(kind: str) -> None:
    other = of_kind(ScriptedModel([["plan ", "B, as ", "it were"]]), kind)
    model = Guarded(
        kind, Validate(SECRET), Fallback(other), answer=made_of(ConnectionError("down"))
    )
    assert "".join(model()) == "plan B, as it were"
    assert model.record.status == "degraded"


@every_stream
def test_retry_inside_does_not_see_it_and_still_retries_the_model(kind: str) -> None:
    model = Guarded(
        kind,
        Validate(SECRET, reask=1),
        Retry(2, wait=0, budget=None),
        answer=made_of(ConnectionError("down"), ["secret"], ["fine"]),
    )
    assert "".join(model()) == "fine"
    assert [attempt.status for attempt in model.record.attempts] == ["error", "error", "success"]


@every_stream
def test_model_that_fails_while_all_is_held_back_falls_back(kind: str) -> None:
    def broken(prompt: str) -> Any:
        yield "hel"
        raise ConnectionError("down")

    model = Guarded(kind, Fallback("plan B"), Validate(SECRET), answer=broken)
    assert model() == ["plan B"]
    assert model.record.status == "degraded"
    alone = Guarded(kind, Validate(SECRET), answer=broken)
    with pytest.raises(ConnectionError):
        alone()


@every_stream
def test_breaker_learns_nothing_from_an_answer_that_is_refused(kind: str) -> None:
    """24"""
    breaker = reliai.CircuitBreaker(f"held {kind}", consecutive=1)
    model = Guarded(kind, Validate(SECRET), breaker, answer=lambda _: ["secret", "x"])
    for _ in range(3):
        with pytest.raises(OutputInvalid):
            model()
    late = Guarded(kind, Validate(SECRET), breaker, answer=lambda _: ["a long word: ", "secret"])
    interrupted(late)
    snapshot = breaker.snapshot()
    assert (snapshot.state, snapshot.failures) == ("closed", 0)


# --- a check that fails later -------------------------------------------------------------------
@every_stream
def test_an_answer_that_fails_later_is_interrupted(kind: str) -> None:
    """9, 19"""
    model = guarded(kind, ["Hello, ", "my se", "cret", " is", " out"], reask=2)
    error = interrupted(model)
    assert error.partial == "Hello, my "[: len(partial(error))]
    assert "s" not in partial(error)
    assert isinstance(error.__cause__, OutputInvalid)
    assert error.__cause__.errors == ("Pattern('secret'): it has a forbidden part",)
    assert error.__cause__.raw == "Hello, my secret"
    record = model.record
    assert (record.status, record.chunks) == ("error", error.chunks)
    assert record.error is not None
    assert record.error.kind == "invalid_output"
    assert "my" not in record.error.message.replace("Pattern('secret')", "")
    assert len(record.attempts) == 1, "nothing is asked again once something was delivered"
    assert record.attempts[0].status == "error"
    assert model.events == ["output_invalid"]


@every_stream
def test_nothing_falls_back_once_something_was_delivered(kind: str) -> None:
    model = Guarded(
        kind,
        Fallback("plan B"),
        Validate(SECRET),
        Retry(3, wait=0, budget=None),
        answer=made_of(["Hello, my ", "secret"]),
    )
    interrupted(model)
    assert len(model.prompts) == 1


@every_stream
def test_the_models_stream_is_closed_when_its_answer_is_refused(kind: str) -> None:
    model = ScriptedModel([["Hello, my ", "secret", " is ", "out"]])
    function = reliai.reliable(Validate(SECRET))(of_kind(model, kind))
    with pytest.raises(StreamInterrupted):
        read(function, kind, "x")
    assert model.open_streams == 0


@every_stream
def test_length_is_counted_as_it_comes(kind: str) -> None:
    model = guarded(kind, ["abc", "def", "ghi", "jkl"], checks=(MaxLength(7),))
    error = interrupted(model)
    assert (error.partial, error.chunks) == ("abcdef", 2)
    assert error.__cause__ is not None
    assert "it has 9 characters" in str(error.__cause__)


@every_stream
def test_a_function_with_a_window_sees_the_end_of_the_text(kind: str) -> None:
    seen: list[str] = []

    @check(window=4)
    def no_bomb(text: str) -> bool:
        seen.append(text)
        return "bomb" not in text

    model = guarded(kind, ["a long text", " with a bo", "m", "b in it"], checks=(no_bomb,))
    error = interrupted(model)
    assert error.partial == "a long text with a "[: len(partial(error))]
    assert max(map(len, seen[:3])) <= 14


@every_stream
def test_an_objection_to_a_part_counts_only_if_the_whole_text_has_it_too(kind: str) -> None:
    """A part begins in the middle of a word, which the function cannot know."""

    @check(window=5)
    def no_word(text: str) -> bool:
        return re.search(r"\bkey\b", text) is None

    model = guarded(kind, [*"monkey business"], checks=(no_word,))
    assert "".join(model()) == "monkey business"


@every_stream
def test_a_prefix_check_sees_all_that_came(kind: str) -> None:
    few = check(lambda text: text.count("!") < 3, window=0, name="few")
    model = guarded(kind, ["a!", "b!", "c!", "d"], checks=(few,))
    error = interrupted(model)
    assert error.partial == "a!b!"
