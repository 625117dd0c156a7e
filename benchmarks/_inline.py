"""The same steps written by hand, inline, for one function: what the bare work costs.

Length check, deadline bookkeeping, retry loop, rate-window breaker with a lock, pydantic, a
fallback branch, and a record of the call and its attempts. No library, no indirection, no reuse.
"""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from benchmarks._model import Answer, asmall, small
from benchmarks._peers import ATTEMPTS, Peer, rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks._harness import Row, Target

INLINE = "inline by hand, with record"
INLINE_TIMER = "inline by hand, with record, asyncio.timeout"
LIMIT = 20_000
SECONDS = 30.0
BUCKETS, WIDTH = 10, 6.0  # a window of 60 s
MIN_CALLS, RATE, OPEN_FOR = (
    10,
    1.0,
    30.0,
)  # as in reliai's failing rows, 2 of 3 failures keep it closed


class Attempt:
    """One try of one call."""

    __slots__ = ("duration", "error", "number", "started_at", "status")

    def __init__(self, number: int, started_at: float) -> None:
        self.number, self.started_at = number, started_at
        self.duration, self.status, self.error = 0.0, "running", ""


class Record:
    """One call: what came of it, and of each attempt."""

    __slots__ = ("attempts", "duration", "error", "id", "name", "started_at", "status")

    def __init__(self, name: str, started_at: float) -> None:
        stamp = int(started_at * 1000) << 80 | random.getrandbits(80)
        self.id = f"{stamp:032x}"
        self.name, self.started_at = name, started_at
        self.duration, self.status, self.error = 0.0, "success", ""
        self.attempts: list[Attempt] = []


class OpenError(Exception):
    """The breaker below is open."""


class Breaker:
    """A failure rate over a window of 60 s in ten buckets."""

    __slots__ = ("_lock", "calls", "failures", "last", "open_until")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls, self.failures = [0] * BUCKETS, [0] * BUCKETS
        self.last, self.open_until = 0, 0.0

    def admit(self, now: float) -> None:
        """Raise while open."""
        if self.open_until and now < self.open_until:
            raise OpenError

    def learn(self, now: float, failed: bool) -> None:  # noqa: FBT001
        """Count one attempt and open when the rate is reached."""
        with self._lock:
            bucket = int(now / WIDTH)
            if bucket != self.last:
                for stale in range(max(self.last + 1, bucket - BUCKETS + 1), bucket + 1):
                    self.calls[stale % BUCKETS] = self.failures[stale % BUCKETS] = 0
                self.last = bucket
            slot = bucket % BUCKETS
            self.calls[slot] += 1
            if failed:
                self.failures[slot] += 1
                calls = sum(self.calls)
                if calls >= MIN_CALLS and sum(self.failures) >= RATE * calls:
                    self.open_until = now + OPEN_FOR


def sync_inline(model: Target, zero: bool) -> Target:  # noqa: FBT001
    """All steps in one sync function."""
    breaker, ring = Breaker(), deque[Record](maxlen=256)

    def call(prompt: str) -> Answer:
        if len(prompt) > LIMIT:
            message = f"prompt is longer than {LIMIT} characters"
            raise ValueError(message)
        started = time.monotonic()
        deadline = started + SECONDS
        record = Record("call", time.time())
        try:
            for number in range(1, ATTEMPTS + 1):
                now = time.monotonic()
                if now >= deadline:
                    raise TimeoutError
                breaker.admit(now)
                attempt = Attempt(number, now)
                record.attempts.append(attempt)
                try:
                    reply = model(prompt)
                except (ConnectionError, TimeoutError) as error:
                    ended = time.monotonic()
                    attempt.duration, attempt.status = ended - now, "error"
                    attempt.error = type(error).__name__
                    breaker.learn(ended, failed=True)
                    if number == ATTEMPTS:
                        raise
                    if not zero:
                        time.sleep(min(random.uniform(0, 0.5 * 2**number), deadline - ended))
                else:
                    ended = time.monotonic()
                    attempt.duration, attempt.status = ended - now, "success"
                    breaker.learn(ended, failed=False)
                    return Answer.model_validate_json(reply)
            raise TimeoutError
        except (ConnectionError, TimeoutError, OpenError) as error:
            record.status, record.error = "degraded", type(error).__name__
            return Answer.model_validate_json(small(prompt))
        finally:
            record.duration = time.monotonic() - started
            ring.append(record)

    return call


def async_inline(model: Target, zero: bool) -> Target:  # noqa: FBT001
    """All steps in one coroutine function; the deadline is only looked at between attempts."""
    breaker, ring = Breaker(), deque[Record](maxlen=256)

    async def call(prompt: str) -> Answer:
        if len(prompt) > LIMIT:
            message = f"prompt is longer than {LIMIT} characters"
            raise ValueError(message)
        started = time.monotonic()
        deadline = started + SECONDS
        record = Record("call", time.time())
        try:
            for number in range(1, ATTEMPTS + 1):
                now = time.monotonic()
                if now >= deadline:
                    raise TimeoutError
                breaker.admit(now)
                attempt = Attempt(number, now)
                record.attempts.append(attempt)
                try:
                    reply = await model(prompt)
                except (ConnectionError, TimeoutError) as error:
                    ended = time.monotonic()
                    attempt.duration, attempt.status = ended - now, "error"
                    attempt.error = type(error).__name__
                    breaker.learn(ended, failed=True)
                    if number == ATTEMPTS:
                        raise
                    if not zero:
                        wait = min(random.uniform(0, 0.5 * 2**number), deadline - ended)
                        await asyncio.sleep(wait)
                else:
                    ended = time.monotonic()
                    attempt.duration, attempt.status = ended - now, "success"
                    breaker.learn(ended, failed=False)
                    return Answer.model_validate_json(reply)
            raise TimeoutError
        except (ConnectionError, TimeoutError, OpenError) as error:
            record.status, record.error = "degraded", type(error).__name__
            return Answer.model_validate_json(await asmall(prompt))
        finally:
            record.duration = time.monotonic() - started
            ring.append(record)

    return call


def async_inline_timer(model: Target, zero: bool) -> Target:  # noqa: FBT001
    """The same, each attempt cut off at the deadline by `asyncio.timeout`."""

    async def timed(prompt: str) -> object:
        async with asyncio.timeout(SECONDS):
            return await model(prompt)

    return async_inline(timed, zero)


INLINES = (
    Peer(INLINE, ("sync",), sync_inline, retries=True),
    Peer(INLINE, ("async",), async_inline, retries=True),
    Peer(INLINE_TIMER, ("async",), async_inline_timer, retries=True),
)


def inline_rows() -> Iterator[Row]:
    """The rows written by hand."""
    return rows(INLINES)
