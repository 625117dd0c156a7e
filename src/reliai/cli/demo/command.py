"""The demo itself: the schedule twice, bare and guarded, then the tables."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rich.console import Console

from reliai.cli.demo.load import Delivery, Load
from reliai.cli.demo.phases import Schedule
from reliai.cli.demo.progress import Progress
from reliai.cli.demo.report import comparison, happenings
from reliai.cli.demo.score import Score, score
from reliai.cli.demo.timeline import timeline
from reliai.testing import FaultServer, fault_server

if TYPE_CHECKING:
    from reliai.cli.demo.jobs import Job
    from reliai.cli.demo.setup import Setup

__all__ = ["run_demo"]


def run_demo(setup: Setup, *, seconds: float, rate: float, seed: int, as_json: bool) -> None:
    """Run the demo and print what came of it.

    Args:
        setup: the models and functions.
        seconds: length of the two runs together.
        rate: calls a second.
        seed: of the inputs and faults.
        as_json: print the numbers as JSON and nothing else.
    """
    console = Console(quiet=as_json, highlight=False)
    schedule = Schedule(seconds / 2, rate, setup.stall, setup.model, seed)
    console.print(f"[bold]{setup.title}[/]\n")
    _explain(console, schedule)
    with (
        fault_server(
            model=setup.model, schedule=schedule, chunk_delay=setup.chunk_delay
        ) as server,
        setup.connect(server),
    ):
        run = _Run(setup, schedule, server, console, rate=rate, seed=seed)
        bare, _ = run.go("bare", setup.bare)
        guarded, (deliveries, started_at) = run.go("guarded", lambda job: job.guarded)
    if as_json:
        numbers = {"bare": bare.to_dict(), "guarded": guarded.to_dict(), "promise": setup.promise}
        print(json.dumps(numbers, indent=2))
        return
    records = [each.record for each in deliveries if each.record is not None]
    console.print()
    console.print(happenings(timeline(records, schedule, started_at)))
    console.print()
    console.print(comparison(bare, guarded, setup.promise))


class _Run:
    """One server, asked twice."""

    def __init__(
        self,
        setup: Setup,
        schedule: Schedule,
        server: FaultServer,
        console: Console,
        *,
        rate: float,
        seed: int,
    ) -> None:
        self._setup = setup
        self._schedule = schedule
        self._server = server
        self._console = console
        self._jobs = setup.jobs()
        self._load = Load(self._jobs, rate, schedule.seconds, setup.workers, seed)

    def go(
        self, title: str, function_of: Callable[[Job], Callable[[Any], Any]]
    ) -> tuple[Score, tuple[list[Delivery], float]]:
        self._schedule.rewind()
        self._setup.witness.forget()
        self._server.reset()
        started_at = time.time()
        with Progress(self._console, title, self._schedule) as progress:
            deliveries = self._load.run(function_of, progress)
        requests = self._server.requests
        counted = score(deliveries, requests, self._schedule, self._setup.promise, started_at)
        return counted, (deliveries, started_at)


def _explain(console: Console, schedule: Schedule) -> None:
    for phase in schedule.phases:
        begin, end = schedule.span(phase.name)
        console.print(f"  {begin:5.1f}–{end:4.1f} s  [cyan]{phase.name:<14}[/] {phase.story}")
    console.print()
