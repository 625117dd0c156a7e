"""A guarded generator is a generator: it takes values and errors as an unguarded one does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import ScriptedModel, records, virtual_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

POLICIES = pytest.mark.parametrize(
    "policies", [(reliai.Retry(2),), (reliai.Timeout(50, idle=9),)], ids=["inline", "worker"]
)


def talk() -> Iterator[Any]:
    """Answers what it is sent, and survives a ValueError."""
    heard: Any = None
    while heard != "bye":
        try:
            heard = yield f"heard {heard}"
        except ValueError as error:
            heard = f"caught {error}"


async def talk_later() -> AsyncIterator[Any]:
    heard: Any = None
    while heard != "bye":
        try:
            heard = yield f"heard {heard}"
        except ValueError as error:
            heard = f"caught {error}"


@POLICIES
def test_values_can_be_sent(policies: Any) -> None:
    with virtual_clock(), records() as seen:
        stream: Any = reliai.reliable(*policies)(talk)()
        assert next(stream) == "heard None"
        assert stream.send("a") == "heard a"
        assert stream.send(None) == "heard None"
        with pytest.raises(StopIteration):
            stream.send("bye")
        with pytest.raises(StopIteration):
            stream.send("anyone?")
    assert (seen[0].status, seen[0].chunks) == ("success", 3)


@POLICIES
def test_sending_none_starts_it_and_sending_more_does_not(policies: Any) -> None:
    with virtual_clock():
        stream: Any = reliai.reliable(*policies)(talk)()
        with pytest.raises(TypeError, match="just-started"):
            stream.send("a")
        assert stream.send(None) == "heard None"
        opened = reliai.execute(reliai.reliable(*policies)(talk)).value
        with pytest.raises(TypeError, match="just-started"):
            opened.send("a")
        assert opened.send(None) == "heard None"
        opened.close()
        stream.close()


@POLICIES
def test_errors_can_be_thrown_in(policies: Any) -> None:
    with virtual_clock(), records() as seen:
        stream: Any = reliai.reliable(*policies)(talk)()
        next(stream)
        assert stream.throw(ValueError("x")) == "heard caught x"
        with pytest.raises(KeyError):
            stream.throw(KeyError("y"))
        with pytest.raises(StopIteration):
            next(stream)
        with pytest.raises(KeyError):
            stream.throw(KeyError("z"))
    assert (seen[0].status, seen[0].chunks) == ("error", 2)


def test_error_thrown_into_one_that_has_not_started_ends_it_without_a_call() -> None:
    model = ScriptedModel([["a"]])
    stream: Any = reliai.reliable()(model.streaming)()
    with pytest.raises(KeyError):
        stream.throw(KeyError("x"))
    assert list(stream) == []
    assert model.calls == []
    with pytest.raises(StopIteration):
        stream.send("x")


def test_error_thrown_before_the_first_chunk_was_taken_reaches_the_generator() -> None:
    stream = reliai.execute(reliai.reliable()(talk)).value
    assert stream.throw(ValueError("x")) == "heard caught x"
    stream.close()


def test_error_thrown_into_a_stream_object_that_takes_none_closes_it() -> None:
    model = ScriptedModel([["a", "b"]])
    with records() as seen:
        stream = reliai.reliable()(model)()
        next(stream)
        with pytest.raises(KeyError):
            stream.throw(KeyError("x"))
        assert model.streams[0].close_calls == 1
    assert seen[0].status == "cancelled"


def test_generator_that_ignores_being_closed_is_an_error_as_ever() -> None:
    @reliai.reliable()
    def stubborn() -> Iterator[str]:
        while True:
            try:
                yield "a"
            except GeneratorExit:
                stubborn_for.append(1)
                if len(stubborn_for) == 1:
                    continue
                raise

    stubborn_for: list[int] = []
    with records() as seen:
        stream: Any = stubborn()
        next(stream)
        with pytest.raises(RuntimeError, match="ignored GeneratorExit"):
            stream.close()
    assert seen[0].status == "cancelled"


# --- asynchronous --------------------------------------------------------------------------------
def test_values_can_be_sent_asynchronously() -> None:
    async def main() -> None:
        stream: Any = reliai.reliable(reliai.Timeout(50, idle=9))(talk_later)()
        assert await anext(stream) == "heard None"
        assert await stream.asend("a") == "heard a"
        assert await stream.asend(None) == "heard None"
        for _ in range(2):
            with pytest.raises(StopAsyncIteration):
                await stream.asend("bye")

    with virtual_clock(), records() as seen:
        asyncio.run(main())
    assert (seen[0].status, seen[0].chunks) == ("success", 3)


def test_sending_none_starts_an_async_one_and_sending_more_does_not() -> None:
    async def main() -> None:
        function = reliai.reliable()(talk_later)
        stream: Any = function()
        with pytest.raises(TypeError, match="just-started"):
            await stream.asend("a")
        assert await stream.asend(None) == "heard None"
        await stream.aclose()
        opened = (await reliai.aexecute(function)).value
        with pytest.raises(TypeError, match="just-started"):
            await opened.asend("a")
        assert await opened.asend(None) == "heard None"
        await opened.aclose()

    asyncio.run(main())


def test_errors_can_be_thrown_in_asynchronously() -> None:
    async def main() -> None:
        stream: Any = reliai.reliable(reliai.Retry(2))(talk_later)()
        await anext(stream)
        assert await stream.athrow(ValueError("x")) == "heard caught x"
        with pytest.raises(KeyError):
            await stream.athrow(KeyError("y"))
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        with pytest.raises(KeyError):
            await stream.athrow(KeyError("z"))

    with records() as seen:
        asyncio.run(main())
    assert (seen[0].status, seen[0].chunks) == ("error", 2)


def test_error_thrown_into_an_async_one_that_has_not_started_ends_it_without_a_call() -> None:
    model = ScriptedModel([["a"], ["a", "b"]])

    async def main() -> None:
        stream: Any = reliai.reliable()(model.streaming.asynchronous)()
        with pytest.raises(KeyError):
            await stream.athrow(KeyError("x"))
        assert [chunk async for chunk in stream] == []
        with pytest.raises(StopAsyncIteration):
            await stream.asend("x")
        assert model.calls == []
        opened = (await reliai.aexecute(reliai.reliable()(talk_later))).value
        assert await opened.athrow(ValueError("x")) == "heard caught x"
        await opened.aclose()

    asyncio.run(main())


def test_error_thrown_into_an_async_stream_object_that_takes_none_closes_it() -> None:
    model = ScriptedModel([["a", "b"]])

    async def main() -> None:
        stream: Any = await reliai.reliable()(model.asynchronous)()
        await anext(stream)
        with pytest.raises(KeyError):
            await stream.athrow(KeyError("x"))

    asyncio.run(main())
    assert model.streams[0].close_calls == 1


def test_stream_that_is_stopped_with_its_coroutine_is_closed_by_its_loop() -> None:
    """A coroutine that is thrown away in the middle of a step cannot await anything any more."""
    model = ScriptedModel([["a", "b"]])

    async def main() -> None:
        stream: Any = await reliai.reliable()(model.asynchronous)()
        await anext(stream)
        waiting = asyncio.Event()

        class Slow:
            def __await__(self) -> Any:
                yield from waiting.wait().__await__()

        async def step() -> None:
            await Slow()

        stream._iterator = _Slow(step)
        coroutine = stream.__anext__()
        coroutine.send(None)
        coroutine.close()
        assert stream.ended
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    with records() as seen:
        asyncio.run(main())
    assert model.streams[0].close_calls == 1
    assert seen[0].status == "cancelled"


class _Slow:
    def __init__(self, step: Any) -> None:
        self.step = step

    def __anext__(self) -> Any:
        return self.step()


def test_lazy_async_stream_is_a_context_manager_and_shows_its_source_once_started() -> None:
    model = ScriptedModel([["a", "b"]])
    function = reliai.reliable()(talk_later)

    async def main() -> None:
        made: Any = function()
        async with made as stream:
            assert not hasattr(stream, "ag_frame")
            await anext(stream)
            assert stream.ag_frame is not None
        assert made.record.status == "cancelled"

    asyncio.run(main())
    assert model.calls == []


def test_lazy_stream_is_a_context_manager_and_shows_its_source_once_started() -> None:
    made: Any = reliai.reliable()(talk)()
    with made as stream:
        assert not hasattr(stream, "gi_frame")
        assert iter(stream) is stream
        next(stream)
        assert stream.gi_frame is not None
    assert stream.record.status == "cancelled"
