"""Rows of the cache, beside cachetools: `python -m benchmarks._caching`, project root.

A hit asks for the same text each time, a miss for a new one; both caches are full, so each miss
also throws an entry out. cachetools has no asynchronous form: the async rows write its calls by
hand, with a future for each key in place of a lock, which is what a single flight costs at least.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks._harness import Kind, Lab, Row, Target, Timing, load, per_round

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

SIZE = 1024
TTL = 300.0
BARE = "bare model"
CACHETOOLS = "cachetools TTLCache+lock"
BY_HAND = "cachetools TTLCache+lock, by hand"
FLIGHT = "cachetools TTLCache, single flight by hand"
RECORD = "reliai, record only"
CACHE = "reliai Cache"
ALONE = "reliai Cache(single_flight=False)"
GROUPS = ("hit", "miss")


def model(prompt: str) -> str:
    """Answer at once."""
    return prompt


async def amodel(prompt: str) -> str:
    """Answer at once, from a coroutine."""
    return prompt


def filled(cache: Any) -> Any:
    """A cache with no place left."""
    for number in range(SIZE):
        cache[f"before {number}"] = ""
    return cache


def ttl_cache() -> Any:
    """cachetools' own, full."""
    return filled(load("cachetools").TTLCache(SIZE, TTL))


def cachetools_sync() -> Target:
    """As its documentation has it."""
    cached: Target = load("cachetools").cached(ttl_cache(), key=str, lock=threading.Lock())(model)
    return cached


def by_hand_sync() -> Target:
    """The same calls without the decorator."""
    cache, lock = ttl_cache(), threading.Lock()

    def ask(prompt: str) -> str:
        with lock:
            found: str | None = cache.get(prompt)
        if found is not None:
            return found
        answer = model(prompt)
        with lock:
            cache[prompt] = answer
        return answer

    return ask


def by_hand_async() -> Target:
    """The same in an event loop, where a look-up cannot be interrupted."""
    cache = ttl_cache()

    async def ask(prompt: str) -> str:
        found: str | None = cache.get(prompt)
        if found is not None:
            return found
        answer = await amodel(prompt)
        cache[prompt] = answer
        return answer

    return ask


def flight_async() -> Target:
    """One task makes the call, and whoever asks meanwhile waits for it."""
    cache = ttl_cache()
    under_way: dict[str, asyncio.Task[str]] = {}

    async def work(prompt: str) -> str:
        try:
            answer = cache[prompt] = await amodel(prompt)
        finally:
            del under_way[prompt]
        return answer

    async def ask(prompt: str) -> str:
        found: str | None = cache.get(prompt)
        if found is not None:
            return found
        task = under_way.get(prompt)
        if task is None:
            task = under_way[prompt] = asyncio.get_running_loop().create_task(work(prompt))
        return await asyncio.shield(task)

    return ask


def guarded(kind: Kind, *policies: Any) -> Target:
    """The model behind policies of reliai's."""
    import reliai

    target: Target = reliai.reliable(*policies)(amodel if kind == "async" else model)
    return target


def with_cache(kind: Kind, **settings: Any) -> Target:
    """The model behind a full cache."""
    import reliai

    target = guarded(kind, reliai.Cache(TTL, max_size=SIZE, **settings))
    if kind == "sync":
        for number in range(SIZE):
            target(f"before {number}")
        return target

    async def fill() -> None:
        for number in range(SIZE):
            await target(f"before {number}")

    asyncio.run_coroutine_threadsafe  # noqa: B018  the lab's loop runs already: filled below
    pending = [fill()]

    async def ask(prompt: str) -> Any:
        if pending:
            await pending.pop()
        return await target(prompt)

    return ask


def anew(target: Target, kind: Kind) -> Target:
    """The target, with another text each time."""
    numbers = itertools.count()
    if kind == "sync":
        return lambda prompt: target(f"{prompt} {next(numbers)}")

    async def ask(prompt: str) -> Any:
        return await target(f"{prompt} {next(numbers)}")

    return ask


def makers() -> Iterable[tuple[str, Kind, Callable[[], Target]]]:
    """Every way to be asked."""
    yield BARE, "sync", lambda: model
    yield CACHETOOLS, "sync", cachetools_sync
    yield BY_HAND, "sync", by_hand_sync
    yield RECORD, "sync", lambda: guarded("sync")
    yield CACHE, "sync", lambda: with_cache("sync")
    yield ALONE, "sync", lambda: with_cache("sync", single_flight=False)
    yield BARE, "async", lambda: amodel
    yield BY_HAND, "async", by_hand_async
    yield FLIGHT, "async", flight_async
    yield RECORD, "async", lambda: guarded("async")
    yield CACHE, "async", lambda: with_cache("async")
    yield ALONE, "async", lambda: with_cache("async", single_flight=False)


def rows() -> list[Row]:
    """Hits and misses of each."""
    made = []
    for name, kind, build in makers():
        made.append(Row("hit", name, kind, build))
        made.append(Row("miss", name, kind, _miss(build, kind)))
    return made


def _miss(build: Callable[[], Target], kind: Kind) -> Callable[[], Target]:
    return lambda: anew(build(), kind)


BASES: dict[Kind, str] = {"sync": CACHETOOLS, "async": FLIGHT}


def report(timings: dict[str, Timing]) -> str:
    """The table: median and fastest microseconds a call, and how many times the peer that is."""
    lines = [f"{'row':62}{'median':>9}{'min':>9}{'x peer':>9}{'above bare':>12}"]
    for row in rows():
        if row.key not in timings:
            continue
        timing = timings[row.key]
        base = f"{row.group}/{BASES[row.kind]} [{row.kind}]"
        bare = f"{row.group}/{BARE} [{row.kind}]"
        added, _ = per_round(timings, row.key, bare)
        ratio = f"{timing.ratio(timings[base]):9.2f}" if base in timings else " " * 9
        lines.append(f"{row.key:62}{timing.median:9.2f}{timing.fastest:9.2f}{ratio}{added:12.2f}")
    return "\n".join(lines)


def main() -> None:
    """Measure all rows and print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 41
    lab = Lab()
    try:
        timings = lab.interleave(rows(), rounds, 0.004)
    finally:
        lab.close()
    sys.stdout.write(report(timings) + "\n")
    for key, reason in lab.skipped.items():
        sys.stdout.write(f"skipped {key}: {reason}\n")


if __name__ == "__main__":
    main()
