"""Virtual time: it jumps to whoever waits, and stands still while somebody works."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import reliai
from reliai import clock as clocks
from reliai.testing import virtual_clock


def sleep(seconds: float) -> None:
    clocks.active().sleep(seconds)


def test_sleep_jumps_and_is_noted() -> None:
    before = time.monotonic()
    with virtual_clock() as clock:
        sleep(3600)
        sleep(0.5)
        assert clock.now == 3600.5
        assert clock.slept == [3600, 0.5]
        assert clocks.active().time() - 1_700_000_000 == clock.now == clocks.active().monotonic()
    assert time.monotonic() - before < 60


def test_clock_before_is_back_afterwards_even_after_an_error() -> None:
    before = clocks.active()
    with pytest.raises(KeyError), virtual_clock() as clock:  # noqa: PT012
        assert clocks.active() is clock
        raise KeyError
    assert clocks.active() is before


def test_advance_lets_time_pass_but_never_back() -> None:
    with virtual_clock() as clock:
        clock.advance(5)
        assert clock.now == 5
        with pytest.raises(ValueError, match="does not go back"):
            clock.advance(-1)


def test_advance_wakes_a_thread_that_sleeps() -> None:
    woken: list[float] = []
    with virtual_clock() as clock:

        def wait() -> None:
            sleep(5)
            woken.append(clock.now)

        sleeping = threading.Thread(target=wait)
        clock.busy(1)  # somebody works, so nobody jumps
        sleeping.start()
        while not clock.slept:
            time.sleep(0.001)
        assert woken == []
        clock.advance(7)
        sleeping.join(10)
        clock.busy(-1)
    assert woken == [7]


def test_sleepers_of_several_threads_wake_in_order() -> None:
    woken: list[tuple[float, int]] = []
    with virtual_clock() as clock, ThreadPoolExecutor(3) as pool:
        clock.busy(1)

        def one(seconds: int) -> None:
            sleep(seconds)
            woken.append((clock.now, seconds))

        waiting = [pool.submit(one, seconds) for seconds in (3, 1, 2)]
        while len(clock.slept) < 3:
            time.sleep(0.001)
        clock.busy(-1)
        for each in waiting:
            each.result(10)
    assert sorted(seconds for _, seconds in woken) == [1, 2, 3]
    assert all(now >= seconds for now, seconds in woken)
    assert clock.now == 3


def test_worker_that_sleeps_and_its_caller_share_one_time() -> None:
    @reliai.Timeout(10)
    def ask() -> float:
        sleep(4)
        return clocks.active().monotonic()

    with virtual_clock() as clock:
        assert ask() == 4
        sleep(1)
        assert clock.now == 5


def test_time_does_not_pass_while_a_worker_works() -> None:
    @reliai.Timeout(10)
    def ask() -> str:
        time.sleep(0.03)  # real work, for longer than anybody polls
        return "done"

    with virtual_clock() as clock:
        assert ask() == "done"
        assert clock.now == 0


def test_straggler_of_an_earlier_clock_does_not_disturb_a_later_one() -> None:
    release = threading.Event()

    @reliai.Timeout(0.002)
    def ask() -> None:
        release.wait(10)

    with pytest.raises(reliai.CallTimeout):
        ask()
    with virtual_clock() as clock:
        release.set()
        sleep(1)
        assert clock.now == 1


def test_asyncio_run_inside_jumps_too_with_sleeps_of_any_code() -> None:
    async def main() -> list[str]:
        done: list[str] = []

        async def one(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            done.append(name)

        await asyncio.gather(one("late", 300), one("soon", 100), one("at once", 0))
        return done

    with virtual_clock() as clock:
        assert asyncio.run(main()) == ["at once", "soon", "late"]
        assert clock.now == pytest.approx(300)


def test_entering_it_inside_a_running_loop_drives_that_loop() -> None:
    async def main() -> float:
        with virtual_clock() as clock:
            await asyncio.sleep(100)
            await clocks.active().async_sleep(50)
            assert clock.slept == [50]
            return clock.now

    assert asyncio.run(main()) == pytest.approx(150)


def test_the_loop_has_its_own_time_back_afterwards() -> None:
    async def main() -> float:
        loop = asyncio.get_running_loop()
        with virtual_clock():
            await asyncio.sleep(1000)
        before = loop.time()
        await asyncio.sleep(0.001)
        return loop.time() - before

    assert asyncio.run(main()) < 500


def test_sync_sleep_inside_a_running_loop_jumps() -> None:
    async def main() -> None:
        sleep(5)
        await asyncio.sleep(5)

    with virtual_clock() as clock:
        asyncio.run(main())
        assert clock.now == pytest.approx(10)


def test_timer_of_the_loop_comes_before_a_thread_that_sleeps_longer() -> None:
    times: dict[str, float] = {}

    async def main(clock: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            sleeping = asyncio.get_running_loop().run_in_executor(pool, sleep, 30)
            while not clock.slept:  # noqa: ASYNC110
                await asyncio.sleep(0)
            await asyncio.sleep(10)
            times["timer"] = clock.now
            await sleeping
            times["thread"] = clock.now

    with virtual_clock() as clock:
        asyncio.run(main(clock))
    assert times == {"timer": pytest.approx(10), "thread": pytest.approx(30)}


def test_time_stands_still_while_a_coroutine_runs() -> None:
    seen: list[float] = []

    async def main(clock: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            sleeping = asyncio.get_running_loop().run_in_executor(pool, sleep, 1)
            while not clock.slept:  # noqa: ASYNC110
                await asyncio.sleep(0)
            for _ in range(20):
                time.sleep(0.001)  # noqa: ASYNC251  a coroutine that works
                seen.append(clock.now)
            await sleeping

    with virtual_clock() as clock:
        asyncio.run(main(clock))
    assert set(seen) == {0.0}


def test_two_loops_in_two_threads_share_one_time() -> None:
    async def main(seconds: float) -> None:
        await asyncio.sleep(seconds)

    with virtual_clock() as clock:
        others = [threading.Thread(target=asyncio.run, args=(main(s),)) for s in (20, 40)]
        for other in others:
            other.start()
        for other in others:
            other.join(10)
        assert 40 <= clock.now <= 60.1


def test_io_that_is_on_its_way_is_not_jumped_over() -> None:
    async def main(clock: Any) -> None:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        threading.Timer(0.005, theirs.sendall, (b"!",)).start()
        assert await asyncio.wait_for(reader.readexactly(1), 60) == b"!"
        assert clock.now == 0
        writer.close()
        theirs.close()

    with virtual_clock() as clock:
        asyncio.run(main(clock))


def test_io_that_never_comes_runs_into_the_virtual_time_limit() -> None:
    async def main() -> None:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        try:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(reader.readexactly(1), 60)
        finally:
            writer.close()
            theirs.close()

    with virtual_clock() as clock:
        asyncio.run(main())
        assert clock.now == pytest.approx(60)


def test_loop_that_is_not_asyncios_own_is_refused() -> None:
    class Other:
        def time(self) -> float:
            return 0.0

    with virtual_clock() as clock, pytest.raises(RuntimeError, match="cannot drive Other"):
        clock.drive(Other())


def test_those_who_still_sleep_are_let_go_at_the_end() -> None:
    with virtual_clock() as clock:
        clock.busy(1)
        sleeping = threading.Thread(target=sleep, args=(1000,))
        sleeping.start()
        while not clock.slept:
            time.sleep(0.001)
    sleeping.join(10)
    assert not sleeping.is_alive()


def test_guarded_coroutine_with_a_plain_target_in_a_thread_keeps_to_its_limit() -> None:
    def slow() -> str:
        sleep(30)
        return "too late"

    @reliai.Timeout(10)
    @reliai.Fallback(slow, reserve=0.5)
    async def ask() -> str:
        await asyncio.sleep(60)
        return "never"

    with virtual_clock() as clock:
        with pytest.raises(reliai.CallTimeout) as caught:
            asyncio.run(ask())
        assert clock.now == pytest.approx(10)
    assert caught.value.layer == "total"


def test_limit_that_was_not_needed_lets_no_time_pass() -> None:
    """Its timer still stands in the loop when the call is over."""

    @reliai.Timeout(30)
    async def ask() -> str:
        return "a"

    async def main(clock: Any) -> None:
        assert await ask() == "a"
        happens = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Timer(0.005, loop.call_soon_threadsafe, (happens.set,)).start()
        await happens.wait()
        assert clock.now == 0
        await ask()
        await asyncio.sleep(5)
        assert clock.now == pytest.approx(5)

    with virtual_clock() as clock:
        asyncio.run(main(clock))


def test_straggler_of_an_earlier_clock_that_sleeps_on_under_a_later_one_holds_nobody_up() -> None:
    naps: list[float] = []
    slept = threading.Event()

    @reliai.Timeout(5)
    def ask() -> None:
        sleep(1000)  # until its clock is gone
        gone.wait(10)
        naps.append(1)
        sleep(1000)  # by the clock that is there now
        slept.set()

    @reliai.Timeout(5)
    def ask_again() -> None:
        sleep(1000)

    gone = threading.Event()
    with virtual_clock(), pytest.raises(reliai.CallTimeout):
        ask()
    with virtual_clock() as clock:
        gone.set()
        while len(clock.slept) < 1:
            time.sleep(0.001)
        with pytest.raises(reliai.CallTimeout):
            ask_again()
        assert clock.now == 5
    assert slept.wait(10)
