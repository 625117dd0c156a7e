"""What running and judging evaluations costs: `python -m benchmarks.evals`, in the project's root.

One process, one run; each round runs every runner once. `benchmarks/README.md` says how to read it.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import _evals_runners as runners
from benchmarks._command import Bench, parser, run
from benchmarks._evals_memory import measured
from benchmarks._harness import load
from benchmarks._report import number, table
from benchmarks._targets import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

WHOLE, JUDGED, GROWN = 5.0, 2.0, 16 * 1024
"""Seconds for all cases with five scorers; seconds for a comparison and a gate; KiB."""
_FEW = 20
"""Cases of the run before the first round, and the least of any run."""


def beside(bench: Bench) -> None:
    """Each runner on the same cases: microseconds a case, and how many times reliai's."""
    seen: dict[str, list[dict[str, float]]] = {}
    built = {}
    for runner in runners.RUNNERS:
        count = max(_FEW, int(bench.options.cases * runner.share))
        try:
            built[runner.name] = (count, runner.make(count))
        except ModuleNotFoundError as error:
            bench.lab.skip(runner.name, error)
    for runner in runners.RUNNERS:
        if runner.name in built:
            runner.make(_FEW)()  # what is imported at the first run is in no row
    for _ in range(bench.options.rounds):
        for name, (count, work) in built.items():
            seen.setdefault(name, []).append(_once(work, count))
    for name, rounds in seen.items():
        bench.figures.setdefault("runners", {})[name] = _summed(rounds, seen[runners.RELIAI])
    _show_runners(bench.figures["runners"])


def _once(work: Callable[[], int], count: int) -> dict[str, float]:
    gc.collect()
    began, used = time.perf_counter(), time.process_time()
    judged = work()
    took = {"wall": time.perf_counter() - began, "cpu": time.process_time() - used}
    if judged != count:
        raise RuntimeError(f"{judged} of {count} cases were judged")
    return {name: 1e6 * seconds / count for name, seconds in took.items()}


def _summed(rounds: list[dict[str, float]], base: list[dict[str, float]]) -> dict[str, float]:
    ratios = [one["wall"] / other["wall"] for one, other in zip(rounds, base, strict=True)]
    walls = [each["wall"] for each in rounds]
    return {
        "median_us": statistics.median(walls),
        "min_us": min(walls),
        "cpu_us": statistics.median(each["cpu"] for each in rounds),
        "ratio": statistics.median(ratios),
        "ratio_min": min(walls) / min(each["wall"] for each in base),
    }


def _show_runners(found: dict[str, dict[str, float]]) -> None:
    lines = [(name, *(number(value) for value in one.values())) for name, one in found.items()]
    heads = ("", "median", "min", "cpu", "x reliai", "x reliai (min)")
    table(f"A case with {runners.SCORERS} scorers, us", heads, lines)


def whole(bench: Bench) -> None:
    """All cases from the first to the summary, then two runs compared, and judged by slices."""
    count, rounds, slices = bench.options.cases, bench.options.rounds, runners.TAGS
    cases = runners.cases_of(count)
    gate = load("reliai.evals").Gate("same_0", non_inferior=0.02, slices=["locale"])
    took: dict[str, list[float]] = {"run": [], "judge": []}
    for _ in range(rounds):
        with TemporaryDirectory() as folder:
            baseline = runners.experiment(f"{folder}/a", cases).run()
            began = time.perf_counter()
            candidate = runners.experiment(f"{folder}/b", cases).run()
            candidate.summary()
            took["run"].append(time.perf_counter() - began)
            began = time.perf_counter()
            gate.judge(candidate.compare(baseline))
            took["judge"].append(time.perf_counter() - began)
    figures = {
        name: {"median_s": statistics.median(s), "min_s": min(s)} for name, s in took.items()
    }
    bench.figures["whole"] = {**figures, "cases": count, "slices": slices}
    names = {
        "run": f"run of {count:,} cases x {runners.SCORERS} scorers, and summary",
        "judge": f"comparison and gate, {slices} slices",
    }
    lines = [
        (names[name], *(number(value) for value in one.values())) for name, one in figures.items()
    ]
    table("A whole evaluation, s", ("", "median", "min"), lines)


def memory(bench: Bench) -> None:
    """What a run adds to the memory of a process, at a tenth of the cases and at all of them."""
    found = {}
    for count in (bench.options.cases // 10, bench.options.cases):
        found[f"{count:,} cases"] = measured(count)
    bench.figures["memory"] = found
    lines = [
        (name, number(one["grown_kib"] / 1024), number(one["peak_kib"] / 1024))
        for name, one in found.items()
    ]
    table("Memory of a process, MiB", ("", "the run adds", "at most"), lines)


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "runners": beside,
    "whole": whole,
    "memory": memory,
}


def verdicts(bench: Bench) -> Iterator[Verdict]:
    """All targets that this run can judge."""
    for name, one in bench.figures.get("runners", {}).items():
        if name in runners.PEERS:
            mine = 1.0 / one["ratio"], 1.0 / one["ratio_min"]
            yield Verdict("a", f"a case of reliai / {name}", 1.0, "x", *mine)
    parts: dict[str, Any] = bench.figures.get("whole", {})
    for letter, name, limit in (("b", "run", WHOLE), ("c", "judge", JUDGED)):
        if name in parts:
            one = parts[name]
            what = f"{name}, {parts['cases']:,} cases"
            yield Verdict(letter, what, limit, "s", one["median_s"], one["min_s"])
    grown = [one["peak_kib"] for one in bench.figures.get("memory", {}).values()]
    if grown:
        more = float(grown[-1] - grown[0])
        yield Verdict("d", "memory for ten times the cases", GROWN, "KiB", more, more)


def main(argv: Sequence[str] | None = None) -> None:
    """Run it."""
    made = parser("evals", __doc__, SECTIONS)
    made.set_defaults(rounds=3)
    made.add_argument("--cases", type=int, default=10_000, help="cases (%(default)s)")
    run(Bench(made.parse_args(argv)), SECTIONS, verdicts)


if __name__ == "__main__":
    main()
