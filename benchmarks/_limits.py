"""Rows of the policies that limit load, one policy a row, beside the libraries that do the same.

No limit is ever reached: what is measured is what a call pays for being counted. A row of reliai's
is compared by what it adds to a guarded call with no policy, a peer's by what it adds to the bare
call.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import reliai
from benchmarks import _reliai as rel
from benchmarks import _stack
from benchmarks._harness import Kind, Row, Target, load
from benchmarks._model import good, steady

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLENTY = 1_000_000_000
PLACES = 1_000
SECONDS = 30.0
BARE, RECORD = "bare", rel.ONLY_RECORD
FREE = "free"


class Policy(NamedTuple):
    """A policy alone, and what stands for it elsewhere; without peers there is nothing like it."""

    name: str
    make: Callable[[], tuple[Any, ...]]
    rivals: str | None = None


class Peer(NamedTuple):
    """A way of another library's to do what `rival` names."""

    rival: str
    name: str
    kind: Kind
    make: Callable[[Target], Target]


def _tokens(_: Any) -> int:
    return 400


POLICIES = (
    Policy("RateLimit", lambda: (reliai.RateLimit(PLENTY),), "rate"),
    Policy("RateLimit(key=…)", lambda: (reliai.RateLimit(PLENTY, key="arg:prompt"),), "rate"),
    Policy(
        "RateLimit(cost=…, a weight)",
        lambda: (reliai.RateLimit(PLENTY, cost=_tokens, correct=False),),
        "rate",
    ),
    Policy("Bulkhead", lambda: (reliai.Bulkhead(PLACES),), "places"),
    Policy(
        "AdaptiveLimit",
        lambda: (reliai.AdaptiveLimit(PLACES, maximum=2 * PLACES, queue=PLACES),),
        "places",
    ),
    Policy("AdaptiveThrottle", lambda: (reliai.AdaptiveThrottle(),)),
    Policy("Hedge(30), never hedging", lambda: (reliai.Hedge(SECONDS),), "second attempt"),
    Policy("Budget(usd=…, estimate=…)", lambda: (reliai.Budget(usd=PLENTY, estimate=1e-3),)),
    Policy("Shadow(rate=1e-9), not sampled", lambda: (reliai.Shadow(good, rate=1e-9),)),
)


def alone(kind: Kind, policy: Policy) -> Target:
    """A steady model behind one policy."""
    return rel.wrapped(steady(kind), f"{policy.name}-{kind}", *policy.make())


def entered(model: Target, held: Any) -> Target:
    """The model inside a context manager."""

    def call(prompt: str) -> object:
        with held:
            return model(prompt)

    return call


def aentered(model: Target, held: Any) -> Target:
    """The model inside an asynchronous context manager."""

    async def call(prompt: str) -> object:
        async with held:
            return await model(prompt)

    return call


def aiolimiter(model: Target) -> Target:
    """aiolimiter's leaky bucket."""
    return aentered(model, load("aiolimiter").AsyncLimiter(PLENTY, 1))


def hyx_bucket(model: Target) -> Target:
    """hyx's token bucket."""
    limit = load("hyx.ratelimit").tokenbucket(max_executions=PLENTY, per_time_secs=1.0)
    decorated: Target = limit(model)
    return decorated


def limits(model: Target, strategy: str) -> Target:
    """A strategy of limits', in memory; it is asked, and does not wait."""
    library = load("limits")
    limiter = getattr(library.strategies, strategy)(library.storage.MemoryStorage())
    item = library.RateLimitItemPerSecond(PLENTY)

    def call(prompt: str) -> object:
        if not limiter.hit(item, "model"):
            raise RuntimeError
        return model(prompt)

    return call


def alimits(model: Target, strategy: str) -> Target:
    """The same of its asynchronous half."""
    library, aio = load("limits"), load("limits.aio")
    limiter = getattr(aio.strategies, strategy)(aio.storage.MemoryStorage())
    item = library.RateLimitItemPerSecond(PLENTY)

    async def call(prompt: str) -> object:
        if not await limiter.hit(item, "model"):
            raise RuntimeError
        return await model(prompt)

    return call


def pyrate(model: Target) -> Target:
    """pyrate-limiter's bucket in memory."""
    library = load("pyrate_limiter")
    limiter = library.Limiter(library.Rate(PLENTY, library.Duration.SECOND))

    def call(prompt: str) -> object:
        if not limiter.try_acquire("model"):
            raise RuntimeError
        return model(prompt)

    return call


def apyrate(model: Target) -> Target:
    """The same in an event loop."""
    library = load("pyrate_limiter")
    limiter = library.Limiter(library.Rate(PLENTY, library.Duration.SECOND))

    async def call(prompt: str) -> object:
        if not await limiter.try_acquire_async("model"):
            raise RuntimeError
        return await model(prompt)

    return call


def hyx_bulkhead(model: Target) -> Target:
    """hyx's bulkhead."""
    limit = load("hyx.bulkhead").bulkhead(max_concurrency=PLACES, max_capacity=2 * PLACES)
    decorated: Target = limit(model)
    return decorated


def hedge_by_hand(model: Target) -> Target:
    """What a second attempt needs at the least: the first in a thread, and a wait for it."""

    def call(prompt: str) -> object:
        return _stack.pool().submit(model, prompt).result(SECONDS)

    return call


def ahedge_by_hand(model: Target) -> Target:
    """The same with a task."""

    async def call(prompt: str) -> object:
        first = asyncio.ensure_future(model(prompt))
        await asyncio.wait((first,), timeout=SECONDS)
        return first.result()

    return call


WINDOWS = ("FixedWindowRateLimiter", "MovingWindowRateLimiter")
PEERS = (
    *(Peer("rate", f"limits {w}", "sync", functools.partial(limits, strategy=w)) for w in WINDOWS),
    *(
        Peer("rate", f"limits {w}", "async", functools.partial(alimits, strategy=w))
        for w in WINDOWS
    ),
    Peer("rate", "pyrate-limiter", "sync", pyrate),
    Peer("rate", "pyrate-limiter", "async", apyrate),
    Peer("rate", "aiolimiter", "async", aiolimiter),
    Peer("rate", "hyx token bucket", "async", hyx_bucket),
    Peer(
        "places",
        "threading.Semaphore",
        "sync",
        lambda model: entered(model, threading.Semaphore(PLACES)),
    ),
    Peer(
        "places",
        "asyncio.Semaphore",
        "async",
        lambda model: aentered(model, asyncio.Semaphore(PLACES)),
    ),
    Peer("places", "hyx bulkhead", "async", hyx_bulkhead),
    Peer("second attempt", "a thread and a wait, by hand", "sync", hedge_by_hand),
    Peer("second attempt", "a task and a wait, by hand", "async", ahedge_by_hand),
)


def rows(group: str = FREE, kinds: tuple[Kind, ...] = rel.KINDS) -> Iterator[Row]:
    """Bare, guarded without a policy, every policy alone, every peer."""
    for kind in kinds:
        yield Row(group, BARE, kind, functools.partial(steady, kind))
        yield Row(group, RECORD, kind, functools.partial(rel.wrapped, steady(kind), f"r-{kind}"))
        for policy in POLICIES:
            yield Row(group, policy.name, kind, functools.partial(alone, kind, policy))
        for peer in PEERS:
            if peer.kind == kind:
                build = functools.partial(peer.make, steady(kind))
                yield Row(group, f"{peer.name} ({peer.rival})", kind, build)
