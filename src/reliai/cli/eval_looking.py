"""`reliai eval list`, `view` and `compare`: runs, and what became of each case."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reliai.cli.eval_opening import RunName, baseline_of, run_at
from reliai.cli.evals_common import AsJson, explained, leave, named_by, print_json
from reliai.evals.case_states import mean_of, state_of

if TYPE_CHECKING:
    from reliai.evals.run import Run
    from reliai.evals.trial import Trial

__all__ = ["compare", "list_runs", "view"]

Limit = Annotated[int, typer.Option("-n", "--limit", min=1, help="How many at most.")]


@explained
def list_runs(
    experiment: Annotated[
        str | None, typer.Argument(metavar="[EXPERIMENT]", help="Only its runs.")
    ] = None,
    *,
    limit: Limit = 20,
    as_json: AsJson = False,
) -> None:
    """The runs of this project, the latest last."""
    from reliai.cli.eval_views import print_runs  # noqa: PLC0415  when it runs
    from reliai.evals import Run  # noqa: PLC0415  the same

    found = Run.list(experiment)[-limit:]
    if as_json:
        print_json([{"path": str(run.path), **run.manifest} for run in found])
    elif not found:
        of = "" if experiment is None else f" of {experiment!r}"
        print(f"no runs{of} below .reliai/runs")
    else:
        print_runs(found)


@explained
def view(
    stored: RunName,
    *,
    case: Annotated[str | None, typer.Option(help="One case, with its outputs.")] = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="Only cases that did not pass, or have no result.")
    ] = False,
    flaky: Annotated[
        bool, typer.Option("--flaky", help="Only cases whose tries disagree.")
    ] = False,
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """What became of each case of a run."""
    run = run_at(stored)
    if case is not None:
        _show_case(run, case, as_json=as_json)
        return
    rows: list[tuple[Trial, ...]] = []
    more = 0
    for trials in run.cases():
        state = state_of(trials)
        if (failed and state not in {"fail", "flaky", "error"}) or (flaky and state != "flaky"):
            continue
        if len(rows) < limit:
            rows.append(trials)
        else:
            more += 1
    if as_json:
        print_json([_told(trials) for trials in rows])
        return
    from reliai.cli.eval_views import print_cases  # noqa: PLC0415  when it runs

    print_cases(rows, run.scorers)
    if more:
        print(f"… and {more} more; -n shows more, and --case KEY one of them")


def _show_case(run: Run, key: str, *, as_json: bool) -> None:
    found = [trial for trial in run.trials() if named_by(key, trial)]
    if not found:
        leave(f"run {run.id} has no case {key!r}; `reliai eval view {run.id}` lists them")
    if as_json:
        print_json([trial.to_dict() for trial in found])
        return
    from reliai.cli.eval_views import print_trials  # noqa: PLC0415  when it runs

    print_trials(sorted(found, key=lambda trial: trial.repeat))


def _told(trials: tuple[Trial, ...]) -> dict[str, Any]:
    first = trials[0]
    return {
        "case": first.case,
        "digest": first.digest,
        "state": state_of(trials),
        "tries": len(trials),
        "scores": {name: mean_of(trials, name) for name in first.scores},
    }


@explained
def compare(
    candidate: RunName,
    baseline: Annotated[
        str, typer.Argument(metavar="BASELINE", help="A run, a pin, or merge-base.")
    ],
    *,
    as_json: AsJson = False,
) -> None:
    """Two runs beside each other, paired by case. Judges nothing; `reliai gate` does."""
    from reliai.cli.eval_views import print_comparison  # noqa: PLC0415  when it runs
    from reliai.evals.baselines import NoBaseline  # noqa: PLC0415  the same

    new = run_at(candidate)
    old = baseline_of(baseline, str(new.manifest.get("experiment")))
    if isinstance(old, NoBaseline):
        leave(f"no baseline: {old.reason}")
    found = new.compare(old)
    if as_json:
        print_json(found.to_dict())
    else:
        print_comparison(found)
