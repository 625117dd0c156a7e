"""What an open circuit breaker does with calls, and what its probes decide."""

from __future__ import annotations

import asyncio
import gc
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import VirtualClock, virtual_clock
from tests.policies.breaker_models import KINDS, Down, Model, ask, down, events

if TYPE_CHECKING:
    from collections.abc import Iterator

each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as made:
        yield made


@each_kind
def test_an_open_circuit_refuses_until_its_break_is_over(kind: str, clock: VirtualClock) -> None:
    """A11"""
    breaker = reliai.CircuitBreaker("ours", consecutive=1, open_for=5)
    model = Model(clock, down)
    answer = breaker(model.of(kind))
    ask(answer)
    clock.advance(3)
    refused = ask(answer)
    assert isinstance(refused, reliai.CircuitOpen)
    assert (refused.name, refused.retry_after, refused.__cause__) == ("ours", 2.0, None)
    assert (model.calls, breaker.snapshot().rejected) == (1, 1)
    clock.advance(2)
    assert ask(answer) is None
    assert (model.calls, breaker.snapshot().rejected) == (2, 1)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_each_refusal_is_a_new_error_with_a_traceback_of_the_same_length(
    kind: str, clock: VirtualClock
) -> None:
    """A12"""
    answer = reliai.CircuitBreaker(consecutive=1)(Model(clock, down).of(kind))
    ask(answer)
    refusals = [ask(answer) for _ in range(100)]
    assert len({id(refusal) for refusal in refusals}) == 100
    lengths = {len(traceback.extract_tb(r.__traceback__)) for r in refusals if r is not None}
    assert len(lengths) == 1


def test_refusals_leave_no_garbage(clock: VirtualClock) -> None:
    """A12"""
    answer = reliai.CircuitBreaker(consecutive=1)(Model(clock, down).of("sync"))
    ask(answer)
    reliai.execute(answer)
    gc.collect()
    gc.disable()
    try:
        for _ in range(200):
            reliai.execute(answer)
        assert gc.collect() == 0
    finally:
        gc.enable()


@each_kind
def test_breaks_double_and_begin_anew_after_closing(kind: str, clock: VirtualClock) -> None:
    """A14, A20"""
    breaker = reliai.CircuitBreaker(consecutive=1, open_for=5, max_open_for=30)
    model = Model(clock, *[down] * 5, None, down)
    answer = breaker(model.of(kind))
    waits = list[float | None]()
    for _ in range(5):
        ask(answer)
        waits.append(breaker.snapshot().retry_after)
        clock.advance(waits[-1] or 0.0)
    assert waits == [5.0, 10.0, 20.0, 30.0, 30.0]
    ask(answer)
    assert (breaker.state, breaker.snapshot().calls) == ("closed", 0)
    ask(answer)
    assert breaker.snapshot().retry_after == 5.0


@each_kind
def test_a_rate_limit_opens_for_its_retry_after_and_no_longer(
    kind: str, clock: VirtualClock
) -> None:
    """A16"""
    breaker = reliai.CircuitBreaker("ours")
    model = Model(clock, Down(429, retry_after="7"))
    answer = breaker(model.of(kind))
    said = {"circuit": "ours", "reason": "rate_limited", "open_for": 7.0}
    assert events(answer) == [("circuit_opened", said)]
    clock.advance(6.9)
    assert isinstance(ask(answer), reliai.CircuitOpen)
    clock.advance(0.1)
    assert events(answer) == [("circuit_closed", {"circuit": "ours", "reason": "pause_over"})]
    assert model.calls == 2
    assert breaker.snapshot().failures == 0


@pytest.mark.parametrize(("probes", "callers"), [(1, 2), (4, 50)])
def test_exactly_as_many_probes_run_as_allowed(
    probes: int, callers: int, clock: VirtualClock
) -> None:
    """A17, A18"""
    breaker = reliai.CircuitBreaker("ours", consecutive=1, open_for=5, probes=probes)
    ask(breaker(Model(clock, down).of("sync")))
    clock.advance(5)
    running = 0

    async def crowd() -> list[Any]:
        done = asyncio.Event()

        @breaker
        async def probe() -> None:
            nonlocal running
            running += 1
            await done.wait()

        tasks = [asyncio.create_task(probe()) for _ in range(callers)]
        for _ in range(3):  # all of them start at once
            await asyncio.sleep(0)
        assert sum(task.done() for task in tasks) == callers - probes
        assert breaker.snapshot().state == "half_open"
        done.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    refused = [each for each in asyncio.run(crowd()) if each is not None]
    assert running == probes
    assert len(refused) == callers - probes
    assert all(isinstance(e, reliai.CircuitOpen) and e.retry_after == 5.0 for e in refused)
    assert breaker.state == "closed"


def test_exactly_as_many_probes_run_in_threads(clock: VirtualClock) -> None:
    """A18"""
    breaker = reliai.CircuitBreaker("ours", consecutive=1, open_for=5, probes=4)
    ask(breaker(Model(clock, down).of("sync")))
    clock.advance(5)
    go, ran, done = threading.Event(), list[int](), threading.Barrier(50)

    @breaker
    def probe() -> None:
        ran.append(1)
        go.wait(30)

    def call() -> None:
        done.wait()
        if ask(probe) is not None and breaker.snapshot().rejected == 46:
            go.set()

    threads = [threading.Thread(target=call) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(ran), breaker.snapshot().rejected, breaker.state) == (4, 46, "closed")


@each_kind
@pytest.mark.parametrize(
    ("results", "state"), [("fssf", "open"), ("fsss", "closed"), ("ff", "open"), ("sss", "closed")]
)
def test_probes_decide_as_soon_as_it_is_certain(
    kind: str, results: str, state: str, clock: VirtualClock
) -> None:
    """A19"""
    breaker = reliai.CircuitBreaker(consecutive=1, open_for=5, probes=4)
    script = [down if result == "f" else None for result in results]
    answer = breaker(Model(clock, down, *script).of(kind))
    ask(answer)
    clock.advance(5)
    for _ in results:
        assert breaker.snapshot().state != state or state == "open"
        ask(answer)
    assert breaker.state == state


@each_kind
def test_slow_probes_open_again(kind: str, clock: VirtualClock) -> None:
    """A21"""
    breaker = reliai.CircuitBreaker(
        consecutive=1, open_for=5, probes=4, slow_call=1, slow_rate=0.75
    )
    model = Model(clock, down)
    answer = breaker(model.of(kind))
    ask(answer)
    clock.advance(5)
    for model.seconds in (2.0, 0.5, 2.0, 2.0):
        assert breaker.snapshot().state in {"open", "half_open"}
        ask(answer)
    assert breaker.state == "open"


def test_a_hung_probe_is_replaced_and_its_late_result_dropped(clock: VirtualClock) -> None:
    """A23"""
    breaker = reliai.CircuitBreaker("ours", consecutive=1, open_for=5)
    ask(breaker(Model(clock, down).of("sync")))
    clock.advance(5)
    quick = breaker(Model(clock).of("async"))

    async def overtake() -> None:
        release = asyncio.Event()

        @breaker
        async def hang() -> None:
            await release.wait()
            raise down

        hung = asyncio.create_task(hang())
        await asyncio.sleep(0)
        with pytest.raises(reliai.CircuitOpen):
            await quick()
        clock.advance(5)
        await quick()
        assert breaker.snapshot().state == "closed"
        release.set()
        with pytest.raises(ConnectionError):
            await hung

    asyncio.run(overtake())
    seen = breaker.snapshot()
    assert (seen.state, seen.late, seen.calls) == ("closed", 1, 0)


def test_threads_lose_no_count(clock: VirtualClock) -> None:
    """A71"""
    breaker = reliai.CircuitBreaker("ours", failure_rate=1.0)
    script = [None, down, Down(400)]

    @breaker
    def answer(turn: int) -> None:
        error = script[turn % 3]
        if error is not None:
            raise error

    def calls() -> None:
        for turn in range(600):
            reliai.execute(answer, turn)

    threads = [threading.Thread(target=calls) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = breaker.snapshot()
    assert (seen.calls, seen.failures, seen.ignored, seen.rejected) == (2400, 1200, 1200, 0)
