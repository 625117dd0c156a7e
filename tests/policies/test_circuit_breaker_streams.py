"""A stream counts when it ends."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import VirtualClock, virtual_clock
from tests.policies.breaker_models import KINDS, Model, ask, down

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as made:
        yield made


def streams(breaker: reliai.CircuitBreaker, error: Exception | None) -> tuple[Any, Any]:
    """A synchronous and an asynchronous stream that may fail after its first chunk."""

    @breaker
    def generator() -> Iterator[str]:
        yield "one"
        if error is not None:
            raise error
        yield "two"

    @breaker
    async def async_generator() -> AsyncIterator[str]:
        yield "one"
        if error is not None:
            raise error
        yield "two"

    return generator, async_generator


@pytest.mark.parametrize("which", [0, 1])
def test_failures_in_the_middle_of_streams_open(which: int) -> None:
    """A68"""
    breaker = reliai.CircuitBreaker("ours", consecutive=5)
    stream = streams(breaker, down)[which]
    for _ in range(5):
        assert breaker.snapshot().state == "closed"
        assert ask(stream) is down
    assert breaker.snapshot().state == "open"
    assert isinstance(ask(stream), reliai.CircuitOpen)


def test_a_stream_counts_when_it_ends_and_keeps_its_probe_until_then(clock: VirtualClock) -> None:
    """A6, A17"""
    breaker = reliai.CircuitBreaker("ours", consecutive=1, open_for=5)
    ask(breaker(Model(clock, down).of("sync")))
    clock.advance(5)
    generator, _ = streams(breaker, None)
    reading = generator()
    assert next(reading) == "one"
    assert isinstance(ask(generator), reliai.CircuitOpen)
    assert list(reading) == ["two"]
    assert breaker.state == "closed"


def test_a_stream_closed_early_teaches_nothing(clock: VirtualClock) -> None:
    """A9"""
    breaker = reliai.CircuitBreaker("ours", consecutive=1, open_for=5)
    ask(breaker(Model(clock, down).of("sync")))
    clock.advance(5)
    generator, async_generator = streams(breaker, None)
    reading = generator()
    next(reading)
    reading.close()
    assert (breaker.snapshot().state, breaker.snapshot().retry_after) == ("half_open", 0.0)

    async def leave() -> None:
        areading = async_generator()
        await anext(areading)
        await areading.aclose()

    asyncio.run(leave())
    seen = breaker.snapshot()
    assert (seen.state, seen.ignored, seen.retry_after) == ("half_open", 2, 0.0)


def test_an_abandoned_stream_gives_its_probe_back(clock: VirtualClock) -> None:
    """A9"""
    breaker = reliai.CircuitBreaker("ours", consecutive=1, open_for=5)
    ask(breaker(Model(clock, down).of("sync")))
    clock.advance(5)
    generator, _ = streams(breaker, None)
    reading = generator()
    next(reading)
    assert breaker.snapshot().retry_after == 5.0
    del reading
    gc.collect()
    assert list(generator()) == ["one", "two"]
    assert breaker.state == "closed"


def test_a_slow_consumer_makes_no_slow_stream(clock: VirtualClock) -> None:
    """A7"""
    breaker = reliai.CircuitBreaker("ours", slow_call=4)
    for _ in streams(breaker, None)[0]():
        clock.advance(10)
    assert (breaker.snapshot().calls, breaker.snapshot().slow) == (1, 0)
