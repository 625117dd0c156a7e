"""What a circuit breaker does with calls of every kind, seen through decorated functions."""

from __future__ import annotations

import asyncio
import gc
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import VirtualClock, virtual_clock
from tests.policies.breaker_models import KINDS, Down, Model, ask, events

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

each_kind = pytest.mark.parametrize("kind", KINDS)
down = ConnectionError("down")


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as made:
        yield made


# --- opening ----------------------------------------------------------------------------


@each_kind
def test_it_opens_at_the_call_that_fills_the_minimum(kind: str, clock: VirtualClock) -> None:
    """A1"""
    breaker = reliai.CircuitBreaker(calls=5, min_calls=5)
    answer = breaker(Model(clock, down, down, down).of(kind))
    for _ in range(4):
        ask(answer)
        assert (breaker.state, breaker.snapshot().rate) == ("closed", None)
    assert events(answer) == [
        (
            "circuit_opened",
            {
                "circuit": breaker.snapshot().name,
                "reason": "failure_rate",
                "rate": 0.6,
                "open_for": 30.0,
            },
        )
    ]
    assert (breaker.state, breaker.snapshot().rate) == ("open", 0.6)


@each_kind
@pytest.mark.parametrize(("failures", "state"), [(4, "closed"), (5, "open")])
def test_a_rate_equal_to_the_limit_opens(
    kind: str, failures: int, state: str, clock: VirtualClock
) -> None:
    """A2"""
    breaker = reliai.CircuitBreaker()
    answer = breaker(Model(clock, *[down] * failures).of(kind))
    for _ in range(10):
        ask(answer)
    assert breaker.state == state


@each_kind
def test_below_the_minimum_nothing_opens(kind: str, clock: VirtualClock) -> None:
    """A3"""
    breaker = reliai.CircuitBreaker()
    answer = breaker(Model(clock, *[down] * 20).of(kind))
    for _ in range(9):
        ask(answer)
    assert breaker.snapshot().state == "closed"
    ask(answer)
    assert breaker.snapshot().state == "open"


@pytest.mark.parametrize(("wait", "state"), [(29.99, "open"), (30.0, "closed")])
def test_failures_expire_with_the_window(wait: float, state: str, clock: VirtualClock) -> None:
    """A5"""
    breaker = reliai.CircuitBreaker(window=30, min_calls=2)
    answer = breaker(Model(clock, down, down).of("sync"))
    ask(answer)
    clock.advance(wait)
    ask(answer)
    assert breaker.state == state


@each_kind
def test_a_success_that_fills_the_minimum_opens(kind: str, clock: VirtualClock) -> None:
    """A6"""
    breaker = reliai.CircuitBreaker()
    answer = breaker(Model(clock, *[down] * 9).of(kind))
    for _ in range(9):
        assert ask(answer) is down
    assert ask(answer) is None
    assert breaker.state == "open"


@each_kind
def test_slow_calls_open_though_all_succeed(kind: str, clock: VirtualClock) -> None:
    """A7"""
    breaker = reliai.CircuitBreaker(slow_call=4, slow_rate=0.5, min_calls=5)
    model = Model(clock)
    answer = breaker(model.of(kind))
    for model.seconds in (5.0, 5.0, 5.0, 4.0):
        assert ask(answer) is None
    assert breaker.snapshot().slow == 3
    ask(answer)
    assert breaker.state == "open"


@each_kind
def test_failures_in_a_row_open_before_the_minimum(kind: str, clock: VirtualClock) -> None:
    """A10"""
    breaker = reliai.CircuitBreaker(consecutive=5)
    answer = breaker(Model(clock, *[down] * 4, None, *[down] * 5).of(kind))
    for _ in range(9):
        ask(answer)
    assert breaker.snapshot().state == "closed"
    ask(answer)
    assert breaker.snapshot().state == "open"


def test_waiting_in_a_queue_of_ours_is_not_charged_to_the_target(clock: VirtualClock) -> None:
    async def queue(call: reliai.Call, proceed: Any) -> reliai.Outcome:
        await call.runtime.sleep(10)
        outcome: reliai.Outcome = await proceed(call)
        return outcome

    breaker = reliai.CircuitBreaker(slow_call=4)
    model = Model(clock)
    answer = reliai.reliable(breaker, queue)(model.of("sync"))
    ask(answer)
    assert breaker.snapshot().slow == 0
    model.seconds = 5.0
    ask(answer)
    assert breaker.snapshot().slow == 1


def test_a_call_that_a_policy_inside_copies_is_timed_from_its_beginning(
    clock: VirtualClock,
) -> None:
    async def rewrite(call: reliai.Call, proceed: Any) -> reliai.Outcome:
        outcome: reliai.Outcome = await proceed(call.with_arguments(prompt="other"))
        return outcome

    breaker = reliai.CircuitBreaker(slow_call=4)
    model = Model(clock)
    model.seconds = 5.0
    answer = reliai.reliable(breaker, rewrite)(model.of("sync"))
    ask(answer)
    assert breaker.snapshot().slow == 1


def test_a_detector_opens_on_what_no_rate_shows(clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker(detector=reliai.Cusum(), failure_rate=1.0)
    answer = breaker(Model(clock, *[None] * 20, *[down, down, None] * 5).of("sync"))
    for _ in range(30):
        ask(answer)
    assert breaker.state == "open"
    assert breaker.snapshot().failures < 10


def test_a_detector_that_raises_is_said_once_and_fails_no_call(clock: VirtualClock) -> None:
    class Broken:
        def update(self, x: bool, /) -> bool:
            raise ZeroDivisionError

        def copy(self) -> Broken:
            return self

    answer = reliai.CircuitBreaker("ours", detector=Broken())(Model(clock).of("sync"))
    said = {"circuit": "ours", "reason": "ZeroDivisionError"}
    assert events(answer) == [("circuit_detector_failed", said)]
    assert events(answer) == []


# --- what teaches nothing -----------------------------------------------------------------


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


# --- open and half open -------------------------------------------------------------------


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
        assert gc.collect() < 200
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
        while sum(task.done() for task in tasks) < callers - probes:
            await asyncio.sleep(0)
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
        go.wait()

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


# --- streams --------------------------------------------------------------------------------


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
