"""What rollouts and feedback cost: `python -m benchmarks.rollout`, in the project's root.

One process, one run, all rows interleaved. `benchmarks/README.md` says how to read it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import _ingest, _rollout
from benchmarks._command import Bench, parser, run
from benchmarks._reliai import KINDS
from benchmarks._report import number, table
from benchmarks._targets import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

ASSIGNS, ADDS, INGESTS = 5.0, 10.0, 5_000.0
"""Microseconds of an assignment and of `Route` in a call; feedback a second."""


def assign(bench: Bench) -> None:
    """Who gets which variant, beside the other libraries."""
    bench.timed(_rollout.assignments())
    title = "Assignment of a unit, us; `adds`: to one hash by hand"
    bench.show(title, _rollout.ASSIGN, "sync", lambda _: _rollout.BY_HAND)
    ratios = [(name, number(found[0]), number(found[1])) for name, found in _beside(bench)]
    if ratios:
        table("x reliai Rollout.choose", ("", "median", "min"), ratios)


def _beside(bench: Bench) -> Iterator[tuple[str, tuple[float, float]]]:
    """How many times what `Rollout.choose` takes each peer takes."""
    mine = bench.timings.get(_key(_rollout.ASSIGN, _rollout.CHOOSE, "sync"))
    for peer in _rollout.PEERS:
        theirs = bench.timings.get(_key(_rollout.ASSIGN, peer.name, "sync"))
        if mine and theirs:
            yield peer.name, (theirs.ratio(mine), theirs.fastest / mine.fastest)


def call(bench: Bench) -> None:
    """A guarded call that goes where the rollout says, and is counted for it."""
    for kind in KINDS:
        bench.timed(_rollout.calls(kind))
        title = "A guarded call, us; `adds`: to one without a rollout"
        bench.show(title, _rollout.CALL, kind, lambda _: _rollout.GUARDED)


def feedback(bench: Bench) -> None:
    """Feedback a second, until all of it is in the database."""
    options = bench.options
    found = _ingest.ingested(options.database, options.feedback, options.feedback_rounds)
    bench.figures["feedback"] = {name: _ingest.summed(rates) for name, rates in found.items()}
    lines = [
        (name, number(one["median"]), number(one["best"]))
        for name, one in bench.figures["feedback"].items()
    ]
    table("Feedback a second, in the database", ("", "median", "best"), lines)


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "assign": assign,
    "call": call,
    "feedback": feedback,
}


def verdicts(bench: Bench) -> Iterator[Verdict]:
    """All targets that this run can judge."""
    mine = bench.timings.get(_key(_rollout.ASSIGN, _rollout.CHOOSE, "sync"))
    if mine:
        yield Verdict("a", _rollout.CHOOSE, ASSIGNS, "us", mine.median, mine.fastest)
    for kind in KINDS:
        for name in (_rollout.ROUTE, _rollout.INTO):
            base = _key(_rollout.CALL, _rollout.GUARDED, kind)
            median, best = bench.added(_key(_rollout.CALL, name, kind), base)
            if median is not None and best is not None:
                yield Verdict("b", f"{name} adds [{kind}]", ADDS, "us", median, best)
    for name, one in bench.figures.get("feedback", {}).items():
        if name.startswith(f"{_ingest.RECORD} "):
            both = one["median"], one["best"]
            yield Verdict("c", name, INGESTS, "/s", *both, more_is_better=True)
    for peer, (median, best) in _beside(bench):
        yield Verdict("d", f"{_rollout.CHOOSE} / {peer}", 1.0, "x", 1 / median, 1 / best)


def _key(group: str, name: str, kind: str) -> str:
    return f"{group}/{name} [{kind}]"


def main(argv: Sequence[str] | None = None) -> None:
    """Run it."""
    made = parser("rollout", __doc__, SECTIONS)
    add = made.add_argument
    add("--feedback", type=int, default=40_000, help="feedback of a round (%(default)s)")
    add("--feedback-rounds", type=int, default=5, help="rounds of it (%(default)s)")
    add("--database", action="append", default=[], metavar="URL", help="one more database")
    needed = (_rollout.BY_HAND, _rollout.CHOOSE, _rollout.GUARDED)
    run(Bench(made.parse_args(argv), needed), SECTIONS, verdicts)


if __name__ == "__main__":
    main()
