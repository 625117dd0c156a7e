"""The limits of a stream: first chunk, idle and total, each by itself."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import reliai
from reliai import clock as clocks
from reliai.testing import Latency, ScriptedModel, Stall, records, virtual_clock
from tests.core._kinds import each_stream, of_kind, read


def cut(function: Any, kind: str) -> tuple[reliai.StreamInterrupted, list[Any]]:
    """Read a stream until reliai cuts it; the error and what came before."""
    got: list[Any] = []

    async def main() -> None:
        async for chunk in function("x"):
            got.append(chunk)  # noqa: PERF401

    with pytest.raises(reliai.StreamInterrupted) as caught:  # noqa: PT012
        if kind == "generator":
            for chunk in function("x"):
                got.append(chunk)  # noqa: PERF402  what came before counts
        else:
            asyncio.run(main())
    return caught.value, got


@each_stream
def test_first_chunk_trips_by_itself(kind: str) -> None:
    """A55."""
    model = ScriptedModel([Latency(4, ["never"])])
    function = reliai.Timeout(60, first_chunk=3, idle=50)(of_kind(model, kind))
    with virtual_clock() as clock, records() as seen:
        with pytest.raises(reliai.CallTimeout) as caught:
            read(function, kind, "x")
        assert clock.now == pytest.approx(3)
    assert (caught.value.layer, caught.value.seconds) == ("first_chunk", 3)
    assert seen[0].attempts[0].status == "error"


@each_stream
def test_idle_trips_by_itself(kind: str) -> None:
    """A55, 13."""
    model = ScriptedModel([["a", Stall(4), "b", Stall(6), "never"]])
    function = reliai.Timeout(60, first_chunk=3, idle=5)(of_kind(model, kind))
    with virtual_clock() as clock, records() as seen:
        error, got = cut(function, kind)
        assert clock.now == pytest.approx(9)
    assert got == ["a", "b"]
    assert (error.chunks, error.partial) == (2, "ab")
    assert isinstance(error.__cause__, reliai.CallTimeout)
    assert (error.__cause__.layer, error.__cause__.seconds) == ("idle", 5)
    assert "after 2 chunks were delivered" in str(error)
    assert (seen[0].status, seen[0].chunks) == ("error", 2)
    assert seen[0].error is not None
    assert seen[0].error.kind == "timeout"


@each_stream
def test_total_trips_by_itself(kind: str) -> None:
    """A55."""
    model = ScriptedModel([[item for n in range(10) for item in (str(n), Stall(2))]])
    function = reliai.Timeout(7, first_chunk=3, idle=3)(of_kind(model, kind))
    with virtual_clock() as clock:
        error, got = cut(function, kind)
        assert clock.now == pytest.approx(7)
    assert got == ["0", "1", "2", "3"]
    assert isinstance(error.__cause__, reliai.CallTimeout)
    assert (error.__cause__.layer, error.__cause__.seconds) == ("total", 7)


@each_stream
def test_limit_of_an_attempt_bounds_the_first_chunk_only(kind: str) -> None:
    model = ScriptedModel([Latency(6, ["never"]), ["a", Stall(100), "b"]])
    function = reliai.reliable(reliai.Retry(2, wait=0), reliai.Timeout(5))(of_kind(model, kind))
    with virtual_clock() as clock, records() as seen:
        assert read(function, kind, "x") == ["a", "b"]
        assert clock.now >= 105
    assert seen[0].attempts[0].error is not None
    assert "the limit of 5 s for one attempt" in seen[0].attempts[0].error.message


@each_stream
def test_first_chunk_is_counted_for_each_attempt(kind: str) -> None:
    model = ScriptedModel([Latency(4, ["never"]), Latency(2, ["a"])])
    function = reliai.reliable(
        reliai.Timeout(60), reliai.Retry(2, wait=1), reliai.Timeout(20, first_chunk=3)
    )(of_kind(model, kind))
    with virtual_clock() as clock, records() as seen:
        assert read(function, kind, "x") == ["a"]
        assert clock.now >= 6
    assert seen[0].time_to_first_chunk == pytest.approx(6)
    assert [attempt.wait for attempt in seen[0].attempts] == [0, 1]


@each_stream
def test_time_during_which_the_consumer_holds_a_chunk_is_charged_to_none(kind: str) -> None:
    """A55."""
    model = ScriptedModel([["a", Stall(3), "b", Stall(3), "c"]])
    function = reliai.Timeout(7, first_chunk=2, idle=4)(of_kind(model, kind))
    got: list[str] = []

    def slowly() -> None:
        for chunk in function("x"):
            got.append(chunk)
            clocks.active().sleep(100)

    async def slowly_later() -> None:
        async for chunk in function("x"):
            got.append(chunk)
            await asyncio.sleep(100)

    with virtual_clock() as clock:
        slowly() if kind == "generator" else asyncio.run(slowly_later())
        assert clock.now == pytest.approx(306)
    assert got == ["a", "b", "c"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_time_before_the_consumer_takes_the_first_chunk_is_charged_to_none(kind: str) -> None:
    model = ScriptedModel([["a", Stall(3), "b"]])
    function = reliai.Timeout(7, idle=4)(of_kind(model, kind))

    async def main() -> list[str]:
        stream = await function("x")
        await asyncio.sleep(100)
        return [chunk async for chunk in stream]

    with virtual_clock():
        if kind == "async":
            assert asyncio.run(main()) == ["a", "b"]
        else:
            stream = function("x")
            clocks.active().sleep(100)
            assert list(stream) == ["a", "b"]


@each_stream
def test_deadline_from_outside_is_the_consumers_own_and_is_not_put_off(kind: str) -> None:
    model = ScriptedModel([["a", "b", "c"]])
    function = reliai.reliable()(of_kind(model, kind))
    got: list[str] = []

    def slowly() -> None:
        with reliai.deadline(10):
            for chunk in function("x"):
                got.append(chunk)
                clocks.active().sleep(6)

    async def slowly_later() -> None:
        with reliai.deadline(10):
            async for chunk in function("x"):
                got.append(chunk)
                await asyncio.sleep(6)

    with virtual_clock(), pytest.raises(reliai.StreamInterrupted) as caught:
        slowly() if kind == "generator" else asyncio.run(slowly_later())
    assert got == ["a", "b"]
    assert isinstance(caught.value.__cause__, reliai.CallTimeout)
    assert caught.value.__cause__.layer == "inherited"


@each_stream
def test_remaining_inside_a_stream_follows_its_limits(kind: str) -> None:
    left: list[float | None] = []

    def look(*_: Any) -> str:
        left.append(reliai.remaining())
        return "x"

    def stream() -> Any:
        for _ in range(3):
            yield look()

    async def stream_later() -> Any:
        for _ in range(3):
            yield look()

    bare = stream if kind == "generator" else stream_later
    function: Any = reliai.Timeout(20, first_chunk=3, idle=5)(bare)
    with virtual_clock():
        read(function, kind)
    assert left == [3, 5, 5]


@each_stream
def test_partial_of_chunks_that_are_no_text_is_their_list(kind: str) -> None:
    model = ScriptedModel([[{"a": 1}, "b", Stall(30)]])
    with virtual_clock():
        error, _ = cut(reliai.Timeout(60, idle=5)(of_kind(model, kind)), kind)
    assert error.partial == [{"a": 1}, "b"]


@each_stream
def test_cut_stream_is_closed(kind: str) -> None:
    model = ScriptedModel([["a", Stall(30), "b"]])
    with virtual_clock() as clock:
        cut(reliai.Timeout(60, idle=5)(of_kind(model, kind)), kind)
        clocks.active().sleep(60)  # a thread that was left behind closes it when it can
        assert clock.now >= 60
    assert model.open_streams == 0


@each_stream
def test_stream_cut_after_its_commit_point_is_neither_retried_nor_replaced(kind: str) -> None:
    model = ScriptedModel([["a", Stall(30)], ["never"]])
    function = reliai.reliable(
        reliai.Fallback("never"), reliai.Retry(3, wait=0), reliai.Timeout(60, idle=5)
    )(of_kind(model, kind))
    with virtual_clock():
        error, got = cut(function, kind)
    assert got == ["a"]
    assert len(model.calls) == 1
    assert reliai.classify(error).verdict.retry is False
    assert reliai.classify(error).kind is reliai.ErrorKind.TIMEOUT


def test_cooperative_stream_is_looked_at_between_its_steps() -> None:
    model = ScriptedModel([["a", Stall(3), "b", Stall(30), "c", "d"]])
    function = reliai.reliable(reliai.Timeout(10, idle=5), cooperative=True)(model.streaming)
    with virtual_clock() as clock:
        error, got = cut(function, "generator")
        assert clock.now == 33
    assert got == ["a", "b", "c"], "what came late came all the same"
    assert isinstance(error.__cause__, reliai.CallTimeout)
    assert error.__cause__.layer == "total"
    assert model.open_streams == 0


@each_stream
def test_limits_of_nested_timeouts_are_the_lesser_ones(kind: str) -> None:
    for policies in (
        (reliai.Timeout(60, idle=3), reliai.Timeout(60, idle=30)),
        (reliai.Timeout(60, idle=30), reliai.Timeout(60, idle=3)),
    ):
        model = ScriptedModel([["a", Stall(5), "b"]])
        with virtual_clock():
            error, _ = cut(reliai.reliable(*policies)(of_kind(model, kind)), kind)
        assert isinstance(error.__cause__, reliai.CallTimeout)
        assert error.__cause__.seconds == 3


def test_limits_of_the_function_do_not_hold_for_a_guarded_target() -> None:
    backup = reliai.reliable()(ScriptedModel([Latency(10, ["x", Stall(10), "y"])]).streaming)
    function = reliai.reliable(
        reliai.Fallback(backup), reliai.Retry(2, wait=0), reliai.Timeout(4, first_chunk=2, idle=3)
    )(ScriptedModel([Latency(5, ["never"])] * 2).streaming)
    with virtual_clock():
        assert list(function("x")) == ["x", "y"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_limits_hold_for_a_stream_object_of_a_plain_function(kind: str) -> None:
    model = ScriptedModel([["a", Stall(6), "b"], [Stall(6), "a"]])
    function = reliai.Timeout(60, first_chunk=3, idle=5)(of_kind(model, kind))

    async def main() -> list[str]:
        return [chunk async for chunk in await function("x")]

    def call() -> list[str]:
        return list(function("x")) if kind == "sync" else asyncio.run(main())

    with virtual_clock():
        with pytest.raises(reliai.StreamInterrupted) as caught:
            call()
        with pytest.raises(reliai.CallTimeout) as too_late:
            call()
    assert caught.value.partial == "a"
    assert too_late.value.layer == "first_chunk"


def test_consumer_cancelled_in_a_step_at_the_very_moment_of_the_limit_is_cancelled() -> None:
    """A53, for streams."""
    function = reliai.Timeout(60, idle=5)(ScriptedModel([["a", Stall(30)]]).streaming.asynchronous)

    async def main() -> None:
        async def consume() -> None:
            async for _ in function("x"):
                pass

        task = asyncio.create_task(consume())
        await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(5, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    with virtual_clock(), records() as seen:
        asyncio.run(main())
    assert seen[0].status == "cancelled"
