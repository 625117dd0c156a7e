"""However a call ends, what a Budget held for it is settled exactly once, and nothing is left."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import virtual_clock
from tests.policies._spending import answer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from reliai.testing import VirtualClock

ESTIMATE = 0.3


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as time:
        yield time


@pytest.fixture
def budget() -> reliai.Budget:
    return reliai.Budget(usd=1.0, estimate=ESTIMATE)


def account(budget: reliai.Budget) -> tuple[float, float]:
    found = budget.snapshot()["usd"]
    return found.spent, found.reserved


def streams(budget: reliai.Budget, usd: float | None = None) -> tuple[Any, Any]:
    """A plain and an asynchronous stream; with a cost, they tell it between their chunks."""

    @reliai.reliable(budget)
    def stream() -> Iterator[str]:
        yield "a"
        if usd is not None:
            reliai.usage(model="m", cost_usd=usd)
        yield "b"
        yield "c"

    @reliai.reliable(budget)
    async def stream_async() -> AsyncIterator[str]:
        yield "a"
        if usd is not None:
            reliai.usage(model="m", cost_usd=usd)
        yield "b"

    return stream, stream_async


def test_a_stream_holds_until_it_ends(budget: reliai.Budget) -> None:
    stream, _ = streams(budget, 0.1)
    chunks = stream()
    next(chunks)
    assert account(budget) == (0.0, ESTIMATE)
    list(chunks)
    assert account(budget) == (0.1, 0.0)


def test_a_stream_that_is_never_read_holds_nothing(budget: reliai.Budget) -> None:
    stream, _ = streams(budget)
    stream().close()
    assert account(budget) == (0.0, 0.0)


def test_a_stream_closed_before_it_told_its_usage_costs_the_estimate(budget: reliai.Budget) -> None:
    stream, _ = streams(budget, 0.1)
    chunks = stream()
    next(chunks)
    chunks.close()
    assert account(budget) == (ESTIMATE, 0.0)


def test_a_stream_closed_after_it_told_its_usage_costs_that(budget: reliai.Budget) -> None:
    stream, _ = streams(budget, 0.1)
    chunks = stream()
    next(chunks)
    next(chunks)
    chunks.close()
    assert account(budget) == (0.1, 0.0)


def test_an_abandoned_stream_is_settled(budget: reliai.Budget) -> None:
    stream, _ = streams(budget)
    chunks = stream()
    next(chunks)
    del chunks
    gc.collect()
    assert account(budget) == (ESTIMATE, 0.0)


def test_an_asynchronous_stream_closed_early_is_settled(budget: reliai.Budget) -> None:
    _, stream = streams(budget)

    async def main() -> None:
        chunks = stream()
        await anext(chunks)
        assert account(budget) == (0.0, ESTIMATE)
        await chunks.aclose()

    asyncio.run(main())
    assert account(budget) == (ESTIMATE, 0.0)


def test_a_stream_that_breaks_costs_the_estimate(budget: reliai.Budget) -> None:
    @reliai.reliable(budget)
    def stream() -> Iterator[str]:
        yield "a"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        list(stream())
    assert account(budget) == (ESTIMATE, 0.0)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_cancelled_call_costs_the_estimate_and_holds_nothing(
    budget: reliai.Budget, *, streaming: bool
) -> None:
    @reliai.reliable(budget)
    async def ask() -> None:
        await asyncio.Event().wait()

    @reliai.reliable(budget)
    async def stream() -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield "a"

    async def main() -> None:
        waiting: Any = anext(stream()) if streaming else ask()
        task = asyncio.ensure_future(waiting)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert account(budget) == (0.0, ESTIMATE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert account(budget) == (ESTIMATE, 0.0)


def test_a_call_cancelled_before_it_reached_the_model_costs_nothing(budget: reliai.Budget) -> None:
    async def waiting(_call: Any, _proceed: Any) -> Any:
        await asyncio.Event().wait()

    @reliai.reliable(budget, waiting)
    async def ask() -> Any:
        return answer()

    async def main() -> None:
        task = asyncio.ensure_future(ask())
        await asyncio.sleep(0)
        assert account(budget) == (0.0, ESTIMATE)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert account(budget) == (0.0, 0.0)


def test_an_interrupt_passes_and_is_settled(budget: reliai.Budget) -> None:
    @reliai.reliable(budget)
    def ask() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask()
    assert account(budget)[1] == 0.0


@pytest.mark.parametrize("how", ["value", "error", "refused", "nested"])
def test_calls_leave_no_cycles(how: str) -> None:
    budget = reliai.Budget(usd=1e9, estimate=1.0)
    small = reliai.Budget(usd=0.5, estimate=1.0)

    @reliai.reliable(small if how == "refused" else budget, name="ask")
    def ask() -> Any:
        if how == "error":
            raise ConnectionRefusedError
        return answer()

    @reliai.reliable(budget, name="agent")
    def agent() -> Any:
        return reliai.execute(ask).value

    def act() -> None:
        with reliai.run(max_usd=1e9):
            reliai.execute(agent if how == "nested" else ask)

    for _ in range(300):  # the ring of the last records is full then
        act()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            act()
        assert gc.collect() == 0
    finally:
        gc.enable()
