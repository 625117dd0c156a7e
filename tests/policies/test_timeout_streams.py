"""Limits on a stream: to its first chunk, between two, and on the whole of it."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock as clocks
from reliai.testing import Latency, ScriptedModel, Stall, fault_server, records, virtual_clock
from tests.core._kinds import each_stream, of_kind, read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def take(function: Any, kind: str) -> tuple[list[Any], Exception | None]:
    """The chunks that came, and the error that ended them."""
    got: list[Any] = []

    async def main() -> None:
        async for chunk in function():
            got.append(chunk)  # noqa: PERF401  those before an error are kept

    try:
        if kind == "async_generator":
            asyncio.run(main())
        else:
            for chunk in function():
                got.append(chunk)  # noqa: PERF402  the same
    except Exception as error:
        return got, error
    return got, None


@each_stream
def test_first_chunk_that_is_late_is_a_timeout_of_that_layer(kind: str) -> None:
    """A55."""
    model = ScriptedModel([[Stall(60), "a"]])
    function = reliai.Timeout(30, first_chunk=3, idle=5)(of_kind(model, kind))
    with virtual_clock() as clock:
        got, error = take(function, kind)
    assert got == []
    assert isinstance(error, reliai.CallTimeout)
    assert (error.layer, error.seconds) == ("first_chunk", 3)
    assert clock.now == 3


def cut_by(error: Exception | None) -> reliai.CallTimeout:
    """The limit for which reliai cut a stream that had begun."""
    assert isinstance(error, reliai.StreamInterrupted)
    cause = error.__cause__
    assert isinstance(cause, reliai.CallTimeout)
    return cause


@each_stream
def test_silence_between_two_chunks_is_a_timeout_of_that_layer(kind: str) -> None:
    """A55."""
    model = ScriptedModel([["a", Stall(60), "b"]])
    function = reliai.Timeout(30, first_chunk=3, idle=5)(of_kind(model, kind))
    with virtual_clock() as clock:
        got, error = take(function, kind)
    assert got == ["a"]
    assert (cut_by(error).layer, cut_by(error).seconds) == ("idle", 5)
    assert clock.now == 5


@each_stream
def test_stream_that_goes_on_too_long_is_a_timeout_of_the_whole(kind: str) -> None:
    """A55: the limit lives as long as the stream."""
    model = ScriptedModel([["a", Stall(4), "b", Stall(4), "c", Stall(4), "d"]])
    function = reliai.Timeout(10, first_chunk=3, idle=5)(of_kind(model, kind))
    with virtual_clock() as clock:
        got, error = take(function, kind)
    assert got == ["a", "b", "c"]
    assert (cut_by(error).layer, cut_by(error).seconds) == ("total", 10)
    assert clock.now == 10


@each_stream
def test_interruption_tells_what_was_delivered(kind: str) -> None:
    """A68."""
    function = reliai.Timeout(idle=5)(of_kind(ScriptedModel([["a", "b", Stall(60)]]), kind))
    with virtual_clock():
        _, error = take(function, kind)
    assert isinstance(error, reliai.StreamInterrupted)
    assert (error.chunks, error.partial) == (2, "ab")


@each_stream
def test_cut_stream_is_closed_upstream(kind: str) -> None:
    """A55, 17."""
    model = ScriptedModel([["a", Stall(60), "b"]])
    with virtual_clock():
        take(reliai.Timeout(idle=5)(of_kind(model, kind)), kind)
        gc.collect()
        for _ in range(500):
            if model.open_streams == 0:
                break
            clocks.active().sleep(1)
    assert model.open_streams == 0


@each_stream
def test_time_the_consumer_holds_a_chunk_is_charged_to_no_limit(kind: str) -> None:
    """A55."""
    model = ScriptedModel([["a", "b", "c"]])
    function = reliai.Timeout(10, first_chunk=3, idle=5)(of_kind(model, kind))

    async def main() -> list[str]:
        got: list[str] = []
        async for chunk in function():
            await asyncio.sleep(60)
            got.append(chunk)
        return got

    with virtual_clock() as clock:
        if kind == "async_generator":
            got = asyncio.run(main())
        else:
            got = []
            for chunk in function():
                clock.sleep(60)
                got.append(chunk)
    assert got == ["a", "b", "c"]


@each_stream
def test_attempts_limit_ends_at_the_first_chunk(kind: str) -> None:
    """A55: inside Retry `seconds` bounds the commit point, not the stream."""
    model = ScriptedModel([["a", Stall(20), "b"]])
    function = reliai.reliable(reliai.Retry(3), reliai.Timeout(5))(of_kind(model, kind))
    with virtual_clock():
        assert read(function, kind) == ["a", "b"]


@each_stream
def test_first_chunk_that_is_late_is_asked_for_again(kind: str) -> None:
    """A55, A68."""
    model = ScriptedModel([[Stall(60), "late"], ["a", "b"]])
    function = reliai.reliable(
        reliai.Timeout(30), reliai.Retry(3, wait=0), reliai.Timeout(first_chunk=3)
    )(of_kind(model, kind))
    with virtual_clock():
        assert read(function, kind) == ["a", "b"]


@each_stream
def test_signs_of_life_keep_a_stream_whose_text_comes_late(kind: str) -> None:
    """14: the first chunk of any kind counts, and is observable."""
    thinking: list[Any] = []
    for _ in range(10):
        thinking += ["…", Stall(0.2)]
    model = ScriptedModel([[Stall(1), *thinking, "text"]])
    function = reliai.Timeout(30, first_chunk=2, idle=0.5)(of_kind(model, kind))
    with virtual_clock(), records() as seen:
        assert read(function, kind)[-1] == "text"
    assert seen[-1].time_to_first_chunk == pytest.approx(1)


def test_keep_alives_on_the_wire_do_not_count_as_chunks() -> None:
    """13: though the transport hears them and its own limit does not fire."""
    openai = pytest.importorskip("openai")
    silence = ["one ", Stall(30, keep_alive=0.02), "two"]
    with (
        fault_server([silence]) as server,
        openai.OpenAI(base_url=server.url + "/v1", api_key="k", max_retries=0) as client,
    ):

        @reliai.Timeout(idle=0.2)
        def ask() -> Iterator[str]:
            with client.responses.create(model="m", input="x", stream=True) as events:
                for event in events:
                    if event.type == "response.output_text.delta":
                        yield event.delta

        got, error = take(ask, "generator")
        assert got == ["one "]
        assert cut_by(error).layer == "idle"


# --- the consumer leaves -----------------------------------------------------------------------
class Upstream:
    """Streams that count how often they were closed."""

    def __init__(self) -> None:
        self.closed = 0

    def generator(self) -> Iterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            self.closed += 1

    async def async_generator(self) -> AsyncIterator[str]:
        try:
            yield "a"
            yield "b"
        finally:
            self.closed += 1


POLICIES = (reliai.Timeout(30, idle=5), reliai.Retry(3))


@pytest.mark.parametrize("how", ["closes", "drops"])
def test_stream_that_its_consumer_leaves_is_closed_once(how: str) -> None:
    """17."""
    upstream = Upstream()
    with virtual_clock(), records() as seen:
        stream: Any = reliai.reliable(*POLICIES)(upstream.generator)()
        assert next(stream) == "a"
        if how == "closes":
            stream.close()
        del stream
        gc.collect()
        assert len(seen) == 1
    assert upstream.closed == 1
    assert seen[0].chunks == 1


@pytest.mark.parametrize("how", ["closes", "drops"])
def test_async_stream_that_its_consumer_leaves_is_closed_once(how: str) -> None:
    """17."""
    upstream = Upstream()

    async def main() -> None:
        stream: Any = reliai.reliable(*POLICIES)(upstream.async_generator)()
        assert await anext(stream) == "a"
        if how == "closes":
            await stream.aclose()
        del stream
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)

    with virtual_clock(), records() as seen:
        asyncio.run(main())
        assert len(seen) == 1
    assert upstream.closed == 1


def test_stream_closed_before_its_first_chunk_never_starts() -> None:
    """17."""
    model = ScriptedModel([["a"]])

    async def main() -> None:
        stream: Any = reliai.reliable(*POLICIES)(model.streaming.asynchronous)()
        await stream.aclose()
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    with virtual_clock():
        asyncio.run(main())
    assert model.calls == []


@each_stream
def test_latency_before_a_stream_counts_to_the_first_chunk(kind: str) -> None:
    """A55."""
    model = ScriptedModel([Latency(60, ["a"])])
    with virtual_clock():
        _, error = take(reliai.Timeout(30, first_chunk=3)(of_kind(model, kind)), kind)
    assert isinstance(error, reliai.CallTimeout)
    assert error.layer == "first_chunk"
