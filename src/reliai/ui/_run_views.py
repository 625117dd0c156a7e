"""What the pages of experiments show: runs, the figures of one, and its cases."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

from reliai.datasets import DatasetError
from reliai.errors import ConfigurationError
from reliai.evals import Run
from reliai.evals.case_states import mean_of, state_of
from reliai.ui._dataset_views import dataset_named, datasets_in
from reliai.ui._intervals import scale_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from os import PathLike
    from pathlib import Path

    from reliai.datasets import Case, Version
    from reliai.evals import Trial
    from reliai.evals.summary import ScoreSummary, Summary
    from reliai.ui._intervals import Drawn

__all__ = [
    "CaseRow",
    "Experiment",
    "RunPage",
    "ScoreRow",
    "case_of_trial",
    "cases_of",
    "comparable_with",
    "experiments_in",
    "likeliest",
    "run_named",
    "scores_of",
    "tries_of",
]

PAGE = 50
_LONGEST = 64
"""Characters of a run's id, at most."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """The runs of one experiment, the latest first."""

    name: str
    runs: list[Run] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """What one scorer said, and its picture."""

    summary: ScoreSummary
    drawn: Drawn | None


@dataclass(frozen=True, slots=True)
class CaseRow:
    """One case of a run.

    Attributes:
        first: its first try.
        tries: how many there are.
        state: "pass", "fail", "flaky", "error", "skipped" or "".
        scores: the mean over its planned tries, by scorer; None for none.
    """

    first: Trial
    tries: int
    state: str
    scores: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class RunPage:
    """Some cases of a run.

    Attributes:
        rows: of this page.
        number: of the page, from 1.
        more: whether there are others behind.
    """

    rows: list[CaseRow]
    number: int
    more: bool


def experiments_in(folder: Path, most: int = 50) -> list[Experiment]:
    """The experiments of a folder with their latest runs, those that ran last first."""
    found: dict[str, Experiment] = {}
    for run in reversed(Run.list(root=folder)):
        name = str(run.manifest.get("experiment", "?"))
        experiment = found.setdefault(name, Experiment(name))
        if len(experiment.runs) < most:
            experiment.runs.append(run)
    return list(found.values())


def comparable_with(run: Run, experiments: Iterable[Experiment]) -> list[Run]:
    """Other runs of the same experiment or on the same cases, the experiment's own first."""
    name, root = run.manifest.get("experiment"), run.manifest.get("root")
    others = [each for one in experiments for each in one.runs if each.id != run.id]
    mine = [each for each in others if each.manifest.get("experiment") == name]
    same = [
        each
        for each in others
        if each.manifest.get("experiment") != name and each.manifest.get("root") == root
    ]
    return [*mine, *same]


def likeliest(experiments: Sequence[Experiment]) -> tuple[str, str]:
    """The two runs that somebody is likeliest to compare: the latest, and one like it."""
    every = sorted(
        (run for one in experiments for run in one.runs), key=lambda run: run.id, reverse=True
    )
    for run in every:
        others = comparable_with(run, experiments)
        if others:
            return run.id, others[0].id
    return "", ""


def run_named(folder: Path, identifier: str) -> Run:
    """A run of the folder by its id.

    Raises:
        HTTPException: 404 when there is none: an id is never taken for a path.
    """
    plain = identifier.isalnum() and len(identifier) <= _LONGEST
    if plain:
        try:
            run = Run.load(identifier, root=folder)
        except ConfigurationError:
            pass
        else:
            if run.path.parent.parent.resolve() == folder.resolve():
                return run
    raise HTTPException(404, f"There is no run {identifier!r}.")


def scores_of(summary: Summary) -> list[ScoreRow]:
    """The scorers of a run, with pictures on one scale where all are in [0, 1]."""
    found = list(summary.scores.values())
    bounds = [each.mean for each in found if each.kind != "label"]
    scale = scale_for(value for mean in bounds for value in (mean.low, mean.estimate, mean.high))
    return [
        ScoreRow(
            each,
            None
            if each.kind == "label"
            else scale.drawn(each.mean.estimate, each.mean.low, each.mean.high),
        )
        for each in found
    ]


def cases_of(run: Run, *, number: int = 1, state: str = "") -> RunPage:
    """Some cases of a run; of one state only, where that is asked for."""
    start = (number - 1) * PAGE
    rows = (
        _row(trials, run.scorers)
        for trials in run.cases()
        if not state or state_of(trials) == state
    )
    some = list(islice(rows, start, start + PAGE + 1))
    return RunPage(some[:PAGE], number, len(some) > PAGE)


def _row(trials: tuple[Trial, ...], scorers: Iterable[str]) -> CaseRow:
    scores = {name: mean_of(trials, name) for name in scorers}
    return CaseRow(trials[0], len(trials), state_of(trials), scores)


def tries_of(run: Run, key: str) -> tuple[Trial, ...]:
    """The tries of a case; none where the run does not have it."""
    return next((trials for trials in run.cases() if trials[0].case == key), ())


def case_of_trial(
    run: Run, trial: Trial, datasets: str | PathLike[str]
) -> tuple[Case | None, Version | None]:
    """The case of a try and its version, where the dataset still has it as it was."""
    name, at, number = str(run.manifest.get("dataset") or "").rpartition("@")
    plain = name.rpartition("/")[2]
    if not at or plain not in datasets_in(datasets):
        return None, None
    try:
        version = dataset_named(datasets, plain).at(number)
        case = version.case(trial.case)
    except DatasetError:
        return None, None
    return (case, version) if case.digest == trial.digest else (None, None)
