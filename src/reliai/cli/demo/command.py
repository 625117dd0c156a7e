"""The demo itself: the schedule twice, bare and guarded, then the tables."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from reliai.cli.demo.load import Delivery, Load
from reliai.cli.demo.phases import Schedule
from reliai.cli.demo.progress import Progress
from reliai.cli.demo.report import comparison, happenings
from reliai.cli.demo.score import Score, score
from reliai.cli.demo.timeline import timeline
from reliai.testing import FaultServer, fault_server

if TYPE_CHECKING:
    from pathlib import Path

    from reliai.cli.demo.setup import Setup

__all__ = ["run_demo"]


def run_demo(
    setup: Setup, *, seconds: float, rate: float, seed: int, numbers: Path | None = None
) -> None:
    """Run the demo and print what came of it.

    Args:
        setup: the models and functions.
        seconds: length of the two runs together.
        rate: calls a second.
        seed: of the inputs and faults.
        numbers: a file that gets the numbers, as JSON.
    """
    console = Console(highlight=False)
    schedule = Schedule(seconds / 2, rate, setup.stall, setup.witness, seed)
    console.print(f"[bold]{setup.title}[/]\n")
    _explain(console, schedule)
    with fault_server(
        model=setup.witness, schedule=schedule, chunk_delay=setup.chunk_delay
    ) as server:
        run = _Run(setup, schedule, server, console, Load(setup, rate, schedule.seconds, seed))
        bare, _, _ = run.go("bare")
        guarded, deliveries, started_at = run.go("guarded")
    if numbers is not None:
        data = {"bare": bare.to_dict(), "guarded": guarded.to_dict(), "promise": setup.promise}
        numbers.write_text(json.dumps(data, indent=2))
    records = [each.record for each in deliveries if each.record is not None]
    console.print()
    console.print(happenings(timeline(records, schedule, started_at)))
    console.print()
    console.print(comparison(bare, guarded, setup))
    console.print(f"\nThe functions, decorators and all: {', '.join(setup.files)}", soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _Run:
    """One server, asked twice."""

    setup: Setup
    schedule: Schedule
    server: FaultServer
    console: Console
    load: Load

    def go(self, title: str) -> tuple[Score, list[Delivery], float]:
        """Make all calls; gives the numbers, what became of each, and when it began (Unix)."""
        guarded = title == "guarded"
        self.schedule.rewind()
        self.setup.witness.forget()
        with self.setup.connect(self.server.url, guarded):
            self.server.reset()
            started_at = time.time()
            with Progress(self.console, title, self.schedule, self.load) as progress:
                deliveries = self.load.run(progress, guarded=guarded)
        requests, promise = self.server.requests, self.setup.promise
        counted = score(deliveries, requests, self.schedule, promise, started_at)
        return counted, deliveries, started_at


def _explain(console: Console, schedule: Schedule) -> None:
    for phase in schedule.phases:
        begin, end = schedule.span(phase.name)
        console.print(f"  {begin:5.1f} to {end:4.1f} s  [cyan]{phase.name:<14}[/] {phase.story}")
    console.print()
