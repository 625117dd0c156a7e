"""Calls that come when they come: at a steady rate, however long the ones before them take.

Latency counts from the moment a call was due, so a server that stalls cannot hide the calls it
kept waiting.
"""

from __future__ import annotations

import itertools
import random
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import reliai

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai import CallRecord
    from reliai.cli.demo.jobs import Job, Judged
    from reliai.cli.demo.setup import Setup

__all__ = ["Delivery", "Load"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """What became of one call.

    Attributes:
        job: the job's name.
        due: seconds after the start of the run.
        latency: seconds from then to the end of the answer.
        judged: what the answer is worth.
        error: the type of what was raised; None for an answer.
        record: the call's record; None for a bare call.
    """

    job: str
    due: float
    latency: float
    judged: Judged
    error: str | None
    record: CallRecord | None

    @property
    def degraded(self) -> bool:
        """Whether a fallback answered."""
        return self.record is not None and self.record.status == "degraded"

    def verdict(self, promise: float) -> str:
        """One of good, degraded, failed, late (after `promise` seconds), or the fault."""
        if self.error is not None:
            return "failed"
        if self.judged.fault is not None:
            return self.judged.fault
        if self.latency > promise:
            return "late"
        return "degraded" if self.degraded else "good"


@dataclass(frozen=True, slots=True)
class Load:
    """Calls of all jobs in turn, with inputs drawn at random.

    Attributes:
        setup: what is asked, and with how many workers.
        rate: calls a second, all jobs together.
        seconds: how long new calls are made.
        seed: draws the inputs.
    """

    setup: Setup
    rate: float
    seconds: float
    seed: int

    def moments(self) -> list[float]:
        """When the calls are due, in seconds after the start."""
        return [number / self.rate for number in range(int(self.rate * self.seconds))]

    def run(self, done: Callable[[Delivery], None], *, guarded: bool) -> list[Delivery]:
        """Make the calls and wait for the last one; gives them in the order they were due.

        Args:
            done: told of each call as it ends, on the thread that made it.
            guarded: whether to call the functions as they are decorated, or what is inside.
        """
        rng = random.Random(self.seed)
        pending: list[Future[Delivery]] = []
        with ThreadPoolExecutor(self.setup.workers, thread_name_prefix="demo") as pool:
            start = time.monotonic()
            for job, due in zip(itertools.cycle(self.setup.jobs), self.moments(), strict=False):
                function = job.guarded if guarded else _undecorated(job.guarded)
                question = rng.choice(job.inputs)
                time.sleep(max(0.0, start + due - time.monotonic()))
                pending.append(pool.submit(_call, job, function, question, due, start))
                pending[-1].add_done_callback(lambda future: done(future.result()))
        return [future.result() for future in pending]


def _undecorated(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return cast("Callable[[Any], Any]", vars(function)["__wrapped__"])


def _call(
    job: Job, function: Callable[[Any], Any], question: Any, due: float, start: float
) -> Delivery:
    kept: list[Any] = []
    error: str | None = None
    with reliai.collect() as calls:
        try:
            job.ask(function, question, kept)
        except Exception as raised:  # noqa: BLE001  that is what is counted
            error = type(raised).__name__
    latency = time.monotonic() - start - due
    record = calls[0] if calls else None
    degraded = record is not None and record.status == "degraded"
    judged = job.judge(question, kept, ended=error is None, degraded=degraded)
    return Delivery(job.name, due, latency, judged, error, record)
