"""Rows of reliai: the whole pipeline, the pipeline one policy at a time, and its streams."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import reliai
from benchmarks._harness import Kind, Row, Target
from benchmarks._model import (
    Answer,
    achunks,
    adown,
    asmall,
    chunks,
    down,
    flaky,
    small,
    steady,
)
from benchmarks._peers import ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

FULL = "reliai, six policies and a record"
THREADS = "reliai, the same, timeout by worker thread"
ONLY_RECORD = "reliai, record only"
ONLY_RETRY = "reliai, Retry"
RETRY_BREAKER = "reliai, Retry+CircuitBreaker"
OPEN = "reliai, execute, open circuit"
SECONDS = 30.0
LIMIT = 20_000
KINDS: tuple[Kind, ...] = ("sync", "async")
LADDER = ("record", "+Guard", "+Timeout", "+Fallback", "+Validate", "+Retry", "+CircuitBreaker")
STREAM_FULL = "reliai, five policies"
STREAM_RECORD = "reliai, record only"


def retry(*, zero: bool) -> reliai.Retry:
    """Retry as a user writes it; `zero` waits for nothing and never runs out of budget."""
    return reliai.Retry(ATTEMPTS, wait=0, budget=None) if zero else reliai.Retry(ATTEMPTS)


def breaker(name: str) -> reliai.CircuitBreaker:
    """A breaker that two failures in three keep closed."""
    return reliai.CircuitBreaker(name, failure_rate=1.0)


def ladder(kind: Kind, name: str, *, zero: bool = False) -> tuple[Any, ...]:
    """The six policies in canonical order."""
    return (
        reliai.Guard(prompt=[reliai.MaxLength(LIMIT)]),
        reliai.Timeout(SECONDS),
        reliai.Fallback(asmall if kind == "async" else small),
        reliai.Validate(output=Answer),
        retry(zero=zero),
        breaker(name),
    )


def wrapped(
    model: Target,
    name: str,
    *policies: Any,
    cooperative: bool = True,
) -> Target:
    """`model` as a guarded function; cooperative, so that Timeout needs no worker thread."""
    guarded: Target = reliai.reliable(*policies, name=name, cooperative=cooperative)(model)
    return guarded


def full(kind: Kind, group: str, *, cooperative: bool = True) -> Target:
    """The whole pipeline around a steady model, or around one that fails twice a call."""
    zero = group == "flaky"
    name = f"{group}-{kind}-{cooperative}"
    model = flaky(kind) if zero else steady(kind)
    return wrapped(model, name, *ladder(kind, name, zero=zero), cooperative=cooperative)


def _few(kind: Kind, group: str, name: str) -> Target:
    zero = group == "flaky"
    model = flaky(kind) if zero else steady(kind)
    label = f"{group}-{kind}-{name}"
    policies = {
        ONLY_RECORD: (),
        ONLY_RETRY: (retry(zero=zero),),
        RETRY_BREAKER: (retry(zero=zero), breaker(label)),
    }
    return wrapped(model, label, *policies[name])


def open_circuit(kind: Kind) -> Target:
    """`execute` of a function whose circuit is open: an Outcome, no exception raised."""
    policy = reliai.CircuitBreaker(f"open-{kind}", consecutive=1, open_for=3600, max_open_for=3600)
    guarded = wrapped(adown if kind == "async" else down, f"open-{kind}", policy)
    execute: Callable[..., Any] = reliai.aexecute if kind == "async" else reliai.execute
    target: Target = functools.partial(execute, guarded)
    return target if kind == "async" else _opened(target)


def _opened(target: Target) -> Target:
    target("the failure that opens it")
    return target


def call_rows() -> Iterator[Row]:
    """Success, failing and rejected rows."""
    for kind in KINDS:
        for group in ("success", "flaky"):
            yield Row(group, FULL, kind, functools.partial(full, kind, group))
            for name in (ONLY_RETRY, RETRY_BREAKER):
                yield Row(group, name, kind, functools.partial(_few, kind, group, name))
        only = functools.partial(_few, kind, "success", ONLY_RECORD)
        yield Row("success", ONLY_RECORD, kind, only)
        yield Row("rejected", OPEN, kind, functools.partial(open_circuit, kind))
    threaded = functools.partial(full, "sync", "success", cooperative=False)
    yield Row("success", THREADS, "sync", threaded)


def ladder_rows() -> Iterator[Row]:
    """The pipeline from outside in: the difference of two rows is the cost of one policy."""
    for kind in KINDS:
        yield Row("layers", "bare", kind, functools.partial(steady, kind))
        for depth, name in enumerate(LADDER):
            yield Row("layers", name, kind, functools.partial(_step, kind, depth))


def _step(kind: Kind, depth: int) -> Target:
    name = f"layers-{kind}-{depth}"
    return wrapped(steady(kind), name, *ladder(kind, name)[:depth])


def stream(kind: Kind, count: int, name: str) -> Target:
    """A guarded stream of `count` chunks, read to its end."""
    model = achunks(count) if kind == "async" else chunks(count)
    label = f"stream-{kind}-{count}-{name}"
    if name == STREAM_RECORD:
        return reading(kind, wrapped(model, label))
    if name == STREAM_FULL:
        spare = achunks(1) if kind == "async" else chunks(1)
        policies = (
            reliai.Guard(prompt=[reliai.MaxLength(LIMIT)]),
            reliai.Timeout(SECONDS),
            reliai.Fallback(spare),
            retry(zero=False),
            breaker(label),
        )
        return reading(kind, wrapped(model, label, *policies))
    return reading(kind, model)


def reading(kind: Kind, opener: Callable[[str], Any]) -> Target:
    """Read what `opener` opens to its end."""

    def read(prompt: str) -> None:
        chunks_of: Iterator[str] = opener(prompt)
        for _ in chunks_of:
            pass

    async def aread(prompt: str) -> None:
        chunks_of: AsyncIterator[str] = opener(prompt)
        async for _ in chunks_of:
            pass

    return aread if kind == "async" else read


def stream_rows(counts: tuple[int, ...]) -> Iterator[Row]:
    """Streams of one chunk (what opening costs) and of many (what a chunk costs)."""
    for kind in KINDS:
        for count in counts:
            for name in ("bare", STREAM_RECORD, STREAM_FULL):
                build = functools.partial(stream, kind, count, name)
                yield Row(f"stream-{count}", name, kind, build)
