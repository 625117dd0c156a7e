"""What the commands about experiments open: experiments, runs and baselines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reliai.cli import evals_common as common
from reliai.cli.evals_common import leave

if TYPE_CHECKING:
    from reliai.evals.experiment import Experiment
    from reliai.evals.run import Run

__all__ = [
    "Baseline",
    "RunName",
    "Target",
    "baseline_of",
    "experiment_at",
    "keep_evidence",
    "run_at",
    "run_experiment",
    "selection",
]

UNFINISHED = 4
"""Exit code of a run that is not through."""

Target = Annotated[
    str,
    typer.Argument(
        metavar="FILE.py[:NAME]",
        help="An Experiment, or a function that makes one; module:NAME does too.",
    ),
]
RunName = Annotated[str, typer.Argument(metavar="RUN", help="Its folder, or its id or its start.")]
Baseline = Annotated[
    str | None,
    typer.Option(
        help="What to compare with: merge-base (the pin that git has where this change began), "
        "the path of a pin or a run, or the id of a run."
    ),
]


def experiment_at(target: str, *, cache: bool | None = None) -> Experiment:
    """The experiment of a file or module; one that there is not ends the command."""
    from reliai.evals import Experiment  # noqa: PLC0415  when it runs

    made: Experiment = common.loaded(
        target, "an Experiment", lambda value: isinstance(value, Experiment), "experiment"
    )
    if cache is not None:
        made.cache = cache
    return made


def run_experiment(
    experiment: Experiment,
    *,
    shard: str | None = None,
    select: Any = None,
    resume: bool = True,
) -> Run:
    """Run it, with a bar on a terminal. Interrupted, the command ends as with an unfinished run."""
    part = None if shard is None else common.numbered(shard, "--shard")
    try:
        with common.progress(experiment.name) as tell:
            return experiment.run(resume=resume, shard=part, select=select, progress=tell)
    except KeyboardInterrupt:
        leave(_interrupted(experiment, resume=resume), UNFINISHED)


def _interrupted(experiment: Experiment, *, resume: bool) -> str:
    """What is told of a run that was interrupted: how far it came, where it is, how to go on."""
    from reliai.evals import Run  # noqa: PLC0415  when it runs

    runs = Run.list(experiment.name, root=experiment.runs)
    if not runs or runs[-1].manifest.get("stopped") != "interrupted":
        return f"{experiment.name} was interrupted before its first try"
    how = "" if resume else " without --no-resume"
    tries = f"{runs[-1].manifest.get('evaluated', 0)} tries"
    return (
        f"{experiment.name} was interrupted after {tries}, which are in {runs[-1].path}; "
        f"run it again{how}, and it goes on"
    )


def selection(tags: list[str] | None, keys: list[str] | None) -> Any:
    """Which cases are asked for; None for all."""
    if tags and keys:
        leave("--select and --key: give one of them")
    if keys:
        return keys
    chosen: dict[str, list[str]] = {}
    for text in tags or ():
        name, sign, value = text.partition("=")
        if not sign or not name:
            leave(f"--select {text!r}: give a tag and a value, as in locale=de")
        chosen.setdefault(name, []).append(value)
    return chosen or None


def keep_evidence(done: Any, detail: Any = None) -> None:
    """Have `reliai score` know of a run; that it cannot is no failure of the run."""
    from reliai.errors import ConfigurationError  # noqa: PLC0415  when it runs
    from reliai.evals.ml_test_score import write_evidence  # noqa: PLC0415  the same

    try:
        write_evidence(None, None, done, *([] if detail is None else [detail]))
    except (ConfigurationError, OSError) as error:
        print(f"no evidence was written: {error}", file=sys.stderr)


def run_at(name: str) -> Run:
    """A stored run."""
    from reliai.evals import Run  # noqa: PLC0415  when it runs

    return Run.load(name)


def baseline_of(
    which: str,
    experiment: str,
    *,
    missing: str = "fail",
    target: str | None = None,
    make: Any = None,
) -> Any:
    """What to compare with."""
    from reliai.evals.baselines import baseline  # noqa: PLC0415  when it runs

    policy: Any = missing
    return baseline(which, experiment=experiment, missing=policy, target=target, run=make)
