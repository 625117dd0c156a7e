"""A bulkhead lets so many calls run, has so many wait in order, and loses no place."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import virtual_clock
from tests.policies._guarded import Guarded, every_kind, every_stream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


class Gate:
    """An asynchronous model that answers when it is told to."""

    def __init__(self, *policies: Any, **facts: Any) -> None:
        self.running = self.most = 0
        self.open: list[asyncio.Event] = []
        self.started: list[str] = []

        async def model(prompt: str) -> str:
            event = asyncio.Event()
            self.open.append(event)
            self.started.append(prompt)
            self.running += 1
            self.most = max(self.most, self.running)
            try:
                await event.wait()
            finally:
                self.running -= 1
            return prompt

        self.ask: Callable[..., Any] = reliai.reliable(*policies, name="ask", **facts)(model)

    async def begun(self, count: int) -> None:
        while len(self.started) < count:  # noqa: ASYNC110  other tasks take their steps
            await asyncio.sleep(0)

    def let_go(self) -> None:
        for event in self.open:
            event.set()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


@every_kind
def test_a_call_that_finds_a_place_is_left_alone(kind: str) -> None:
    bulkhead = reliai.Bulkhead(1)
    guarded = Guarded(kind, bulkhead)
    assert "".join(guarded("hello")) == "hello"
    assert bulkhead.running == 0


@every_kind
def test_a_place_is_given_back_when_the_model_fails(kind: str) -> None:
    def fail(_: str) -> str:
        raise ConnectionError("down")

    bulkhead = reliai.Bulkhead(1)
    guarded = Guarded(kind, bulkhead, answer=fail)
    for _ in range(3):
        with pytest.raises(ConnectionError):
            guarded("hello")
    assert bulkhead.running == 0


def test_who_comes_when_all_places_are_taken_is_refused_and_the_model_not_called() -> None:
    async def main() -> None:
        gate = Gate(reliai.Bulkhead(2))
        tasks = [asyncio.ensure_future(gate.ask(each)) for each in "ab"]
        await gate.begun(2)
        with pytest.raises(reliai.BulkheadFull, match="2 calls of model run already and 0 may"):
            await gate.ask("c")
        gate.let_go()
        assert await asyncio.gather(*tasks) == ["a", "b"]
        assert gate.started == ["a", "b"]

    asyncio.run(main())


def test_a_refusal_is_a_rejected_record_without_an_attempt() -> None:
    async def main() -> None:
        gate = Gate(reliai.Bulkhead(1))
        task = asyncio.ensure_future(gate.ask("a"))
        await gate.begun(1)
        outcome = await reliai.aexecute(gate.ask, "b")
        gate.let_go()
        await task
        assert outcome.record is not None
        assert outcome.record.status == "rejected"
        assert outcome.record.attempts == ()
        assert [event.kind for event in outcome.record.events] == ["bulkhead_rejected"]

    asyncio.run(main())


def test_those_who_wait_are_served_in_the_order_of_arrival() -> None:
    async def main() -> None:
        gate = Gate(reliai.Bulkhead(1, queue=3))
        tasks = [asyncio.ensure_future(gate.ask(each)) for each in "abcd"]
        for count in range(1, 5):
            await gate.begun(count)
            gate.open[-1].set()
        assert await asyncio.gather(*tasks) == list("abcd")
        assert gate.started == list("abcd")
        assert gate.most == 1

    asyncio.run(main())


def test_one_more_than_the_queue_holds_is_refused() -> None:
    async def main() -> None:
        gate = Gate(reliai.Bulkhead(2, queue=1))
        tasks = [asyncio.ensure_future(gate.ask(each)) for each in "abc"]
        await gate.begun(2)
        await settled()
        with pytest.raises(reliai.BulkheadFull):
            await gate.ask("d")
        gate.let_go()
        await gate.begun(3)
        gate.let_go()
        await asyncio.gather(*tasks)

    asyncio.run(main())


def test_one_who_is_cancelled_in_the_queue_leaves_its_turn_to_the_next() -> None:
    async def main() -> None:
        bulkhead = reliai.Bulkhead(1, queue=1)
        gate = Gate(bulkhead)
        first = asyncio.ensure_future(gate.ask("a"))
        await gate.begun(1)
        waiting = asyncio.ensure_future(gate.ask("b"))
        await settled()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert bulkhead.waiting == 0
        after = asyncio.ensure_future(gate.ask("c"))
        gate.let_go()
        await gate.begun(2)
        gate.let_go()
        assert list(await asyncio.gather(first, after)) == ["a", "c"]
        assert bulkhead.running == 0

    asyncio.run(main())


def test_one_who_is_cancelled_as_its_turn_comes_gives_the_place_back() -> None:
    async def main() -> None:
        bulkhead = reliai.Bulkhead(1, queue=2)
        gate = Gate(bulkhead)
        first = asyncio.ensure_future(gate.ask("a"))
        await gate.begun(1)
        waiting = asyncio.ensure_future(gate.ask("b"))
        await settled()
        gate.let_go()
        await first  # the place was handed on just now, and its task has not run yet
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert bulkhead.running == 0

    asyncio.run(main())


@pytest.mark.parametrize("cancelled", range(1, 8))
def test_no_place_is_lost_wherever_a_call_is_cancelled(cancelled: int) -> None:
    async def main() -> None:
        bulkhead = reliai.Bulkhead(1, queue=2)
        gate = Gate(bulkhead)
        tasks = [asyncio.ensure_future(gate.ask(each)) for each in "abc"]
        for _ in range(cancelled):
            await asyncio.sleep(0)
            gate.let_go()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (bulkhead.running, bulkhead.waiting) == (0, 0)

    asyncio.run(main())


def test_who_waits_longer_than_max_wait_is_refused_and_gets_no_place_later() -> None:
    async def main() -> None:
        with virtual_clock() as clock:
            bulkhead = reliai.Bulkhead(1, queue=1, max_wait=5)
            gate = Gate(bulkhead)
            first = asyncio.ensure_future(gate.ask("a"))
            await gate.begun(1)
            with pytest.raises(reliai.BulkheadFull, match="each for at most 5 s"):
                await gate.ask("b")
            assert clock.now == 5
            gate.let_go()
            await first
            assert (bulkhead.running, bulkhead.waiting) == (0, 0)

    asyncio.run(main())


def test_waiting_ends_with_the_calls_own_time() -> None:
    async def main() -> None:
        with virtual_clock() as clock:
            bulkhead = reliai.Bulkhead(1, queue=1)
            gate = Gate(reliai.Timeout(3), bulkhead)
            hold = Gate(bulkhead)
            first = asyncio.ensure_future(hold.ask("a"))
            await hold.begun(1)
            with pytest.raises(reliai.CallTimeout) as caught:
                await gate.ask("b")
            assert caught.value.layer == "total"
            assert clock.now == 3
            hold.let_go()
            await first

    asyncio.run(main())


def test_time_in_the_queue_is_not_charged_to_the_provider() -> None:
    async def main() -> None:
        with virtual_clock():
            breaker = reliai.CircuitBreaker("slow", slow_call=1.0, min_calls=1, slow_rate=0.1)
            bulkhead = reliai.Bulkhead(1, queue=1)
            gate, hold = Gate(breaker, bulkhead), Gate(bulkhead)
            first = asyncio.ensure_future(hold.ask("a"))
            await hold.begun(1)
            second = asyncio.ensure_future(gate.ask("b"))
            await asyncio.sleep(10)
            hold.let_go()
            await gate.begun(1)
            gate.let_go()
            await asyncio.gather(first, second)
            assert breaker.state == "closed"

    asyncio.run(main())


def test_a_refusal_teaches_no_circuit_and_is_not_retried() -> None:
    async def main() -> None:
        with virtual_clock() as clock:
            breaker = reliai.CircuitBreaker("spared", consecutive=1)
            bulkhead = reliai.Bulkhead(1)
            gate, hold = Gate(reliai.Retry(3), breaker, bulkhead), Gate(bulkhead)
            first = asyncio.ensure_future(hold.ask("a"))
            await hold.begun(1)
            with pytest.raises(reliai.BulkheadFull):
                await gate.ask("b")
            assert breaker.state == "closed"
            assert clock.slept == []
            hold.let_go()
            await first

    asyncio.run(main())


def test_a_probe_that_finds_no_place_gives_its_own_back() -> None:
    async def main() -> None:
        with virtual_clock() as clock:
            breaker = reliai.CircuitBreaker("probed", consecutive=1, open_for=5)
            bulkhead = reliai.Bulkhead(1)
            hold = Gate(bulkhead)

            @reliai.reliable(breaker, bulkhead)
            async def flaky(prompt: str) -> str:
                if prompt == "fail":
                    raise ConnectionError
                return prompt

            with pytest.raises(ConnectionError):
                await flaky("fail")
            clock.advance(5)
            first = asyncio.ensure_future(hold.ask("a"))
            await hold.begun(1)
            with pytest.raises(reliai.BulkheadFull):
                await flaky("x")
            hold.let_go()
            await first
            assert await flaky("y") == "y"
            assert breaker.state == "closed"

    asyncio.run(main())


def test_a_refusal_falls_back() -> None:
    async def main() -> None:
        bulkhead = reliai.Bulkhead(1)
        hold = Gate(bulkhead)
        gate = Gate(reliai.Fallback("a colleague will answer"), bulkhead)
        first = asyncio.ensure_future(hold.ask("a"))
        await hold.begun(1)
        assert await gate.ask("b") == "a colleague will answer"
        hold.let_go()
        await first

    asyncio.run(main())


def test_each_target_of_a_fallback_has_places_of_its_own() -> None:
    async def main() -> None:
        async def other(prompt: str) -> str:
            return f"other {prompt}"

        gate = Gate(reliai.Fallback(other), reliai.Bulkhead(1))
        first = asyncio.ensure_future(gate.ask("a"))
        await gate.begun(1)
        assert await gate.ask("b") == "other b"
        gate.let_go()
        await first

    asyncio.run(main())


def test_one_object_is_one_compartment_for_all_functions_it_guards() -> None:
    async def main() -> None:
        bulkhead = reliai.Bulkhead(1)
        one, other = Gate(bulkhead), Gate(bulkhead)
        first = asyncio.ensure_future(one.ask("a"))
        await one.begun(1)
        with pytest.raises(reliai.BulkheadFull):
            await other.ask("b")
        one.let_go()
        await first

    asyncio.run(main())


@every_stream
def test_a_stream_keeps_its_place_until_it_ends(kind: str) -> None:
    bulkhead = reliai.Bulkhead(1)

    def model(prompt: str) -> Iterator[str]:
        yield from prompt

    async def model_async(prompt: str) -> AsyncIterator[str]:
        for each in prompt:
            yield each

    if kind == "generator":
        guarded = bulkhead(model)
        stream: Any = guarded("abc")
        assert next(stream) == "a"
        assert bulkhead.running == 1
        with pytest.raises(reliai.BulkheadFull):
            next(guarded("d"))
        assert list(stream) == ["b", "c"]
        assert bulkhead.running == 0
        closed: Any = guarded("abc")
        next(closed)
        closed.close()
        assert bulkhead.running == 0
        return

    async def main() -> None:
        guarded = bulkhead(model_async)
        stream: Any = guarded("abc")
        assert await anext(stream) == "a"
        assert bulkhead.running == 1
        with pytest.raises(reliai.BulkheadFull):
            await anext(guarded("d"))
        await stream.aclose()
        assert bulkhead.running == 0

    asyncio.run(main())


def test_a_thread_that_was_left_behind_keeps_its_place_until_it_ends() -> None:
    bulkhead, go, ended = reliai.Bulkhead(1), threading.Event(), threading.Event()

    @reliai.reliable(bulkhead, reliai.Timeout(0.05))
    def stuck(prompt: str) -> str:
        go.wait(30)
        ended.set()
        return prompt

    with pytest.raises(reliai.CallTimeout):
        stuck("a")
    assert bulkhead.running == 1
    with pytest.raises(reliai.BulkheadFull):
        stuck("b")
    go.set()
    ended.wait(30)
    while bulkhead.running:  # the thread ends just now
        pass
    assert stuck("c") == "c"


def test_threads_wait_for_their_turn() -> None:
    bulkhead, most, running, lock = reliai.Bulkhead(2, queue=50), 0, 0, threading.Lock()

    @bulkhead
    def model(number: int) -> int:
        nonlocal most, running
        with lock:
            running += 1
            most = max(most, running)
        with lock:
            running -= 1
        return number

    answers: list[int] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(model(n))) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == list(range(40))
    assert most <= 2
    assert bulkhead.running == 0


def test_one_object_serves_threads_and_event_loops_together() -> None:
    bulkhead = reliai.Bulkhead(1, queue=100)

    @bulkhead
    async def asynchronous(number: int) -> int:
        await asyncio.sleep(0)
        return number

    @bulkhead
    def synchronous(number: int) -> int:
        return number

    async def several() -> list[int]:
        return list(await asyncio.gather(*(asynchronous(each) for each in range(20))))

    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda: results.append(asyncio.run(several()))),
        threading.Thread(target=lambda: results.append(asyncio.run(several()))),
        threading.Thread(target=lambda: results.append([synchronous(n) for n in range(20)])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [list(range(20))] * 3
    assert (bulkhead.running, bulkhead.waiting) == (0, 0)


def test_fewer_places_make_nobody_who_has_one_leave() -> None:
    async def main() -> None:
        bulkhead = reliai.Bulkhead(2)
        gate = Gate(bulkhead)
        tasks = [asyncio.ensure_future(gate.ask(each)) for each in "ab"]
        await gate.begun(2)
        bulkhead.resize(1)
        gate.open[0].set()
        await tasks[0]
        with pytest.raises(reliai.BulkheadFull, match="1 calls"):
            await gate.ask("c")
        gate.let_go()
        await tasks[1]
        assert bulkhead.running == 0

    asyncio.run(main())


def test_observing_lets_everybody_in_and_says_whom_it_would_have_refused() -> None:
    async def main() -> None:
        gate = Gate(reliai.Bulkhead(1, mode="observe"))
        task = asyncio.ensure_future(gate.ask("a"))
        await gate.begun(1)
        second = asyncio.ensure_future(reliai.aexecute(gate.ask, "b"))
        await gate.begun(2)
        gate.let_go()
        await task
        record = (await second).record
        assert record is not None
        assert [event.kind for event in record.events] == ["bulkhead_would_reject"]

    asyncio.run(main())


def test_deactivated_calls_are_let_in() -> None:
    async def main() -> None:
        gate = Gate(reliai.Bulkhead(1))
        task = asyncio.ensure_future(gate.ask("a"))
        await gate.begun(1)
        with reliai.deactivated():
            second = asyncio.ensure_future(gate.ask("b"))
        await gate.begun(2)
        gate.let_go()
        assert list(await asyncio.gather(task, second)) == ["a", "b"]

    asyncio.run(main())


BULKHEAD: Any = reliai.Bulkhead


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"limit": 0}, "limit=0"),
        ({"limit": 1.5}, "limit=1.5"),
        ({"limit": True}, "limit=True"),
        ({"limit": 1, "queue": -1}, "queue=-1"),
        ({"limit": 1, "queue": 1, "max_wait": 0}, "max_wait=0"),
        ({"limit": 1, "queue": 1, "max_wait": float("nan")}, "max_wait=nan"),
        ({"limit": 1, "max_wait": 1.0}, "has nobody wait: give queue=1 or more"),
        ({"limit": 1, "mode": "watch"}, "mode='watch'"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=says):
        BULKHEAD(**settings)


def test_it_describes_its_settings() -> None:
    described = reliai.Bulkhead(3, queue=2, max_wait=1).describe()
    assert described == {"limit": 3, "queue": 2, "max_wait": 1.0, "mode": "enforce"}
