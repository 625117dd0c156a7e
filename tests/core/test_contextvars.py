"""Context variables: the caller's reach the function, and what it changes stays with it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import records, virtual_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

trace: contextvars.ContextVar[str] = contextvars.ContextVar("trace", default="none")


def test_variable_of_the_caller_is_seen_on_a_worker_and_changes_do_not_leak() -> None:
    """44."""
    threads: list[int] = []

    @reliai.Timeout(5)
    def ask() -> str:
        threads.append(threading.get_ident())
        seen = trace.get()
        trace.set("changed inside")
        return seen

    token = trace.set("caller's")
    try:
        with virtual_clock():
            assert ask() == ask() == "caller's"
        assert trace.get() == "caller's"
        assert threading.get_ident() not in threads
    finally:
        trace.reset(token)


def test_each_attempt_on_a_worker_starts_from_the_callers_variables() -> None:
    seen: list[str] = []

    @reliai.reliable(reliai.Retry(3, wait=0), reliai.Timeout(5))
    def ask() -> str:
        seen.append(trace.get())
        trace.set("changed")
        raise ConnectionError("down")

    with virtual_clock(), pytest.raises(ConnectionError):
        ask()
    assert seen == ["none"] * 3


def test_plain_call_without_a_worker_runs_in_the_callers_own_context() -> None:
    """As an unguarded one does: a library may set a variable for those who come after."""

    @reliai.Retry(2)
    def ask() -> None:
        trace.set("set inside")

    def main() -> str:
        ask()
        return trace.get()

    assert contextvars.copy_context().run(main) == "set inside"


def test_async_call_sees_the_callers_variables() -> None:
    @reliai.reliable(reliai.Timeout(5), reliai.Retry(2))
    async def ask() -> str:
        return trace.get()

    async def main() -> str:
        trace.set("task's")
        return await ask()

    assert asyncio.run(main()) == "task's"


def test_plain_target_in_a_thread_sees_the_callers_variables() -> None:
    def backup() -> str:
        seen = trace.get()
        trace.set("changed inside")
        return seen

    @reliai.Fallback(backup)
    async def ask() -> str:
        raise ConnectionError("down")

    async def main() -> tuple[str, str]:
        trace.set("task's")
        return await ask(), trace.get()

    assert asyncio.run(main()) == ("task's", "task's")


# --- streams ---------------------------------------------------------------------------------
def steps() -> Iterator[str]:
    """A generator with a variable of its own, which it keeps from step to step."""
    yield trace.get()
    trace.set("mine")
    yield trace.get()
    yield trace.get()


async def later_steps() -> AsyncIterator[str]:
    for step in steps():
        yield step


@pytest.mark.parametrize("policies", [(), (reliai.Timeout(50, idle=5),)], ids=["inline", "worker"])
def test_stream_takes_the_context_in_which_its_function_was_called(policies: Any) -> None:
    function = reliai.reliable(*policies)(steps)

    def call() -> Any:
        trace.set("caller's")
        return function()

    with virtual_clock():
        stream = contextvars.copy_context().run(call)
        assert list(stream) == ["caller's", "mine", "mine"], "kept from step to step"
    assert trace.get() == "none"


def test_async_stream_takes_the_context_in_which_its_function_was_called() -> None:
    function = reliai.reliable(reliai.Timeout(50, idle=5))(later_steps)

    async def main() -> list[str]:
        async def call() -> AsyncIterator[str]:
            trace.set("caller's")
            return function()

        stream = await asyncio.create_task(call())
        got = [await anext(stream)]
        got.append(await asyncio.create_task(_next(stream)))  # another task, another context
        return got + [chunk async for chunk in stream]

    with virtual_clock():
        assert asyncio.run(main()) == ["caller's", "mine", "mine"]


async def _next(stream: AsyncIterator[str]) -> str:
    return await anext(stream)


def test_stream_read_in_another_thread_keeps_its_context() -> None:
    """45: nothing complains of a variable of another context."""
    function = reliai.Retry(2)(steps)

    def call() -> Any:
        trace.set("caller's")
        return function()

    stream = contextvars.copy_context().run(call)
    got = [next(stream)]
    reader = threading.Thread(target=lambda: got.extend(stream))
    reader.start()
    reader.join(10)
    assert got == ["caller's", "mine", "mine"]


def test_who_the_call_is_for_is_captured_when_the_stream_function_is_called() -> None:
    function = reliai.reliable()(steps)
    with reliai.context(subject="u1", session="s1", tags={"locale": "de"}):
        stream = function()
    with records() as seen, reliai.context(subject="somebody else"):
        list(stream)
    assert (seen[0].subject, seen[0].session, seen[0].tags) == ("u1", "s1", {"locale": "de"})


def test_who_the_call_is_for_is_captured_by_async_streams_too() -> None:
    function = reliai.reliable()(later_steps)

    async def main() -> list[str]:
        with reliai.context(subject="u1"):
            stream = function()
        return [chunk async for chunk in stream]

    with records() as seen:
        asyncio.run(main())
    assert seen[0].subject == "u1"


@pytest.mark.parametrize("policies", [(), (reliai.Timeout(50, idle=5),)], ids=["inline", "worker"])
def test_current_call_is_known_in_each_step_of_a_stream_and_nowhere_else(policies: Any) -> None:
    @reliai.reliable(*policies)
    def stream() -> Iterator[str | None]:
        for _ in range(3):
            call = reliai.current_call()
            yield None if call is None else call.id

    with virtual_clock():
        found: Any = stream()
        for chunk in found:
            assert chunk == found.call_id
            assert reliai.current_call() is None


def test_current_call_is_known_in_each_step_of_an_async_stream_and_nowhere_else() -> None:
    @reliai.Retry(2)
    async def stream() -> AsyncIterator[str | None]:
        for _ in range(3):
            call = reliai.current_call()
            yield None if call is None else call.id
            await asyncio.sleep(0)

    async def main() -> None:
        found: Any = stream()
        async for chunk in found:
            assert chunk == found.call_id
            assert reliai.current_call() is None

    asyncio.run(main())


def test_current_call_inside_a_stream_object_is_the_call_that_opened_it() -> None:
    class Chunks:
        def __iter__(self) -> Chunks:
            return self

        def __next__(self) -> str:
            call = reliai.current_call()
            assert call is not None
            return call.target

    def backup() -> Chunks:
        return Chunks()

    @reliai.Fallback(backup)
    def ask() -> Chunks:
        raise ConnectionError("down")

    stream = ask()
    assert [next(stream), next(stream)] == ["backup", "backup"]


def test_current_call_is_gone_after_the_call() -> None:
    inside: list[reliai.Call | None] = []
    reliai.Retry(2)(lambda: inside.append(reliai.current_call()))()
    assert inside[0] is not None
    assert reliai.current_call() is None


def test_threads_have_calls_of_their_own() -> None:
    barrier = threading.Barrier(4, timeout=10)

    @reliai.Retry(2)
    def ask(name: str) -> str:
        barrier.wait()
        call = reliai.current_call()
        assert call is not None
        barrier.wait()
        return f"{name} {call.arguments['name']}"

    answers: list[str] = []
    threads = [threading.Thread(target=lambda n=n: answers.append(ask(str(n)))) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(answers) == ["0 0", "1 1", "2 2", "3 3"]
