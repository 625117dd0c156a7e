"""Checks on streams: of the whole text, observing, and where else a stream may come from."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import (
    MaxLength,
    OutputInvalid,
    Pattern,
    StreamInterrupted,
    Validate,
    check,
)
from reliai.testing import ScriptedModel, records
from tests.policies._guarded import Guarded, every_stream
from tests.policies._holding import SECRET, guarded, interrupted
from tests.policies._orders import made_of

if TYPE_CHECKING:
    from collections.abc import Callable


# --- checks of the whole ------------------------------------------------------------------------
@every_stream
def test_a_check_of_the_whole_text_is_made_before_anything_is_let_out(kind: str) -> None:
    model = guarded(kind, ["Dear ", "Sir"], checks=(Pattern("Regards"), SECRET))
    with pytest.raises(OutputInvalid, match="form asked for"):
        model()
    good = guarded(kind, ["Dear ", "Sir, ", "Regards"], checks=(Pattern("Regards"), SECRET))
    assert good() == ["Dear ", "Sir, ", "Regards"]


@every_stream
def test_a_form_asked_for_with_a_window_is_looked_for_at_the_end(kind: str) -> None:
    checks = (check(Pattern("Regards"), window=8),)
    model = guarded(kind, ["Dear Sir or Madam, ", "yours"], checks=checks)
    error = interrupted(model)
    assert isinstance(error.__cause__, OutputInvalid)
    good = guarded(kind, ["Dear Sir or Madam, ", "Regards"], checks=checks)
    assert "".join(good()) == "Dear Sir or Madam, Regards"


# --- observing --------------------------------------------------------------------------------
def observing_ways() -> list[Any]:
    return [pytest.param("policy", id="policy"), pytest.param("operator", id="operator")]


@every_stream
@pytest.mark.parametrize("way", observing_ways())
def test_observing_lets_everything_out_at_once_and_flags_it(kind: str, way: str) -> None:
    """19"""
    checks: tuple[Callable[[Any], Any], ...] = (
        SECRET,
        MaxLength(12),
        Pattern("Regards"),
        check(lambda text: "my" not in text, window=2, name="mine"),
    )
    chunks = ["Hello, ", "my se", "cret", " is", " out"]
    model = guarded(kind, chunks, checks=checks, mode="observe" if way == "policy" else "enforce")
    with reliai.mode("observe" if way == "operator" else "enforce"):
        assert model() == chunks
    assert model.events == ["output_would_reject"] * 4
    record = model.record
    assert (record.status, record.chunks) == ("success", 5)
    assert sorted((c.name, c.passed) for c in record.checks) == [
        ("MaxLength", False),
        ("Pattern('Regards')", False),
        ("Pattern('secret')", False),
        ("mine", False),
    ]


@every_stream
def test_observing_flags_what_was_delivered_of_a_stream_closed_early(kind: str) -> None:
    model = guarded(kind, ["a secret ", "b", "c"], mode="observe")
    with records() as seen:
        stream = model.function("x")
        if kind == "generator":
            next(stream)
            stream.close()
        else:

            async def main() -> None:
                await anext(stream)
                await stream.aclose()

            asyncio.run(main())
    assert [event.kind for event in seen[0].events] == ["output_would_reject"]
    assert seen[0].status == "cancelled"


@every_stream
def test_mode_off_judges_nothing(kind: str) -> None:
    model = guarded(kind, ["a secret"])
    with reliai.mode("off"):
        assert model() == ["a secret"]


# --- settings --------------------------------------------------------------------------------
@every_stream
def test_a_stream_that_a_plain_function_returns_is_held_back_too(kind: str) -> None:
    model = ScriptedModel([["Hello, my ", "secret"]])
    policies = (Validate(SECRET),)
    if kind == "generator":

        def ask_now(prompt: str) -> Any:
            return model.streaming(prompt)

        stream: Any = reliai.reliable(*policies)(ask_now)("x")
        with pytest.raises(StreamInterrupted):
            list(stream)
        return

    async def ask(prompt: str) -> Any:
        return model.streaming.asynchronous(prompt)

    async def main() -> None:
        stream: Any = await reliai.reliable(*policies)(ask)("x")
        with pytest.raises(StreamInterrupted):
            async for _ in stream:
                pass

    asyncio.run(main())


@every_stream
def test_two_validates_hold_back_one_after_the_other(kind: str) -> None:
    model = Guarded(
        kind,
        Validate(Pattern("public", forbid=True)),
        Validate(SECRET),
        answer=made_of(["nothing to see here", ", at all"], ["a pub", "lic"], ["a secret"]),
    )
    assert "".join(model()) == "nothing to see here, at all"
    for _ in range(2):
        with pytest.raises(OutputInvalid):
            model()
