"""`reliai gate`: run an experiment, or take a run, and judge whether a change may go on."""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reliai.cli import calls_commands
from reliai.cli import eval_reports as reports
from reliai.cli.eval_opening import (
    Baseline,
    baseline_of,
    experiment_at,
    keep_evidence,
    run_at,
    run_experiment,
)
from reliai.cli.evals_common import explained, leave
from reliai.cli.gate_replay import replayed

if TYPE_CHECKING:
    from reliai.evals.baselines import Pin
    from reliai.evals.comparison import RunComparison
    from reliai.evals.experiment import Experiment
    from reliai.evals.gate import Gate, GateResult
    from reliai.evals.run import Run

__all__ = ["register"]

INCONCLUSIVE = 3
_POLICIES = ("fail", "warn", "run")
_WAYS = ("fail", "warn")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("gate")(gate)


@explained
def gate(
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE.py[:NAME]|RUN",
            help="An Experiment, which is run; or a run that is there; several are its shards.",
        ),
    ],
    *,
    conditions: Annotated[
        list[str],
        typer.Option(
            "--gate",
            help='Such as "exact non_inferior .02 by locale AND latency_p95 <= 4"; several may be '
            "given, and all must hold.",
        ),
    ],
    baseline: Baseline = None,
    no_baseline: Annotated[
        str,
        typer.Option(
            help="Where there is none: fail, warn (inconclusive), or run (the experiment as it "
            "was where this change began, from git, in a folder of its own)."
        ),
    ] = "fail",
    branch: Annotated[
        str | None,
        typer.Option(help="What this change goes to. (default: what the CI says, or origin's)"),
    ] = None,
    inconclusive: Annotated[
        str, typer.Option(help="Whether a lack of evidence fails (exit code 3) or warns (0).")
    ] = "fail",
    pin: Annotated[
        bool,
        typer.Option("--pin", help="After a PASS write .reliai/baselines/…json, to be committed."),
    ] = False,
    resume: Annotated[
        bool, typer.Option(help="Go on with the latest run, where it is unfinished.")
    ] = True,
    cache: Annotated[
        bool | None,
        typer.Option(help="Take outputs of earlier runs. (default: yes, but not in CI)"),
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(
            metavar="FUNCTION",
            help="In place of a dataset, the last calls of this guarded function in --store, "
            "beside what was answered.",
        ),
    ] = None,
    store: calls_commands.Store = None,
    last: Annotated[int, typer.Option(min=1, help="How many calls --replay looks at.")] = 200,
    since: Annotated[str | None, typer.Option(help="Of them: the last 6h or 7d.")] = None,
    html: reports.Html = None,
    markdown: reports.Markdown = None,
    junit: reports.Junit = None,
    facts: reports.Json = None,
    github: reports.Github = False,
) -> None:
    """Judge whether a change may go on: the exit code is the verdict.

    0: PASS; 1: FAIL; 3: INCONCLUSIVE; 4: INCOMPLETE, more is missing than allowed; 5: no case was
    evaluated; 2: it cannot be judged.
    """
    from reliai.evals.gate import Gate  # noqa: PLC0415  when it runs

    _check(no_baseline=(no_baseline, _POLICIES), inconclusive=(inconclusive, _WAYS))
    asked = Gate.parse(" AND ".join(conditions))
    if replay is None:
        candidate = _candidate(targets, asked, cache=cache, resume=resume)
        other = _baseline(
            asked, candidate, baseline, target=targets[0], missing=no_baseline, branch=branch
        )
        comparison = candidate.compare(other)
    else:
        _check_replay(targets, baseline=baseline, pin=pin)
        comparison = replayed(targets[0], replay, store=store, last=last, since=since, cache=cache)
        candidate = comparison.runs[0]
    result = _judged(asked, comparison, branch)
    text = reports.written(
        result, comparison, html=html, markdown=markdown, junit=junit, facts=facts, github=github
    )
    code = _code(result, candidate)
    quiet = str(facts) == "-"
    print(text, file=sys.stderr if quiet else sys.stdout)
    _say(candidate, result, code)
    keep_evidence(result)
    if pin and code == 0:
        _pin(candidate)
    raise typer.Exit(0 if code == INCONCLUSIVE and inconclusive == "warn" else code)


def _check(**given: tuple[str, tuple[str, ...]]) -> None:
    for name, (value, known) in given.items():
        if value not in known:
            leave(f"--{name.replace('_', '-')} {value!r}: use one of {', '.join(known)}")


def _candidate(targets: list[str], asked: Gate, *, cache: bool | None, resume: bool) -> Run:
    """What is judged: an experiment's run, a stored one, or shards put together."""
    makes = [_is_experiment(target) for target in targets]
    if len(targets) == 1 and makes[0]:
        experiment = experiment_at(targets[0], cache=cache)
        _check_metrics(asked, experiment)
        return run_experiment(experiment, resume=resume)
    if any(makes):
        leave(f"{targets[makes.index(True)]}: give one experiment, or runs only")
    if len(targets) == 1:
        return run_at(targets[0])
    from reliai.evals import merge  # noqa: PLC0415  seldom

    return merge([run_at(each) for each in targets])


def _check_metrics(asked: Gate, experiment: Experiment) -> None:
    """See to it, before the first call is paid for, that the gate asks for what will be there."""
    from reliai.evals._names import giver_of  # noqa: PLC0415  when it runs
    from reliai.evals.rules import is_measure  # noqa: PLC0415  the same

    scorers = [each.name for each in experiment.scorers]
    for rule in asked:
        if not is_measure(rule.metric) and giver_of(rule.metric, scorers) not in scorers:
            known = ", ".join(scorers) or "none"
            why = f"{rule.metric!r} is no metric of {experiment.name}: its scorers are {known}"
            leave(f"--gate: {why}")


def _is_experiment(target: str) -> bool:
    return target.partition(":")[0].endswith(".py") or (":" in target and "/" not in target)


def _baseline(
    asked: Gate,
    candidate: Run,
    given: str | None,
    *,
    target: str,
    missing: str,
    branch: str | None,
) -> Any:
    """What to compare with; None where no condition compares."""
    if given is None and not any(rule.compares for rule in asked):
        return None
    if missing == "run" and not _is_experiment(target):
        leave(f"--no-baseline run: {target!r} is a run; give the experiment, FILE.py:NAME")
    make = partial(_as_it_was, target) if missing == "run" else None
    experiment = str(candidate.manifest.get("experiment"))
    return baseline_of(given or "merge-base", experiment, missing=missing, target=branch, make=make)


def _as_it_was(target: str, commit: str | None) -> Pin:
    from reliai.cli.gate_baseline import run_at_commit  # noqa: PLC0415  seldom

    return run_at_commit(target, commit)


def _check_replay(targets: list[str], *, baseline: str | None, pin: bool) -> None:
    if len(targets) != 1 or not _is_experiment(targets[0]):
        leave(f"--replay: give one experiment, FILE.py:NAME, and not {' '.join(targets)}")
    if baseline is not None or pin:
        given = "--pin" if pin else f"--baseline {baseline}"
        leave(f"{given}: --replay compares with what production answered; leave it away")


def _judged(asked: Gate, comparison: RunComparison, branch: str | None) -> GateResult:
    from reliai.evals.quarantine import Quarantine  # noqa: PLC0415  when it runs

    return asked.judge(comparison, quarantine=Quarantine.read(target=branch))


def _code(result: GateResult, candidate: Run) -> int:
    """The exit code: a run that is no whole one passes no gate."""
    if result.exit_code != 0:
        return result.exit_code
    return INCONCLUSIVE if _is_part(candidate) else candidate.exit_code


def _is_part(candidate: Run) -> bool:
    return bool(candidate.manifest.get("shard") or candidate.manifest.get("selection"))


def _say(candidate: Run, result: GateResult, code: int) -> None:
    if _is_part(candidate):
        said = "the run is a part of the cases: run it whole, or merge its shards"
        print(f"no pass: {said}" if result.exit_code == 0 else said, file=sys.stderr)
    elif code != result.exit_code:
        errors = "more cases have errors than the experiment's max_error_rate allows"
        unfinished = "the run is unfinished: run it again, and it goes on"
        over = candidate.manifest.get("over_error_rate")
        print(f"no pass: {errors if over else unfinished}", file=sys.stderr)
    print(f"run {candidate.path}", file=sys.stderr)


def _pin(candidate: Run) -> None:
    from reliai.evals.baselines import pin as pinned  # noqa: PLC0415  when it runs

    path = pinned(candidate).write()
    print(f"pinned in {path}: commit it, and it is the baseline of later changes", file=sys.stderr)
