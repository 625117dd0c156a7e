"""Streams: started when asked, committed with the first chunk, ended once."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import ScriptedModel, Stall, records, virtual_clock
from tests.core._kinds import each_stream, of_kind, read

if TYPE_CHECKING:
    from collections.abc import Iterator


class Ends:
    """A middleware that is told the end of its stream."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, call: reliai.Call, proceed: Any) -> Any:
        return await call.settle(proceed, self.done)

    def done(self, outcome: reliai.Outcome) -> None:
        self.seen.append("value" if outcome.error is None else type(outcome.error).__name__)


# --- started when asked -------------------------------------------------------------------
@each_stream
def test_stream_that_is_never_iterated_never_was_a_call(kind: str) -> None:
    model = ScriptedModel([["a"]])
    function = reliai.reliable()(of_kind(model, kind))
    with records() as seen, reliai.collect() as calls:
        stream = function("x")
        del stream
        gc.collect()
    assert model.calls == []
    assert list(seen) == calls == []


def test_stream_closed_before_it_started_never_was_a_call() -> None:
    """17: `close` and `aclose` before the first chunk."""
    model = ScriptedModel([["a"], ["a"]])
    with records() as seen:
        stream: Any = reliai.reliable()(model.streaming)()
        stream.close()
        assert list(stream) == []

        async def main() -> None:
            stream: Any = reliai.reliable()(model.streaming.asynchronous)()
            await stream.aclose()
            assert [chunk async for chunk in stream] == []

        asyncio.run(main())
    assert model.calls == []
    assert list(seen) == []


def test_looking_at_a_stream_does_not_start_it() -> None:
    model = ScriptedModel([["a"]])
    stream: Any = reliai.reliable()(model.streaming)()
    assert not hasattr(stream, "request_id")
    assert repr(stream)
    assert len(stream.call_id) == 32
    assert stream.record is None
    assert model.calls == []


@each_stream
def test_call_starts_with_the_first_chunk_asked_for(kind: str) -> None:
    function = reliai.reliable()(of_kind(ScriptedModel([["a", "b"]]), kind))
    with virtual_clock() as clock, records() as seen:

        async def main() -> None:
            stream = function("x")
            clock.advance(100)
            async for _ in stream:
                pass

        if kind == "generator":
            stream = function("x")
            clock.advance(100)
            list(stream)
        else:
            asyncio.run(main())
    assert seen[0].started_at == 1_700_000_100
    assert seen[0].duration == 0


@each_stream
def test_stream_may_be_opened_without_being_read(kind: str) -> None:
    model = ScriptedModel([["a", "b"]])
    function = reliai.reliable()(of_kind(model, kind))
    with records() as seen:
        if kind == "generator":
            stream = reliai.execute(function).value
            assert model.streams[0].delivered == 1
            assert list(stream) == ["a", "b"]
        else:

            async def main() -> list[str]:
                stream = (await reliai.aexecute(function)).value
                assert model.streams[0].delivered == 1
                return [chunk async for chunk in stream]

            assert asyncio.run(main()) == ["a", "b"]
    assert seen[0].chunks == 2


# --- before the first chunk ---------------------------------------------------------------
@each_stream
@pytest.mark.parametrize("lazily", [True, False], ids=["first chunk", "call"])
def test_failure_before_the_first_chunk_is_retried_and_all_chunks_arrive_once(
    kind: str, lazily: bool
) -> None:
    """A68, 15, 16."""
    down: Any = [ConnectionError("down")] if lazily else ConnectionError("down")
    model = ScriptedModel([down, down, ["a", "b", "c"]])
    function = reliai.Retry(3, wait=0)(of_kind(model, kind))
    with records() as seen:
        assert read(function, kind, "x") == ["a", "b", "c"]
    assert [attempt.status for attempt in seen[0].attempts] == ["error", "error", "success"]
    assert seen[0].chunks == 3


@each_stream
def test_failure_before_the_first_chunk_falls_back_and_only_that_is_seen(kind: str) -> None:
    """A68, 10: both attempts are recorded."""
    backup = ScriptedModel([["x", "y"]], name="backup")
    model = ScriptedModel([[ConnectionError("overloaded")]], name="primary")
    function = reliai.Fallback(of_kind(backup, kind))(of_kind(model, kind))
    with records() as seen:
        assert read(function, kind, "x") == ["x", "y"]
    assert [attempt.target for attempt in seen[0].attempts] == ["primary", "backup"]
    assert (seen[0].status, seen[0].target, seen[0].chunks) == ("degraded", "backup", 2)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_stream_object_of_a_plain_function_is_retried_before_its_first_chunk(kind: str) -> None:
    """15: the HTTP call of a lazy stream happens with the first chunk."""
    model = ScriptedModel([[ConnectionError("429")], ["a", "b"]])
    function = reliai.Retry(3, wait=0)(of_kind(model, kind))

    async def main() -> list[str]:
        return [chunk async for chunk in await function("x")]

    with records() as seen:
        assert (list(function("x")) if kind == "sync" else asyncio.run(main())) == ["a", "b"]
    assert len(seen[0].attempts) == 2
    assert [stream.closed for stream in model.streams] == [True, True]


@each_stream
def test_in_stream_overload_before_any_text_falls_back(kind: str) -> None:
    """10, with the error class of the real SDK."""
    import anthropic
    import httpx2

    request = httpx2.Request("POST", "http://localhost/v1/messages")
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    error = anthropic.APIStatusError(
        "Overloaded", response=httpx2.Response(200, request=request), body=body
    )
    function = reliai.Fallback(of_kind(ScriptedModel([["b"]]), kind))(
        of_kind(ScriptedModel([[error, "never"]]), kind)
    )
    with records() as seen:
        assert read(function, kind, "x") == ["b"]
    assert seen[0].attempts[0].error is not None
    assert seen[0].attempts[0].error.kind == "overloaded"


# --- after the first chunk ----------------------------------------------------------------
@each_stream
def test_failure_after_the_first_chunk_is_not_retried(kind: str) -> None:
    """A68, 11, 16: the error comes out as itself, the breaker learns of it."""
    breaker = reliai.CircuitBreaker(consecutive=1)
    model = ScriptedModel([["a", "b", ConnectionError("cut")], ["never"]])
    function = reliai.reliable(reliai.Fallback("never"), reliai.Retry(3), breaker)(
        of_kind(model, kind)
    )
    got: list[str] = []

    def read_on() -> None:
        for chunk in function("x"):
            got.append(chunk)  # noqa: PERF402  what came before the failure counts

    async def read_on_later() -> None:
        async for chunk in function("x"):
            got.append(chunk)  # noqa: PERF401

    with virtual_clock(), records() as seen:
        with pytest.raises(ConnectionError) as caught:
            read_on() if kind == "generator" else asyncio.run(read_on_later())
        assert breaker.state == "open"
    assert str(caught.value) == "cut"
    assert "after 2 delivered chunks" in caught.value.__notes__[0]
    assert got == ["a", "b"]
    assert len(model.calls) == 1
    assert (seen[0].status, seen[0].chunks) == ("error", 2)
    assert seen[0].attempts[0].status == "error"


@each_stream
def test_circuit_opens_by_failures_in_the_middle_of_streams(kind: str) -> None:
    """A68."""
    breaker = reliai.CircuitBreaker(consecutive=5)
    model = ScriptedModel([["a", ConnectionError("cut")]], repeat_last=True)
    function = breaker(of_kind(model, kind))
    with virtual_clock():
        for _ in range(5):
            with pytest.raises(ConnectionError):
                read(function, kind, "x")
        with pytest.raises(reliai.CircuitOpen):
            read(function, kind, "x")
    assert len(model.calls) == 5


# --- empty, single, delegated -------------------------------------------------------------
@each_stream
def test_empty_stream_is_a_success(kind: str) -> None:
    ends = Ends()
    function = reliai.reliable(ends, reliai.Retry(2))(of_kind(ScriptedModel([[]]), kind))
    with records() as seen:
        assert read(function, kind, "x") == []
    assert ends.seen == ["value"]
    assert (seen[0].status, seen[0].chunks, seen[0].duration) == ("success", 0, seen[0].duration)


def test_guarded_generator_can_be_delegated_to() -> None:
    @reliai.Retry(2)
    def inner() -> Iterator[str]:
        yield "a"
        yield "b"

    @reliai.Retry(2)
    def outer() -> Iterator[str]:
        yield from inner()
        yield "c"

    with records() as seen:
        assert list(outer()) == ["a", "b", "c"]
    assert [record.chunks for record in seen] == [2, 3]
    assert seen[0].parent_id == seen[1].id


@each_stream
def test_stream_in_the_middle_can_be_dropped_after_a_stall(kind: str) -> None:
    model = ScriptedModel([["a", Stall(30), "b"]])
    function = reliai.Timeout(60, idle=5)(of_kind(model, kind))
    with virtual_clock() as clock, pytest.raises(reliai.StreamInterrupted):
        read(function, kind, "x")
    assert clock.now >= 5
