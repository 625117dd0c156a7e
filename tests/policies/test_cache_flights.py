"""Equal calls under way are made once: in threads, in tasks, and in loops of several threads."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar, copy_context
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.testing import VirtualClock


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as made:
        yield made


class Gate:
    """A synchronous function that waits until it is opened, and counts its calls."""

    def __init__(self, answer: Callable[[], Any] = dict) -> None:
        self.calls = 0
        self.entered = threading.Semaphore(0)
        self.open = threading.Event()
        self._answer = answer

    def __call__(self, _prompt: str) -> Any:
        self.calls += 1
        self.entered.release()
        assert self.open.wait(10)
        return self._answer()


def wait_until(true: Callable[[], bool]) -> None:
    """Give other threads the time they need."""
    pause = threading.Event()
    for _ in range(5_000):
        if true():
            return
        pause.wait(0.001)
    raise AssertionError("it never came about")


def in_threads(count: int, function: Callable[[], Any]) -> list[Any]:
    """The results, or the errors, of a function called in several threads at once."""

    def call() -> Any:
        try:
            return function()
        except Exception as error:
            return error

    with ThreadPoolExecutor(count) as pool:
        return [future.result() for future in [pool.submit(call) for _ in range(count)]]


# --- threads ------------------------------------------------------------------------------
def test_twenty_threads_make_one_call() -> None:
    """39"""
    cache, gate = reliai.Cache(), Gate(lambda: ["answer"])
    ask = cache(gate)

    def opener() -> None:
        wait_until(lambda: cache.info().joined == 19)
        gate.open.set()

    threading.Thread(target=opener).start()
    answers = in_threads(20, lambda: ask("a"))
    assert answers == [["answer"]] * 20
    assert len({id(answer) for answer in answers}) == 20
    assert gate.calls == 1


def test_an_error_reaches_every_thread_as_its_own_and_the_next_call_runs() -> None:
    """39"""

    def fail() -> None:
        raise ConnectionError(104, "reset")

    cache, gate = reliai.Cache(), Gate(fail)
    ask = cache(gate)

    def opener() -> None:
        wait_until(lambda: cache.info().joined == 4)
        gate.open.set()

    threading.Thread(target=opener).start()
    errors = in_threads(5, lambda: ask("a"))
    assert [type(error) for error in errors] == [ConnectionError] * 5
    assert {error.errno for error in errors} == {104}
    assert len({id(error) for error in errors}) == 5
    assert gate.calls == 1
    with pytest.raises(ConnectionError):
        ask("a")
    assert gate.calls == 2


def test_the_records_of_those_who_waited_have_no_attempt() -> None:
    cache, gate = reliai.Cache(), Gate(lambda: "x")
    ask = cache(gate)
    with reliai.collect() as calls:
        context = copy_context()
        first = threading.Thread(target=context.run, args=(ask, "a"))
        first.start()
        gate.entered.acquire()
        second = threading.Thread(target=copy_context().run, args=(ask, "a"))
        second.start()
        wait_until(lambda: cache.info().joined == 1)
        gate.open.set()
        first.join()
        second.join()
    assert [len(call.attempts) for call in calls] == [1, 0]
    assert [event.kind for event in calls[1].events] == ["cache_joined"]
    assert calls[1].cost_usd == 0


def test_a_thread_waits_no_longer_than_its_own_deadline() -> None:
    cache, gate = reliai.Cache(), Gate(lambda: "x")
    ask = cache(gate)
    first = threading.Thread(target=ask, args=("a",))
    first.start()
    gate.entered.acquire()
    try:
        with reliai.collect() as calls, reliai.deadline(0.02), pytest.raises(reliai.CallTimeout):
            ask("a")
    finally:
        gate.open.set()
        first.join()
    assert gate.calls == 1
    assert calls[0].events[0].kind == "cache_wait_ended"


def test_a_thread_without_deadline_waits_for_the_limit_of_the_call_it_joined() -> None:
    cache, gate = reliai.Cache(), Gate(lambda: "x")
    # The function does not keep to its deadline, as a cooperative one should.
    limit = reliai.Timeout(0.05, enforce="deadline")
    ask = reliai.reliable(cache, limit)(gate)
    first = threading.Thread(target=ask, args=("a",))
    first.start()
    gate.entered.acquire()
    with pytest.raises(reliai.CallTimeout) as raised:
        ask("a")
    gate.open.set()
    first.join()
    assert raised.value.seconds == 0.05


def test_an_old_answer_stands_in_when_the_waiting_ends() -> None:
    cache = reliai.Cache(0.001, stale_if_error=60)
    gate = Gate(lambda: "x")
    ask = cache(gate)
    gate.open.set()
    ask("a")
    gate.open.clear()
    gate.entered.acquire()
    threading.Event().wait(0.002)
    first = threading.Thread(target=ask, args=("a",))
    first.start()
    gate.entered.acquire()
    with reliai.deadline(0.02):
        assert ask("a") == "x"
    gate.open.set()
    first.join()


def test_a_follower_takes_over_when_the_first_thread_is_interrupted() -> None:
    cache = reliai.Cache()
    calls: list[int] = []
    go = threading.Event()

    @cache
    def ask(_prompt: str) -> str:
        calls.append(1)
        if len(calls) == 1:
            assert go.wait(10)
            raise KeyboardInterrupt
        return "second"

    died: list[BaseException] = []

    def interrupted() -> None:
        try:
            ask("a")
        except KeyboardInterrupt as interrupt:
            died.append(interrupt)

    first = threading.Thread(target=interrupted)
    first.start()
    wait_until(lambda: len(calls) == 1)

    def opener() -> None:
        wait_until(lambda: cache.info().joined == 3)
        go.set()

    threading.Thread(target=opener).start()
    assert in_threads(3, lambda: ask("a")) == ["second"] * 3
    first.join()
    assert len(died) == 1
    assert len(calls) == 2


def test_a_caller_with_time_left_is_not_failed_by_the_deadline_of_the_first() -> None:
    cache = reliai.Cache()
    calls: list[float | None] = []

    @reliai.reliable(cache, reliai.Timeout(30))
    def ask(_prompt: str) -> str:
        calls.append(reliai.remaining())
        if len(calls) == 1:
            threading.Event().wait(0.2)
        return "x"

    def hurried() -> str:
        with reliai.deadline(0.05):
            return ask("a")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(hurried)
        wait_until(lambda: len(calls) == 1)
        second = pool.submit(ask, "a")
        assert second.result() == "x"
        with pytest.raises(reliai.CallTimeout):
            first.result()
    assert len(calls) == 2


def test_a_call_that_makes_itself_is_run_through() -> None:
    @reliai.Cache()
    def ask(prompt: str) -> str:
        return again(prompt)

    depth: list[int] = []

    def again(prompt: str) -> str:
        depth.append(1)
        return ask(prompt) if len(depth) < 3 else "end"

    assert ask("a") == "end"
    assert len(depth) == 3


def test_a_call_that_makes_itself_on_another_thread_is_run_through() -> None:
    depth: list[int] = []

    @reliai.Cache()
    def ask(prompt: str) -> str:
        depth.append(1)
        if len(depth) == 3:
            return "end"
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(copy_context().run, ask, prompt).result()

    assert ask("a") == "end"


def test_two_calls_that_wait_for_one_another_do_not_wait_for_ever() -> None:
    cache = reliai.Cache()
    barrier = threading.Barrier(2)
    entered: list[str] = []

    @cache
    def ask(prompt: str) -> str:
        entered.append(prompt)
        if entered.count(prompt) == 1:
            barrier.wait(10)
            return ask("b" if prompt == "a" else "a")
        return prompt

    with ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(ask, prompt) for prompt in "ab"]
        assert {future.result(10) for future in futures} <= {"a", "b"}


def test_without_single_flight_each_thread_makes_its_own_call() -> None:
    gate = Gate(lambda: "x")
    ask = reliai.Cache(single_flight=False)(gate)

    def opener() -> None:
        for _ in range(3):
            gate.entered.acquire()
        gate.open.set()

    threading.Thread(target=opener).start()
    assert in_threads(3, lambda: ask("a")) == ["x"] * 3
    assert gate.calls == 3


def test_an_answer_that_cannot_be_copied_is_made_for_each() -> None:
    cache, gate = reliai.Cache(), Gate(threading.Lock)
    ask = cache(gate)

    def opener() -> None:
        wait_until(lambda: cache.info().joined == 2)
        gate.open.set()

    threading.Thread(target=opener).start()
    answers = in_threads(3, lambda: ask("a"))
    assert len({id(answer) for answer in answers}) == 3
    assert gate.calls == 3


def test_threads_of_many_keys_get_each_their_own_answer() -> None:
    cache = reliai.Cache(max_size=5)
    calls: list[str] = []

    @cache
    def ask(prompt: str) -> list[str]:
        calls.append(prompt)
        return [prompt]

    def work(number: int) -> bool:
        return all(ask(f"{(number * k) % 11}") == [f"{(number * k) % 11}"] for k in range(300))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(1, 9)))
    info = cache.info()
    assert info.hits + info.misses + info.joined == 8 * 300
    assert info.misses == len(calls)
    assert info.size == 5


# --- tasks --------------------------------------------------------------------------------
class Model:
    """An asynchronous function of ten virtual seconds that counts its calls."""

    def __init__(self, answer: Callable[[], Any] = lambda: ["answer"]) -> None:
        self.calls = 0
        self.cancelled = 0
        self._answer = answer

    async def __call__(self, _prompt: str) -> Any:
        self.calls += 1
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return self._answer()


def guarded(cache: reliai.Policy, model: Any, *policies: Any) -> Any:
    async def ask(prompt: str) -> Any:
        return await model(prompt)

    return reliai.reliable(cache, *policies)(ask)


@pytest.mark.usefixtures("clock")
def test_twenty_tasks_make_one_call() -> None:
    """39"""
    model = Model()
    ask = guarded(reliai.Cache(), model)

    async def main() -> list[Any]:
        return await asyncio.gather(*(ask("a") for _ in range(20)))

    answers = asyncio.run(main())
    assert answers == [["answer"]] * 20
    assert len({id(answer) for answer in answers}) == 20
    assert model.calls == 1


@pytest.mark.usefixtures("clock")
def test_an_error_reaches_every_task_as_its_own_and_the_next_call_runs() -> None:
    """39"""
    model = Model(lambda: exec("raise ConnectionError('down')"))  # noqa: S102
    ask = guarded(reliai.Cache(), model)

    async def main() -> list[Any]:
        return await asyncio.gather(*(ask("a") for _ in range(20)), return_exceptions=True)

    errors = asyncio.run(main())
    assert {type(error) for error in errors} == {ConnectionError}
    assert len({id(error) for error in errors}) == 20
    assert model.calls == 1
    with pytest.raises(ConnectionError):
        asyncio.run(ask("a"))
    assert model.calls == 2


@pytest.mark.usefixtures("clock")
def test_cancelling_the_first_caller_fails_no_other() -> None:
    """39"""
    model = Model()
    ask = guarded(reliai.Cache(), model)

    async def main() -> None:
        tasks = [asyncio.ensure_future(ask("a")) for _ in range(20)]
        await asyncio.sleep(1)
        tasks[0].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(results[0], asyncio.CancelledError)
        assert results[1:] == [["answer"]] * 19
        assert await ask("a") == ["answer"]

    asyncio.run(main())
    assert (model.calls, model.cancelled) == (1, 0)


@pytest.mark.usefixtures("clock")
def test_the_record_of_the_cancelled_caller_ends_then_and_the_work_goes_to_another() -> None:
    model = Model()
    ask = guarded(reliai.Cache(), model)

    async def main() -> None:
        tasks = [asyncio.ensure_future(ask("a")) for _ in range(3)]
        await asyncio.sleep(4)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with reliai.collect() as calls:
        asyncio.run(main())
    first, second, third = calls
    assert first.status == "cancelled"
    assert first.duration == pytest.approx(4)
    assert [attempt.status for attempt in first.attempts] == ["cancelled"]
    assert [attempt.status for attempt in second.attempts] == ["success"]
    assert second.attempts[0].duration == pytest.approx(10)
    assert third.attempts == ()
    assert len({call.id for call in calls}) == 3


@pytest.mark.usefixtures("clock")
def test_what_the_work_used_is_on_the_record_of_the_one_who_took_it_over() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6}
    choice = {"index": 0, "finish_reason": "stop", "message": {"content": "x"}}
    answer = {"object": "chat.completion", "model": "m", "choices": [choice], "usage": usage}
    ask = guarded(reliai.Cache(), Model(lambda: answer))

    async def main() -> None:
        tasks = [asyncio.ensure_future(ask("a")) for _ in range(3)]
        await asyncio.sleep(4)
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    with reliai.collect() as calls:
        asyncio.run(main())
    assert [call.input_tokens for call in calls] == [None, 5, None]
    assert [call.model_served for call in calls] == [None, "m", None]
    assert calls[2].cost_usd == 0


@pytest.mark.usefixtures("clock")
def test_the_work_is_cancelled_when_everybody_has_left() -> None:
    """39"""
    model = Model()
    ask = guarded(reliai.Cache(), model)

    async def main() -> None:
        tasks = [asyncio.ensure_future(ask("a")) for _ in range(3)]
        await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)
        assert model.cancelled == 1
        assert len(asyncio.all_tasks()) == 1
        assert await ask("a") == ["answer"]

    asyncio.run(main())
    assert model.calls == 2


@pytest.mark.usefixtures("clock")
def test_a_task_waits_no_longer_than_its_own_deadline() -> None:
    model = Model()
    ask = guarded(reliai.Cache(), model)

    async def main() -> None:
        first = asyncio.ensure_future(ask("a"))
        await asyncio.sleep(0)
        with reliai.deadline(3), pytest.raises(reliai.CallTimeout) as raised:
            await ask("a")
        assert raised.value.layer == "inherited"
        assert await first == ["answer"]

    asyncio.run(main())
    assert model.calls == 1


@pytest.mark.usefixtures("clock")
def test_a_task_with_time_left_is_not_failed_by_the_deadline_of_the_first() -> None:
    model = Model()
    ask = guarded(reliai.Cache(), model)

    async def hurried() -> Any:
        with reliai.deadline(3):
            return await ask("a")

    async def main() -> None:
        first = asyncio.ensure_future(hurried())
        await asyncio.sleep(0)
        second = asyncio.ensure_future(ask("a"))
        with pytest.raises(reliai.CallTimeout):
            await first
        assert await second == ["answer"]

    asyncio.run(main())
    assert model.calls == 2


@pytest.mark.usefixtures("clock")
def test_the_total_inside_ends_the_call_for_all() -> None:
    model = Model()
    ask = guarded(reliai.Cache(), model, reliai.Timeout(5))

    async def main() -> list[Any]:
        return await asyncio.gather(*(ask("a") for _ in range(3)), return_exceptions=True)

    errors = asyncio.run(main())
    assert [error.layer for error in errors] == ["total"] * 3
    assert model.calls == 1


@pytest.mark.usefixtures("clock")
def test_a_task_that_makes_its_own_call_is_run_through() -> None:
    depth: list[int] = []

    @reliai.Cache()
    async def ask(prompt: str) -> str:
        depth.append(1)
        await asyncio.sleep(1)
        return "end" if len(depth) == 3 else await ask(prompt)

    assert asyncio.run(ask("a")) == "end"


@pytest.mark.usefixtures("clock")
def test_two_tasks_that_wait_for_one_another_do_not_wait_for_ever() -> None:
    @reliai.Cache()
    async def ask(prompt: str, _depth: str = "") -> str:
        await asyncio.sleep(1)
        call = reliai.current_call()
        assert call is not None
        if call.parent is not None and call.parent.parent is not None:
            return prompt
        return await ask("b" if prompt == "a" else "a")

    async def main() -> None:
        async with asyncio.timeout(100):
            assert set(await asyncio.gather(ask("a"), ask("b"))) <= {"a", "b"}

    asyncio.run(main())


def test_the_work_sees_the_variables_of_its_first_caller() -> None:
    """44"""
    who: ContextVar[str] = ContextVar("who", default="nobody")

    @reliai.Cache()
    async def ask(_prompt: str) -> str:
        await asyncio.sleep(0)
        return who.get()

    async def main() -> str:
        who.set("Ann")
        return await ask("a")

    assert asyncio.run(main()) == "Ann"


def test_a_traceback_still_shows_where_the_function_failed() -> None:
    import traceback

    @reliai.Cache()
    async def ask(_prompt: str) -> str:
        await asyncio.sleep(0)
        raise ConnectionError("down")

    async def main() -> list[Any]:
        return await asyncio.gather(*(ask("a") for _ in range(3)), return_exceptions=True)

    for error in asyncio.run(main()):
        text = "".join(traceback.format_exception(error))
        assert 'raise ConnectionError("down")' in text
        assert len(traceback.extract_tb(error.__traceback__)) <= 6


def test_tasks_of_two_loops_in_two_threads_make_one_call() -> None:
    cache = reliai.Cache()
    calls: list[int] = []
    go = threading.Event()

    @cache
    async def ask(_prompt: str) -> list[str]:
        calls.append(1)
        while not go.is_set():  # noqa: ASYNC110  set by another thread
            await asyncio.sleep(0.001)
        return ["answer"]

    def opener() -> None:
        wait_until(lambda: cache.info().joined == 2)
        go.set()

    threading.Thread(target=opener).start()
    assert in_threads(3, lambda: asyncio.run(ask("a"))) == [["answer"]] * 3
    assert len(calls) == 1


def test_a_loop_that_stopped_keeps_nobody_waiting() -> None:
    cache = reliai.Cache()
    calls: list[int] = []

    @cache
    async def ask(_prompt: str) -> str:
        calls.append(1)
        await asyncio.sleep(3600 if len(calls) == 1 else 0)
        return "answer"

    stopped = asyncio.new_event_loop()

    async def begin() -> None:
        begun.append(asyncio.ensure_future(ask("a")))
        await asyncio.sleep(0.001)

    begun: list[asyncio.Future[str]] = []
    stopped.run_until_complete(begin())
    try:
        assert asyncio.run(asyncio.wait_for(ask("a"), 5)) == "answer"
    finally:
        begun[0].cancel()
        stopped.run_until_complete(asyncio.gather(*begun, return_exceptions=True))
        stopped.close()
    assert len(calls) == 2


def test_work_that_is_cancelled_by_itself_cancels_its_caller() -> None:
    @reliai.Cache()
    async def ask(_prompt: str) -> None:
        raise asyncio.CancelledError

    async def main() -> None:
        with pytest.raises(asyncio.CancelledError):
            await ask("a")

    asyncio.run(main())


def test_an_error_that_a_retry_gave_up_on_is_not_repeated_around_those_who_joined() -> None:
    model = Model(lambda: exec("raise ConnectionError('down')"))  # noqa: S102
    inner = guarded(reliai.Cache(), model, reliai.Retry(2, wait=0, budget=None))

    @reliai.Retry(3, wait=0, budget=None)
    async def outer() -> Any:
        return await inner("a")

    async def main() -> None:
        await asyncio.gather(outer(), outer(), return_exceptions=True)

    with virtual_clock(), pytest.warns(reliai.ReliaiWarning, match="retries by itself"):
        asyncio.run(main())
    assert model.calls == 2
