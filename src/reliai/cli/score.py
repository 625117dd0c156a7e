"""`reliai score`: the ML Test Score of a project, each point with the run that earned it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from reliai.cli import calls_commands
from reliai.cli.missing import explain
from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.evals.ml_test_score import Scorecard

__all__ = ["register"]

FINE, BELOW, USAGE, NOTHING = 0, 1, 2, 5
"""Exit codes: as good as asked; below `--min`; asked for the impossible; there was nothing."""

Folder = Annotated[
    Path | None,
    typer.Option(
        "--evidence",
        help="The folder of the evidence. Without it: .reliai/evidence of the project.",
    ),
]

score_app = typer.Typer(
    help="The ML Test Score: 28 practices, and the runs that show that they are kept.",
    invoke_without_command=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def register(app: typer.Typer) -> None:
    """Add the command, and those below it."""
    app.add_typer(score_app, name="score")


@score_app.callback()
def score(
    context: typer.Context,
    *,
    evidence: Folder = None,
    max_age: Annotated[
        float, typer.Option(help="Days for which a run counts; documents count six times as long.")
    ] = 30.0,
    minimum: Annotated[
        float | None, typer.Option("--min", help="Exit with 1 when the score is below this.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """The score, and for each of the 28 tests the run that earned it or how to earn it.

    A test has 1 when a run shows it by itself and regularly (in CI), 0.5 by hand, and nothing for
    runs that are stale, cannot be verified, or did not pass. The score is the sum of the weakest of
    the four sections. Exit code 0; 1: below --min; 2: usage; 5: --min, and there is no evidence.
    """
    if context.invoked_subcommand is not None:
        return
    from reliai.cli.score_view import print_score  # noqa: PLC0415  when it runs
    from reliai.evals.ml_test_score import scorecard_of  # noqa: PLC0415

    if evidence is not None and not evidence.is_dir():
        _leave(f"{evidence}: there is no such folder")
    try:
        card = scorecard_of(evidence, max_age=max_age)
    except ConfigurationError as error:
        _leave(str(error))
    if as_json:
        print(json.dumps(card.to_dict()))
    else:
        print_score(card)
    raise typer.Exit(_code(card, minimum))


def _code(card: Scorecard, minimum: float | None) -> int:
    if minimum is None or card.score >= minimum:
        return FINE
    return BELOW if any(point.evidence for point in card.points.values()) else NOTHING


@score_app.command()
def collect(
    *,
    store: calls_commands.Store = None,
    since: Annotated[str, typer.Option(help="Calls of the last 6h or 7d, or since a date.")] = "7d",
    app: Annotated[
        str | None,
        typer.Option(help="Look at the guarded functions of a module or a file; imports it."),
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="Look at the rollouts of a state: sqlite:///FILE, redis://….")
    ] = None,
    correlate: Annotated[
        str | None,
        typer.Option(
            help="EXPERIMENT:SCORER[:METRIC]: its scores with what users say, by release."
        ),
    ] = None,
    evidence: Folder = None,
) -> None:
    """Look at stored calls, an application and rollouts, and keep what they show.

    Exit code 0: something was shown; 1: something did not pass; 2: usage; 5: there was nothing.
    """
    from reliai.rollout.conflict import RolloutConflict  # noqa: PLC0415

    try:
        found = _of_app(app, evidence) if app is not None else {}
        if state is not None:
            found |= _of_rollouts(state, since, evidence)
        if correlate is not None:
            found |= _of_releases(store, correlate, since, evidence)
        if (app, state, correlate) == (None, None, None) or (store and correlate is None):
            found |= _of_store(store, since, evidence)
    except (ConfigurationError, RolloutConflict) as error:
        _leave(str(error))
    except ModuleNotFoundError as error:
        _leave(explain(error, "records"))
    if not found:
        print("There was nothing to look at: no calls of users, guarded functions or rollouts.")
        raise typer.Exit(NOTHING)
    for test, (passed, why) in sorted(found.items()):
        print(f"{test}  {'passes' if passed else 'does not pass'}: {why}")
    raise typer.Exit(FINE if all(passed for passed, _ in found.values()) else BELOW)


def _of_store(store: str | None, since: str, folder: Path | None) -> dict[str, tuple[bool, str]]:
    from reliai.evals.ml_test_score.collecting import allow_list, of_store  # noqa: PLC0415

    root = _root(folder)
    begin = calls_commands.moment(since)
    with calls_commands.store_at(store) as opened:
        tests = of_store(opened, root, allow_list(root), since=begin)
    return _kept("records", "records", tests, folder)


def _of_app(app: str, folder: Path | None) -> dict[str, tuple[bool, str]]:
    from reliai import pipeline_of  # noqa: PLC0415
    from reliai.cli.doctor import Unreadable, guarded_functions  # noqa: PLC0415
    from reliai.cli.doctor_code import place  # noqa: PLC0415
    from reliai.evals.ml_test_score.collecting import of_functions  # noqa: PLC0415

    try:
        functions = guarded_functions(app)
    except Unreadable as error:
        raise ConfigurationError(str(error)) from None
    described = {place(each): pipeline_of(each).describe() for each in functions}
    return _kept("app", app, of_functions(described), folder)


def _of_rollouts(state: str, since: str, folder: Path | None) -> dict[str, tuple[bool, str]]:
    from reliai.rollout.practice import practised  # noqa: PLC0415

    seen = practised(state, since=calls_commands.moment(since))
    return _shown("rollouts", "rollouts", {"rollouts": seen}, folder)


def _of_releases(
    store: str | None, correlate: str, since: str, folder: Path | None
) -> dict[str, tuple[bool, str]]:
    from reliai.evals.ml_test_score.releases import Paired, of_releases  # noqa: PLC0415

    paired, begin = Paired.parsed(correlate), calls_commands.moment(since)
    with calls_commands.store_at(store) as opened:
        seen = of_releases(opened, paired, _root(folder), since=begin)
    numbers = {**paired._asdict(), "releases": seen}
    return _shown("releases", correlate.replace(":", "-"), numbers, folder)


def _shown(
    kind: str, name: str, numbers: Mapping[str, Any], folder: Path | None
) -> dict[str, tuple[bool, str]]:
    """Keep a run's numbers, and say what they show."""
    from reliai.evals.ml_test_score import write_evidence  # noqa: PLC0415
    from reliai.evals.ml_test_score.earning import shown_by  # noqa: PLC0415

    shown = shown_by(kind, numbers)
    if shown:
        run = {"kind": kind, "id": f"{kind}-{time.time():.0f}", "name": name}
        write_evidence(None, None, run, numbers, folder=folder)
    return {test: (one.passed, one.why) for test, one in shown.items()}


def _kept(
    kind: str, name: str, tests: dict[str, dict[str, object]], folder: Path | None
) -> dict[str, tuple[bool, str]]:
    from reliai.evals.ml_test_score import write_evidence  # noqa: PLC0415

    run = {"kind": kind, "id": f"{kind}-{time.time():.0f}", "name": name}
    write_evidence(None, None, run, {"tests": tests}, folder=folder)
    return {test: (bool(seen["passed"]), str(seen["why"])) for test, seen in tests.items()}


@score_app.command()
def drill(
    *,
    state: Annotated[
        str | None,
        typer.Option(
            help="The state to drill in: sqlite:///FILE, redis://…; none: one of its own."
        ),
    ] = None,
    within: Annotated[float, typer.Option(help="Seconds that it may take.")] = 1.0,
    evidence: Folder = None,
) -> None:
    """Take a rollout of its own back, and see how long others still serve the candidate.

    Exit code 0: it was in time; 1: it was not; 2: usage.
    """
    from reliai.errors import ReliaiError  # noqa: PLC0415
    from reliai.rollout.practice import drill as drilled  # noqa: PLC0415

    try:
        done = drilled(state, within=within)
        found = _shown("drill", "drill", {**done.to_dict()}, evidence)
    except ReliaiError as error:
        _leave(str(error))
    for test, (passed, why) in found.items():
        print(f"{test}  {'passes' if passed else 'does not pass'}: {why}")
    raise typer.Exit(FINE if done.passed else BELOW)


@score_app.command()
def add(
    tests: Annotated[list[str], typer.Argument(metavar="TEST...", help="Such as DT6 IN7.")],
    *,
    document: Annotated[
        Path, typer.Option(help="The file that says what was done; in the project.")
    ],
    note: Annotated[str, typer.Option(help="What was done, in a sentence.")] = "",
    evidence: Folder = None,
) -> None:
    """Keep that something was done by hand, and where that is written down: half a point each.

    It counts until the document is changed: then say again that it holds.
    """
    from reliai.evals.ml_test_score import write_evidence  # noqa: PLC0415
    from reliai.evals.ml_test_score.catalogue import known_tests  # noqa: PLC0415

    if not document.is_file():
        _leave(f"{document}: there is no such file")
    try:
        for test in known_tests(tests):
            run = {"kind": "document", "id": document.name, "name": test, "path": document}
            write_evidence(
                [test],
                automated=False,
                run=run,
                detail={"tests": [test], "note": note},
                folder=evidence,
            )
            print(f"{test}  half a point, by {document}")
    except ConfigurationError as error:
        _leave(str(error))


def _root(folder: Path | None) -> Path:
    from reliai.evals.ml_test_score import evidence_folder  # noqa: PLC0415

    found = folder or evidence_folder()
    return Path.cwd() if found is None else found.resolve().parent.parent


def _leave(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(USAGE)
