"""The stack a careful team assembles by hand: tenacity, pybreaker, pydantic, timeout, fallback.

It keeps no record. Sync, its timeout is a worker thread (nothing else stops a blocking call), or
none; async it is `asyncio.timeout`.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import functools
from typing import TYPE_CHECKING, Any

from benchmarks._harness import Row, Target, load
from benchmarks._model import SPARE, Answer
from benchmarks._peers import ATTEMPTS, NEVER, Peer, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS = 30.0
THREADS = "stack tenacity+pybreaker+pydantic+thread timeout"
PLAIN = "stack tenacity+pybreaker+pydantic"
ASYNC = "stack tenacity+pybreaker+pydantic+asyncio.timeout"
LIMIT = 20_000


@functools.cache
def pool() -> concurrent.futures.ThreadPoolExecutor:
    """The threads that all thread-timeout rows share."""
    return concurrent.futures.ThreadPoolExecutor(16)


def retrying(*, zero: bool) -> Any:
    """tenacity's decorator, as the stack has it."""
    tenacity = load("tenacity")
    return tenacity.retry(
        stop=tenacity.stop_after_attempt(ATTEMPTS),
        wait=tenacity.wait_none() if zero else tenacity.wait_exponential_jitter(0.1, 5),
        retry=tenacity.retry_if_exception_type((ConnectionError, TimeoutError)),
        reraise=True,
    )


def _guarded(model: Target, zero: bool) -> Target:  # noqa: FBT001
    breaker = load("pybreaker").CircuitBreaker(fail_max=NEVER)
    attempts: Target = retrying(zero=zero)(breaker(model))

    def call(prompt: str) -> Answer:
        if len(prompt) > LIMIT:
            message = f"prompt is longer than {LIMIT} characters"
            raise ValueError(message)
        try:
            return Answer.model_validate_json(attempts(prompt))
        except (ConnectionError, TimeoutError):
            return SPARE

    return call


def plain(model: Target, zero: bool) -> Target:  # noqa: FBT001
    """Sync, without a timeout."""
    return _guarded(model, zero)


def threaded(model: Target, zero: bool) -> Target:  # noqa: FBT001
    """Sync, the whole call in a worker thread so that a hanging model can be left."""
    guarded = _guarded(model, zero)

    def call(prompt: str) -> object:
        return pool().submit(guarded, prompt).result(SECONDS)

    return call


def asynchronous(model: Target, zero: bool) -> Target:  # noqa: FBT001
    """Async, under `asyncio.timeout`."""
    breaker = load("pybreaker").CircuitBreaker(fail_max=NEVER)

    async def attempt(prompt: str) -> str:
        with breaker.calling():
            reply: str = await model(prompt)
        return reply

    attempts: Target = retrying(zero=zero)(attempt)

    async def call(prompt: str) -> Answer:
        if len(prompt) > LIMIT:
            message = f"prompt is longer than {LIMIT} characters"
            raise ValueError(message)
        try:
            async with asyncio.timeout(SECONDS):
                return Answer.model_validate_json(await attempts(prompt))
        except (ConnectionError, TimeoutError):
            return SPARE

    return call


STACKS = (
    Peer(PLAIN, ("sync",), plain, retries=True),
    Peer(THREADS, ("sync",), threaded, retries=True),
    Peer(ASYNC, ("async",), asynchronous, retries=True),
)


def stack_rows() -> Iterator[Row]:
    """The rows of the hand-assembled stacks."""
    return rows(STACKS)
