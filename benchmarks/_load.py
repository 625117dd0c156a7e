"""A thousand calls at once on a model of 10 ms: how many a second one event loop gets through."""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import _inline, _stack
from benchmarks import _reliai as rel
from benchmarks._harness import PROMPT, Lab, Target, settle
from benchmarks._model import slow
from benchmarks._peers import TENACITY, tenacity_retry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Load(NamedTuple):
    """What one way to call got through, in calls a second."""

    median: float
    best: float
    cpu_us: float


class Crowd(NamedTuple):
    """So many loops that call as they are answered, for so long, so many times."""

    workers: int
    seconds: float
    rounds: int


def makers() -> dict[str, Callable[[], Target]]:
    """The contenders; the first is the ceiling."""
    return {
        "bare": lambda: slow,
        TENACITY: lambda: tenacity_retry(slow, False),  # noqa: FBT003
        _stack.ASYNC: lambda: _stack.asynchronous(slow, False),  # noqa: FBT003
        _inline.INLINE_TIMER: lambda: _inline.async_inline_timer(slow, False),  # noqa: FBT003
        rel.FULL: lambda: rel.wrapped(slow, "load", *rel.ladder("async", "load")),
    }


def thousand(lab: Lab, workers: int, seconds: float, rounds: int) -> dict[str, Load]:
    """The call path's contenders."""
    return contend(lab, "load", makers(), Crowd(workers, seconds, rounds))


def contend(
    lab: Lab, group: str, contenders: Mapping[str, Callable[[], Target]], crowd: Crowd
) -> dict[str, Load]:
    """Each contender in turn, again and again, with a crowd of callers."""
    targets: dict[str, Target] = {}
    for name, make in contenders.items():
        try:
            targets[name] = lab.run(_made(make))
            lab.run(targets[name](PROMPT))
        except ModuleNotFoundError as error:
            targets.pop(name, None)
            lab.skip(f"{group}/{name}", error)
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in targets}
    for _ in range(crowd.rounds):
        for name, target in targets.items():
            settle()
            seen[name].append(lab.run(_closed_loop(target, crowd.workers, crowd.seconds)))
    return {name: _summary(runs) for name, runs in seen.items()}


async def _made(make: Callable[[], Target]) -> Target:
    return make()  # some peers ask for the running loop


def _summary(runs: list[tuple[float, float]]) -> Load:
    rates = [rate for rate, _ in runs]
    return Load(statistics.median(rates), max(rates), statistics.median(cpu for _, cpu in runs))


async def _closed_loop(target: Target, workers: int, seconds: float) -> tuple[float, float]:
    done = 0
    end = time.perf_counter() + seconds

    async def worker() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await target(PROMPT)
            done += 1

    cpu, start = time.process_time(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(workers)))
    elapsed, spent = time.perf_counter() - start, time.process_time() - cpu
    return done / elapsed, spent / done * 1e6
