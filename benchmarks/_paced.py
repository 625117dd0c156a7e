"""Rows that are called at an even pace, and what each call takes of its caller's own thread.

At a pace the threads that work behind a call (exporters, writers) run beside it as they do in
production. Processor time of the calling thread alone is counted, so that what is done elsewhere,
or by a neighbour of the machine, is nobody's.
"""

from __future__ import annotations

import statistics
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks._harness import PROMPT, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from contextlib import AbstractContextManager

    from benchmarks._harness import Lab, Target

__all__ = ["PacedRow", "Pacing", "Probe", "pace"]

WARM_UP = 200


@dataclass(slots=True)
class Probe:
    """A row that has been built.

    Attributes:
        call: makes one call.
        active: entered around each block: what patches a module does so for its own block only.
        lost: flushes, and says how many calls left nothing where they should have; None where
            nothing is kept.
    """

    call: Target
    active: Callable[[], AbstractContextManager[Any]] = nullcontext
    lost: Callable[[int], int] | None = None


@dataclass(frozen=True, slots=True)
class PacedRow:
    """One line of the table."""

    group: str
    name: str
    build: Callable[[], Probe]

    @property
    def key(self) -> str:
        """The name of the row in results."""
        return f"{self.group}/{self.name}"


@dataclass(slots=True)
class Pacing:
    """What the blocks of one row took, in microseconds a call of the caller's thread.

    Attributes:
        medians: the median call of each block.
        means: the mean of each block: what is done once in a while counts too.
        calls: how many were made, warm-up included.
        lost: how many of them left nothing; None where nothing is kept.
    """

    medians: list[float] = field(default_factory=list)
    means: list[float] = field(default_factory=list)
    calls: int = 0
    lost: int | None = None

    @property
    def median(self) -> float:
        """The median block's median call."""
        return statistics.median(self.medians)

    @property
    def mean(self) -> float:
        """The median block's mean."""
        return statistics.median(self.means)

    def above(self, base: Pacing) -> tuple[float, float]:
        """What it adds to `base` in the same rounds: by the means, and by the median calls."""
        return _more(self.means, base.means), _more(self.medians, base.medians)


def _more(mine: list[float], theirs: list[float]) -> float:
    return statistics.median(one - other for one, other in zip(mine, theirs, strict=True))


def pace(
    lab: Lab, rows: Iterable[PacedRow], *, rounds: int, calls: int, per_second: float
) -> dict[str, Pacing]:
    """Call every row once a round, `calls` times, at an even pace."""
    built = _built(lab, rows)
    found = {key: Pacing() for key in built}
    for key, probe in built.items():
        with probe.active():
            _block(probe.call, WARM_UP, per_second * 10)
        found[key].calls += WARM_UP
    for _ in range(rounds):
        for key, probe in built.items():
            settle()
            with probe.active():
                spent = _block(probe.call, calls, per_second)
            found[key].medians.append(statistics.median(spent))
            found[key].means.append(statistics.fmean(spent))
            found[key].calls += calls
    for key, probe in built.items():
        if probe.lost is not None:
            found[key].lost = probe.lost(found[key].calls)
    return found


def _built(lab: Lab, rows: Iterable[PacedRow]) -> Mapping[str, Probe]:
    built: dict[str, Probe] = {}
    for row in rows:
        try:
            built[row.key] = row.build()
        except ModuleNotFoundError as error:
            lab.skip(row.key, error)
    return built


def _block(call: Target, calls: int, per_second: float) -> list[float]:
    """Microseconds of the calling thread for each call."""
    thread_time, now, sleep = time.thread_time_ns, time.perf_counter, time.sleep
    spent: list[float] = []
    due = now()
    for _ in range(calls):
        due += 1 / per_second
        if (wait := due - now()) > 0:
            sleep(wait)
        before = thread_time()
        call(PROMPT)
        spent.append((thread_time() - before) / 1e3)
    return spent
