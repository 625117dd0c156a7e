"""A stream put through a transformer: what comes out, what is counted, and how it fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import ScriptedModel, Stall, records, virtual_clock
from tests.core._kinds import each_stream, of_kind, outcome_of, read
from tests.core._transforms import Ends, HeldBack, HeldBackLater, Through

if TYPE_CHECKING:
    from collections.abc import Callable

each_transformer = pytest.mark.parametrize("make", [HeldBack, HeldBackLater])


def through(
    kind: str, script: list[Any], make: Callable[..., Any] = HeldBack, *policies: Any
) -> tuple[Any, ScriptedModel]:
    """A function of a kind whose stream is held back by one chunk."""
    model = ScriptedModel(script, repeat_last=True)
    return reliai.reliable(Through(make), *policies)(of_kind(model, kind)), model


@each_transformer
@each_stream
def test_what_the_transformer_lets_out_is_delivered_and_counted(kind: str, make: Any) -> None:
    function, _ = through(kind, [["a", "b", "c"]], make)
    with records() as seen:
        assert read(function, kind, "x") == ["A", "B", "C"]
    assert seen[0].chunks == 3
    assert (seen[0].status, seen[0].attempts[0].status) == ("success", "success")


@each_stream
def test_stream_that_is_empty_stays_empty(kind: str) -> None:
    function, _ = through(kind, [[]])
    with records() as seen:
        assert read(function, kind, "x") == []
    assert (seen[0].status, seen[0].chunks) == ("success", 0)


@each_stream
def test_several_chunks_may_come_of_one_and_one_at_the_end(kind: str) -> None:
    class Letters:
        def feed(self, chunk: str) -> list[str]:
            return list(chunk)

        def finish(self) -> list[str]:
            return ["."]

    function, _ = through(kind, [["ab", "", "c"]], Letters)
    assert read(function, kind, "x") == ["a", "b", "c", "."]


@each_stream
def test_first_chunk_is_timed_when_it_is_let_out(kind: str) -> None:
    function, _ = through(kind, [["a", Stall(2), "b"]])
    with virtual_clock(), records() as seen:
        assert read(function, kind, "x") == ["A", "B"]
    assert seen[0].time_to_first_chunk == pytest.approx(2.0)


@each_stream
def test_streams_nest(kind: str) -> None:
    function, _ = through(kind, [["a", "b", "c"]], HeldBack, Through(), Through(HeldBackLater))
    assert read(function, kind, "x") == ["A", "B", "C"]


@each_stream
def test_one_value_passes_where_a_stream_was_expected(kind: str) -> None:
    function = reliai.reliable(Through(), reliai.Fallback("b"))(
        of_kind(ScriptedModel([ConnectionError("down")]), kind)
    )
    assert read(function, kind, "x") == ["b"]


# --- failures ---------------------------------------------------------------------------------
@each_transformer
@each_stream
def test_transformer_that_fails_before_anything_is_let_out_is_an_ordinary_failure(
    kind: str, make: Any
) -> None:
    function, model = through(kind, [["a", "b", "c"]], lambda: make("b"))
    outer = reliai.Fallback("stand-in")(function)
    with records() as seen, pytest.raises(ValueError, match="no more"):
        read(function, kind, "x")
    assert (seen[0].status, seen[0].chunks) == ("error", None)
    assert model.open_streams == 0
    assert read(outer, kind, "x") == ["stand-in"]


@each_transformer
@each_stream
@pytest.mark.parametrize("at", ["c", "end"])
def test_transformer_that_fails_later_interrupts_the_stream(kind: str, make: Any, at: str) -> None:
    error = ValueError("it was about c")
    function, model = through(kind, [["a", "b", "c", "d"]], lambda: make(at, error))
    with records() as seen, pytest.raises(reliai.StreamInterrupted) as caught:
        read(function, kind, "x")
    delivered = "A" if at == "c" else "ABC"
    assert caught.value.__cause__ is error
    assert (caught.value.partial, caught.value.chunks) == (delivered, len(delivered))
    assert "about c" not in str(caught.value), "others' words may quote what was held back"
    assert "ValueError" in str(caught.value)
    assert (seen[0].status, seen[0].chunks) == ("error", len(delivered))
    assert model.open_streams == 0


@each_stream
def test_model_that_fails_before_anything_is_let_out_is_an_ordinary_failure(kind: str) -> None:
    function, _ = through(kind, [["a", ConnectionError("cut")]])
    with pytest.raises(ConnectionError, match="cut") as caught:
        read(function, kind, "x")
    assert not hasattr(caught.value, "__notes__")
    assert read(reliai.Fallback("stand-in")(function), kind, "x") == ["stand-in"]


@each_stream
def test_models_own_failure_says_once_how_much_was_delivered(kind: str) -> None:
    function, _ = through(kind, [["a", "b", "c", ConnectionError("cut")]])
    with pytest.raises(ConnectionError) as caught:
        read(function, kind, "x")
    assert caught.value.__notes__ == ["reliai: the stream failed after 2 delivered chunks"]


@each_stream
def test_interruption_tells_what_was_delivered_and_not_what_was_held_back(kind: str) -> None:
    function, _ = through(
        kind, [["a", "b", "secret", Stall(9), "d"]], HeldBack, reliai.Timeout(idle=2)
    )
    with virtual_clock(), pytest.raises(reliai.StreamInterrupted) as caught:
        read(function, kind, "x")
    assert (caught.value.partial, caught.value.chunks) == ("AB", 2)
    assert "after 2 chunks" in str(caught.value)
    assert isinstance(caught.value.__cause__, reliai.CallTimeout)


@each_stream
def test_stall_before_anything_is_let_out_is_an_ordinary_timeout(kind: str) -> None:
    function, _ = through(kind, [["a", Stall(9), "d"]], HeldBack, reliai.Timeout(idle=2))
    with virtual_clock(), pytest.raises(reliai.CallTimeout) as caught:
        read(function, kind, "x")
    assert caught.value.layer == "idle"


@each_stream
def test_interruption_of_a_stream_of_objects_has_their_list(kind: str) -> None:
    class Passing:
        def feed(self, chunk: Any) -> list[Any]:
            if chunk == {"n": 2}:
                raise ValueError
            return [chunk]

        def finish(self) -> list[Any]:
            return []

    function, _ = through(kind, [[{"n": 1}, {"n": 2}]], Passing)
    with pytest.raises(reliai.StreamInterrupted) as caught:
        read(function, kind, "x")
    assert caught.value.partial == [{"n": 1}]


# --- who is told ---------------------------------------------------------------------------------
@each_stream
@pytest.mark.parametrize(
    ("script", "fail_at", "inside", "outside", "attempt"),
    [
        (["a", "b"], None, ["value"], ["value"], "success"),
        (["a", "b", ConnectionError("cut")], None, ["ConnectionError"] * 1, None, "error"),
        (["a", "b", "c"], "c", ["GeneratorExit"], ["StreamInterrupted"], "cancelled"),
        (["a", "b", "c"], "end", ["value"], ["StreamInterrupted"], "success"),
        (["a", "b", "c"], "a", ["GeneratorExit"], ["ValueError"], "cancelled"),
    ],
)
def test_everybody_is_told_the_end_once(  # noqa: PLR0917
    kind: str,
    script: list[Any],
    fail_at: Any,
    inside: list[str],
    outside: list[str] | None,
    attempt: str,
) -> None:
    inner, outer = Ends(), Ends()
    model = ScriptedModel([script])
    function = reliai.reliable(outer, Through(lambda: HeldBack(fail_at)), inner)(
        of_kind(model, kind)
    )
    with records() as seen:
        outcome = outcome_of_all(function, kind)
    assert inner.seen == inside
    assert outer.seen == (inside if outside is None else outside)
    assert seen[0].attempts[0].status == attempt
    assert (outcome is None) == (seen[0].status == "success")


def outcome_of_all(function: Any, kind: str) -> BaseException | None:
    try:
        read(function, kind, "x")
    except Exception as error:
        return error
    return None


@each_stream
def test_breaker_learns_nothing_from_a_transformer(kind: str) -> None:
    breaker = reliai.CircuitBreaker(f"transformed {kind}", consecutive=1)
    function, _ = through(kind, [["a", "b", "c"]], lambda: HeldBack("c"), breaker)
    for _ in range(3):
        with pytest.raises(reliai.StreamInterrupted):
            read(function, kind, "x")
    snapshot = breaker.snapshot()
    assert (snapshot.state, snapshot.failures, snapshot.ignored) == ("closed", 0, 3)


@each_stream
def test_no_second_limit_is_added_and_time_the_consumer_takes_is_given_back(kind: str) -> None:
    model = ScriptedModel([["a", Stall(1), "b", Stall(1), "c"]])
    function = reliai.reliable(reliai.Timeout(5), Through(), reliai.Timeout(idle=3))(
        of_kind(model, kind)
    )
    with virtual_clock() as clock:
        if kind == "generator":
            got = []
            for chunk in function("x"):
                got.append(chunk)
                clock.advance(10)
        else:

            async def main() -> list[str]:
                got = []
                async for chunk in function("x"):
                    got.append(chunk)
                    await asyncio.sleep(10)
                return got

            got = asyncio.run(main())
    assert got == ["A", "B", "C"]


@each_stream
def test_opened_stream_keeps_the_attributes_of_its_source(kind: str) -> None:
    class Source:
        request_id = "req_1"

        def __init__(self) -> None:
            self._chunks = iter(["a", "b"])

        def __iter__(self) -> Any:
            return self

        def __next__(self) -> str:
            return next(self._chunks)

    class Later(Source):
        __next__: Any = None

        def __aiter__(self) -> Any:
            return self

        async def __anext__(self) -> str:
            for chunk in self._chunks:
                return chunk
            raise StopAsyncIteration

    async def later(prompt: str) -> Later:
        return Later()

    if kind == "generator":
        stream: Any = reliai.reliable(Through())(lambda prompt: Source())("x")
        assert stream.request_id == "req_1"
        assert list(stream) == ["A", "B"]
        return

    async def main() -> None:
        stream: Any = await reliai.reliable(Through())(later)("x")
        assert stream.request_id == "req_1"
        assert [chunk async for chunk in stream] == ["A", "B"]

    asyncio.run(main())


@each_stream
def test_degraded_answer_stays_one(kind: str) -> None:
    other = of_kind(ScriptedModel([["a", "b"]]), kind)
    function = reliai.reliable(Through(), reliai.Fallback(other))(
        of_kind(ScriptedModel([ConnectionError("down")]), kind)
    )
    with records() as seen:
        assert read(function, kind, "x") == ["A", "B"]
    assert seen[0].status == "degraded"


@each_stream
def test_executed_stream_has_its_first_chunk_and_its_record_at_the_end(kind: str) -> None:
    if kind != "generator":
        return
    function, _ = through(kind, [["a", "b"]])
    outcome = outcome_of(function, kind, "x")
    assert outcome.value.record is None
    assert list(outcome.value) == ["A", "B"]
    record: Any = outcome.value.record
    assert record.chunks == 2


def test_transformer_that_suspends_in_a_synchronous_call_is_told_so() -> None:
    class Forever:
        def __await__(self) -> Any:
            yield

    class Waits(HeldBackLater):
        async def feed(self, chunk: Any) -> list[Any]:
            await Forever()
            return []

    function, _ = through("generator", [["a"]], Waits)
    with pytest.raises(reliai.ConfigurationError, match="needs an event loop"):
        read(function, "generator", "x")


def test_transformer_runs_in_the_context_of_its_call() -> None:
    seen: list[Any] = []

    class Looks(HeldBack):
        def feed(self, chunk: Any) -> list[Any]:
            seen.append(reliai.current_call())
            return super().feed(chunk)

    for kind in ("generator", "async_generator"):
        seen.clear()
        function, _ = through(kind, [["a", "b"]], Looks)
        read(function, kind, "x")
        assert all(call is not None for call in seen)
        assert reliai.current_call() is None


def test_what_can_be_let_out_does_not_wait_for_the_next_chunk() -> None:
    """10"""

    class Passing:
        def feed(self, chunk: Any) -> list[Any]:
            return [chunk]

        def finish(self) -> list[Any]:
            return []

    function, _ = through("generator", [["a", Stall(5), "b", Stall(5), "c"]], Passing)
    with virtual_clock() as clock:
        started = clock.now
        assert [(chunk, clock.now - started) for chunk in function("x")] == [
            ("a", 0),
            ("b", 5),
            ("c", 10),
        ]
