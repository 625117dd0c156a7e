"""What the benchmarks of a command line share: options, sections, the tables of timed rows."""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from benchmarks._harness import Lab, Row, Timing, per_round
from benchmarks._load import Crowd, Load
from benchmarks._report import conclude, number, say, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from benchmarks._harness import Kind
    from benchmarks._paced import PacedRow, Pacing
    from benchmarks._targets import Verdict

_Named = TypeVar("_Named", "Row", "PacedRow")

__all__ = ["Bench", "names", "parser", "run"]


class Bench:
    """One run: settings, the lab, and what was found so far.

    Attributes:
        needed: names of rows that `--only` does not leave out, for others are compared with them.
        timings, loads, pacings: what was measured.
        figures: other numbers, by section.
    """

    def __init__(self, options: argparse.Namespace, needed: Iterable[str] = ()) -> None:
        """Open the lab."""
        self.options = options
        self.lab = Lab()
        self.needed = frozenset(needed)
        self.timings: dict[str, Timing] = {}
        self.loads: dict[str, Load] = {}
        self.pacings: dict[str, Pacing] = {}
        self.figures: dict[str, Any] = {}

    def chosen(self, rows: Iterable[_Named]) -> list[_Named]:
        """The rows that `--only` leaves."""
        pattern = re.compile(self.options.only, re.IGNORECASE)
        return [row for row in rows if row.name in self.needed or pattern.search(row.key)]

    def timed(self, rows: Iterable[Row]) -> dict[str, Timing]:
        """Measure rows."""
        options = self.options
        found = self.lab.interleave(self.chosen(rows), options.rounds, options.block / 1e3)
        self.timings |= found
        return found

    def crowd(self) -> Crowd:
        """How many call at once, as the command line says."""
        return Crowd(self.options.workers, self.options.seconds, self.options.load_rounds)

    def added(self, key: str, base: str) -> tuple[float | None, float | None]:
        """What a row costs more than another, us: over the rounds, and between the fastest."""
        if key not in self.timings or base not in self.timings:
            return None, None
        return per_round(self.timings, key, base)

    def show(self, title: str, group: str, kind: Kind, base: Callable[[str], str]) -> None:
        """A table of a group: each row, and what it costs more than the one that `base` names."""
        lines = []
        for name in names(self.timings, group, kind):
            timing = self.timings[f"{group}/{name} [{kind}]"]
            more = self.added(f"{group}/{name} [{kind}]", f"{group}/{base(name)} [{kind}]")
            values = (timing.median, timing.fastest, timing.cpu, *more)
            lines.append((name, *(number(value) for value in values)))
        if lines:
            heads = ("", "median", "min", "cpu", "adds", "adds (min)")
            table(f"{title} [{kind}]", heads, lines)

    def show_loads(self, title: str, found: Mapping[str, Load]) -> None:
        """A table of throughputs."""
        lines = [(name, *(number(value) for value in one)) for name, one in found.items()]
        table(title, ("", "median", "best", "cpu us/call"), lines)


def names(timings: Mapping[str, Timing], group: str, kind: Kind) -> Iterator[str]:
    """The names of the rows of a group."""
    for key in timings:
        if key.startswith(f"{group}/") and key.endswith(f" [{kind}]"):
            yield key.removeprefix(f"{group}/").removesuffix(f" [{kind}]")


def parser(name: str, about: str | None, sections: Iterable[str]) -> argparse.ArgumentParser:
    """The options that every command line has."""
    made = argparse.ArgumentParser(prog=name, description=about)
    add = made.add_argument
    add("--sections", default=",".join(sections), help="comma separated: %(default)s")
    add("--only", default="", metavar="REGEX", help="timed rows to run, beside those ratios need")
    add("--rounds", type=int, default=41, help="rounds of timed rows (%(default)s)")
    add("--block", type=float, default=6.0, help="milliseconds of a timed block (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="also write everything measured to FILE")
    return made


def run(
    bench: Bench,
    sections: Mapping[str, Callable[[Any], None]],
    judge: Callable[[Any], Iterable[Verdict]],
) -> None:
    """Run the sections asked for, print tables and targets."""
    options = bench.options
    asked = options.sections.split(",")
    if unknown := set(asked) - set(sections):
        message = f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(sections)}"
        raise SystemExit(message)
    logging.getLogger().addHandler(logging.NullHandler())  # peers that log write to nowhere
    say(
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.2f}, "
        f"{options.rounds} rounds of {options.block:g} ms blocks"
    )
    for section in asked:
        started = time.perf_counter()
        sections[section](bench)
        say(f"  ({section}: {time.perf_counter() - started:.0f} s, load {os.getloadavg()[0]:.2f})")
    judged = list(judge(bench))
    conclude(judged, bench.lab.skipped)
    if options.json:
        options.json.write_text(json.dumps(_document(bench, judged), indent=1))
    bench.lab.close()


def _document(bench: Bench, judged: Sequence[Verdict]) -> dict[str, Any]:
    rows = {
        key: {
            "median_us": timing.median,
            "min_us": timing.fastest,
            "cpu_us": timing.cpu,
            "calls_per_block": timing.calls,
            "rounds": len(timing.blocks),
        }
        for key, timing in bench.timings.items()
    }
    return {
        "python": platform.python_version(),
        "when": time.strftime("%FT%TZ", time.gmtime()),
        "rows": rows,
        "loads": {key: load._asdict() for key, load in bench.loads.items()},
        "figures": bench.figures,
        "targets": [{**one._asdict(), "met": one.met} for one in judged],
        "skipped": bench.lab.skipped,
    }
