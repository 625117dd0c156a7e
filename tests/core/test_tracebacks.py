"""The user's own exception comes back, with a short traceback and a note for each who acted."""

from __future__ import annotations

import asyncio
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import ScriptedModel, virtual_clock
from tests.core._kinds import every_kind, of_kind, read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

POLICIES = (
    reliai.Timeout(30),
    reliai.Fallback("never", on={"timeout": "never"}),
    reliai.Retry(2, wait=0),
    reliai.CircuitBreaker(),
)


def error_of(function: Any, kind: str) -> BaseException:
    try:
        read(function, kind)
    except Exception as error:
        return error
    raise AssertionError("it did not fail")


def frames(error: BaseException) -> list[tuple[str, bool]]:
    """Name and ownership of each frame of a traceback, from the caller on."""
    return [
        (frame.name, "/reliai/" in frame.filename.replace("\\", "/"))
        for frame in traceback.extract_tb(error.__traceback__)
    ]


def test_traceback_of_a_sync_call_has_four_frames() -> None:
    @reliai.reliable(
        reliai.Timeout(30, enforce="deadline"), reliai.Retry(2, wait=0), reliai.CircuitBreaker()
    )
    def ask() -> None:
        raise ValueError("no")

    def caller() -> None:
        ask()

    with pytest.raises(ValueError, match="no") as caught:
        caller()
    found = frames(caught.value)[1:]  # without the test's own
    assert [name for name, _ in found] == ["caller", "guarded", "leaf", "ask"]
    assert [ours for _, ours in found] == [False, True, True, False]


def test_traceback_of_an_async_call_has_four_frames() -> None:
    @reliai.reliable(reliai.Timeout(30), reliai.Retry(2, wait=0), reliai.CircuitBreaker())
    async def ask() -> None:
        raise ValueError("no")

    async def caller() -> None:
        await ask()

    with pytest.raises(ValueError, match="no") as caught:
        asyncio.run(caller())
    found = frames(caught.value)
    found = found[next(n for n, (name, _) in enumerate(found) if name == "caller") :]
    assert [name for name, _ in found] == ["caller", "guarded", "leaf", "ask"]


def test_traceback_of_a_call_on_a_worker_is_no_longer() -> None:
    @reliai.reliable(reliai.Timeout(30), reliai.Retry(2, wait=0))
    def ask() -> None:
        raise ValueError("no")

    def caller() -> None:
        ask()

    with virtual_clock(), pytest.raises(ValueError, match="no") as caught:
        caller()
    assert [name for name, _ in frames(caught.value)[1:]] == ["caller", "guarded", "ask"]


def test_traceback_of_a_refusal_starts_at_the_wrapper() -> None:
    breaker = reliai.CircuitBreaker("traceback-test")
    ask = breaker(lambda: "never")
    breaker.isolate()
    try:
        with pytest.raises(reliai.CircuitOpen) as caught:
            ask()
        assert len((caught.value.__traceback__ and frames(caught.value)) or []) == 2
    finally:
        breaker.close()


def test_length_of_the_traceback_does_not_grow_from_call_to_call() -> None:
    """A12: also when the model raises the same object each time."""
    error = ConnectionError("down")
    ask = reliai.reliable(reliai.Retry(3, wait=0, budget=None))(
        ScriptedModel([error], repeat_last=True)
    )

    def one() -> int:
        try:
            ask()
        except ConnectionError as raised:
            return len(frames(raised))
        return 0

    assert {one() for _ in range(5)} == {one()}


@every_kind
def test_the_very_object_that_was_raised_comes_back(kind: str) -> None:
    error = ValueError("mine")

    def fail(*_: Any) -> None:
        raise error

    function = reliai.reliable(*POLICIES[2:])(of_kind(ScriptedModel([fail]), kind))
    assert error_of(function, kind) is error


@every_kind
def test_a_note_for_each_policy_that_acted(kind: str) -> None:
    """A31."""
    model = ScriptedModel([ConnectionError("down")], repeat_last=True)
    backup = ScriptedModel([ConnectionError("down too")], repeat_last=True, name="backup")
    function = reliai.reliable(
        reliai.Fallback(of_kind(backup, kind)), reliai.Retry(2, wait=0), name="ask"
    )(of_kind(model, kind))
    error = error_of(function, kind)
    retried, fell_back = error.__notes__
    assert retried == "reliai: ask: Retry stopped after 2 of 2 attempts (no attempts left)"
    assert fell_back == "reliai: ask: Fallback asked backup after ConnectionError; none answered"
    assert str(error.__context__) == "down", "A65"


@every_kind
def test_no_note_where_no_policy_acted(kind: str) -> None:
    function = reliai.reliable(*POLICIES)(of_kind(ScriptedModel([TypeError("mine")]), kind))
    with virtual_clock():
        error = error_of(function, kind)
    assert not hasattr(error, "__notes__")


def test_failure_in_the_middle_of_a_stream_has_a_note_of_the_chunk_count() -> None:
    @reliai.Retry(3)
    def stream() -> Iterator[str]:
        yield "a"
        yield "b"
        raise ConnectionError("cut")

    @reliai.Retry(3)
    async def stream_later() -> AsyncIterator[str]:
        yield "a"
        raise ConnectionError("cut")

    assert error_of(stream, "generator").__notes__ == [
        "reliai: the stream failed after 2 delivered chunks"
    ]
    assert error_of(stream_later, "async_generator").__notes__ == [
        "reliai: the stream failed after 1 delivered chunks"
    ]
