"""One guarded function, called by many threads at once, and by many tasks of one loop."""

from __future__ import annotations

import asyncio
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import records
from tests.contract._endings import bring_about
from tests.contract._subjects import POLICIES, Shape, Subject, every_policy, every_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS = 4
CALLS = 5


@pytest.fixture(autouse=True)
def hurried() -> Iterator[None]:
    """Have threads take turns far more often than usual."""
    kept = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(kept)


def at_once(work: Callable[[int], None], threads: int = THREADS) -> None:
    """Run `work(number)` in threads that start together; the first failure comes out."""
    together = threading.Barrier(threads)
    failed: list[BaseException] = []

    def run(number: int) -> None:
        try:
            together.wait()
            work(number)
        except BaseException as error:
            failed.append(error)

    started = [threading.Thread(target=run, args=(number,)) for number in range(threads)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()
    if failed:
        raise failed[0]


@every_shape
@every_policy
def test_threads_share_a_guarded_function(policy: str, shape: Shape) -> None:
    answer: Any = ["one", "two"] if shape.streaming else "one"
    subject = Subject(POLICIES[policy](shape.streaming), shape, [answer], repeat_last=True)
    values: list[Any] = []

    def work(_: int) -> None:
        for _ in range(CALLS):
            ended = bring_about(subject, "value")
            assert ended.error is None
            values.append("".join(ended.value))
        assert reliai.current_call() is None

    with records() as seen:
        at_once(work)
    assert values == ["onetwo" if shape.streaming else "one"] * THREADS * CALLS
    assert [record.status for record in seen] == ["success"] * THREADS * CALLS
    assert len({record.id for record in seen}) == THREADS * CALLS
    assert subject.model.open_streams == 0


@pytest.mark.parametrize("kind", ["async", "async_generator"])
@every_policy
def test_tasks_share_a_guarded_function(policy: str, kind: str) -> None:
    shape = Shape(kind, method=False)
    answer: Any = ["one", "two"] if shape.streaming else "one"
    subject = Subject(POLICIES[policy](shape.streaming), shape, [answer], repeat_last=True)

    async def ask() -> str:
        if not shape.streaming:
            return str(await subject.function("hello"))
        return "".join([chunk async for chunk in subject.function("hello")])

    async def main() -> list[str]:
        try:
            return await asyncio.gather(*[ask() for _ in range(20)])
        finally:
            assert asyncio.all_tasks() == {asyncio.current_task()}

    with records() as seen:
        assert asyncio.run(main()) == ["onetwo" if shape.streaming else "one"] * 20
    assert [record.status for record in seen] == ["success"] * 20
    assert subject.model.open_streams == 0


# --- nothing is lost between the counters ------------------------------------------------------
class OwnFault(Exception):
    """The caller's own fault: it says nothing of the target."""

    status_code = 400


def test_breaker_counts_every_call_of_every_thread_exactly_once() -> None:
    """A71"""
    breaker = reliai.CircuitBreaker(min_calls=10**6)

    @breaker
    def ask(number: int) -> str:
        if number % 3 == 1:
            raise ConnectionError("down")
        if number % 3 == 2:
            raise OwnFault("bad request")
        return "one"

    def work(_: int) -> None:
        for number in range(60):
            reliai.execute(ask, number)

    with records() as seen:
        at_once(work)
        counted = breaker.snapshot()
        breaker.isolate()
        at_once(work)
    total = breaker.snapshot()
    calls = 60 * THREADS
    assert (counted.calls, counted.failures) == (calls * 2 // 3, calls // 3)
    assert (counted.ignored, counted.rejected, counted.late) == (calls // 3, 0, 0)
    assert counted.calls + counted.ignored + total.rejected == len(seen) == 2 * calls


def test_breaker_that_opens_under_threads_refuses_exactly_what_it_does_not_pass() -> None:
    """A71"""
    breaker = reliai.CircuitBreaker(consecutive=20, min_calls=10**6, open_for=60)
    passed: list[int] = []

    @breaker
    def ask(number: int) -> str:
        passed.append(number)
        raise ConnectionError("down")

    def work(_: int) -> None:
        for number in range(60):
            reliai.execute(ask, number)

    with records() as seen:
        at_once(work)
    statuses = [record.status for record in seen]
    after = breaker.snapshot()
    assert after.state == "open"
    assert 20 <= len(passed) < 20 + THREADS
    assert after.late == len(passed) - 20
    assert statuses.count("error") == len(passed)
    assert statuses.count("rejected") == after.rejected == 60 * THREADS - len(passed)
