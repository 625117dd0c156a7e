"""A stream ends once, however it ends, and its source is closed once."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any, Self

import pytest

import reliai
from reliai.testing import ScriptedModel, records, virtual_clock
from tests.core._kinds import each_stream

if TYPE_CHECKING:
    from collections.abc import Callable


class Ends:
    """A middleware that is told the end of its stream."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, call: reliai.Call, proceed: Any) -> Any:
        return await call.settle(proceed, self.done)

    def done(self, outcome: reliai.Outcome) -> None:
        self.seen.append("value" if outcome.error is None else type(outcome.error).__name__)


# --- ended once ---------------------------------------------------------------------------
class Source:
    """A provider's stream: counts how often it is closed, in either way."""

    def __init__(self, chunks: list[Any]) -> None:
        self.chunks = iter(chunks)
        self.closed = 0

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> Any:
        chunk = next(self.chunks)
        if isinstance(chunk, BaseException):
            raise chunk
        return chunk

    def close(self) -> None:
        self.closed += 1


class AsyncSource(Source):
    """The asynchronous kind."""

    def __aiter__(self) -> AsyncSource:
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        try:
            return self.__next__()
        except StopIteration:
            raise StopAsyncIteration from None

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.closed += 1

    __next__: Any = Source.__next__


def stop_close(stream: Any) -> None:
    next(stream)
    stream.close()
    stream.close()


def stop_break(stream: Any) -> None:
    for _ in stream:
        break
    del stream


def stop_with(stream: Any) -> None:
    with stream:
        next(stream)


def stop_unread(stream: Any) -> None:
    del stream


def stop_cycle(stream: Any) -> None:
    next(stream)
    holder: list[Any] = [stream]
    holder.append(holder)
    del stream, holder
    gc.collect()
    reliai.flush()


@pytest.mark.parametrize("policies", [(), (reliai.Timeout(50, idle=9),)], ids=["inline", "worker"])
@pytest.mark.parametrize(
    "stop", [stop_close, stop_break, stop_with, stop_unread, stop_cycle], ids=lambda f: f.__name__
)
def test_stream_left_early_is_closed_once_and_recorded_as_cancelled(
    stop: Callable[[Any], None], policies: Any
) -> None:
    """17."""
    ends, source = Ends(), Source(["a", "b", "c"])
    function = reliai.reliable(ends, *policies)(lambda: source)
    with virtual_clock(), records() as seen:
        stop(function())
    assert source.closed == 1
    assert ends.seen == ["GeneratorExit"]
    assert [record.status for record in seen] == ["cancelled"]
    assert seen[0].attempts[0].status == "cancelled"
    assert seen[0].chunks == (0 if stop is stop_unread else 1)


@pytest.mark.parametrize("how", ["aclose", "break", "with", "unread", "cycle", "cancel"])
def test_async_stream_left_early_is_closed_once_and_recorded_as_cancelled(how: str) -> None:
    """17."""
    ends, source = Ends(), AsyncSource(["a", "b", "c"])

    @reliai.reliable(ends, reliai.Timeout(50, idle=9))
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
    assert ends.seen == ["CancelledError" if how == "cancel" else "GeneratorExit"]
    assert [record.status for record in seen] == ["cancelled"]


def test_stream_abandoned_while_its_loop_does_not_run_is_closed_when_it_runs_again() -> None:
    source = AsyncSource(["a", "b"])

    @reliai.reliable()
    async def function() -> AsyncSource:
        return source

    async def start() -> Any:
        stream: Any = await function()
        await anext(stream)
        return stream

    with records() as seen:
        loop = asyncio.new_event_loop()
        try:
            stream = loop.run_until_complete(start())
            del stream
            assert [record.status for record in seen] == ["cancelled"], "its record does not wait"
            loop.run_until_complete(asyncio.sleep(0.001))
            assert source.closed == 1
        finally:
            loop.close()


def test_stream_abandoned_after_its_loop_has_closed_still_ends_its_record() -> None:
    function = reliai.reliable()(ScriptedModel([["a", "b"]]).streaming.asynchronous)

    async def start() -> Any:
        stream = function()
        await anext(stream)
        return stream

    with records() as seen:
        stream = asyncio.run(start())
        del stream
        gc.collect()
    assert [record.status for record in seen] == ["cancelled"]


@each_stream
def test_failed_stream_is_closed_once(kind: str) -> None:
    ends = Ends()
    source = Source(["a", ConnectionError("cut")])
    later = AsyncSource(["a", ConnectionError("cut")])

    async def function_later() -> AsyncSource:
        return later

    async def main() -> None:
        stream: Any = await reliai.reliable(ends)(function_later)()
        with pytest.raises(ConnectionError):
            async for _ in stream:
                pass
        await stream.aclose()

    if kind == "generator":
        stream: Any = reliai.reliable(ends)(lambda: source)()
        with pytest.raises(ConnectionError):
            list(stream)
        stream.close()
    else:
        asyncio.run(main())
    assert (source.closed, later.closed) == ((1, 0) if kind == "generator" else (0, 1))
    assert ends.seen == ["ConnectionError"]


def test_stream_that_failed_to_start_is_closed() -> None:
    sources = [Source([ConnectionError("down")]), Source(["a"])]
    given = iter(sources)
    function = reliai.Retry(2, wait=0)(lambda: next(given))
    assert list(function()) == ["a"]
    assert [source.closed for source in sources] == [1, 0]


@pytest.mark.parametrize("policies", [(), (reliai.Timeout(50, idle=9),)], ids=["inline", "worker"])
def test_source_that_fails_to_close_does_not_hide_anything(policies: Any) -> None:
    class Broken(Source):
        def close(self) -> None:
            super().close()
            raise RuntimeError("cannot close")

    ends = Ends()
    failing = Broken(["a", ConnectionError("cut")])
    with virtual_clock():
        with pytest.raises(ConnectionError, match="cut"):
            list(reliai.reliable(ends, *policies)(lambda: failing)())
        stream: Any = reliai.reliable(ends, *policies)(lambda: Broken(["a", "b"]))()
        next(stream)
        with pytest.raises(RuntimeError, match="cannot close"):
            stream.close()
        stream.close()
    assert ends.seen == ["ConnectionError", "GeneratorExit"]


def test_async_source_that_fails_to_close_does_not_hide_anything() -> None:
    class Broken(AsyncSource):
        async def aclose(self) -> None:
            await super().aclose()
            raise RuntimeError("cannot close")

    ends = Ends()
    sources = iter([Broken(["a", ConnectionError("cut")]), Broken(["a", "b"]), Broken(["a", "b"])])

    @reliai.reliable(ends)
    async def function() -> AsyncSource:
        return next(sources)

    async def main() -> None:
        stream: Any = await function()
        with pytest.raises(ConnectionError, match="cut"):
            async for _ in stream:
                pass
        stream = await function()
        await anext(stream)
        with pytest.raises(RuntimeError, match="cannot close"):
            await stream.aclose()
        stream = await function()
        await anext(stream)
        del stream  # nobody is there to be told
        await asyncio.sleep(0.001)

    asyncio.run(main())
    assert ends.seen == ["ConnectionError", "GeneratorExit", "GeneratorExit"]


def test_context_manager_of_a_stream_object_closes_it_once() -> None:
    class Managed(Source):
        entered = left = 0

        def __enter__(self) -> Self:
            self.entered += 1
            return self

        def __exit__(self, *_: object) -> None:
            self.left += 1
            self.close()

    source = Managed(["a", "b"])
    with records() as seen:
        stream: Any = reliai.reliable()(lambda: source)()
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

    source = Managed(["a", "b"])

    @reliai.reliable()
    async def function() -> Managed:
        return source

    async def main() -> None:
        async with await function() as stream:
            await anext(stream)

    with records() as seen:
        asyncio.run(main())
    assert (source.entered, source.left, source.closed) == (1, 1, 1)
    assert seen[0].status == "cancelled"
