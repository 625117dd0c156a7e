"""A call leaves nothing behind: no cyclic garbage, no memory that grows."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import virtual_clock
from tests.core._kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

BODIES: dict[str, Any] = {"value": None, "error": ConnectionError, "programming": TypeError}


def sync(what: str) -> str:
    if BODIES[what] is not None:
        raise BODIES[what]("down")
    return "a"


async def asynchronous(what: str) -> str:
    return sync(what)


def generator(what: str) -> Iterator[str]:
    if what == "late error":
        yield "a"
        raise ConnectionError("cut")
    yield sync(what)
    yield "b"


async def async_generator(what: str) -> AsyncIterator[str]:
    for chunk in generator(what):
        yield chunk


FUNCTIONS: dict[str, Any] = dict(
    zip(KINDS, (sync, asynchronous, generator, async_generator), strict=True)
)

STACKS: dict[str, tuple[Any, ...]] = {
    "bare": (),
    "inline": (
        reliai.Guard(reliai.MaxLength(100)),
        reliai.Fallback("b"),
        reliai.Retry(2, wait=0, budget=None),
        reliai.CircuitBreaker(min_calls=10**6),
        reliai.Timeout(20, enforce="deadline"),
    ),
    "failing": (reliai.Retry(2, wait=0, budget=None), reliai.CircuitBreaker(min_calls=10**6)),
    "targets": (reliai.Fallback(sync), reliai.Retry(2, wait=0, budget=None)),
}
WORKER = (reliai.Retry(2, wait=0, budget=None), reliai.Timeout(30, idle=5))


def calling(kind: str, function: Any, what: str) -> Callable[[], Any]:
    """One call of the function, in a way that makes no garbage by itself."""
    if kind == "sync":
        return lambda: function(what)
    if kind == "generator":

        def read() -> None:
            for _ in function(what):
                if what == "closed early":
                    break

        return read
    return lambda: None


async def call_later(kind: str, function: Any, what: str) -> None:
    try:
        if kind == "async":
            await function(what)
        else:
            async for _ in function(what):
                pass
    except Exception:
        return


def call_now(call: Callable[[], Any]) -> None:
    try:
        call()
    except Exception:
        return


def garbage_of(kind: str, function: Any, what: str, times: int = 20) -> int:
    """How many objects only the collector could free after some calls."""
    if kind in {"sync", "generator"}:
        call = calling(kind, function, what)
        for _ in range(5):
            call_now(call)
        gc.collect()
        gc.disable()
        try:
            for _ in range(times):
                call_now(call)
            return gc.collect()
        finally:
            gc.enable()

    async def main() -> int:
        for _ in range(5):
            await call_later(kind, function, what)
        gc.collect()
        gc.disable()
        try:
            for _ in range(times):
                await call_later(kind, function, what)
            return gc.collect()
        finally:
            gc.enable()

    return asyncio.run(main())


def cases() -> Iterator[tuple[str, str, str]]:
    for kind in KINDS:
        for stack in (*STACKS, *(() if kind.startswith("async") else ("worker",))):
            for what in (*BODIES, *(("late error",) if kind.endswith("generator") else ())):
                yield kind, stack, what


@pytest.mark.parametrize(("kind", "stack", "what"), list(cases()))
def test_no_cyclic_garbage_whatever_comes_of_a_call(kind: str, stack: str, what: str) -> None:
    policies = STACKS.get(stack, WORKER)
    if stack == "inline" and kind.startswith("async"):
        policies = (*policies[:-1], reliai.Timeout(20))
    bare = FUNCTIONS[kind]
    own = garbage_of(kind, bare, what)
    if stack == "worker":
        with virtual_clock():
            assert garbage_of(kind, reliai.reliable(*policies)(bare), what) <= own
    else:
        assert garbage_of(kind, reliai.reliable(*policies)(bare), what) <= own


def test_no_cyclic_garbage_from_refusals_and_executed_outcomes() -> None:
    refused = reliai.Guard(lambda value: "no")(sync)
    breaker = reliai.CircuitBreaker("garbage-test")
    isolated = breaker(sync)
    breaker.isolate()
    executed = reliai.reliable()(sync)
    try:
        assert garbage_of("sync", refused, "value") == 0
        assert garbage_of("sync", isolated, "value") == 0
        assert garbage_of("sync", lambda what: reliai.execute(executed, what), "error") == 0
        assert (
            garbage_of("sync", lambda what: reliai.execute(executed, what).unwrap(), "error") == 0
        )
    finally:
        breaker.close()


def test_no_cyclic_garbage_from_nested_calls() -> None:
    inner = reliai.Retry(2, wait=0, budget=None)(sync)
    outer = reliai.Retry(2, wait=0, budget=None)(lambda what: inner(what))  # noqa: PLW0108
    with pytest.warns(reliai.ReliaiWarning, match="retries by itself"), pytest.raises(OSError):  # noqa: PT011
        outer("error")
    assert garbage_of("sync", outer, "value") == 0
    assert garbage_of("sync", outer, "error") == 0


def test_no_cyclic_garbage_from_middleware() -> None:
    async def middleware(call: reliai.Call, proceed: Any) -> Any:
        return (await proceed(call)).unwrap()

    function = reliai.reliable(middleware, middleware)(sync)
    assert garbage_of("sync", function, "value") == 0
    assert garbage_of("sync", function, "error") == 0


def test_no_cyclic_garbage_from_timeouts() -> None:
    @reliai.Timeout(1)
    async def late(what: str) -> None:
        await asyncio.sleep(5)

    @reliai.Timeout(10, idle=1)
    async def stall(what: str) -> AsyncIterator[str]:
        yield "a"
        await asyncio.sleep(5)

    with virtual_clock():
        assert garbage_of("async", late, "value", times=5) <= 0
        assert garbage_of("async_generator", stall, "value", times=5) <= 0


def test_streams_closed_early_leave_no_garbage() -> None:
    function = reliai.Retry(2)(generator_of_two)
    assert garbage_of("generator", function, "closed early") == 0


def generator_of_two(what: str) -> Iterator[str]:
    yield "a"
    yield "b"


# --- memory that does not grow ------------------------------------------------------------
@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_calls_leave_memory_flat(kind: str) -> None:
    """49: failing ones and failing streams included."""
    function = reliai.reliable(*STACKS["failing"])(FUNCTIONS[kind])
    whats = ["value", "error", "value", "late error" if kind.endswith("generator") else "error"]

    def some(count: int) -> None:
        if kind in {"sync", "generator"}:
            for number in range(count):
                call_now(calling(kind, function, whats[number % 4]))
            return

        async def main() -> None:
            for number in range(count):
                await call_later(kind, function, whats[number % 4])

        asyncio.run(main())

    some(600)  # fills the ring of recent calls
    gc.collect()
    objects = len(gc.get_objects())
    tracemalloc.start()
    try:
        some(600)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        some(1_400)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    some(8_000)  # the rest of the ten thousand, for which tracing takes too long
    gc.collect()
    assert len(gc.get_objects()) - objects < 300
    assert after - before < 50_000
