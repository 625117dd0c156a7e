"""Calls that come when they come: at a steady rate, however long the ones before them take.

Latency counts from the moment a call was due, so a server that stalls cannot hide the calls it
kept waiting.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import reliai

if TYPE_CHECKING:
    from reliai import CallRecord
    from reliai.cli.demo.jobs import Job, Judged

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


@dataclass(frozen=True, slots=True)
class Load:
    """Calls of all jobs in turn, with inputs drawn at random.

    Attributes:
        jobs: what is asked.
        rate: calls a second, all jobs together.
        seconds: how long new calls are made.
        workers: how many calls can be under way.
        seed: draws the inputs.
    """

    jobs: Sequence[Job]
    rate: float
    seconds: float
    workers: int
    seed: int

    def run(
        self,
        function_of: Callable[[Job], Callable[[Any], Any]],
        done: Callable[[Delivery], None],
    ) -> list[Delivery]:
        """Make the calls and wait for the last one.

        Args:
            function_of: the function to call for a job.
            done: told of each call as it ends, on the thread that made it.
        """
        rng = random.Random(self.seed)
        pending: list[Future[Delivery]] = []
        with ThreadPoolExecutor(self.workers, thread_name_prefix="demo") as pool:
            start = time.monotonic()
            for number in range(int(self.rate * self.seconds)):
                job = self.jobs[number % len(self.jobs)]
                question = rng.choice(job.inputs)
                due = start + number / self.rate
                time.sleep(max(0.0, due - time.monotonic()))
                pending.append(pool.submit(_call, job, function_of(job), question, due, start))
                pending[-1].add_done_callback(lambda future: done(future.result()))
            return sorted((each.result() for each in as_completed(pending)), key=lambda d: d.due)


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
    latency = time.monotonic() - due
    record = calls[0] if calls else None
    degraded = record is not None and record.status == "degraded"
    judged = job.judge(question, kept, ended=error is None, degraded=degraded)
    return Delivery(job.name, due - start, latency, judged, error, record)
