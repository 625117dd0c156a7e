"""What calls leave behind: cyclic garbage, bytes in flight, bytes after very many calls."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import functools
import gc
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import reliai
from benchmarks import _reliai as rel
from benchmarks._harness import PROMPT, Kind, Lab, Row, Target, settle
from benchmarks._model import REPLY, Answer, achunks, adown, chunks, down, steady
from benchmarks._peers import tenacity_retry

WARM_CALLS = 200
CHUNKS = 5
SPINS = 20


class Garbage(NamedTuple):
    """Objects a call left to the cyclic collector, and what most of them were."""

    per_call: float
    kinds: tuple[tuple[str, int], ...]


def swallow(kind: Kind, target: Target) -> Target:
    """Call `target` and drop its exception, as a caller with an except clause does."""

    def call(prompt: str) -> None:
        with contextlib.suppress(Exception):
            target(prompt)

    async def acall(prompt: str) -> None:
        with contextlib.suppress(Exception):
            await target(prompt)

    return acall if kind == "async" else call


def failing(kind: Kind) -> Target:
    """All attempts fail and the caller catches the model's own error."""
    model = adown if kind == "async" else down
    name = f"failing-{kind}"
    guarded = rel.wrapped(
        model,
        name,
        reliai.Timeout(rel.SECONDS),
        rel.retry(zero=True),
        reliai.CircuitBreaker(name, min_calls=1_000_000_000),
    )
    return swallow(kind, guarded)


def degraded(kind: Kind) -> Target:
    """All attempts fail and the fallback answers."""
    model = adown if kind == "async" else down
    name = f"degraded-{kind}"
    policies = rel.ladder(kind, name, zero=True)[:-1]
    return rel.wrapped(model, name, *policies)


def refused(kind: Kind) -> Target:
    """Guard refuses the prompt."""
    guard = reliai.Guard(prompt=[reliai.MaxLength(1)])
    return swallow(kind, rel.wrapped(steady(kind), f"refused-{kind}", guard))


def invalid(kind: Kind) -> Target:
    """The answer does not parse."""

    def model(prompt: str) -> str:
        return prompt

    async def amodel(prompt: str) -> str:
        return prompt

    validate = reliai.Validate(output=Answer)
    chosen: Target = amodel if kind == "async" else model
    return swallow(kind, rel.wrapped(chosen, f"invalid-{kind}", validate))


def early_closed(kind: Kind) -> Target:
    """A stream closed after its first chunk."""
    model = achunks(CHUNKS) if kind == "async" else chunks(CHUNKS)
    opener = rel.wrapped(model, f"closed-{kind}", rel.retry(zero=False))

    def call(prompt: str) -> None:
        stream: Any = opener(prompt)
        next(stream)
        stream.close()

    async def acall(prompt: str) -> None:
        stream: Any = opener(prompt)
        await anext(stream)
        await stream.aclose()

    return acall if kind == "async" else call


Case = Callable[[Kind], Target]
GARBAGE: dict[str, Case] = {
    "success": lambda kind: rel.full(kind, "success"),
    "recovered on the third attempt": lambda kind: rel.full(kind, "flaky"),
    "failed": failing,
    "degraded": degraded,
    "refused by Guard": refused,
    "output invalid": invalid,
    "circuit open": rel.open_circuit,
    "stream": lambda kind: rel.stream(kind, CHUNKS, rel.STREAM_FULL),
    "stream closed early": early_closed,
}
FLAT = {name: GARBAGE[name] for name in ("success", "failed", "stream")}


def _bare(kind: Kind) -> Target:
    return steady(kind)


def _tenacity(kind: Kind) -> Target:
    return tenacity_retry(steady(kind), False)  # noqa: FBT003


def case_rows(group: str, cases: dict[str, Case]) -> Iterator[Row]:
    """Each case in both kinds, as reliai."""
    for kind in rel.KINDS:
        for name, case in cases.items():
            yield Row(group, f"reliai, {name}", kind, functools.partial(case, kind))


def garbage(lab: Lab, calls: int) -> dict[str, Garbage]:
    """Objects per call that reference counting leaves behind, above those of the bare call."""
    rows = [Row("garbage", "bare", kind, functools.partial(_bare, kind)) for kind in rel.KINDS]
    rows += [
        Row("garbage", "tenacity @retry", kind, functools.partial(_tenacity, kind))
        for kind in rel.KINDS
    ]
    rows += case_rows("garbage", GARBAGE)
    found: dict[str, Garbage] = {}
    floor: dict[Kind, int] = {}
    for key, (kind, target) in lab.build(rows).items():
        objects, kinds = _leftover(lab, kind, target, calls)
        floor.setdefault(
            kind, objects
        )  # the bare row comes first: what the event loop itself leaves
        found[key] = Garbage(max(0, objects - floor[kind]) / calls, kinds)
    return found


def _leftover(
    lab: Lab, kind: Kind, target: Target, calls: int
) -> tuple[int, tuple[tuple[str, int], ...]]:
    lab.block(kind, target, WARM_CALLS)
    settle()
    gc.disable()
    try:
        lab.block(kind, target, calls)
        gc.set_debug(gc.DEBUG_SAVEALL)
        objects = gc.collect()
        kinds = collections.Counter(type(one).__qualname__ for one in gc.garbage)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    return objects, tuple(kinds.most_common(4))


class Gate:
    """A model that blocks all its callers until it is opened."""

    def __init__(self) -> None:
        """Start open."""
        self.inside = 0
        self._event: asyncio.Event | None = None

    def shut(self) -> None:
        """Let nobody through from now on."""
        self._event, self.inside = asyncio.Event(), 0

    def open(self) -> None:
        """Let everybody through."""
        if self._event is not None:
            self._event.set()

    async def model(self, prompt: str) -> str:
        """Answer once the gate is open."""
        if self._event is not None:
            self.inside += 1
            await self._event.wait()
        return REPLY


def in_flight(lab: Lab, calls: int) -> dict[str, float]:
    """Bytes of one blocked async call, its task included, over `calls` calls at once."""
    makers: dict[str, Callable[[Target], Target]] = {
        "bare": lambda model: model,
        "tenacity @retry": lambda model: tenacity_retry(model, False),  # noqa: FBT003
        rel.FULL: lambda model: rel.wrapped(model, "in-flight", *rel.ladder("async", "in-flight")),
    }
    found: dict[str, float] = {}
    for name, make in makers.items():
        try:
            found[name] = lab.run(_blocked(make, calls))
        except ModuleNotFoundError as error:
            lab.skip(f"in flight/{name}", error)
    return found


async def _blocked(make: Callable[[Target], Target], calls: int) -> float:
    gate = Gate()
    target = make(gate.model)
    for _ in range(20):
        await target(PROMPT)
    gate.shut()
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        tasks = [asyncio.ensure_future(target(PROMPT)) for _ in range(calls)]
        for _ in range(SPINS):  # each turn lets every task run as far as it gets
            await asyncio.sleep(0)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
        if gate.inside < calls:
            message = f"only {gate.inside} of {calls} calls reached the model"
            raise RuntimeError(message)
    finally:
        tracemalloc.stop()
        gate.open()
    await asyncio.gather(*tasks)
    return grown / calls


def growth(lab: Lab, calls: int) -> dict[str, int]:
    """Bytes that `calls` calls left allocated, once a twentieth filled rings and windows."""
    found: dict[str, int] = {}
    for key, (kind, target) in lab.build(case_rows("flat", FLAT)).items():
        tracemalloc.start()
        try:
            lab.block(kind, target, max(calls // 20, 300))
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            lab.block(kind, target, calls)
            gc.collect()
            found[key] = tracemalloc.get_traced_memory()[0] - before
        finally:
            tracemalloc.stop()
    return found
