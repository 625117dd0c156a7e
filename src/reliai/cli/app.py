"""The commands and their options. Each imports what it needs when it runs."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  typer reads the annotations
from typing import Annotated, NoReturn

import typer

from reliai.cli import (
    calls_commands,
    dashboards,
    data_commands,
    eval_commands,
    feedback_commands,
    gate_command,
    monitor,
    rollout_commands,
    score,
    ui_command,
)
from reliai.cli.missing import explain

__all__ = ["app"]

USAGE = 2
"""Exit code of a command that was asked for something impossible."""

app = typer.Typer(
    name="reliai",
    help="Production discipline for any model call.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(asked: bool) -> None:  # noqa: FBT001  typer calls it so
    if asked:
        from importlib.metadata import version  # noqa: PLC0415  rarely asked for

        print(f"reliai {version('reliai')}")
        raise typer.Exit


@app.callback()
def _main(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Keep `demo` and `doctor` as subcommands."""


@app.command()
def demo(
    *,
    seconds: Annotated[
        float | None,
        typer.Option(min=4, help="Length of both runs together (default: 36; with --model 60)."),
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.5, help="Calls a second (default: 25; with --model 1.5)."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A shorter run of 16 s.")] = False,
    seed: Annotated[int, typer.Option(help="Draws the inputs and deals the faults.")] = 7,
    model: Annotated[
        str | None,
        typer.Option(
            help="Ask a provider in place of the local models: openai:NAME or anthropic:NAME. "
            "Its key comes from the environment; the faults are put in between."
        ),
    ] = None,
    loop: Annotated[
        bool,
        typer.Option(
            "--loop",
            help="Another demo: shadow, gate, canary, feedback and training, of one model.",
        ),
    ] = False,
    keep: Annotated[
        Path | None,
        typer.Option(help="With --loop: a new folder for what it made, to look at afterwards."),
    ] = None,
    numbers: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers into a file, as JSON.")
    ] = None,
) -> None:
    """Two real models behind HTTP that fail on a schedule: called bare, then guarded."""
    if loop:
        _demo_loop(seed, numbers, keep, others=(seconds, rate, model, quick or None))
        return
    if keep is not None:
        _leave("--keep is for --loop alone")
    try:
        from reliai.cli.demo.command import run_demo  # noqa: PLC0415
        from reliai.cli.demo.setups import Unusable, setup_for  # noqa: PLC0415
    except ModuleNotFoundError as error:
        _leave(explain(error, "demo"))
    if sys.stderr.isatty():
        print("Getting the models ready …", file=sys.stderr)
    try:
        setup = setup_for(model, seed, quick=quick)
    except ModuleNotFoundError as error:
        _leave(explain(error, "demo"))
    except Unusable as error:
        _leave(str(error))
    run_demo(
        setup,
        seconds=seconds or (16.0 if quick else setup.seconds),
        rate=rate or setup.rate,
        seed=seed,
        numbers=numbers,
    )


def _demo_loop(
    seed: int, numbers: Path | None, keep: Path | None, *, others: tuple[object, ...]
) -> None:
    if any(each is not None for each in others):
        _leave("--loop takes --seed, --json and --keep, and no other option")
    try:
        from reliai.cli.demo.loop import run_loop  # noqa: PLC0415

        run_loop(seed=seed, numbers=numbers, keep=keep)
    except ModuleNotFoundError as error:
        _leave(explain(error, "loop"))
    except FileExistsError as error:
        _leave(str(error))


@app.command()
def doctor(
    target: Annotated[
        str,
        typer.Argument(metavar="APP", help="A module, module:attribute, or a file such as app.py."),
    ],
    *,
    retirements: Annotated[
        Path | None,
        typer.Option(help='A JSON file that says when models retire: {"model": "YYYY-MM-DD"}.'),
    ] = None,
    ahead: Annotated[
        int, typer.Option(min=0, help="Days before it that a retirement is a finding.")
    ] = 60,
) -> None:
    """Look at an application's guarded functions for what will hurt later.

    Imports the application. Exit code 0: nothing found, 1: findings, 2: it cannot be looked at.
    Dates of retirement also come from installed packages that know some: anthropic, litellm.
    """
    from reliai.cli.doctor import Unreadable, examine  # noqa: PLC0415
    from reliai.cli.doctor_report import print_findings  # noqa: PLC0415

    try:
        given = None if retirements is None else str(retirements)
        examined = examine(target, retirements=given, ahead=ahead)
    except Unreadable as error:
        _leave(str(error))
    print_findings(target, examined)
    raise typer.Exit(1 if examined.problems else 0)


@app.command()
def replay(
    incidents: Annotated[
        list[str] | None,
        typer.Argument(metavar="[IR-nn]...", help="Which incidents; none: all of them."),
    ] = None,
    *,
    show: Annotated[bool, typer.Option("--list", help="Say what there is to replay.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer healthy calls.")] = False,
    seed: Annotated[int, typer.Option(help="Of all chance; one seed gives one result.")] = 0,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes. [default: one for each core]")
    ] = None,
    facts: Annotated[
        Path | None,
        typer.Option("--json", help='Write every fact into a file, as JSON; "-" prints them.'),
    ] = None,
    write: Annotated[
        Path | None, typer.Option(help="Write the page of documentation that tells of them.")
    ] = None,
) -> None:
    """Incidents of production in virtual time: unguarded, guarded, and on a healthy day.

    Exit code 0: each hurts unguarded, is contained, and a healthy day is quiet; 1: not so.
    """
    try:
        from reliai.cli import replay as command  # noqa: PLC0415
    except ModuleNotFoundError as error:
        _leave(explain(error, "cli"))
    from reliai.errors import ConfigurationError  # noqa: PLC0415

    if show:
        command.list_incidents()
        return
    try:
        fine = command.replay(
            incidents or [], quick=quick, seed=seed, jobs=jobs, facts=facts, write=write
        )
    except ConfigurationError as error:
        _leave(str(error))
    raise typer.Exit(0 if fine else 1)


def _leave(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(USAGE)


calls_commands.register(app)
dashboards.register(app)
data_commands.register(app)
eval_commands.register(app)
feedback_commands.register(app)
gate_command.register(app)
monitor.register(app)
rollout_commands.register(app)
score.register(app)
ui_command.register(app)
