"""How a row is measured: short blocks, all rows interleaved round by round in one process.

Noise of the machine then falls on every row alike, so ratios between rows hold even where the
microseconds do not. Before each block the heap is collected and frozen: what one row leaks must not
become another row's collector pause. Both the median and the fastest block are kept; a ratio is the
median of the ratios of the same round.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, TypeVar

Kind = Literal["sync", "async"]
Target = Callable[[str], Any]
T = TypeVar("T")

PROMPT = "What is the capital of France?"
CALIBRATION_CALLS = 5


def load(module: str) -> Any:
    """Import a peer.

    Raises:
        ModuleNotFoundError: the peer is not installed; its rows are then skipped and say so.
    """
    return importlib.import_module(module)


class Block(NamedTuple):
    """What one block cost per call, in microseconds."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a way to call a model, built when the run starts."""

    group: str
    name: str
    kind: Kind
    build: Callable[[], Target]

    @property
    def key(self) -> str:
        """The name of the row in results: `group/name [kind]`."""
        return f"{self.group}/{self.name} [{self.kind}]"


@dataclass(slots=True)
class Timing:
    """All blocks of one row, one for each round."""

    calls: int
    blocks: list[Block] = field(default_factory=list)

    @property
    def median(self) -> float:
        """Median wall time a call, in microseconds."""
        return statistics.median(block.wall for block in self.blocks)

    @property
    def fastest(self) -> float:
        """Wall time a call in the fastest block, in microseconds."""
        return min(block.wall for block in self.blocks)

    @property
    def cpu(self) -> float:
        """Median processor time a call, all threads, in microseconds."""
        return statistics.median(block.cpu for block in self.blocks)

    def ratio(self, base: Timing) -> float:
        """Median over the rounds of this row's time over that of `base` in the same round."""
        pairs = zip(self.blocks, base.blocks, strict=True)
        return statistics.median(mine.wall / theirs.wall for mine, theirs in pairs)


class Lab:
    """Runs sync rows with no event loop about, and async rows in one loop of its own."""

    def __init__(self) -> None:
        """Open the event loop."""
        self._runner = asyncio.Runner()
        self.skipped: dict[str, str] = {}

    def close(self) -> None:
        """Close the event loop and thaw the heap."""
        self._runner.close()
        gc.unfreeze()

    def run(self, work: Awaitable[T]) -> T:
        """The result of `work`, in the lab's event loop."""

        async def hosted() -> T:
            return await work

        return self._runner.run(hosted())

    def build(self, rows: Iterable[Row]) -> dict[str, tuple[Kind, Target]]:
        """Build the rows whose peers are installed; the others go to `skipped` with the reason."""
        built: dict[str, tuple[Kind, Target]] = {}
        for row in rows:
            try:
                built[row.key] = (row.kind, self._build(row))
            except ModuleNotFoundError as error:
                self.skip(row.key, error)
        return built

    def skip(self, key: str, missing: ModuleNotFoundError) -> None:
        """Note that a row cannot run because a peer is not there; reliai itself must be."""
        if str(missing.name).partition(".")[0] in {"reliai", "benchmarks"}:
            raise missing
        self.skipped[key] = f"not installed: {missing.name}"

    def _build(self, row: Row) -> Target:
        async def in_loop() -> (
            Target
        ):  # some async peers ask for the running loop when they decorate
            return row.build()

        return self.run(in_loop()) if row.kind == "async" else row.build()

    def block(self, kind: Kind, target: Target, calls: int) -> Block:
        """Call `target` that many times in a row."""
        if kind == "async":
            return self.run(_async_block(target, calls))
        return _sync_block(target, calls)

    def interleave(self, rows: Iterable[Row], rounds: int, seconds: float) -> dict[str, Timing]:
        """Time every row once a round, in blocks of about `seconds` of processor time."""
        built = self.build(rows)
        timings = {key: Timing(self._calibrate(*row, seconds)) for key, row in built.items()}
        for _ in range(rounds):
            for key, (kind, target) in built.items():
                settle()
                timings[key].blocks.append(self.block(kind, target, timings[key].calls))
        return timings

    def _calibrate(self, kind: Kind, target: Target, seconds: float) -> int:
        self.block(kind, target, CALIBRATION_CALLS)
        calls = CALIBRATION_CALLS
        for _ in range(2):  # the second look runs with warm caches
            spent = self.block(kind, target, calls).cpu
            calls = max(CALIBRATION_CALLS, min(int(seconds * 1e6 / max(spent, 0.02)), 200_000))
        return calls


def settle() -> None:
    """Collect what there is and hide the survivors from the collector."""
    gc.collect()
    gc.freeze()


def _sync_block(target: Target, calls: int) -> Block:
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        target(PROMPT)
    return _spent(wall, cpu, calls)


async def _async_block(target: Target, calls: int) -> Block:
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for _ in itertools.repeat(None, calls):
        await target(PROMPT)
    return _spent(wall, cpu, calls)


def _spent(wall: int, cpu: int, calls: int) -> Block:
    per_call = 1e3 * calls
    return Block(
        (time.perf_counter_ns() - wall) / per_call, (time.process_time_ns() - cpu) / per_call
    )


def per_round(
    timings: Mapping[str, Timing], key: str, base: str, divide_by: float = 1.0
) -> tuple[float, float]:
    """What `key` costs above `base` in us: the median over rounds, and between the fastest."""
    mine, theirs = timings[key], timings[base]
    pairs = zip(mine.blocks, theirs.blocks, strict=True)
    added = statistics.median(one.wall - other.wall for one, other in pairs)
    return added / divide_by, (mine.fastest - theirs.fastest) / divide_by
