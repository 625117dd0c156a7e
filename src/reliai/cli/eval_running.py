"""`reliai eval run`, `rescore`, `merge` and `explain-key`: what makes runs."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated, Any

import typer

from reliai.cli import evals_common as common
from reliai.cli.eval_opening import (
    RunName,
    Target,
    experiment_at,
    keep_evidence,
    run_at,
    run_experiment,
    selection,
)
from reliai.cli.evals_common import AsJson, explained, leave, print_json

__all__ = ["explain_key", "merge", "rescore", "run"]


@explained
def run(
    target: Target,
    *,
    shard: Annotated[
        str | None, typer.Option(help="1/4: only the first of four parts of the cases.")
    ] = None,
    select: Annotated[
        list[str] | None, typer.Option(help="TAG=VALUE: only such cases; several may be given.")
    ] = None,
    key: Annotated[list[str] | None, typer.Option(help="Only the case with this key.")] = None,
    resume: Annotated[
        bool, typer.Option(help="Go on with the latest run, where it is unfinished.")
    ] = True,
    cache: Annotated[
        bool | None,
        typer.Option(help="Take outputs of earlier runs. (default: yes, but not in CI)"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run an experiment; interrupted, it goes on when it is run again.

    Exit code 0: done; 4: unfinished, or more errors than allowed; 5: no case was evaluated.
    """
    made = experiment_at(target, cache=cache)
    done = run_experiment(made, shard=shard, select=selection(select, key), resume=resume)
    if as_json:
        print_json({"path": str(done.path), **done.summary().to_dict()})
    else:
        print(f"{done.summary()}\nin {done.path}")
    keep_evidence(done)
    raise typer.Exit(done.exit_code)


@explained
def rescore(
    stored: RunName,
    scorers: Annotated[
        str, typer.Argument(metavar="FILE.py:SCORERS", help="A list of scorers, or an Experiment.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Score stored outputs anew, without a call to the target; the old scores are kept beside.

    Exit code 0: done; 4: unfinished, or more cases without a score than allowed; 5: no case.
    """
    given = common.loaded(scorers, "a list of scorers", _are_scorers, "scorers")
    before = run_at(stored)
    after = before.rescore(getattr(given, "scorers", given))
    if as_json:
        print_json({"path": str(after.path), **after.summary().to_dict()})
    else:
        print(after.summary())
    raise typer.Exit(after.exit_code)


def _are_scorers(value: Any) -> bool:
    from reliai.evals import Experiment, Scorer  # noqa: PLC0415  when it runs

    several = isinstance(value, list | tuple) and bool(value)
    return isinstance(value, Experiment) or (
        several and all(isinstance(one, Scorer) or callable(one) for one in value)
    )


@explained
def explain_key(
    target: Target,
    case: Annotated[str, typer.Argument(metavar="CASE", help="The id or digest of a case.")],
    *,
    repeat: Annotated[int, typer.Option(min=1, help="Which try.")] = 1,
    as_json: AsJson = False,
) -> None:
    """What the output of a try is kept under in the cache, and so what makes another call."""
    made = experiment_at(target)
    found = next((one for one in made.dataset if common.named_by(case, one)), None)
    if found is None:
        leave(f"{made.name} has no case {case!r}; `reliai data show` lists those of a dataset")
    told = made.explain_key(found, repeat)
    if as_json:
        print_json(told)
        return
    width = max(map(len, told))
    for name, value in told.items():
        print(f"{name:<{width}}  {value}")


@explained
def merge(
    runs: Annotated[list[str], typer.Argument(metavar="RUN", help="The shards of one run.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="The folder of runs to put it in. (default: theirs)")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Put the shards of a run together; two with a case in common are refused."""
    from reliai.evals import merge as merged  # noqa: PLC0415  when it runs

    made = merged([run_at(each) for each in runs], root=out)
    if as_json:
        print_json({"path": str(made.path), **made.summary().to_dict()})
    else:
        print(f"{made.summary()}\nin {made.path}")
    raise typer.Exit(made.exit_code)
