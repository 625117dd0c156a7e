"""What teaches a circuit breaker nothing: all that is not its target's fault."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import VirtualClock, virtual_clock
from tests.policies.breaker_models import KINDS, Down, Model, ask, down

if TYPE_CHECKING:
    from collections.abc import Iterator

each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as made:
        yield made


NO_VERDICT = [
    Down(400),
    Down(401),
    Down(404),
    Down(429),
    ValueError("mine"),
    TypeError("mine"),
    reliai.BulkheadFull("full"),
    reliai.RateLimited("ours", retry_after=5.0),
    reliai.OutputInvalid("no JSON"),
]


@each_kind
@pytest.mark.parametrize("error", NO_VERDICT, ids=repr)
def test_what_is_not_the_targets_fault_teaches_nothing(
    kind: str, error: Exception, clock: VirtualClock
) -> None:
    """A8, A9, A45"""
    breaker = reliai.CircuitBreaker(consecutive=3)
    answer = breaker(Model(clock, down, down, *[error] * 10, down).of(kind))
    for _ in range(12):
        ask(answer)
    seen = breaker.snapshot()
    assert (seen.state, seen.calls, seen.ignored) == ("closed", 2, 10)
    ask(answer)
    assert breaker.state == "open"


@each_kind
def test_a_callers_mistake_in_half_open_gives_the_probe_back(
    kind: str, clock: VirtualClock
) -> None:
    """A9"""
    breaker = reliai.CircuitBreaker(consecutive=1, open_for=5)
    answer = breaker(Model(clock, down, *[Down(400)] * 3).of(kind))
    ask(answer)
    clock.advance(5)
    for _ in range(3):
        assert isinstance(ask(answer), Down)
        assert breaker.snapshot().state == "half_open"
    assert ask(answer) is None
    assert breaker.snapshot().state == "closed"


@each_kind
@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(), asyncio.CancelledError()])
def test_an_interrupt_passes_and_gives_the_probe_back(
    kind: str, error: BaseException, clock: VirtualClock
) -> None:
    """A9"""
    breaker = reliai.CircuitBreaker(consecutive=1, open_for=5)
    answer = breaker(Model(clock, down, error).of(kind))
    ask(answer)
    clock.advance(5)
    with pytest.raises(type(error)):
        ask(answer)
    seen = breaker.snapshot()
    assert (seen.state, seen.ignored, seen.retry_after) == ("half_open", 1, 0.0)
    assert ask(answer) is None
    assert breaker.state == "closed"


def test_a_cancelled_call_teaches_nothing_and_gives_the_probe_back(clock: VirtualClock) -> None:
    """A9"""
    breaker = reliai.CircuitBreaker("ours", consecutive=1, open_for=5)
    ask(breaker(Model(clock, down).of("sync")))
    clock.advance(5)

    @breaker
    async def hang() -> None:
        await asyncio.Event().wait()

    async def cancel() -> None:
        task = asyncio.create_task(hang())
        await asyncio.sleep(0)
        assert breaker.snapshot().retry_after == 5.0
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    seen = breaker.snapshot()
    assert (seen.state, seen.ignored, seen.retry_after) == ("half_open", 1, 0.0)


def test_a_refusal_by_an_inner_policy_gives_the_probe_back(clock: VirtualClock) -> None:
    """A9"""

    async def full(call: reliai.Call, proceed: Any) -> reliai.Outcome:
        raise reliai.BulkheadFull("no place")

    breaker = reliai.CircuitBreaker("ours", consecutive=1, open_for=5)
    ask(breaker(Model(clock, down).of("sync")))
    clock.advance(5)
    model = Model(clock)
    assert isinstance(ask(reliai.reliable(breaker, full)(model.of("sync"))), reliai.BulkheadFull)
    assert (breaker.snapshot().retry_after, model.calls) == (0.0, 0)
