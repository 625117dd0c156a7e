"""Worker threads: used again, left behind when they must be, and never without end."""

from __future__ import annotations

import asyncio
import threading
import time
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock as clocks
from reliai._core import workers
from reliai._core.target import MAX_STRAGGLERS
from reliai.testing import ScriptedModel, records, virtual_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Gate:
    """Something that functions wait for in real time."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.entered = 0
        self.left = 0

    def __call__(self, *_: Any) -> str:
        self.entered += 1
        assert self.open.wait(30)
        self.left += 1
        return "late"


def soon(condition: Callable[[], bool]) -> bool:
    """Whether something becomes true within moments."""
    for _ in range(2000):
        if condition():
            return True
        time.sleep(0.001)
    return False


def stragglers(function: Any) -> int:
    return function.__reliai__.site.stragglers  # type: ignore[no-any-return]


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open.set()


def test_one_thread_serves_call_after_call() -> None:
    threads: set[int] = set()
    ask = reliai.Timeout(5)(lambda: threads.add(threading.get_ident()))
    with virtual_clock():
        for _ in range(20):
            ask()
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_threads_are_daemons_with_a_name_of_ours() -> None:
    found: list[threading.Thread] = []
    ask = reliai.Timeout(5)(lambda: found.append(threading.current_thread()))
    with virtual_clock():
        ask()
    assert found[0].daemon
    assert found[0].name == "reliai-call"


def test_thread_left_behind_is_counted_until_it_ends(gate: Gate) -> None:
    """A56."""
    ask = reliai.Timeout(0.002)(gate)
    with pytest.raises(reliai.CallTimeout):
        ask()
    assert stragglers(ask) == 1
    gate.open.set()
    assert soon(lambda: stragglers(ask) == 0)
    assert gate.left == 1


def stuck(*_: Any) -> None:
    """Never comes back as long as its virtual clock runs."""
    clocks.active().sleep(1_000_000)


def test_beyond_thirty_two_threads_left_behind_calls_are_refused() -> None:
    """A56."""
    ask = reliai.reliable(reliai.Timeout(5), name="ask")(stuck)
    with virtual_clock(), records() as seen:
        for _ in range(MAX_STRAGGLERS):
            with pytest.raises(reliai.CallTimeout):
                ask()
        with pytest.raises(reliai.BulkheadFull, match="left 32 threads behind"):
            ask()
    assert (seen[-1].status, seen[-1].attempts) == ("rejected", ())
    assert soon(lambda: stragglers(ask) == 0)


def test_full_function_falls_back_and_its_stand_in_has_threads_of_its_own() -> None:
    ask: Any = reliai.reliable(
        reliai.Fallback(lambda: "backup"), reliai.Retry(1), reliai.Timeout(5)
    )(stuck)
    with virtual_clock(), records() as seen:
        for _ in range(MAX_STRAGGLERS + 1):
            assert ask() == "backup"
    assert [attempt.target for attempt in seen[-2].attempts] == ["stuck", "<lambda>"]
    assert [attempt.target for attempt in seen[-1].attempts] == ["<lambda>"]
    assert soon(lambda: stragglers(ask) == 0)


def test_streams_that_hang_at_their_first_chunk_count_too() -> None:
    @reliai.Timeout(5)
    def stream() -> Iterator[str]:
        stuck()
        yield "never"

    with virtual_clock():
        for _ in range(MAX_STRAGGLERS):
            with pytest.raises(reliai.CallTimeout):
                list(stream())
        with pytest.raises(reliai.BulkheadFull):
            list(stream())
    assert soon(lambda: stragglers(stream) == 0)


def test_stream_that_hangs_in_the_middle_is_counted_and_closed_when_it_ends(gate: Gate) -> None:
    closed = threading.Event()

    @reliai.Timeout(60, idle=0.002)
    def stream() -> Iterator[str]:
        try:
            yield "a"
            yield gate()
            yield "never asked for"
        finally:
            closed.set()

    with pytest.raises(reliai.StreamInterrupted):
        list(stream())
    assert stragglers(stream) == 1
    gate.open.set()
    assert closed.wait(10)
    assert soon(lambda: stragglers(stream) == 0)


def test_first_chunk_that_comes_too_late_is_thrown_away_and_its_stream_closed(gate: Gate) -> None:
    closed = threading.Event()

    @reliai.Timeout(0.002)
    def stream() -> Iterator[str]:
        try:
            yield gate()
        finally:
            closed.set()

    with pytest.raises(reliai.CallTimeout):
        list(stream())
    gate.open.set()
    assert closed.wait(10)
    assert soon(lambda: stragglers(stream) == 0)


def test_plain_targets_of_async_calls_are_counted_and_refused_too(gate: Gate) -> None:
    backup = reliai.Fallback(gate, reserve=0.9)

    @reliai.Timeout(0.002)
    @backup
    async def ask() -> str:
        raise ConnectionError("down")

    async def main() -> list[str]:
        outcomes = [await reliai.aexecute(ask) for _ in range(MAX_STRAGGLERS + 1)]
        return [type(outcome.error).__name__ for outcome in outcomes]

    assert asyncio.run(main()) == ["CallTimeout"] * MAX_STRAGGLERS + ["BulkheadFull"]


def test_plain_target_that_ends_as_its_call_is_cancelled_gives_its_thread_back() -> None:
    entered = threading.Event()

    def backup() -> str:
        entered.set()
        return "b"

    async def main() -> None:
        from reliai._core.aio import in_thread

        task = asyncio.create_task(in_thread(None, backup))
        await asyncio.sleep(0)
        assert entered.wait(10)
        time.sleep(0.005)  # noqa: ASYNC251  it has ended by now, and the loop does not know
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    before = threading.active_count()
    for _ in range(3):
        asyncio.run(main())
    assert threading.active_count() <= before + 1


def test_thread_whose_loop_has_closed_ends_quietly(gate: Gate) -> None:
    async def main() -> None:
        from reliai._core.aio import in_thread

        task = asyncio.create_task(in_thread(None, gate))
        await asyncio.sleep(0.002)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(main())
    gate.open.set()
    assert soon(lambda: gate.left == 1)


# --- the worker itself --------------------------------------------------------------------
def test_worker_gives_what_the_function_gave_or_raised() -> None:
    worker = workers.acquire()
    assert worker.call(copy_context(), None, max, (1, 2)) == (2, None)
    assert worker.call(copy_context(), 30, dict, (), {"a": 1}) == ({"a": 1}, None)
    _, error = worker.call(copy_context(), None, int, ("x",))
    assert isinstance(error, ValueError)
    workers.release(worker)


def test_worker_that_ends_at_the_last_moment_is_not_left_behind() -> None:
    class Late(clocks.SystemClock):
        """Gives up waiting although the function ends in that very moment."""

        def wait(self, lock: Any, seconds: float | None) -> bool:
            assert lock.acquire(timeout=10)
            lock.release()
            return False

    late: Any = Late()
    before = clocks.install(late)
    try:
        worker = workers.acquire()
        assert worker.call(copy_context(), 1, max, (1, 2)) == (2, None)
        assert not worker.abandoned
        workers.release(worker)
    finally:
        clocks.install(before)


def interrupting(finished: bool) -> Any:
    """A clock whose wait is interrupted, before or after the function has ended."""

    class Interrupting(clocks.SystemClock):
        def wait(self, lock: Any, seconds: float | None) -> bool:
            if finished:
                assert lock.acquire(timeout=10)
                lock.release()
            raise KeyboardInterrupt

    return Interrupting()


@pytest.mark.parametrize("finished", [True, False])
def test_interrupt_of_who_waits_leaves_the_function_behind(gate: Gate, finished: bool) -> None:
    ask = reliai.Timeout(30)((lambda: "a") if finished else gate)
    before = clocks.install(interrupting(finished))
    try:
        with records() as seen, pytest.raises(KeyboardInterrupt):
            ask()
    finally:
        clocks.install(before)
    assert (seen[0].status, seen[0].attempts[0].status) == ("cancelled", "cancelled")
    assert stragglers(ask) == (0 if finished else 1)
    gate.open.set()
    assert soon(lambda: stragglers(ask) == 0)


def test_interrupt_of_who_waits_for_a_chunk_ends_the_stream(gate: Gate) -> None:
    @reliai.Timeout(30, idle=20)
    def stream(at: int) -> Iterator[str]:
        for number in range(3):
            yield gate() if number == at else "a"

    for at in (0, 1):
        with records() as seen:
            opened: Any = stream(at)
            if at:
                next(opened)
            before = clocks.install(interrupting(finished=False))
            try:
                with pytest.raises(KeyboardInterrupt):
                    next(opened)
            finally:
                clocks.install(before)
        assert [record.status for record in seen] == ["cancelled"]
        assert seen[0].attempts[0].status == "cancelled"
    assert stragglers(stream) == 2
    gate.open.set()
    assert soon(lambda: stragglers(stream) == 0)


def test_idle_threads_end_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "IDLE_SECONDS", 0.002)
    idle = list(workers._idle)
    workers._idle.clear()
    try:
        worker = workers.acquire()
        found: list[threading.Thread] = []
        worker.call(copy_context(), None, lambda: found.append(threading.current_thread()))
        time.sleep(0.01)
        assert found[0].is_alive(), "one that somebody holds waits on"
        assert worker.call(copy_context(), None, max, (1, 2)) == (2, None)
        workers.release(worker)
        assert soon(lambda: not found[0].is_alive())
        assert worker not in workers._idle
    finally:
        workers._idle.extend(idle)


def test_cleaning_up_behind_a_straggler_may_fail(gate: Gate) -> None:
    def fail() -> None:
        raise RuntimeError("cannot close")

    ask: Any = reliai.Timeout(0.001)(gate)
    target = ask.__reliai__.site.target
    worker = workers.acquire()
    with pytest.raises(workers.Abandoned):
        worker.call(copy_context(), 0.001, gate)
    target.stragglers.add(worker, fail)
    gate.open.set()
    assert soon(lambda: target.stragglers.count == 0)
    target.stragglers.add(worker, fail)  # one that has ended by now
    assert target.stragglers.count == 0


def test_many_threads_call_at_once() -> None:
    """A71."""
    model = ScriptedModel(["a"], repeat_last=True)
    ask = reliai.reliable(reliai.Timeout(30), reliai.Retry(2), reliai.CircuitBreaker())(model)

    def calls() -> None:
        for _ in range(25):
            assert ask() == "a"

    with records() as seen:
        threads = [threading.Thread(target=calls) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert len(model.calls) == len(seen) == 200
    assert len({record.id for record in seen}) == 200
    assert {record.status for record in seen} == {"success"}
