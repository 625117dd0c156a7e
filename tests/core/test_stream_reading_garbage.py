"""Streams of events leave nothing behind either: no cyclic garbage, no growing memory (case 49)."""

from __future__ import annotations

import gc
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from tests.core._events import CHAT, MESSAGES, AsyncEvents, Events, error
from tests.core.test_garbage import garbage_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

SCRIPTS: dict[str, list[Any]] = {
    "whole": MESSAGES,
    "chat": CHAT,
    "cut": MESSAGES[:3],
    "cut before the content": MESSAGES[:1],
    "error event": [*MESSAGES[:3], error()],
    "error event before the content": [MESSAGES[0], error()],
    "exception": [*MESSAGES[:3], ConnectionError("cut")],
    "exception before the content": [MESSAGES[0], ConnectionError("cut")],
}
every_script = pytest.mark.parametrize("script", SCRIPTS)
POLICIES = (reliai.Retry(2, wait=0, budget=None), reliai.CircuitBreaker(min_calls=10**6))


def events(what: str) -> Events:
    return Events(SCRIPTS["whole" if what == "closed early" else what])


def generator(what: str) -> Iterator[Any]:
    yield from events(what)


async def async_generator(what: str) -> AsyncIterator[Any]:
    for event in events(what):
        yield event


def reads(what: str) -> list[Any]:
    return list(reliai.read(events(what)))


def reads_and_yields(what: str) -> Iterator[Any]:
    for event in reliai.read(events(what)):
        yield event.get("id", "")


async def async_reads_and_yields(what: str) -> AsyncIterator[Any]:
    async for event in reliai.read(AsyncEvents(events(what))):
        yield event.get("id", "")


FUNCTIONS: dict[str, tuple[str, Any]] = {
    "generator": ("generator", generator),
    "async generator": ("async_generator", async_generator),
    "returned": ("generator", events),
    "read": ("sync", reads),
    "read and given on": ("generator", reads_and_yields),
    "async read and given on": ("async_generator", async_reads_and_yields),
}


@every_script
@pytest.mark.parametrize("way", FUNCTIONS)
def test_no_cyclic_garbage_whatever_comes_of_a_stream(way: str, script: str) -> None:
    kind, bare = FUNCTIONS[way]
    assert garbage_of(kind, reliai.reliable(*POLICIES)(bare), script) <= 0


@pytest.mark.parametrize("way", ["generator", "returned", "read and given on"])
def test_none_from_streams_closed_early(way: str) -> None:
    kind, bare = FUNCTIONS[way]
    assert garbage_of(kind, reliai.reliable(*POLICIES)(bare), "closed early") == 0


@pytest.mark.slow
@pytest.mark.parametrize("script", ["whole", "error event", "cut before the content"])
def test_ten_thousand_streams_leave_memory_flat(script: str) -> None:
    guarded = reliai.reliable(*POLICIES)(generator)

    def calls(times: int) -> None:
        for _ in range(times):
            try:
                for _ in guarded(script):
                    pass
            except Exception:  # noqa: S110  half of them fail
                pass

    calls(300)  # the ring of the last records is full
    gc.collect()
    objects = len(gc.get_objects())
    tracemalloc.start()
    try:
        calls(300)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        calls(1_400)
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    calls(8_000)  # the rest of the ten thousand, for which tracing takes too long
    gc.collect()
    assert len(gc.get_objects()) - objects < 300
    assert after - before < 50_000
