"""Guarded calls inside guarded calls, deadlines from outside, and what is inherited."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock as clocks
from reliai.testing import records, virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator


def sleep(seconds: float) -> None:
    clocks.active().sleep(seconds)


# --- records of their own -----------------------------------------------------------------
def test_call_inside_a_call_is_a_record_of_its_own_with_its_parent() -> None:
    @reliai.Retry(2)
    def inner() -> str:
        return "a"

    @reliai.Retry(2)
    def outer() -> str:
        return inner() + inner()

    with records() as seen:
        assert outer() == "aa"
    first, second, around = seen
    assert first.parent_id == second.parent_id == around.id
    assert around.parent_id is None
    assert first.id != second.id
    assert len(around.attempts) == 1


def test_function_may_call_itself_guarded() -> None:
    @reliai.reliable(reliai.Timeout(50), reliai.Retry(2))
    def count(n: int) -> int:
        return 0 if n == 0 else 1 + count(n - 1)

    with virtual_clock(), records() as seen:
        assert count(5) == 5
    assert len(seen) == 6
    assert [record.parent_id for record in seen][-1] is None


def test_async_function_may_call_itself_guarded_and_concurrently() -> None:
    @reliai.reliable(reliai.Timeout(50), reliai.Retry(2))
    async def count(n: int) -> int:
        if n == 0:
            return 1
        return sum(await asyncio.gather(count(n - 1), count(n - 1)))

    with virtual_clock(), records() as seen:
        assert asyncio.run(count(3)) == 8
    assert len(seen) == 15
    top = seen[-1]
    assert sum(record.parent_id == top.id for record in seen) == 2


def test_sync_call_works_inside_a_running_loop() -> None:
    """46: as in a notebook."""

    @reliai.reliable(reliai.Timeout(5), reliai.Retry(2, wait=1))
    def ask() -> str:
        if len(tried) == 0:
            tried.append("once")
            raise ConnectionError("down")
        return "a"

    @reliai.Retry(2)
    def stream() -> Iterator[str]:
        yield "a"
        yield "b"

    tried: list[str] = []

    async def main() -> tuple[str, list[str]]:
        return ask(), list(stream())

    with virtual_clock():
        assert asyncio.run(main()) == ("a", ["a", "b"])


def test_call_in_a_thread_of_the_functions_own_has_no_parent() -> None:
    inner = reliai.reliable(name="inner")(lambda: "a")

    @reliai.reliable(name="outer")
    def outer() -> None:
        thread = threading.Thread(target=inner)
        thread.start()
        thread.join(10)

    with records() as seen:
        outer()
    assert {record.name: record.parent_id for record in seen}["inner"] is None


# --- remaining ----------------------------------------------------------------------------
def test_remaining_is_none_without_a_deadline() -> None:
    assert reliai.remaining() is None
    assert reliai.reliable()(reliai.remaining)() is None


def test_remaining_is_that_of_the_nearest_limit() -> None:
    @reliai.reliable(reliai.Timeout(30), reliai.Retry(2), reliai.Timeout(10))
    def ask() -> list[float | None]:
        left = [reliai.remaining()]
        sleep(4)
        left.append(reliai.remaining())
        with reliai.deadline(3):
            left.append(reliai.remaining())
        return left

    with virtual_clock():
        assert ask() == [10, 6, 3]


def test_remaining_of_the_last_attempt_is_what_the_whole_call_leaves() -> None:
    """A37: limits of attempts shrink; none starts after the deadline."""
    left: list[float | None] = []

    @reliai.reliable(reliai.Timeout(5), reliai.Retry(5, wait=1), reliai.Timeout(2))
    def ask() -> None:
        left.append(reliai.remaining())
        sleep(100)

    with virtual_clock() as clock, pytest.raises(reliai.CallTimeout) as caught:
        ask()
    assert left == [2, 2]
    assert clock.now == 5
    assert caught.value.layer == "total", "two limits at one time: the outer one is told"


def test_remaining_never_goes_below_zero() -> None:
    @reliai.reliable(reliai.Timeout(2, enforce="deadline"))
    def ask() -> float | None:
        sleep(5)
        return reliai.remaining()

    with virtual_clock():
        assert ask() == 0


def test_call_remaining_is_that_of_the_whole_call() -> None:
    found: list[float | None] = []

    async def look(call: reliai.Call, proceed: Any) -> Any:
        found.append(call.remaining())
        return await proceed(call)

    function = reliai.reliable(
        look, reliai.Timeout(30), look, reliai.Retry(2), reliai.Timeout(10), look
    )
    with virtual_clock():
        function(lambda: "a")()
    assert found == [None, 30, 30]


# --- deadline() ---------------------------------------------------------------------------
def test_deadline_bounds_the_calls_inside() -> None:
    @reliai.reliable(reliai.Retry(3, wait=0), reliai.Timeout(10))
    def ask() -> str:
        sleep(6)
        return "a"

    with virtual_clock() as clock, records() as seen:
        with reliai.deadline(8):
            assert ask() == "a"
            with pytest.raises(reliai.CallTimeout) as caught:
                ask()
        assert clock.now == 8
    assert (caught.value.layer, caught.value.seconds) == ("inherited", 2)
    assert len(seen[1].attempts) == 1, "verdict none: not retried"
    assert caught.value.__class__ is reliai.CallTimeout
    failure = reliai.classify(caught.value)
    assert failure.verdict == (False, False, "none")


def test_call_after_the_deadline_makes_no_attempt() -> None:
    @reliai.Retry(3)
    def ask() -> str:
        return "never"

    with virtual_clock() as clock, reliai.deadline(5), records() as seen:
        clock.advance(5)
        with pytest.raises(reliai.CallTimeout):
            ask()
    assert seen[0].attempts == ()
    assert seen[0].error is not None
    assert seen[0].error.kind == "timeout"


def test_nearest_of_nested_deadlines_counts() -> None:
    with virtual_clock() as clock, reliai.deadline(10):
        with reliai.deadline(50):
            assert reliai.remaining() == 10
        with reliai.deadline(3):
            assert reliai.remaining() == 3
        clock.advance(4)
        assert reliai.remaining() == 6


@pytest.mark.parametrize("seconds", [0, -1, "5", None, float("nan")])
def test_deadline_must_be_a_number_above_zero(seconds: Any) -> None:
    with (
        pytest.raises(reliai.ConfigurationError, match=r"deadline\(seconds="),
        reliai.deadline(seconds),
    ):
        pass


# --- what nested calls inherit ------------------------------------------------------------
def nested(policy: Any = None) -> tuple[Any, Any]:
    """A function around a guarded one that takes 20 seconds."""

    @reliai.reliable(*([policy] if policy else []), name="inner")
    def inner() -> str:
        sleep(20)
        return "a"

    @reliai.reliable(reliai.Retry(3, wait=0), reliai.Timeout(5), name="outer")
    def outer() -> str:
        return inner()

    return outer, inner


def test_call_inside_inherits_the_limit_of_the_attempt_around_it() -> None:
    outer, _ = nested(reliai.Timeout(15))
    with virtual_clock() as clock, records() as seen:
        with pytest.raises(reliai.CallTimeout) as caught:
            outer()
        assert clock.now == 15, "three attempts of five seconds"
    assert (caught.value.layer, caught.value.name) == ("attempt", "outer")
    outside = next(record for record in seen if record.name == "outer")
    assert len(outside.attempts) == 3, "the limit of its own attempt is retried"
    assert {attempt.error and attempt.error.kind for attempt in outside.attempts} == {"timeout"}


def test_inner_async_call_that_runs_into_the_limit_of_the_outer_one_is_the_outer_ones() -> None:
    @reliai.reliable(reliai.Timeout(15), name="inner")
    async def inner() -> str:
        await asyncio.sleep(20)
        return "never"

    @reliai.reliable(reliai.Retry(2, wait=0), reliai.Timeout(5), name="outer")
    async def outer() -> str:
        return await inner()

    with virtual_clock() as clock, records() as seen:
        with pytest.raises(reliai.CallTimeout) as caught:
            asyncio.run(outer())
        assert clock.now == pytest.approx(10)
    assert (caught.value.layer, caught.value.name) == ("attempt", "outer")
    outside = seen[-1]
    assert outside.name == "outer"
    assert len(outside.attempts) == 2


def test_inner_call_that_gives_up_at_the_inherited_limit_is_the_outer_ones_timeout() -> None:
    """It raises a moment before the outer timer would; the outer call still calls it its own."""

    @reliai.reliable(name="outer", cooperative=True)
    def outer() -> str:
        sleep(5)
        return reliai.Retry(2)(lambda: "never")()

    function = reliai.reliable(reliai.Retry(2, wait=0), reliai.Timeout(5))(outer)
    with virtual_clock(), records() as seen, pytest.raises(reliai.CallTimeout) as caught:
        function()
    assert caught.value.layer == "attempt"
    assert isinstance(caught.value.__cause__, reliai.CallTimeout)
    assert caught.value.__cause__.layer == "inherited"
    assert len(seen[-1].attempts) == 2


def test_inherited_limit_that_is_not_its_own_stays_inherited() -> None:
    @reliai.reliable(name="outer", cooperative=True)
    def outer() -> str:
        with reliai.deadline(1):
            sleep(2)
            return reliai.Retry(2)(lambda: "never")()

    function = reliai.reliable(reliai.Retry(2, wait=0), reliai.Timeout(50))(outer)
    with virtual_clock(), records() as seen, pytest.raises(reliai.CallTimeout) as caught:
        function()
    assert caught.value.layer == "inherited"
    assert len(seen[-1].attempts) == 1


def test_inner_limit_that_is_shorter_is_its_own() -> None:
    outer, _ = nested(reliai.Timeout(1))
    with virtual_clock(), records() as seen, pytest.raises(reliai.CallTimeout) as caught:
        outer()
    assert (caught.value.layer, caught.value.name, caught.value.seconds) == ("total", "inner", 1)
    assert seen[0].name == "inner"


def test_target_without_a_limit_of_its_own_does_not_keep_the_limit_of_the_one_before() -> None:
    left: list[float | None] = []

    @reliai.reliable()
    def helper() -> str:
        left.append(reliai.remaining())
        return "helped"

    @reliai.reliable()
    def backup() -> str:
        left.append(reliai.remaining())
        return helper()

    @reliai.reliable(reliai.Fallback(backup), reliai.Timeout(1))
    def ask() -> str:
        sleep(5)
        return "never"

    with virtual_clock() as clock:
        assert reliai.execute(ask).error is not None, "a total limit is no reason to fall back"

    @reliai.reliable(reliai.Fallback(backup), reliai.Retry(2, wait=0), reliai.Timeout(1))
    def ask_again() -> str:
        sleep(5)
        return "never"

    with virtual_clock() as clock:
        assert ask_again() == "helped"
        assert clock.now == 2
    assert left == [None, None]


def test_limit_for_the_first_chunk_is_not_inherited_by_later_steps() -> None:
    helper = reliai.reliable()(lambda: "helped")

    @reliai.reliable(reliai.Retry(2), reliai.Timeout(5))
    def stream() -> Iterator[str]:
        yield str(reliai.remaining())
        sleep(20)
        yield str(reliai.remaining())
        yield helper()

    with virtual_clock():
        assert list(stream()) == ["5.0", "None", "helped"]


def test_call_made_after_its_parent_has_ended_inherits_no_deadline() -> None:
    later: list[asyncio.Task[str]] = []

    @reliai.reliable(name="inner")
    async def inner() -> str:
        return "a"

    async def background() -> str:
        await asyncio.sleep(60)
        return await inner()

    @reliai.reliable(reliai.Timeout(5), name="outer")
    async def outer() -> None:
        later.append(asyncio.create_task(background()))

    async def main() -> str:
        await outer()
        return await later[0]

    with virtual_clock(), records() as seen:
        assert asyncio.run(main()) == "a"
    assert seen[1].parent_id == seen[0].id
