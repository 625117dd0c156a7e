"""What the call path is held to, judged from one run.

Each target is read twice: as the median over the rounds and between the fastest blocks. On a busy
machine the two can disagree, and then the verdict says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from benchmarks import _inline, _stack, _startup
from benchmarks import _reliai as rel
from benchmarks._peers import TENACITY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from benchmarks._harness import Kind, Timing
    from benchmarks._load import Load
    from benchmarks._memory import Garbage

KIB = 1024
LITTLE_GARBAGE = 0.01  # objects a call: less is an odd object of the interpreter's, not ours


@dataclass(slots=True)
class Results:
    """All that one run measured; what was not run is empty."""

    timings: dict[str, Timing] = field(default_factory=dict)
    garbage: dict[str, Garbage] = field(default_factory=dict)
    in_flight: dict[str, float] = field(default_factory=dict)
    growth: dict[str, int] = field(default_factory=dict)
    load: dict[str, Load] = field(default_factory=dict)
    startup: dict[str, _startup.Startup] = field(default_factory=dict)


class Verdict(NamedTuple):
    """One target, what was measured, and whether it holds."""

    letter: str
    what: str
    limit: float
    unit: str
    median: float
    best: float
    more_is_better: bool = False

    @property
    def met(self) -> str:
        """`met`, `missed`, or `met at best` where only the fastest block holds."""
        good = [
            (value >= self.limit) if self.more_is_better else (value <= self.limit)
            for value in (self.median, self.best)
        ]
        return "met" if good[0] else "met at best" if good[1] else "missed"


def verdicts(results: Results) -> Iterator[Verdict]:
    """All targets that this run can judge, in order."""
    yield from _ratios(results.timings)
    yield from _rejection(results.timings)
    yield from _memory(results)
    if rel.FULL in results.load:
        load = results.load[rel.FULL]
        yield Verdict(
            "i",
            "1,000 calls at once, 10 ms model",
            25_000,
            "calls/s",
            load.median,
            load.best,
            more_is_better=True,
        )
    for name, limit in ((_startup.IMPORT, 60.0), (_startup.FIRST_CALL, 120.0)):
        if name in results.startup:
            yield Verdict("k", f"{name}, above bare", limit, "ms", *results.startup[name])


class _Ratio(NamedTuple):
    letter: str
    what: str
    group: str
    kind: Kind
    row: str
    base: str
    limit: float


_RATIOS = (
    _Ratio("a", "pipeline / tenacity @retry", "success", "sync", rel.FULL, TENACITY, 0.5),
    _Ratio("b", "pipeline / stack, no timeout", "success", "sync", rel.FULL, _stack.PLAIN, 0.4),
    _Ratio(
        "b",
        "thread timeout / stack of threads",
        "success",
        "sync",
        rel.THREADS,
        _stack.THREADS,
        0.4,
    ),
    _Ratio("b", "pipeline / stack", "success", "async", rel.FULL, _stack.ASYNC, 0.4),
    _Ratio("c", "pipeline / inline", "success", "sync", rel.FULL, _inline.INLINE, 4.0),
    _Ratio(
        "c", "pipeline / inline with timer", "success", "async", rel.FULL, _inline.INLINE_TIMER, 4.0
    ),
    _Ratio("d", "two failures, Retry / tenacity", "flaky", "sync", rel.ONLY_RETRY, TENACITY, 0.2),
    _Ratio("d", "two failures, Retry / tenacity", "flaky", "async", rel.ONLY_RETRY, TENACITY, 0.2),
    _Ratio("d", "two failures, pipeline / tenacity", "flaky", "sync", rel.FULL, TENACITY, 0.2),
    _Ratio("d", "two failures, pipeline / tenacity", "flaky", "async", rel.FULL, TENACITY, 0.2),
)


def _ratios(timings: Mapping[str, Timing]) -> Iterator[Verdict]:
    for letter, what, group, kind, row, base, limit in _RATIOS:
        mine = timings.get(f"{group}/{row} [{kind}]")
        theirs = timings.get(f"{group}/{base} [{kind}]")
        if mine and theirs:
            yield Verdict(
                letter,
                f"{what} [{kind}]",
                limit,
                "x",
                mine.ratio(theirs),
                mine.fastest / theirs.fastest,
            )


def _rejection(timings: Mapping[str, Timing]) -> Iterator[Verdict]:
    for kind in rel.KINDS:
        timing = timings.get(f"rejected/{rel.OPEN} [{kind}]")
        if timing:
            yield Verdict(
                "e", f"open circuit rejected [{kind}]", 3.0, "us", timing.median, timing.fastest
            )


def _worst(found: Mapping[str, float]) -> str:
    return max(found, key=lambda key: found[key])


def _memory(results: Results) -> Iterator[Verdict]:
    left = {k: g.per_call for k, g in results.garbage.items() if "reliai" in k}
    if left:
        key = _worst(left)
        name = f"objects left to the collector, worst: {key}"
        yield Verdict("f", name, LITTLE_GARBAGE, "objects", left[key], left[key])
    if rel.FULL in results.in_flight:
        size = results.in_flight[rel.FULL]
        yield Verdict("g", "one async call in flight", 8 * KIB, "bytes", size, size)
    if results.growth:
        grown = {key: float(size) for key, size in results.growth.items()}
        key = _worst(grown)
        yield Verdict(
            "h", f"growth over all calls, worst: {key}", 64 * KIB, "bytes", grown[key], grown[key]
        )
