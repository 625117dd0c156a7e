"""Validate on streams: collected, judged as a whole, and delivered then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import reliai
from reliai import (
    ConfigurationError,
    MaxLength,
    NotEmpty,
    OutputInvalid,
    Validate,
)
from reliai.testing import ScriptedModel, Stall, virtual_clock
from tests.policies._guarded import (
    Guarded,
    delivered,
    every_one_value,
    every_stream,
)
from tests.policies._orders import (
    GOOD,
    ORDER,
    Item,
    Order,
    made_of,
    redact,
    validated,
)


@every_stream
def test_a_stream_is_collected_validated_and_then_delivered(kind: str) -> None:
    """29"""
    model = Guarded(kind, Validate(MaxLength(8), buffer=True), answer=made_of(["he", "llo"]))
    assert model() == ["he", "llo"]
    assert model.record.chunks == 2
    model = Guarded(kind, Validate(MaxLength(4), buffer=True), answer=made_of(["he", "llo"]))
    with pytest.raises(OutputInvalid) as caught:
        model()
    assert caught.value.raw == "hello"
    assert model.record.chunks is None


@every_stream
def test_an_empty_stream_is_judged_as_empty_text(kind: str) -> None:
    model = Guarded(kind, Validate(MaxLength(4), buffer=True), answer=made_of([]))
    assert model() == []
    model = Guarded(kind, Validate(NotEmpty(), buffer=True), answer=made_of([]))
    with pytest.raises(OutputInvalid, match="it is empty"):
        model()


@every_stream
def test_a_stream_of_other_chunks_is_judged_as_their_list(kind: str) -> None:
    model = Guarded(kind, Validate(output=list[Item], buffer=True), answer=made_of(ORDER.items))
    assert model() == [ORDER.items]
    model = Guarded(kind, Validate(NotEmpty(), buffer=True), answer=made_of([1, 2]))
    assert model() == [1, 2]


@every_stream
def test_a_buffered_stream_is_asked_again_before_anything_is_delivered(kind: str) -> None:
    """25"""
    model = Guarded(
        kind,
        Validate(MaxLength(3), buffer=True, reask=1),
        answer=made_of(["hel", "lo"], ["h", "i"]),
    )
    assert model() == ["h", "i"]
    assert len(model.record.attempts) == 2


@every_stream
def test_a_buffered_stream_that_breaks_off_comes_out_as_its_error(kind: str) -> None:
    def broken(prompt: str) -> Any:
        yield "he"
        raise ConnectionError("down")

    model = Guarded(kind, Validate(MaxLength(8), buffer=True), answer=broken)
    with pytest.raises(ConnectionError, match="down"):
        model()
    fallback = Guarded(
        kind, reliai.Fallback("plan B"), Validate(NotEmpty(), buffer=True), answer=broken
    )
    assert fallback() == ["plan B"]


@every_stream
def test_a_buffered_stream_that_stalls_is_a_failure_like_any_other(kind: str) -> None:
    model = ScriptedModel([["he", Stall(30)]], repeat_last=True).streaming
    ask = model if kind == "generator" else model.asynchronous
    policies = (Validate(NotEmpty(), buffer=True), reliai.Timeout(idle=2))
    with virtual_clock() as clock:
        with pytest.raises(reliai.CallTimeout) as caught:
            delivered(reliai.reliable(*policies)(ask)("hello"))
        assert caught.value.layer == "idle"
        assert clock.now == pytest.approx(2.0)
        fallback = reliai.reliable(reliai.Fallback("plan B"), *policies)(ask)
        assert delivered(fallback("hello")) == ["plan B"]


@every_stream
def test_a_buffered_stream_of_a_stand_in_stays_degraded(kind: str) -> None:
    def other(prompt: str) -> Any:
        yield "plan B"

    async def other_async(prompt: str) -> Any:
        yield "plan B"

    target = other if kind == "generator" else other_async
    policies = (Validate(NotEmpty(), buffer=True), reliai.Fallback(target))
    model = Guarded(kind, *policies, answer=made_of(ConnectionError("down")))
    assert model() == ["plan B"]
    assert model.record.status == "degraded"


@every_stream
def test_a_stream_that_is_not_collected_cannot_become_a_value(kind: str) -> None:
    """53"""
    for policy in (Validate(output=Order), Validate(MaxLength(3), output=Order)):
        with pytest.raises(ConfigurationError, match="buffer=True"):
            Guarded(kind, policy)
    with pytest.raises(ConfigurationError, match="buffer=True"):
        Guarded(kind, Validate(MaxLength(3)), output=Order)


@every_stream
def test_a_check_of_the_whole_text_collects_the_stream_by_itself(kind: str) -> None:
    model = Guarded(kind, Validate(NotEmpty(), reask=1), answer=made_of([" ", ""], ["h", "i"]))
    assert model() == ["h", "i"]
    assert len(model.record.attempts) == 2


class Chunks:
    """A stream object, as an SDK returns one from a plain function."""

    def __init__(self, *chunks: str) -> None:
        self._left = iter(chunks)
        self.closed = False

    def close(self) -> None:
        self.closed = True


class SyncChunks(Chunks):
    def __iter__(self) -> SyncChunks:
        return self

    def __next__(self) -> str:
        return next(self._left)


class AsyncChunks(Chunks):
    def __aiter__(self) -> AsyncChunks:
        return self

    async def __anext__(self) -> str:
        for chunk in self._left:
            return chunk
        raise StopAsyncIteration


def stream_of(kind: str, *chunks: str) -> Chunks:
    return SyncChunks(*chunks) if kind == "sync" else AsyncChunks(*chunks)


@every_one_value
def test_a_returned_stream_is_validated_when_it_is_buffered(kind: str) -> None:
    async def collected(stream: Any) -> list[str]:
        return [chunk async for chunk in stream]

    model = Guarded(
        kind,
        Validate(MaxLength(5), redact, buffer=True),
        answer=made_of(stream_of(kind, "a", "b"), stream_of(kind, "SECRET")),
    )
    if kind == "sync":
        assert list(model()) == ["a", "b"]
        with pytest.raises(OutputInvalid):
            model()
    else:

        async def both() -> None:
            assert await collected(await model.function("hello")) == ["a", "b"]
            with pytest.raises(OutputInvalid):
                await model.function("hello")

        asyncio.run(both())


@every_one_value
def test_a_returned_stream_becomes_the_value_that_was_asked_for(kind: str) -> None:
    model = validated(kind, stream_of(kind, GOOD[:9], GOOD[9:]), output=Order, buffer=True)
    assert model() == ORDER


@every_one_value
def test_a_returned_stream_that_should_become_a_value_unbuffered_is_closed_and_refused(
    kind: str,
) -> None:
    """53"""
    stream = stream_of(kind, "a", "b")
    model = Guarded(kind, Validate(output=Order), answer=made_of(stream))
    with pytest.raises(ConfigurationError, match="buffer=True"):
        model()
    assert stream.closed
