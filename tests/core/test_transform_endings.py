"""A transformed stream ends once, however it ends, and what it is made of is closed once."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any, Self

import pytest

import reliai
from reliai.testing import ScriptedModel, records, virtual_clock
from tests.core._kinds import each_stream, of_kind
from tests.core._transforms import Ends, HeldBack, HeldBackLater, Through
from tests.core.test_stream_endings import (
    AsyncSource,
    Source,
    stop_break,
    stop_close,
    stop_cycle,
    stop_unread,
    stop_with,
)

if TYPE_CHECKING:
    from collections.abc import Callable

STOPS = [stop_close, stop_break, stop_with, stop_unread, stop_cycle]


@pytest.mark.parametrize("depth", [1, 2])
@pytest.mark.parametrize("policies", [(), (reliai.Timeout(50, idle=9),)], ids=["inline", "worker"])
@pytest.mark.parametrize("stop", STOPS, ids=lambda f: f.__name__)
def test_stream_left_early_is_closed_once_and_recorded_as_cancelled(
    stop: Callable[[Any], None], policies: Any, depth: int
) -> None:
    """17"""
    outer, inner, source = Ends(), Ends(), Source(["a", "b", "c", "d"])
    through = [Through() for _ in range(depth)]
    function = reliai.reliable(outer, *through, inner, *policies)(lambda: source)
    with virtual_clock(), records() as seen:
        stop(function())
    assert source.closed == 1
    assert (outer.seen, inner.seen) == (["GeneratorExit"], ["GeneratorExit"])
    assert [record.status for record in seen] == ["cancelled"]
    assert seen[0].attempts[0].status == "cancelled"
    assert seen[0].chunks == (0 if stop is stop_unread else 1)


@pytest.mark.parametrize("make", [HeldBack, HeldBackLater])
@pytest.mark.parametrize("how", ["aclose", "break", "with", "unread", "cycle", "cancel"])
def test_async_stream_left_early_is_closed_once_and_recorded_as_cancelled(
    how: str, make: Any
) -> None:
    """17"""
    outer, inner, source = Ends(), Ends(), AsyncSource(["a", "b", "c", "d"])

    @reliai.reliable(outer, Through(make), Through(), inner, reliai.Timeout(50, idle=9))
    async def function() -> AsyncSource:
        return source

    async def stop() -> None:
        stream: Any = await function()
        if how == "unread":
            return
        if how == "with":
            async with stream:
                await anext(stream)
            return
        async for _ in stream:
            break
        if how == "aclose":
            await asyncio.gather(stream.aclose(), stream.aclose())
            await stream.aclose()
        elif how == "cycle":
            holder: list[Any] = [stream]
            holder.append(holder)
        elif how == "cancel":
            source.chunks = iter([asyncio.CancelledError()])
            await anext(stream)

    async def main() -> None:
        task = asyncio.create_task(stop())
        await asyncio.wait([task])
        assert task.cancelled() is (how == "cancel")
        del task
        gc.collect()
        reliai.flush()
        await asyncio.sleep(0.01)

    with virtual_clock(), records() as seen:
        asyncio.run(main())
    assert source.closed == 1
    end = ["CancelledError" if how == "cancel" else "GeneratorExit"]
    assert (outer.seen, inner.seen) == (end, end)
    assert [record.status for record in seen] == ["cancelled"]
    assert seen[0].attempts[0].status == "cancelled"


def test_close_does_not_wait_until_the_stream_is_dropped() -> None:
    source, later = Source(["a", "b", "c"]), AsyncSource(["a", "b", "c"])
    stream: Any = reliai.reliable(Through(), Through())(lambda: source)()
    next(stream)
    stream.close()
    assert source.closed == 1

    @reliai.reliable(Through(), Through())
    async def function() -> AsyncSource:
        return later

    async def main() -> None:
        stream: Any = await function()
        await anext(stream)
        await stream.aclose()
        assert later.closed == 1

    asyncio.run(main())


@each_stream
def test_abandoned_stream_ends_from_inside_out(kind: str) -> None:
    """The attempt has ended when the record does."""
    order: list[str] = []

    def ends(name: str) -> Any:
        async def middleware(call: reliai.Call, proceed: Any) -> Any:
            return await call.settle(proceed, lambda _: order.append(name))

        return middleware

    policies = (ends("outer"), Through(), ends("middle"), Through(HeldBackLater), ends("inner"))
    function = reliai.reliable(*policies)(of_kind(ScriptedModel([["a", "b", "c", "d"]]), kind))

    async def later() -> None:
        stream = function("x")
        await anext(stream)

    if kind == "generator":
        next(function("x"))
    else:
        asyncio.run(later())
    assert order == ["inner", "middle", "outer"]


class Forever:
    """Suspends once, and is never woken."""

    def __init__(self, reached: list[str]) -> None:
        self._reached = reached

    def __await__(self) -> Any:
        self._reached.append("here")
        yield


def stuck_at(chunk: str, source: AsyncSource) -> tuple[Any, list[str]]:
    """A function that reads a stream whose transformer never ends with a chunk."""
    reached: list[str] = []

    class Waits(HeldBackLater):
        async def feed(self, each: Any, /) -> list[Any]:
            if each == chunk:
                await Forever(reached)
            return await super().feed(each)

    @reliai.reliable(Through(Waits))
    async def function() -> AsyncSource:
        return source

    async def consume() -> None:
        stream: Any = await function()
        async for _ in stream:
            pass

    return consume, reached


@pytest.mark.parametrize("chunk", ["a", "c"])
def test_coroutine_that_is_dropped_while_the_transformer_waits_closes_the_model(
    chunk: str,
) -> None:
    source = AsyncSource(["a", "b", "c", "d"])
    consume, reached = stuck_at(chunk, source)

    async def main() -> None:
        coroutine = consume()
        while not reached:
            coroutine.send(None)
        coroutine.close()
        await asyncio.sleep(0.01)

    with records() as seen:
        asyncio.run(main())
    assert source.closed == 1
    assert [record.status for record in seen] == ["cancelled"]


@pytest.mark.parametrize("chunk", ["a", "c"])
def test_interrupt_while_the_transformer_works_closes_the_model(chunk: str) -> None:
    class Interrupted(HeldBack):
        def feed(self, each: Any, /) -> list[Any]:
            if each == chunk:
                raise KeyboardInterrupt
            return super().feed(each)

    ends, source = Ends(), Source(["a", "b", "c", "d"])
    function = reliai.reliable(ends, Through(Interrupted))(lambda: source)
    with records() as seen, pytest.raises(KeyboardInterrupt):
        list(function())
    assert source.closed == 1
    assert ends.seen == ["KeyboardInterrupt"]
    assert [record.status for record in seen] == ["cancelled"]


# --- generators' other methods ------------------------------------------------------------------
def test_send_and_throw_reach_the_generator() -> None:
    got: list[Any] = []

    @reliai.reliable(Through())
    def talk() -> Any:
        got.append((yield "a"))
        got.append((yield "b"))
        try:
            yield "c"
        except LookupError:
            yield "d"
        yield "e"

    stream = talk()
    with pytest.raises(TypeError, match="just-started"):
        stream.send("early")
    assert next(stream) == "A"
    assert stream.send("hello") == "B"
    assert got == [None, "hello"]
    assert stream.throw(LookupError()) == "C"
    assert list(stream) == ["D", "E"]
    with pytest.raises(StopIteration):
        stream.send("late")
    with pytest.raises(KeyError):
        stream.throw(KeyError())


def test_asend_and_athrow_reach_the_generator() -> None:
    got: list[Any] = []

    @reliai.reliable(Through())
    async def talk() -> Any:
        got.append((yield "a"))
        got.append((yield "b"))
        try:
            yield "c"
        except LookupError:
            yield "d"
        yield "e"

    async def main() -> None:
        stream: Any = talk()
        with pytest.raises(TypeError, match="just-started"):
            await stream.asend("early")
        assert await anext(stream) == "A"
        assert await stream.asend("hello") == "B"
        assert got == [None, "hello"]
        assert await stream.athrow(LookupError()) == "C"
        assert [chunk async for chunk in stream] == ["D", "E"]
        with pytest.raises(StopAsyncIteration):
            await stream.asend("late")
        with pytest.raises(KeyError):
            await stream.athrow(KeyError())

    asyncio.run(main())


def test_returned_generator_takes_nothing_before_its_first_chunk_either() -> None:
    def chunks() -> Any:
        yield from "abc"

    async def chunks_later() -> Any:
        for chunk in "abc":
            yield chunk

    stream: Any = reliai.reliable(Through())(lambda: chunks())()  # noqa: PLW0108  a plain function
    with pytest.raises(TypeError, match="just-started"):
        stream.send("early")
    assert list(stream) == ["A", "B", "C"]

    @reliai.reliable(Through())
    async def function() -> Any:
        return chunks_later()

    async def main() -> None:
        stream: Any = await function()
        with pytest.raises(TypeError, match="just-started"):
            await stream.asend("early")
        assert [chunk async for chunk in stream] == ["A", "B", "C"]

    asyncio.run(main())


@each_stream
def test_error_thrown_in_ends_the_stream(kind: str) -> None:
    ends = Ends()
    model = ScriptedModel([["a", "b", "c", "d"]])
    function = reliai.reliable(ends, Through())(of_kind(model, kind))

    async def later() -> None:
        stream = function("x")
        await anext(stream)
        with pytest.raises(KeyError):
            await stream.athrow(KeyError())
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    if kind == "generator":
        stream = function("x")
        next(stream)
        with pytest.raises(KeyError):
            stream.throw(KeyError())
        with pytest.raises(StopIteration):
            next(stream)
    else:
        asyncio.run(later())
    assert ends.seen == ["KeyError"]
    assert model.open_streams == 0


# --- context managers of stream objects ----------------------------------------------------------
def test_context_manager_of_a_stream_object_closes_it_once() -> None:
    class Managed(Source):
        entered = left = 0

        def __enter__(self) -> Self:
            self.entered += 1
            return self

        def __exit__(self, *_: object) -> None:
            self.left += 1
            self.close()

    source = Managed(["a", "b", "c"])
    with records() as seen:
        stream: Any = reliai.reliable(Through())(lambda: source)()
        with stream as same:
            assert same is stream
            next(stream)
    assert (source.entered, source.left, source.closed) == (1, 1, 1)
    assert seen[0].status == "cancelled"


def test_async_context_manager_of_a_stream_object_closes_it_once() -> None:
    class Managed(AsyncSource):
        entered = left = 0

        async def __aenter__(self) -> Self:
            self.entered += 1
            return self

        async def __aexit__(self, *_: object) -> None:
            self.left += 1
            await self.aclose()

    source = Managed(["a", "b", "c"])

    @reliai.reliable(Through())
    async def function() -> Managed:
        return source

    async def main() -> None:
        stream: Any = await function()
        async with stream as same:
            assert same is stream
            await anext(stream)

    with records() as seen:
        asyncio.run(main())
    assert (source.entered, source.left, source.closed) == (1, 1, 1)
    assert seen[0].status == "cancelled"


@each_stream
def test_transformer_that_fails_closes_the_source_once(kind: str) -> None:
    source: Any = (Source if kind == "generator" else AsyncSource)(["a", "b", "c", "d"])
    through = Through(lambda: HeldBack("c"))

    @reliai.reliable(through)
    async def later() -> Any:
        return source

    async def main() -> None:
        stream: Any = await later()
        with pytest.raises(reliai.StreamInterrupted):
            async for _ in stream:
                pass
        await stream.aclose()

    if kind == "generator":
        stream: Any = reliai.reliable(through)(lambda: source)()
        with pytest.raises(reliai.StreamInterrupted):
            list(stream)
        stream.close()
    else:
        asyncio.run(main())
    assert source.closed == 1


@each_stream
def test_source_that_fails_to_close_does_not_hide_the_transformers_failure(kind: str) -> None:
    class Broken(Source):
        def close(self) -> None:
            super().close()
            raise RuntimeError("cannot close")

    class BrokenLater(AsyncSource):
        async def aclose(self) -> None:
            await super().aclose()
            raise RuntimeError("cannot close")

    through = Through(lambda: HeldBack("c"))
    if kind == "generator":
        stream: Any = reliai.reliable(through)(lambda: Broken(["a", "b", "c"]))()
        with pytest.raises(reliai.StreamInterrupted):
            list(stream)
        return

    @reliai.reliable(through)
    async def later() -> AsyncSource:
        return BrokenLater(["a", "b", "c"])

    async def main() -> None:
        stream: Any = await later()
        with pytest.raises(reliai.StreamInterrupted):
            async for _ in stream:
                pass

    asyncio.run(main())
