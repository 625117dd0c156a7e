"""What a guarded call costs, beside its peers: `python -m benchmarks.call_path`, project root.

One process, one run, all rows interleaved. `benchmarks/README.md` says how to read it.
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import os
import platform
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import _inline, _load, _memory, _peers, _stack, _startup
from benchmarks import _reliai as rel
from benchmarks._harness import Kind, Lab, Row, Timing, per_round
from benchmarks._model import steady
from benchmarks._report import conclude, number, say, table
from benchmarks._targets import Results, Verdict, verdicts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

MANY_CHUNKS = 200
BASES = (_peers.TENACITY, "bare", _inline.INLINE)


class Bench:
    """One run: settings, the lab, and what was found so far."""

    def __init__(self, options: argparse.Namespace) -> None:
        """Open the lab."""
        self.options = options
        self.lab = Lab()
        self.results = Results()

    def timed(self, rows: Iterable[Row]) -> dict[str, Timing]:
        """Measure the rows that `--only` leaves, and those that ratios need."""
        pattern = re.compile(self.options.only, re.IGNORECASE)
        chosen = [row for row in rows if row.name in BASES or pattern.search(row.key)]
        block = self.options.block / 1e3
        timings = self.lab.interleave(chosen, self.options.rounds, block)
        self.results.timings |= timings
        return timings

    def calls(self) -> None:
        """Cost of a call: success, two failures first, rejected by an open circuit."""
        rows = [
            *(Row("success", "bare", kind, functools.partial(steady, kind)) for kind in rel.KINDS),
            *_peers.rows(),
            *_peers.open_rows(),
            *_stack.stack_rows(),
            *_inline.inline_rows(),
            *rel.call_rows(),
        ]
        timings = self.timed(rows)
        for group, title in (
            ("success", "A successful call, us"),
            ("flaky", "Two failures, then success, no wait, us"),
            ("rejected", "Rejected, us"),
        ):
            for kind in rel.KINDS:
                self._call_table(f"{title} [{kind}]", group, kind, timings)

    def _call_table(self, title: str, group: str, kind: Kind, timings: dict[str, Timing]) -> None:
        bases = [timings.get(f"{group}/{name} [{kind}]") for name in (BASES[0], BASES[2])]
        lines = []
        for key, timing in timings.items():
            if not key.startswith(f"{group}/") or not key.endswith(f"[{kind}]"):
                continue
            ratios = [timing.ratio(base) if base else None for base in bases]
            name = key.removeprefix(f"{group}/").rpartition(" [")[0]
            values = (timing.median, timing.fastest, timing.cpu, *ratios)
            lines.append((name, *(number(value) for value in values)))
        if lines:
            table(title, ("", "median", "min", "cpu", "x tenacity", "x inline"), lines)

    def layers(self) -> None:
        """The pipeline built up one policy at a time; `adds` is what the last one costs."""
        timings = self.timed(rel.ladder_rows())
        for kind in rel.KINDS:
            lines, below = [], ""
            for name in ("bare", *rel.LADDER):
                key = f"layers/{name} [{kind}]"
                if key not in timings:
                    continue
                adds = per_round(timings, key, below) if below else (None, None)
                timing = timings[key]
                values = (timing.median, timing.fastest, *adds)
                lines.append((name, *(number(value) for value in values)))
                below = key
            heads = ("", "median", "min", "adds", "adds (min)")
            table(f"One policy more each time, us [{kind}]", heads, lines)

    def streams(self) -> None:
        """Cost of opening a stream, and of each chunk, above the bare generator."""
        timings = self.timed(rel.stream_rows((1, MANY_CHUNKS)))
        for kind in rel.KINDS:
            lines = []
            for name in ("bare", rel.STREAM_RECORD, rel.STREAM_FULL):
                one, many = (f"stream-{count}/{name} [{kind}]" for count in (1, MANY_CHUNKS))
                if one in timings and many in timings:
                    chunk = per_round(timings, many, one, MANY_CHUNKS - 1)
                    first = timings[one]
                    values = (first.median, first.fastest, *chunk)
                    lines.append((name, *(number(value) for value in values)))
            heads = ("", "open+1 chunk", "min", "each chunk more", "min")
            table(f"Streams, us [{kind}]", heads, lines)

    def garbage(self) -> None:
        """Objects a call leaves to the cyclic collector."""
        found = self.results.garbage = _memory.garbage(self.lab, self.options.garbage_calls)
        lines = [
            (key.removeprefix("garbage/"), number(left.per_call), _kinds(left.kinds))
            for key, left in found.items()
        ]
        table("Objects left to the cyclic collector, per call", ("", "objects", "most"), lines)

    def in_flight(self) -> None:
        """Bytes of a blocked async call."""
        calls = self.options.in_flight
        found = self.results.in_flight = _memory.in_flight(self.lab, calls)
        lines = [(name, number(size)) for name, size in found.items()]
        table(f"Bytes of one of {calls:,} blocked async calls, task included", ("", "bytes"), lines)

    def growth(self) -> None:
        """Bytes left after very many calls."""
        calls = self.options.calls
        found = self.results.growth = _memory.growth(self.lab, calls)
        lines = [(key.removeprefix("flat/"), number(size)) for key, size in found.items()]
        table(f"Bytes still allocated after {calls:,} calls more", ("", "bytes"), lines)

    def load(self) -> None:
        """A thousand calls at once."""
        options = self.options
        found = self.results.load = _load.thousand(
            self.lab, options.workers, options.seconds, options.load_rounds
        )
        lines = [(name, *(number(value) for value in one)) for name, one in found.items()]
        title = f"{options.workers:,} calls at once on a model of 10 ms, calls/s"
        table(title, ("", "median", "best", "cpu us/call"), lines)

    def startup(self) -> None:
        """Import and first call in a fresh interpreter."""
        found, failed = _startup.startup(self.options.startup_rounds)
        self.results.startup = found
        self.lab.skipped |= {f"startup/{name}": reason for name, reason in failed.items()}
        lines = [(name, *(number(value) for value in one)) for name, one in found.items()]
        table("Milliseconds above the bare interpreter", ("", "median", "min"), lines)


def _kinds(kinds: Iterable[tuple[str, int]]) -> str:
    return " ".join(f"{name}:{count}" for name, count in kinds)


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "calls": Bench.calls,
    "layers": Bench.layers,
    "streams": Bench.streams,
    "garbage": Bench.garbage,
    "in-flight": Bench.in_flight,
    "growth": Bench.growth,
    "load": Bench.load,
    "startup": Bench.startup,
}


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="call_path", description=__doc__)
    add = parser.add_argument
    add("--sections", default=",".join(SECTIONS), help="comma separated: %(default)s")
    add("--only", default="", metavar="REGEX", help="timed rows to run, beside those ratios need")
    add("--rounds", type=int, default=41, help="rounds of timed rows (%(default)s)")
    add("--block", type=float, default=6.0, help="milliseconds of a timed block (%(default)s)")
    add("--calls", type=int, default=100_000, help="calls of the growth section (%(default)s)")
    add("--garbage-calls", type=int, default=1_000, help="calls a garbage row (%(default)s)")
    add("--in-flight", type=int, default=1_000, help="calls blocked at once (%(default)s)")
    add("--workers", type=int, default=1_000, help="calls at once under load (%(default)s)")
    add("--seconds", type=float, default=1.0, help="length of a load round (%(default)s)")
    add("--load-rounds", type=int, default=3, help="rounds under load (%(default)s)")
    add("--startup-rounds", type=int, default=15, help="fresh processes a program (%(default)s)")
    add("--json", type=Path, metavar="FILE", help="also write everything measured to FILE")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the sections asked for, print tables and targets."""
    options = arguments(argv)
    unknown = set(options.sections.split(",")) - set(SECTIONS)
    if unknown:
        message = f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}"
        raise SystemExit(message)
    logging.getLogger().addHandler(logging.NullHandler())  # peers that log write to nowhere
    bench = Bench(options)
    say(
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.2f}, "
        f"{options.rounds} rounds of {options.block:g} ms blocks"
    )
    for section in options.sections.split(","):
        started = time.perf_counter()
        SECTIONS[section](bench)
        say(f"  ({section}: {time.perf_counter() - started:.0f} s, load {os.getloadavg()[0]:.2f})")
    judged = list(verdicts(bench.results))
    conclude(judged, bench.lab.skipped)
    if options.json:
        options.json.write_text(json.dumps(document(bench, judged), indent=1))
    bench.lab.close()


def document(bench: Bench, judged: Sequence[Verdict]) -> dict[str, Any]:
    """Everything measured, as plain data."""
    results = bench.results
    rows = {}
    for key, timing in results.timings.items():
        group, _, name = key.partition("/")
        base = results.timings.get(f"{group}/{_peers.TENACITY} [{name.rpartition(' [')[2]}")
        rows[key] = {
            "median_us": timing.median,
            "min_us": timing.fastest,
            "cpu_us": timing.cpu,
            "calls_per_block": timing.calls,
            "rounds": len(timing.blocks),
            "x_tenacity": timing.ratio(base) if base else None,
        }
    found = {key: value for key, value in asdict(results).items() if key != "timings"}
    found["garbage"] = {key: left._asdict() for key, left in results.garbage.items()}
    found["load"] = {key: load._asdict() for key, load in results.load.items()}
    found["startup"] = {key: one._asdict() for key, one in results.startup.items()}
    return {
        "python": platform.python_version(),
        "when": time.strftime("%FT%TZ", time.gmtime()),
        "rows": rows,
        **found,
        "targets": [{**one._asdict(), "met": one.met} for one in judged],
        "skipped": bench.lab.skipped,
    }


if __name__ == "__main__":
    main()
