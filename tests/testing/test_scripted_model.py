from __future__ import annotations

import asyncio
import inspect
import itertools
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from reliai.errors import ConfigurationError
from reliai.testing import Latency, ScriptedModel, ScriptExhausted, Stall, Status, virtual_clock


async def collect(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


class Picky(Exception):
    """As the SDKs' errors: cannot be built from its args alone."""

    def __init__(self, message: str, *, response: object) -> None:
        super().__init__(message)
        self.response = response


# --- values and errors ----------------------------------------------------------------------


def test_values_come_in_order_whatever_they_are() -> None:
    value = {"any": "thing"}
    model = ScriptedModel(["a", value, None, 3, ("a", "tuple")])
    assert [model() for _ in range(5)] == ["a", value, None, 3, ("a", "tuple")]


def test_calls_are_recorded_with_their_arguments_and_times() -> None:
    with virtual_clock() as clock:
        model = ScriptedModel(["a", "b"])
        model("x", key=1)
        clock.advance(5)
        model()
    first, second = model.calls
    assert (first.args, first.kwargs) == (("x",), {"key": 1})
    assert (second.args, second.kwargs) == ((), {})
    assert second.at - first.at == 5


def test_a_script_that_is_used_up_says_how_long_it_was() -> None:
    model = ScriptedModel(["a", "b"], name="my_model")
    model()
    model()
    with pytest.raises(
        ScriptExhausted,
        match=r"my_model has a script of 2 calls, and this is call 3; .*repeat_last",
    ):
        model()
    assert len(model.calls) == 3


def test_an_exhausted_script_is_a_mistake_in_the_test_and_no_failure_of_a_model() -> None:
    assert issubclass(ScriptExhausted, AssertionError)


def test_the_last_item_may_be_repeated() -> None:
    model = ScriptedModel(["a", "b"], repeat_last=True)
    assert [model() for _ in range(4)] == ["a", "b", "b", "b"]


def test_nothing_cannot_be_repeated() -> None:
    with pytest.raises(ScriptExhausted, match="a script of 0 calls"):
        ScriptedModel([], repeat_last=True)()


def test_a_script_may_be_endless() -> None:
    model = ScriptedModel(itertools.cycle(["a", "b"]))
    assert [model() for _ in range(5)] == ["a", "b", "a", "b", "a"]


def test_a_string_is_no_script() -> None:
    with pytest.raises(ConfigurationError, match=r"use \['abc'\]"):
        ScriptedModel("abc")


@pytest.mark.parametrize(
    "item", [ConnectionError("down"), ConnectionError], ids=["object", "class"]
)
def test_an_exception_is_raised(item: Any) -> None:
    with pytest.raises(ConnectionError):
        ScriptedModel([item])()


def test_each_raise_is_a_fresh_copy_with_a_traceback_of_its_own() -> None:
    """Acceptance 12 of the breaker cases asks the same of rejections."""
    original = ConnectionError("down")
    original.add_note("as told")
    model = ScriptedModel([original], repeat_last=True)
    raised: list[BaseException] = []
    for _ in range(3):
        with pytest.raises(ConnectionError) as caught:
            model()
        caught.value.add_note("by a policy")
        raised.append(caught.value)
    assert len({id(error) for error in [*raised, original]}) == 4
    assert {len(traceback.extract_tb(error.__traceback__)) for error in raised} == {3}
    assert [error.__notes__ for error in raised] == [["as told", "by a policy"]] * 3
    assert original.__notes__ == ["as told"]
    assert original.__traceback__ is None


@pytest.mark.parametrize(
    "original",
    [
        OSError(104, "reset"),
        UnicodeDecodeError("utf-8", b"x", 0, 1, "bad"),
        Picky("no", response={"status": 500}),
        ExceptionGroup("both", [ValueError("a"), KeyError("b")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_copy_keeps_what_the_exception_carries(original: Exception) -> None:
    original.__cause__ = KeyError("why")
    with pytest.raises(type(original)) as caught:
        ScriptedModel([original])()
    copy = caught.value
    assert copy is not original
    assert (str(copy), copy.args, vars(copy)) == (str(original), original.args, vars(original))
    assert copy.__cause__ is original.__cause__
    assert getattr(copy, "errno", None) == getattr(original, "errno", None)


def test_what_is_no_exception_of_the_model_is_raised_too() -> None:
    with pytest.raises(KeyboardInterrupt):
        ScriptedModel([KeyboardInterrupt])()


def test_a_function_is_called_with_the_arguments_and_gives_the_item() -> None:
    model = ScriptedModel(
        [
            lambda text: text.upper(),
            lambda text: Picky(text, response=None),
            lambda text: [text, "!"],
        ]
    )
    assert model("a") == "A"
    with pytest.raises(Picky, match="b"):
        model("b")
    assert list(model("c")) == ["c", "!"]


def test_latency_is_waited_for_in_virtual_time() -> None:
    with virtual_clock() as clock:
        model = ScriptedModel([Latency(3, "a"), Latency(4, Latency(5, KeyError())), Stall(6)])
        assert model() == "a"
        with pytest.raises(KeyError):
            model()
        assert model() is None
    assert clock.slept == [3, 4, 5, 6]


def test_the_script_is_shared_by_threads() -> None:
    model = ScriptedModel(range(500))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: model(), range(500)))
    assert sorted(answers) == list(range(500))
    assert len(model.calls) == 500


# --- streams --------------------------------------------------------------------------------


def test_a_list_is_a_stream_of_chunks() -> None:
    model = ScriptedModel([["a", "b"]])
    stream = model()
    assert (model.open_streams, model.closed_streams) == (1, 0)
    assert list(stream) == ["a", "b"]
    assert (model.open_streams, model.closed_streams) == (0, 1)
    assert (stream.delivered, stream.exhausted, stream.close_calls) == (2, True, 0)


def test_an_exception_in_a_list_is_raised_in_the_middle() -> None:
    model = ScriptedModel([["a", ConnectionError("cut"), "never"]])
    stream = model()
    assert next(stream) == "a"
    with pytest.raises(ConnectionError, match="cut"):
        next(stream)
    assert list(stream) == []
    assert stream.closed
    assert not stream.exhausted


def test_silence_in_a_list_passes_in_virtual_time() -> None:
    with virtual_clock() as clock:
        assert list(ScriptedModel([["a", Stall(30), "b", Latency(2), Stall(0)]])()) == ["a", "b"]
    assert clock.slept == [30, 2]


def test_a_closed_stream_says_so_and_how_often() -> None:
    model = ScriptedModel([["a", "b"], ["c"]])
    stream = model()
    next(stream)
    stream.close()
    stream.close()
    assert list(stream) == []
    assert (stream.delivered, stream.exhausted, stream.close_calls) == (1, False, 2)
    with model():
        assert (model.open_streams, model.closed_streams) == (1, 1)
    assert model.closed_streams == 2
    assert [stream.close_calls for stream in model.streams] == [2, 1]


def test_the_same_chunks_may_be_streamed_again() -> None:
    model = ScriptedModel([["a", "b"]], repeat_last=True)
    assert [list(model()) for _ in range(2)] == [["a", "b"]] * 2


# --- views ----------------------------------------------------------------------------------


def test_each_view_is_of_its_kind() -> None:
    model = ScriptedModel([], name="m")
    plain: Any = model.asynchronous
    chunks: Any = model.streaming
    assert not inspect.iscoroutinefunction(model)
    assert inspect.iscoroutinefunction(plain)
    assert inspect.isgeneratorfunction(chunks)
    assert inspect.isasyncgenfunction(chunks.asynchronous)
    assert plain.streaming is chunks.asynchronous
    views: list[Any] = [model, plain, chunks, chunks.asynchronous]
    assert {view.__name__ for view in views} == {"m"}


def test_all_views_share_one_script() -> None:
    model = ScriptedModel(["a", "b", ["c", "d"], ["e"], "f"])

    async def main() -> None:
        assert model(1) == "a"
        assert await model.asynchronous(2) == "b"
        assert list(model.streaming(3)) == ["c", "d"]
        assert await collect(model.streaming.asynchronous(4)) == ["e"]
        assert list(model.streaming(5)) == ["f"]

    asyncio.run(main())
    assert [call.args for call in model.calls] == [(1,), (2,), (3,), (4,), (5,)]
    assert model.closed_streams == 3


def test_a_view_that_streams_raises_at_its_first_chunk() -> None:
    model = ScriptedModel([ConnectionError("down")])
    stream = model.streaming()
    assert model.calls == []
    with pytest.raises(ConnectionError):
        next(stream)


def test_leaving_a_generator_closes_the_stream_behind_it() -> None:
    model = ScriptedModel([["a", "b"]])
    for _ in (stream := model.streaming()):
        break
    assert model.open_streams == 1
    stream.close()
    assert (model.open_streams, model.closed_streams) == (0, 1)


def test_leaving_an_async_generator_closes_the_stream_behind_it() -> None:
    model = ScriptedModel([["a", "b"]])

    async def main() -> None:
        stream: Any = model.streaming.asynchronous()
        assert await anext(stream) == "a"
        assert model.open_streams == 1
        await stream.aclose()

    asyncio.run(main())
    assert (model.open_streams, model.closed_streams) == (0, 1)


def test_the_asynchronous_view_gives_an_asynchronous_stream() -> None:
    model = ScriptedModel([["a", "b"], ["c", KeyError("k")]])

    async def main() -> None:
        assert await collect(await model.asynchronous()) == ["a", "b"]
        async with await model.asynchronous() as stream:
            assert await anext(stream) == "c"
            with pytest.raises(KeyError):
                await anext(stream)
            assert await collect(stream) == []

    asyncio.run(main())
    assert model.closed_streams == 2


def test_the_asynchronous_views_wait_in_virtual_time() -> None:
    model = ScriptedModel([Latency(3, "a"), ["b", Stall(30), "c"]])

    async def main() -> None:
        assert await model.asynchronous() == "a"
        assert await collect(model.streaming.asynchronous()) == ["b", "c"]

    with virtual_clock() as clock:
        asyncio.run(main())
    assert clock.slept == [3, 30]


def test_the_asynchronous_view_awaits_what_a_function_gives() -> None:
    async def answer(text: str) -> str:
        return text.upper()

    model = ScriptedModel([answer, lambda text: text])

    async def main() -> list[Any]:
        return [await model.asynchronous("a"), await model.asynchronous("b")]

    assert asyncio.run(main()) == ["A", "b"]


def test_the_asynchronous_view_raises_and_exhausts_too() -> None:
    model = ScriptedModel([TimeoutError])

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await model.asynchronous()
        with pytest.raises(ScriptExhausted, match="script of 1 calls, and this is call 2"):
            await model.asynchronous()

    asyncio.run(main())


def test_reprs_say_what_a_reader_of_a_failed_test_asks() -> None:
    model = ScriptedModel([["a"]], name="m")
    stream = model()
    assert repr(stream) == "<ScriptedStream, open, 0 chunks delivered>"
    assert repr(model) == "<reliai.testing.ScriptedModel 'm', called 1 times>"
    assert repr(Status(429)).startswith("Status(code=429")
