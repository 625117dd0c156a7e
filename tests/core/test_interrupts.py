"""What is no failure passes through: interrupts, cancellation, and the iterator protocol's own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import ScriptedModel, records, virtual_clock
from tests.core._kinds import each_single, every_kind, of_kind, read

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

PASSING = [KeyboardInterrupt, SystemExit, GeneratorExit]


@every_kind
@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_interrupt_passes_through_and_leaves_a_cancelled_record(kind: str, interrupt: Any) -> None:
    """A35: whatever `on` says, it is never retried."""
    model = ScriptedModel([interrupt(), "never"])
    function = reliai.reliable(
        reliai.Timeout(30),
        reliai.Fallback("never"),
        reliai.Retry(3, wait=0, on=lambda error: True),
        reliai.CircuitBreaker(),
    )(of_kind(model, kind))
    with virtual_clock(), records() as seen, pytest.raises(interrupt):
        read(function, kind, "x")
    assert len(model.calls) == 1
    assert len(seen) == 1
    assert seen[0].status == "cancelled"
    assert seen[0].attempts[0].status == "cancelled"
    assert seen[0].error is not None
    assert seen[0].error.kind == "cancelled"


@every_kind
def test_outcome_of_execute_does_not_swallow_an_interrupt(kind: str) -> None:
    function = reliai.reliable()(of_kind(ScriptedModel([KeyboardInterrupt()]), kind))
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        if kind in {"sync", "generator"}:
            reliai.execute(function)
        else:
            asyncio.run(reliai.aexecute(function))


@pytest.mark.parametrize("at", ["attempt", "first chunk", "wait"])
@pytest.mark.parametrize("kind", ["async", "async_generator"])
def test_cancelled_call_is_neither_retried_nor_falls_back(kind: str, at: str) -> None:
    """8, 9, A9, A35: not during an attempt and not during the wait between two."""
    started: list[str] = []

    async def attempt() -> Any:
        started.append("attempt")
        if at == "wait":
            raise ConnectionError("down")
        await asyncio.sleep(1000)

    async def stream() -> AsyncIterator[Any]:
        yield await attempt()

    breaker = reliai.CircuitBreaker(consecutive=1)
    function: Any = reliai.reliable(
        reliai.Fallback("never"),
        reliai.Retry(3, wait=500),
        breaker if at != "wait" else reliai.Timeout(5000),
    )(attempt if kind == "async" else stream)

    async def main() -> None:
        async def call() -> Any:
            if kind == "async":
                return await function()
            return [chunk async for chunk in function()]

        task = asyncio.create_task(call())
        await asyncio.sleep(10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert len(asyncio.all_tasks()) == 1, "nothing is left running"

    with virtual_clock() as clock, records() as seen:
        asyncio.run(main())
        assert clock.now < 100
        if at != "wait":
            assert breaker.snapshot().calls == 0
            assert breaker.state == "closed"
    assert started == ["attempt"]
    assert [record.status for record in seen] == ["cancelled"]


def test_cancellation_that_was_asked_for_before_the_call_ends_its_first_wait() -> None:
    async def main() -> None:
        @reliai.Retry(3)
        async def ask() -> str:
            await asyncio.sleep(0)
            return "never"

        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ask()
        task.uncancel()

    asyncio.run(main())


# --- StopIteration ---------------------------------------------------------------------------
def test_stop_iteration_of_a_plain_function_comes_out_as_itself() -> None:
    @reliai.Retry(3, wait=0, on=StopIteration)
    def ask() -> str:
        return next(iter(()))

    with records() as seen, pytest.raises(StopIteration):
        ask()
    assert len(seen[0].attempts) == 3, "it is an error like any other"


def test_stop_iteration_on_a_worker_comes_out_as_itself() -> None:
    with virtual_clock(), pytest.raises(StopIteration):
        reliai.Timeout(5)(lambda: next(iter(())))()


def test_stop_iteration_of_a_coroutine_is_the_runtime_error_python_makes_of_it() -> None:
    @reliai.Retry(2, wait=0)
    async def ask() -> str:
        return next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(ask())


def test_stop_iteration_inside_a_generator_is_an_error_and_no_end() -> None:
    @reliai.Retry(2, wait=0)
    def stream() -> Iterator[str]:
        yield next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        list(stream())


def test_stop_iteration_of_a_plain_target_in_a_thread_does_not_hang_the_loop() -> None:
    def backup() -> str:
        return next(iter(()))

    @reliai.Fallback(backup)
    async def ask() -> str:
        raise ConnectionError("down")

    with pytest.raises(RuntimeError, match="StopIteration"):
        asyncio.run(ask())


def test_stop_iteration_of_a_middleware_is_an_error() -> None:
    async def middleware(call: reliai.Call, proceed: Any) -> Any:
        return next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        reliai.reliable(middleware)(lambda: "a")()


# --- errors that are hard to handle ------------------------------------------------------------
class Stubborn(Exception):
    """An error that refuses attributes, as a frozen dataclass does."""

    def __setattr__(self, name: str, value: object) -> None:
        raise TypeError(f"cannot set {name}")


@every_kind
def test_error_that_takes_no_notes_still_comes_out(kind: str) -> None:
    def fail(*args: Any) -> None:
        raise Stubborn("down")

    model = ScriptedModel([fail], repeat_last=True)
    function = reliai.reliable(reliai.Fallback(fail), reliai.Retry(3, wait=0, on=Stubborn))(
        of_kind(model, kind)
    )
    with pytest.raises(Stubborn, match="down"):
        read(function, kind, "x")
    assert len(model.calls) == 3


class Unspeakable(Exception):
    """An error whose message cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


@each_single
def test_error_whose_text_fails_still_comes_out(kind: str) -> None:
    error = Unspeakable()

    def ask() -> Any:
        raise error

    async def ask_later() -> Any:
        raise error

    function: Any = reliai.Retry(2, wait=0)(ask if kind == "sync" else ask_later)
    with records() as seen:
        try:
            read(function, kind)
        except Unspeakable as caught:
            assert caught is error  # noqa: PT017
    assert seen[0].error is not None
    assert "could not be read" in seen[0].error.message


def test_group_of_errors_is_retried_like_what_is_in_it() -> None:
    group = ExceptionGroup("both", [ConnectionError("down"), ConnectionError("down too")])
    model = ScriptedModel([group, "a"])
    assert reliai.Retry(2, wait=0)(model)() == "a"
