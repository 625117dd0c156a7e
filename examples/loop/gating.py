"""A gate: is a candidate as good as what is served, on cases of real calls?"""

from pathlib import Path
from typing import Any

from loop.models import Reader
from reliai.datasets import Case
from reliai.evals import Experiment, Gate, GateResult, Run, RunComparison, scorer

GATE = Gate("right", non_inferior=0.03, slices=["device"])


@scorer
def right(output: int, case: Case) -> bool:
    """Whether it is the digit that a reviewer saw."""
    return bool(output == case.expected)


def tried(model: Reader, cases: Any, name: str, runs: Path) -> Run:
    """A model on all cases; what it answered is kept in a folder of `runs`."""
    return Experiment(
        model, cases, [right], name=name, deterministic=True, cache=False, runs=runs
    ).run()


def compared(candidate: Run, served: Run) -> tuple[RunComparison, GateResult]:
    """The two side by side, and the verdict."""
    comparison = candidate.compare(served)
    return comparison, GATE.judge(comparison)
