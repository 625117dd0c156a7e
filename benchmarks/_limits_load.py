"""Limits under load: 32 threads on one object, and a thousand asynchronous calls at once."""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from typing import TYPE_CHECKING, Any

import reliai
from benchmarks import _limits, _stack
from benchmarks import _reliai as rel
from benchmarks._harness import PROMPT, Block, Lab, Target, Timing, load, settle
from benchmarks._model import REPLY, SPARE, Answer, slow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from benchmarks._harness import Row

SIX = "reliai, 6: Guard Timeout Fallback Validate Retry CircuitBreaker"
EIGHT = f"{SIX} RateLimit Bulkhead".replace("6", "8")
TEN = "reliai: Guard Budget Timeout Fallback Validate Retry Hedge CircuitBreaker RateLimit Bulkhead"
STACK = _stack.ASYNC
FULL_STACK = f"{STACK}+aiolimiter+asyncio.Semaphore"
CROWD = 100
QUEUE = "asyncio.Semaphore"
OUR_QUEUE = "reliai, Bulkhead"


# --- threads ---------------------------------------------------------------------------------
def threaded(
    lab: Lab, rows: Iterable[Row], threads: int, calls: int, rounds: int
) -> dict[str, Timing]:
    """Each row in turn, `rounds` times: so many threads that call the same object."""
    built = lab.build(rows)
    timings = {key: Timing(calls) for key in built}
    for _ in range(rounds):
        for key, (_, target) in built.items():
            settle()
            timings[key].blocks.append(_crowd(target, threads, max(1, calls // threads)))
    return timings


def _crowd(target: Target, threads: int, calls: int) -> Block:
    ready = threading.Barrier(threads + 1)

    def work() -> None:
        ready.wait()
        for _ in itertools.repeat(None, calls):
            target(PROMPT)

    crowd = [threading.Thread(target=work) for _ in range(threads)]
    for one in crowd:
        one.start()
    ready.wait()
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for one in crowd:
        one.join()
    made = 1e3 * calls * threads
    return Block((time.perf_counter_ns() - wall) / made, (time.process_time_ns() - cpu) / made)


# --- a thousand at once ----------------------------------------------------------------------
async def brief(prompt: str) -> str:  # noqa: ARG001  the signature of a model
    """A model that takes 1 ms."""
    await asyncio.sleep(0.001)
    return REPLY


def queues() -> dict[str, Callable[[], Target]]:
    """A tenth as many places as callers: all others wait for theirs."""
    return {
        QUEUE: lambda: _limits.aentered(brief, asyncio.Semaphore(CROWD)),
        "hyx bulkhead": lambda: load("hyx.bulkhead").bulkhead(CROWD, 100_000)(brief),
        OUR_QUEUE: lambda: rel.wrapped(brief, "queue", reliai.Bulkhead(CROWD, queue=100_000)),
        "reliai, AdaptiveLimit": lambda: rel.wrapped(
            brief,
            "adaptive",
            reliai.AdaptiveLimit(CROWD, CROWD, CROWD, queue=100_000, latency=False),
        ),
    }


def full_stack(model: Target) -> Target:
    """The stack by hand, with a rate and places for each attempt."""
    breaker = load("pybreaker").CircuitBreaker(fail_max=_limits.PLENTY)
    rate = load("aiolimiter").AsyncLimiter(_limits.PLENTY, 1)
    places = asyncio.Semaphore(2 * _limits.PLACES)

    async def attempt(prompt: str) -> str:
        with breaker.calling():
            async with rate, places:
                reply: str = await model(prompt)
        return reply

    attempts: Target = _stack.retrying(zero=False)(attempt)

    async def call(prompt: str) -> Answer:
        if len(prompt) > _stack.LIMIT:
            message = f"prompt is longer than {_stack.LIMIT} characters"
            raise ValueError(message)
        try:
            async with asyncio.timeout(_stack.SECONDS):
                return Answer.model_validate_json(await attempts(prompt))
        except (ConnectionError, TimeoutError):
            return SPARE

    return call


def limits() -> tuple[Any, ...]:
    """A rate and places that are never reached."""
    return (reliai.RateLimit(_limits.PLENTY), reliai.Bulkhead(2 * _limits.PLACES))


def ten(name: str) -> tuple[Any, ...]:
    """The pipeline with a budget and a hedge that never comes."""
    guard, *middle, breaker = rel.ladder("async", name)
    budget = reliai.Budget(usd=_limits.PLENTY, estimate=1e-3)
    return (guard, budget, *middle, reliai.Hedge(_limits.SECONDS), breaker, *limits())


def pipelines() -> dict[str, Callable[[], Target]]:
    """The contenders of the throughput table, on a model of 10 ms; the first is the ceiling."""
    return {
        "bare": lambda: slow,
        STACK: lambda: _stack.asynchronous(slow, False),  # noqa: FBT003
        FULL_STACK: lambda: full_stack(slow),
        SIX: lambda: rel.wrapped(slow, "six", *rel.ladder("async", "six")),
        EIGHT: lambda: rel.wrapped(slow, "eight", *rel.ladder("async", "eight"), *limits()),
        TEN: lambda: rel.wrapped(slow, "ten", *ten("ten")),
    }


def singles() -> dict[str, Callable[[], Target]]:
    """Every policy and every asynchronous peer alone, on a model of 10 ms."""
    made: dict[str, Callable[[], Target]] = {"bare": lambda: slow}
    made[_limits.RECORD] = lambda: rel.wrapped(slow, "record")
    for policy in _limits.POLICIES:
        made[f"reliai, {policy.name}"] = _single(policy)
    for peer in _limits.PEERS:
        if peer.kind == "async":
            made[peer.name] = lambda peer=peer: peer.make(slow)  # type: ignore[misc]
    return made


def _single(policy: _limits.Policy) -> Callable[[], Target]:
    return lambda: rel.wrapped(slow, f"single {policy.name}", *policy.make())
