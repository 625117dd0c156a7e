"""Streams and time in cassettes: in part, cut off, at another speed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai.testing import (
    CassetteError,
    ScriptedModel,
    Stall,
    cassette,
    virtual_clock,
)
from tests.testing._counted import Counted, entries

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cassettes" / "answers.json"


# --- streams -----------------------------------------------------------------------------------


def test_a_stream_read_in_part_is_replayed_in_part(path: Path) -> None:
    model = ScriptedModel([["a", "b", "c", "d"]])
    ask = reliai.reliable(name="ask")(model.streaming)
    for _ in range(2):
        with cassette(path):
            stream = ask("hi")
            assert [next(stream), next(stream)] == ["a", "b"]
            stream.close()
    assert entries(path)[0]["stream"] == ["a", "b"]
    with cassette(path), pytest.raises(CassetteError, match="closed after 2 chunks"):
        list(ask("hi"))


def test_a_stream_that_is_left_open_is_recorded_as_far_as_it_was_read(path: Path) -> None:
    model = ScriptedModel([["a", "b", "c"]])
    ask = reliai.reliable(name="ask")(model.streaming)
    with cassette(path):
        stream = ask("hi")
        next(stream)
    stream.close()
    assert entries(path)[0]["stream"] == ["a"]


def test_an_error_within_a_stream_is_replayed_in_its_place(path: Path) -> None:
    model = ScriptedModel([["a", "b", ConnectionResetError(104, "reset")]])
    ask = reliai.reliable(name="ask")(model.streaming)
    for _ in range(2):
        read: list[str] = []
        with cassette(path), pytest.raises(ConnectionResetError):
            read.extend(ask("hi"))
        assert read == ["a", "b"]


def test_the_stream_behind_a_recorded_one_is_closed(path: Path) -> None:
    model = ScriptedModel([["a", "b"]])
    with cassette(path):
        stream = reliai.reliable()(model)("hi")
        next(stream)
        stream.close()
    assert (model.open_streams, model.closed_streams) == (0, 1)


def test_what_is_sent_into_a_generator_is_passed_on(path: Path) -> None:
    @reliai.reliable()
    def echo() -> Any:
        got = yield "first"
        yield f"got {got}"

    with cassette(path):
        stream: Any = echo()
        assert next(stream) == "first"
        assert stream.send("x") == "got x"


# --- time --------------------------------------------------------------------------------------


def test_a_replay_waits_for_nothing(path: Path) -> None:
    model = ScriptedModel([["a", Stall(9), "b"]])
    ask = reliai.reliable(name="ask")(model.streaming)
    with virtual_clock(), cassette(path):
        list(ask("hi"))
    with virtual_clock() as time, cassette(path):
        list(ask("hi"))
    assert time.slept == []
    assert entries(path)[0]["waits"] == [0.0, 9.0]


@pytest.mark.parametrize("kind", ["plain", "coroutine"])
def test_speed_makes_a_replay_take_its_time(kind: str, path: Path) -> None:
    model = Counted()

    def slow(prompt: str) -> str:
        clock.active().sleep(8)
        return "slow"

    model.answer = slow  # type: ignore[method-assign]
    with virtual_clock(), cassette(path):
        model.ask(kind, "hi")
    with virtual_clock() as time, cassette(path, speed=2):
        model.ask(kind, "hi")
    assert time.slept == [4.0]


@pytest.mark.parametrize("view", ["streaming", "asynchronous"])
def test_speed_holds_for_the_chunks_of_streams(view: str, path: Path) -> None:
    model = ScriptedModel([["a", Stall(9), "b"]])

    def read() -> None:
        if view == "streaming":
            list(reliai.reliable(name="ask")(model.streaming)("hi"))
            return

        async def main() -> None:
            async for _ in reliai.reliable(name="ask")(model.streaming.asynchronous)("hi"):
                pass

        asyncio.run(main())

    with virtual_clock(), cassette(path):
        read()
    with virtual_clock() as time, cassette(path, speed=3):
        read()
    assert time.slept == [3.0]


def test_an_attempt_that_a_time_limit_cut_off_is_not_recorded(path: Path) -> None:
    calls = 0

    @reliai.reliable(reliai.Retry(2, wait=0), reliai.Timeout(5), name="ask")
    async def ask(prompt: str) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            await asyncio.sleep(60)
        return "late"

    for _ in range(2):
        with virtual_clock(), cassette(path, strict=True):
            assert asyncio.run(ask("hi")) == "late"
    assert calls == 2
    assert len(entries(path)) == 1


def test_a_thread_that_a_time_limit_left_behind_records_nothing(path: Path) -> None:
    calls = 0

    @reliai.reliable(reliai.Retry(2, wait=0), reliai.Timeout(5), name="ask")
    def ask(prompt: str) -> str:
        nonlocal calls
        calls += 1
        if calls == 1:
            clock.active().sleep(7)
        return f"answer {calls}"

    with virtual_clock() as time, cassette(path):
        assert ask("hi") == "answer 2"
        time.sleep(10)
    assert [entry["answer"] for entry in entries(path)] == ["answer 2"]
