"""Rows of other libraries, each used the way its own documentation shows.

A maker takes the model and `zero` (True: build it so that a retry waits for nothing).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmarks._harness import Kind, Row, Target, load
from benchmarks._model import SPARE, down, flaky, steady

ATTEMPTS = 3
NEVER = 1_000_000_000  # a breaker threshold that no row reaches
Maker = Callable[[Target, bool], Target]

TENACITY = "tenacity @retry"


class Peer(NamedTuple):
    """One way to wrap a model; `retries` peers also join the failing group."""

    name: str
    kinds: tuple[Kind, ...]
    make: Maker
    retries: bool


def tenacity_retry(model: Target, zero: bool) -> Target:  # noqa: FBT001
    """Tenacity's decorator: three attempts, exponential wait with jitter."""
    tenacity = load("tenacity")
    wait = tenacity.wait_none() if zero else tenacity.wait_exponential_jitter(0.1, 5)
    stop = tenacity.stop_after_attempt(ATTEMPTS)
    decorated: Target = tenacity.retry(stop=stop, wait=wait, reraise=True)(model)
    return decorated


def stamina_retry(model: Target, zero: bool) -> Target:  # noqa: FBT001
    """stamina's decorator, its hooks off: with structlog about they print a line a retry."""
    stamina = load("stamina")
    stamina.instrumentation.set_on_retry_hooks([])
    waits = {"wait_initial": 0, "wait_max": 0, "wait_jitter": 0} if zero else {}
    decorated: Target = stamina.retry(on=Exception, attempts=ATTEMPTS, **waits)(model)
    return decorated


def pybreaker_sync(model: Target, zero: bool) -> Target:  # noqa: ARG001, FBT001
    """pybreaker as a decorator."""
    decorated: Target = load("pybreaker").CircuitBreaker(fail_max=NEVER)(model)
    return decorated


def pybreaker_async(model: Target, zero: bool) -> Target:  # noqa: ARG001, FBT001
    """pybreaker's context manager: its decorator takes a created coroutine for a success."""
    breaker = load("pybreaker").CircuitBreaker(fail_max=NEVER)

    async def call(prompt: str) -> object:
        with breaker.calling():
            return await model(prompt)

    return call


def circuitbreaker(model: Target, zero: bool) -> Target:  # noqa: ARG001, FBT001
    """circuitbreaker's decorator."""
    decorated: Target = load("circuitbreaker").circuit(failure_threshold=NEVER)(model)
    return decorated


def hyx_retry(model: Target, zero: bool) -> Target:  # noqa: FBT001
    """hyx's retry."""
    retry = load("hyx.retry").retry
    decorated: Target = retry(attempts=ATTEMPTS, backoff=0 if zero else 0.1)(model)
    return decorated


def hyx_breaker(model: Target, zero: bool) -> Target:  # noqa: ARG001, FBT001
    """hyx's consecutive breaker."""
    breaker = load("hyx.circuitbreaker").consecutive_breaker(failure_threshold=NEVER)
    decorated: Target = breaker(model)
    return decorated


def hyx_all(model: Target, zero: bool) -> Target:  # noqa: FBT001
    """hyx's retry around its breaker around its timeout."""
    timed: Target = load("hyx.timeout").timeout(30)(model)
    return hyx_retry(hyx_breaker(timed, zero), zero)


def interlock_breaker(model: Target, zero: bool) -> Target:  # noqa: ARG001, FBT001
    """interlock's breaker as a decorator; its rate cannot be reached by the failing rows."""
    interlock = load("interlock")
    config = interlock.Config(failure_rate_threshold=1.0, minimum_number_of_calls=100)
    decorated: Target = interlock.CircuitBreaker(name="benchmark", config=config)(model)
    return decorated


def interlock_pipeline(model: Target, zero: bool, *, timeout: bool) -> Target:  # noqa: FBT001
    """interlock's pipeline: fallback, retry, breaker and, where asked, timeout."""
    interlock, tenacity = load("interlock"), load("tenacity")
    config = interlock.Config(failure_rate_threshold=1.0, minimum_number_of_calls=100)
    builder = interlock.Pipeline.builder().fallback(lambda _: SPARE)
    builder = builder.retry(attempts=ATTEMPTS, wait=tenacity.wait_none() if zero else None)
    builder = builder.circuit_breaker(interlock.CircuitBreaker(name="benchmark", config=config))
    decorated: Target = (builder.timeout(30.0) if timeout else builder).build()(model)
    return decorated


def _no_wait(context: object) -> float:  # noqa: ARG001  redress reads the signature
    return 0.0


def redress_retry(model: Target, zero: bool) -> Target:  # noqa: FBT001
    """redress's decorator."""
    retry = load("redress").retry
    waits = {"strategy": _no_wait} if zero else {}
    limits = {"max_attempts": ATTEMPTS, "max_unknown_attempts": ATTEMPTS}
    decorated: Target = retry(**limits, **waits)(model)
    return decorated


def redress_policy(model: Target, zero: bool, *, kind: Kind) -> Target:  # noqa: FBT001
    """redress's policy object: retry and circuit breaker."""
    redress, strategies = load("redress"), load("redress.strategies")
    prefix = "Async" if kind == "async" else ""
    retry = getattr(redress, f"{prefix}Retry")(
        classifier=redress.default_classifier,
        strategy=_no_wait if zero else strategies.decorrelated_jitter(max_s=5.0),
        max_attempts=ATTEMPTS,
        max_unknown_attempts=ATTEMPTS,
    )
    breaker = redress.CircuitBreaker(
        failure_threshold=NEVER, window_s=60.0, recovery_timeout_s=30.0
    )
    policy = getattr(redress, f"{prefix}Policy")(retry=retry, circuit_breaker=breaker)

    def call(prompt: str) -> object:
        return policy.call(lambda: model(prompt))

    async def acall(prompt: str) -> object:
        return await policy.call(lambda: model(prompt))

    return acall if kind == "async" else call


BOTH: tuple[Kind, ...] = ("sync", "async")
PEERS = (
    Peer(TENACITY, BOTH, tenacity_retry, retries=True),
    Peer("stamina.retry", BOTH, stamina_retry, retries=True),
    Peer("pybreaker", ("sync",), pybreaker_sync, retries=False),
    Peer("pybreaker", ("async",), pybreaker_async, retries=False),
    Peer("circuitbreaker", BOTH, circuitbreaker, retries=False),
    Peer("hyx retry", ("async",), hyx_retry, retries=True),
    Peer("hyx breaker", ("async",), hyx_breaker, retries=False),
    Peer("hyx retry+breaker+timeout", ("async",), hyx_all, retries=True),
    Peer("interlock breaker", BOTH, interlock_breaker, retries=False),
    Peer(
        "interlock fallback+retry+breaker",
        ("sync",),
        functools.partial(interlock_pipeline, timeout=False),
        retries=True,
    ),
    Peer(
        "interlock fallback+retry+breaker+timeout",
        ("async",),
        functools.partial(interlock_pipeline, timeout=True),
        retries=True,
    ),
    Peer("redress @retry", BOTH, redress_retry, retries=True),
    Peer(
        "redress retry+breaker",
        ("sync",),
        functools.partial(redress_policy, kind="sync"),
        retries=True,
    ),
    Peer(
        "redress retry+breaker",
        ("async",),
        functools.partial(redress_policy, kind="async"),
        retries=True,
    ),
)


def rows(peers: tuple[Peer, ...] = PEERS) -> Iterator[Row]:
    """A success row for each peer and kind, and a failing row where the peer retries."""
    for peer in peers:
        for kind in peer.kinds:
            make = peer.make
            yield Row("success", peer.name, kind, functools.partial(_steady, make, kind))
            if peer.retries:
                yield Row("flaky", peer.name, kind, functools.partial(_flaky, make, kind))


def _pybreaker_open(model: Target) -> Target:
    decorated: Target = load("pybreaker").CircuitBreaker(fail_max=1, reset_timeout=3600)(model)
    return decorated


def _circuitbreaker_open(model: Target) -> Target:
    circuit = load("circuitbreaker").circuit
    decorated: Target = circuit(failure_threshold=1, recovery_timeout=3600)(model)
    return decorated


def _interlock_open(model: Target) -> Target:
    interlock = load("interlock")
    config = interlock.Config(minimum_number_of_calls=1, wait_duration_in_open=3600.0)
    decorated: Target = interlock.CircuitBreaker(name="open", config=config)(model)
    return decorated


OPEN_CIRCUITS = {
    "pybreaker, open, caught": _pybreaker_open,
    "circuitbreaker, open, caught": _circuitbreaker_open,
    "interlock breaker, open, caught": _interlock_open,
}


def open_rows() -> Iterator[Row]:
    """Open circuits of sync breakers: their rejection is an exception, so the row catches it."""
    for name, make in OPEN_CIRCUITS.items():
        yield Row("rejected", name, "sync", functools.partial(_opened, make))


def _opened(make: Callable[[Target], Target]) -> Target:
    target = make(down)

    def call(prompt: str) -> None:
        try:  # noqa: SIM105  a context manager would be measured with it
            target(prompt)
        except Exception:  # noqa: S110
            pass

    call("the failure that opens it")
    return call


def _steady(make: Maker, kind: Kind) -> Target:
    return make(steady(kind), False)  # noqa: FBT003


def _flaky(make: Maker, kind: Kind) -> Target:
    return make(flaky(kind), True)  # noqa: FBT003
