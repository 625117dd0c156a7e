"""Experiments for the scenarios about evaluations, and runs of which the numbers are known.

The runs are real ones, of real experiments; they are kept in a folder that goes away. A scenario
that asks for the verdict on hundreds of runs puts other values into one comparison that was made.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reliai.datasets import Case
    from reliai.evals import Gate, GateResult, Run, RunComparison

__all__ = ["Bench", "numbered", "verdict_on"]

Answers = Callable[..., Awaitable[Any]]


def numbered(count: int, expected: Any = "right") -> list[Case]:
    """Cases that ask for a number each."""
    from reliai.datasets import Case  # noqa: PLC0415  an extra

    return [
        Case(inputs={"number": number}, expected=expected, id=f"case {number}")
        for number in range(count)
    ]


class Bench:
    """Where experiments are run, each case once; a context manager.

    Args:
        cases: what is tried.
    """

    def __init__(self, cases: Iterable[Case]) -> None:
        self.cases = list(cases)
        self._folder = TemporaryDirectory()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    async def run(self, name: str, target: Answers, *scorers: Any) -> Run:
        """Try a function on all cases.

        Args:
            name: of the experiment.
            target: gets the number of a case.
            *scorers: what judges its answers.
        """
        from reliai.evals import Experiment  # noqa: PLC0415  an extra

        experiment = Experiment(
            target,
            self.cases,
            scorers,
            name=name,
            deterministic=True,
            concurrency=8,
            cache=False,
            runs=self._folder.name,
        )
        return await experiment.arun()


def verdict_on(
    gate: Gate, comparison: RunComparison, ours: Sequence[float], theirs: Sequence[float]
) -> GateResult:
    """What a gate says of two runs that are like the ones compared, but for their scores.

    Args:
        gate: about one scorer.
        comparison: of runs with as many cases.
        ours: what the scorer says of the candidate's answers.
        theirs: what it says of the baseline's.
    """
    from reliai.evals import compare  # noqa: PLC0415  an extra

    baseline = comparison.baseline
    if baseline is None:
        raise AssertionError
    name = gate.rules[0].metric
    pair = (_with_values(comparison.candidate, name, ours), _with_values(baseline, name, theirs))
    return gate.judge(compare(*pair))


def _with_values(columns: Any, name: str, values: Sequence[float]) -> Any:
    import numpy as np  # noqa: PLC0415  an extra

    column = replace(columns.scores[name], value=np.asarray(values, dtype=float))
    return replace(columns, scores={name: column})
