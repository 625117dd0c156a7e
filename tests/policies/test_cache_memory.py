"""A cache leaves nothing behind but its answers: no cyclic garbage, no memory that grows."""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
from typing import Any

import pytest

import reliai
from reliai.testing import virtual_clock
from tests.core._kinds import KINDS
from tests.core.test_garbage import FUNCTIONS, call_later, call_now, garbage_of

CACHES: dict[str, Any] = {
    "hit": reliai.Cache,
    "miss": lambda: reliai.Cache(key=_new_key()),
    "alone": lambda: reliai.Cache(single_flight=False, key=_new_key()),
    "stale": lambda: reliai.Cache(1e-9, stale_if_error=1e6),
}


def _new_key() -> Any:
    numbers = itertools.count()
    return lambda _: next(numbers)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("what", ["value", "error", "programming", "late error"])
@pytest.mark.parametrize("cache", CACHES)
def test_no_cyclic_garbage_whatever_comes_of_a_call(kind: str, what: str, cache: str) -> None:
    if what == "late error" and not kind.endswith("generator"):
        what = "value"
    bare = FUNCTIONS[kind]
    own = garbage_of(kind, bare, what)
    assert garbage_of(kind, CACHES[cache]()(bare), what) <= own


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("what", ["value", "error"])
def test_no_cyclic_garbage_from_once(kind: str, what: str) -> None:
    for once in (reliai.Once(key="arg:what"), reliai.Once(key=_new_key())):
        function = reliai.reliable(once, effects="once")(FUNCTIONS[kind])
        assert garbage_of(kind, function, what) == 0


@pytest.mark.parametrize("what", ["value", "error"])
def test_no_cyclic_garbage_from_those_who_wait(what: str) -> None:
    async def slow(what: str) -> list[str]:
        await asyncio.sleep(0)
        return [await FUNCTIONS["async"](what)]

    function = reliai.Cache(1e-9)(slow)

    async def together(what: str) -> None:
        await asyncio.gather(*(call_later("async", function, what) for _ in range(3)))

    assert garbage_of("async", together, what) == 0


def test_no_cyclic_garbage_from_callers_who_leave() -> None:
    @reliai.Cache()
    async def slow(what: str) -> str:
        await asyncio.sleep(10)
        return what

    async def leave(what: str) -> None:
        tasks = [asyncio.ensure_future(slow(what)) for _ in range(2)]
        await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)

    with virtual_clock():
        assert garbage_of("async", leave, "value", times=5) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_ten_thousand_calls_leave_no_more_than_a_hundred(kind: str) -> None:
    """49"""
    cache = reliai.Cache(max_size=100, key=_new_key())
    function = cache(FUNCTIONS[kind])
    whats = ["value", "error", "late error" if kind.endswith("generator") else "value"]

    def some(count: int) -> None:
        if kind == "sync":
            for number in range(count):
                call_now(lambda number=number: function(whats[number % 3]))  # type: ignore[misc]
        elif kind == "generator":
            for number in range(count):
                call_now(lambda number=number: list(function(whats[number % 3])))  # type: ignore[misc]
        else:

            async def main() -> None:
                for number in range(count):
                    await call_later(kind, function, whats[number % 3])

            asyncio.run(main())

    some(600)
    gc.collect()
    before = len(gc.get_objects())
    some(2_000)
    gc.collect()
    assert cache.info().size == 100
    assert len(gc.get_objects()) - before < 100


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_keeps_the_answers_and_waits_for_nobody() -> None:
    told: list[int] = []

    @reliai.Cache()
    def ask(prompt: str) -> str:
        if prompt == "a" or told:
            return prompt
        child = os.fork()
        if child == 0:
            told.append(0)
            os._exit(7 if ask("a") == "a" and ask("fork") == "fork" else 1)
        told.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return prompt

    ask("a")
    assert ask("fork") == "fork"
    assert told == [7]
