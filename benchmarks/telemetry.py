"""What watching a call adds to it: `python -m benchmarks.telemetry`, in the project's root.

One process, one run, all rows interleaved, 1,000 calls a second. `benchmarks/README.md` says how to
read it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import _telemetry as rows
from benchmarks._command import Bench, parser, run
from benchmarks._paced import Pacing, pace
from benchmarks._report import number, table
from benchmarks._targets import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

STORE_ADDS, OTEL_ADDS = 5.0, 60.0
"""Microseconds of the caller's thread that a store, and spans with metrics, may add."""


def paced(bench: Bench) -> None:
    """Each row at an even pace: processor time of the caller's own thread."""
    options = bench.options
    found = pace(
        bench.lab,
        bench.chosen(rows.rows()),
        rounds=options.rounds,
        calls=options.calls,
        per_second=options.pace,
    )
    bench.figures["paced"] = {
        key: {"mean_us": one.mean, "median_us": one.median, "calls": one.calls, "lost": one.lost}
        for key, one in found.items()
    }
    bench.pacings = found
    for group in rows.GROUPS:
        _show(group, found)


def _show(group: str, found: dict[str, Pacing]) -> None:
    bare, nobody = (found.get(f"{group}/{name}") for name in (rows.BARE, rows.NOBODY))
    if bare is None or nobody is None:
        return
    lines = []
    for key, one in found.items():
        if key.startswith(f"{group}/"):
            name = key.partition("/")[2]
            above = one.above(nobody)[0] if name in rows.OURS else None
            values = (one.mean, one.median, one.above(bare)[0], above)
            lost = "-" if one.lost is None else str(one.lost)
            lines.append((name, *(number(value) for value in values), lost))
    heads = ("", "mean", "median", "adds", "above (a)", "lost")
    table(f"The caller's thread, us a call [{group}]", heads, lines)


SECTIONS: dict[str, Callable[[Bench], None]] = {"paced": paced}


def verdicts(bench: Bench) -> Iterator[Verdict]:
    """All targets that this run can judge."""
    found = bench.pacings
    for group in rows.GROUPS:
        yield from _verdicts(group, found)
    for name in rows.OURS:
        for group in rows.GROUPS:
            one = found.get(f"{group}/{name}")
            if one is not None and one.lost is not None:
                yield Verdict("c", f"lost: {name} [{group}]", 0, "calls", one.lost, one.lost)


def _verdicts(group: str, found: dict[str, Pacing]) -> Iterator[Verdict]:
    def row(name: str) -> Pacing | None:
        return found.get(f"{group}/{name}")

    bare, nobody, store, otel = map(row, (rows.BARE, rows.NOBODY, rows.STORE, rows.OTEL))
    if nobody and store:
        yield Verdict("a", f"store above (a) [{group}]", STORE_ADDS, "us", *store.above(nobody))
    if not (nobody and otel and bare):
        return
    added = otel.above(nobody)
    yield Verdict("b", f"OpenTelemetry above (a) [{group}]", OTEL_ADDS, "us", *added)
    whole = otel.above(bare)
    for peers_group, name, _ in rows.PEERS:
        peer = row(name)
        if peers_group == group and peer:
            theirs = peer.above(bare)
            ratio = whole[0] / theirs[0], whole[1] / theirs[1]
            yield Verdict("b", f"reliai and OpenTelemetry / {name}", 1.0, "x", *ratio)


def main(argv: Sequence[str] | None = None) -> None:
    """Run it."""
    made = parser("telemetry", __doc__, SECTIONS)
    made.set_defaults(rounds=9)
    made.add_argument("--calls", type=int, default=500, help="calls of a block (%(default)s)")
    made.add_argument("--pace", type=float, default=1_000, help="calls a second (%(default)s)")
    run(Bench(made.parse_args(argv), (rows.BARE, rows.NOBODY)), SECTIONS, verdicts)


if __name__ == "__main__":
    main()
