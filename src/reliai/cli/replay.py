"""`reliai replay`: incidents in virtual time, unguarded, guarded, and on a healthy day."""

from __future__ import annotations

import json
import os
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any, TypeAlias

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from reliai.cli.kept_evidence import keep
from reliai.incidents import PARTS, Incident, Part, PartName, Report, catalogue, find, run_part
from reliai.incidents.page import page
from reliai.incidents.runner import CALLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

_Place: TypeAlias = tuple[str, PartName]
"""The id of an incident, and one of its parts."""

__all__ = ["QUICK", "list_incidents", "replay"]

QUICK = 2_000
"""Calls of a healthy part with `--quick`."""

_LONGEST_FIRST: tuple[PartName, ...] = ("healthy", "guarded", "unguarded")
_MARKS = {True: "[green]✓[/]", False: "[red]✗[/]"}


def replay(
    ids: Sequence[str],
    *,
    quick: bool = False,
    seed: int = 0,
    jobs: int | None = None,
    facts: Path | None = None,
    write: Path | None = None,
) -> bool:
    """Replay incidents and print what came of it.

    Args:
        ids: which; none: all.
        quick: whether the healthy parts make fewer calls.
        seed: of all chance.
        jobs: parts that run at the same time, each in a process; None: one for each core.
        facts: a file that gets every fact, as JSON; "-" prints them in place of the tables.
        write: a file that gets the documentation page.

    Returns:
        Whether every fact was what it had to be.

    Raises:
        ConfigurationError: there is no such incident, or one lacks a part.
    """
    console = Console(highlight=False, stderr=str(facts) == "-")
    incidents = [find(each) for each in dict.fromkeys(ids)] or _all_that_can_be_run(console)
    calls = QUICK if quick else CALLS
    reports = _Run(incidents, seed, calls, jobs or os.cpu_count() or 1).reports(console)
    console.print(_summary(reports))
    if facts is not None:
        text = json.dumps(
            {"seed": seed, "incidents": [each.to_dict() for each in reports]}, indent=2
        )
        print(text) if str(facts) == "-" else facts.write_text(f"{text}\n")
    if write is not None:
        write.write_text(page(reports, calls=calls, quick=QUICK), encoding="utf-8")
    if not ids:
        _keep(reports, seed, calls)
    return all(report.ok for report in reports)


def _keep(reports: Sequence[Report], seed: int, calls: int) -> None:
    """Keep as evidence for `reliai score` that all were replayed."""
    found = [{"id": report.id, "ok": report.ok} for report in reports]
    numbers = {"incidents": found, "seed": seed, "calls": calls}
    keep("replay", f"seed-{seed}", "incidents", numbers)


def _all_that_can_be_run(console: Console) -> list[Incident]:
    """All but those that need what is not installed, which are told."""
    left_out = [each for each in catalogue() if each.missing]
    for each in left_out:
        extras = ",".join(each.missing)
        console.print(
            f'{each.id} is left out; it needs: pip install "reliai[{extras}]"', markup=False
        )
    return [each for each in catalogue() if not each.missing]


def list_incidents() -> None:
    """Print what there is to replay."""
    table = Table("", "incident", "scenario", box=None, pad_edge=False)
    for each in catalogue():
        table.add_row(each.id, each.title, each.scenario)
    Console(highlight=False).print(table)


class _Run:
    """The parts of several incidents, several at the same time."""

    def __init__(self, incidents: Sequence[Incident], seed: int, calls: int, jobs: int) -> None:
        self._incidents = incidents
        self._settings: dict[str, Any] = {"seed": seed, "calls": calls}
        self._jobs = jobs
        self._done: dict[_Place, Part] = {}
        self._told = 0

    def reports(self, console: Console) -> list[Report]:
        """Run all parts; tell of each incident when it and those before it are through."""
        for incident in self._incidents:
            for part in PARTS:
                incident.scenario_of(part)
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("replaying", total=len(self._incidents) * len(PARTS))
            for place, found in self._parts():
                self._done[place] = found
                progress.advance(task)
                self._tell(console)
        return [self._report(incident) for incident in self._incidents]

    def _parts(self) -> Iterator[tuple[_Place, Part]]:
        if self._jobs == 1:
            for incident in self._incidents:
                for name in PARTS:
                    yield (incident.id, name), run_part(incident, name, **self._settings)
            return
        with ProcessPoolExecutor(self._jobs, mp_context=get_context("spawn")) as pool:
            running: dict[Future[Part], _Place] = {
                pool.submit(run_part, incident.id, name, **self._settings): (incident.id, name)
                for name in _LONGEST_FIRST
                for incident in self._incidents
            }
            for future in as_completed(running):
                yield running[future], future.result()

    def _tell(self, console: Console) -> None:
        while self._told < len(self._incidents):
            incident = self._incidents[self._told]
            if any((incident.id, part) not in self._done for part in PARTS):
                return
            self._told += 1
            console.print(f"\n[bold]{incident.id}[/]  {incident.title}: {incident.scenario}")
            for part in self._report(incident).parts:
                console.print(_facts(part))

    def _report(self, incident: Incident) -> Report:
        parts = tuple(self._done[incident.id, part] for part in PARTS)
        return Report(incident.id, incident.title, parts)


def _facts(part: Part) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    for width in (11, 1, None, None, None):
        table.add_column(min_width=width)
    name = str(part.name)
    if part.error is not None:
        table.add_row(name, _MARKS[False], part.error)
        name = ""
    for finding in part.findings:
        row = finding.name, finding.text, f"[dim]{finding.limit}[/]"
        table.add_row(f"[cyan]{name}[/]", _MARKS[finding.ok], *row)
        name = ""
    return table


def _summary(reports: Sequence[Report]) -> Table:
    table = Table(
        "", "incident", "noticed after", *PARTS, title="\nIncidents", title_justify="left"
    )
    for report in reports:
        cells = (f"{_MARKS[part.ok]} {_headline(part)}" for part in report.parts)
        table.add_row(report.id, report.title, report.detected or "", *cells)
    return table


def _headline(part: Part) -> str:
    """What the table says of a part: its worst fact, else its first; the calls of a healthy one."""
    if part.error is not None:
        return part.error
    failed = [finding for finding in part.findings if not finding.ok]
    if part.name == "healthy" and not failed:
        return f"quiet in {part.calls:,} calls"
    if part.name == "guarded" and not failed:
        return f"{len(part.findings)} of {len(part.findings)} limits kept"
    shown = (failed or list(part.findings))[:1]
    return "".join(f"{finding.name}: {finding.text}" for finding in shown)
