"""Streams are kept when they came to their end, and replayed as what they were."""

from __future__ import annotations

import asyncio
import gc
import inspect
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.policies import _cache_recording as recording
from reliai.testing import virtual_clock
from tests.policies._guarded import STREAMS, Guarded, every_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def chunks_then(error: Exception | None) -> Any:
    def answer(_prompt: str) -> Iterator[str]:
        yield "a"
        yield "b"
        if error is not None:
            raise error

    return answer


def read(kind: str, stream: Any, count: int, *, close: bool = False) -> None:
    """Read some chunks of a stream of either kind."""
    if kind == "generator":
        for _ in range(count):
            next(stream)
        if close:
            stream.close()
        return

    async def main() -> None:
        for _ in range(count):
            await stream.__anext__()
        if close:
            await stream.aclose()

    asyncio.run(main())


@every_stream
def test_a_complete_stream_is_replayed_chunk_by_chunk(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: ["a", "", "b"])
    assert [ask("x"), ask("x")] == [["a", "", "b"]] * 2
    assert ask.prompts == ["x"]
    assert ask.record.chunks == 3
    assert ask.record.attempts == ()
    assert "cache_hit" in ask.events


@every_stream
def test_a_replay_is_a_stream_of_the_same_kind(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: ["a", "b"])
    ask("x")
    replayed = ask.function("x")
    assert isinstance(replayed, type(ask.function("y")))
    assert inspect.isgeneratorfunction(ask.function) == (kind == "generator")
    read(kind, replayed, 1, close=True)


@every_stream
@pytest.mark.parametrize("error", [ConnectionError("cut"), ValueError("bug")])
def test_a_stream_that_failed_is_not_kept(kind: str, error: Exception) -> None:
    """40"""
    ask = Guarded(kind, reliai.Cache(), answer=chunks_then(error))
    for _ in range(2):
        with pytest.raises(type(error)):
            ask("x")
    assert len(ask.prompts) == 2


@every_stream
@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_stream_closed_early_is_not_kept(kind: str, count: int) -> None:
    """40"""
    cache = reliai.Cache()
    ask = Guarded(kind, cache, answer=chunks_then(None))
    read(kind, ask.function("x"), count, close=True)
    assert cache.info().size == 0
    assert ask("x") == ["a", "b"]


@every_stream
def test_a_stream_that_was_abandoned_is_not_kept(kind: str) -> None:
    """40"""
    cache = reliai.Cache()
    ask = Guarded(kind, cache, answer=chunks_then(None))
    stream = ask.function("x")
    read(kind, stream, 1)
    del stream
    gc.collect()
    assert cache.info().size == 0
    assert ask("x") == ["a", "b"]


@every_stream
def test_a_stream_cut_by_a_limit_is_not_kept(kind: str) -> None:
    """40"""

    with virtual_clock() as clock:

        def slow(_prompt: str) -> Iterator[str]:
            yield "a"
            clock.sleep(100)
            yield "b"

        cache = reliai.Cache()
        if kind == "generator":
            ask = reliai.reliable(cache, reliai.Timeout(10))(slow)
            with pytest.raises(reliai.StreamInterrupted):
                list(ask("x"))
        else:

            @reliai.reliable(cache, reliai.Timeout(10))
            async def ask_async(_prompt: str) -> AsyncIterator[str]:
                yield "a"
                await asyncio.sleep(100)
                yield "b"

            async def main() -> None:
                async for _ in ask_async("x"):
                    pass

            with pytest.raises(reliai.StreamInterrupted):
                asyncio.run(main())
        assert cache.info().size == 0


@every_stream
def test_an_empty_stream_is_not_kept(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: [])
    assert [ask("x"), ask("x")] == [[], []]
    assert len(ask.prompts) == 2


@every_stream
def test_chunks_that_a_caller_changes_are_kept_as_they_came(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: [{"delta": ["a"]}])
    for _ in range(3):
        (chunk,) = ask("x")
        assert chunk == {"delta": ["a"]}
        chunk["delta"].append("more")
    assert len(ask.prompts) == 1


@every_stream
def test_chunks_that_cannot_be_copied_are_delivered_and_not_kept(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: [threading.Lock(), "b"])
    assert [ask("x")[1], ask("x")[1]] == ["b", "b"]
    assert len(ask.prompts) == 2


@every_stream
def test_a_stream_of_a_stand_in_is_kept_when_asked_for(kind: str) -> None:
    def down(_prompt: str) -> list[str]:
        raise ConnectionError("down")

    def stand_in(prompt: str) -> Iterator[str]:
        yield prompt

    for degraded, calls in ((True, 1), (False, 2)):
        policies = reliai.Cache(degraded=degraded), reliai.Fallback(stand_in)
        ask = Guarded(kind, *policies, answer=down)
        assert [ask("x"), ask("x")] == [["x"], ["x"]]
        assert ask.record.status == "degraded"
        assert len(ask.prompts) == calls


@every_stream
def test_a_stream_longer_than_is_kept_is_delivered_all_the_same(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MAX_CHUNKS", 2)
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: ["a", "b", "c"])
    assert [ask("x"), ask("x")] == [["a", "b", "c"]] * 2
    assert len(ask.prompts) == 2


@every_stream
def test_a_stream_of_more_text_than_is_kept_is_delivered_all_the_same(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "MAX_CHARACTERS", 5)
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: ["abc", "def"])
    assert [ask("x"), ask("x")] == [["abc", "def"]] * 2
    assert len(ask.prompts) == 2


@every_stream
def test_an_old_stream_stands_in_for_one_that_does_not_begin(kind: str) -> None:
    left = [["a", "b"]]

    def answer(_prompt: str) -> list[str]:
        if left:
            return left.pop()
        raise ConnectionError("down")

    with virtual_clock() as clock:
        ask = Guarded(kind, reliai.Cache(10, stale_if_error=60), answer=answer)
        ask("x")
        clock.advance(20)
        assert ask("x") == ["a", "b"]
        assert ask.record.status == "degraded"


@pytest.mark.parametrize("kind", STREAMS)
def test_streams_under_way_at_once_are_each_their_own(kind: str) -> None:
    ask = Guarded(kind, reliai.Cache(), answer=lambda _: ["a", "b"])
    one, other = ask.function("x"), ask.function("x")
    if kind == "generator":
        assert [next(one), next(other), *one, *other] == ["a", "a", "b", "b"]
    else:

        async def main() -> list[str]:
            first = [await one.__anext__(), await other.__anext__()]
            return [*first, *[c async for c in one], *[c async for c in other]]

        assert asyncio.run(main()) == ["a", "a", "b", "b"]
    assert len(ask.prompts) == 2
    assert ask("x") == ["a", "b"]
    assert len(ask.prompts) == 2


class Chunks:
    """A provider's stream object: what a plain function returns."""

    def __init__(self, *chunks: str) -> None:
        self._chunks = iter(chunks)
        self.closed = False

    def __iter__(self) -> Chunks:
        return self

    def __next__(self) -> str:
        return next(self._chunks)

    def close(self) -> None:
        self.closed = True


def test_a_stream_object_that_a_plain_function_returns_is_replayed() -> None:
    made: list[Chunks] = []

    @reliai.Cache()
    def ask(_prompt: str) -> Any:
        made.append(Chunks("a", "b"))
        return made[-1]

    assert [list(ask("x")), list(ask("x"))] == [["a", "b"]] * 2
    assert len(made) == 1


class AsyncChunks:
    """The same in an event loop."""

    def __init__(self, *chunks: str) -> None:
        self._chunks = list(chunks)
        self.closed = False

    def __aiter__(self) -> AsyncChunks:
        return self

    async def __anext__(self) -> str:
        if not self._chunks:
            raise StopAsyncIteration
        return self._chunks.pop(0)

    async def aclose(self) -> None:
        self.closed = True


def test_callers_who_waited_for_what_turns_out_a_stream_make_their_own_calls() -> None:
    made: list[AsyncChunks] = []

    @reliai.Cache()
    async def ask(_prompt: str) -> Any:
        await asyncio.sleep(0.001)
        made.append(AsyncChunks("a", "b"))
        return made[-1]

    async def whole() -> list[str]:
        return [chunk async for chunk in await ask("x")]

    async def main() -> None:
        given = await asyncio.gather(whole(), whole(), whole())
        assert list(given) == [["a", "b"]] * 3
        assert await whole() == ["a", "b"]

    asyncio.run(main())
    assert len(made) == 3


def test_a_stream_whose_caller_left_while_it_was_opened_is_closed() -> None:
    made: list[AsyncChunks] = []

    @reliai.Cache()
    async def ask(_prompt: str) -> Any:
        await asyncio.sleep(1)
        made.append(AsyncChunks("a"))
        return made[-1]

    async def main() -> None:
        first, second = (asyncio.ensure_future(ask("x")) for _ in range(2))
        await asyncio.sleep(0.5)
        first.cancel()
        assert [chunk async for chunk in await second] == ["a"]
        await asyncio.sleep(0)
        assert made[0].closed

    with virtual_clock():
        asyncio.run(main())


def test_a_stream_that_was_validated_as_a_whole_is_kept_as_its_value() -> None:
    validate = reliai.Validate(output=list[int], buffer=True)
    ask = Guarded("generator", reliai.Cache(), validate, answer=lambda _: ["[1,", " 2]"])
    assert [ask("x"), ask("x")] == [[[1, 2]], [[1, 2]]]
    assert len(ask.prompts) == 1


@every_stream
def test_a_provider_stream_that_was_cut_off_is_not_kept(kind: str) -> None:
    """40"""

    def event(text: str, finish: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
        return {"id": "1", "object": "chat.completion.chunk", "model": "m", "choices": [choice]}

    for finish, calls in (("length", 2), ("stop", 1)):
        events = [event("a"), event("b", finish)]
        ask = Guarded(kind, reliai.Cache(), answer=lambda _, events=events: events)  # type: ignore[misc]
        ask("x")
        ask("x")
        assert len(ask.prompts) == calls
