"""`reliai rollout`: looks at rollouts and takes them in hand, without their application."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reliai.cli.evals_common import AsJson, explained, leave, print_json, write_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.rollout.operating import Operated

__all__ = ["register"]

REFUSED = 1
"""Exit code of a change that cannot be, as things stand."""

StateUrl = Annotated[
    str | None,
    typer.Option(
        "--state",
        help="Where the application shares it: a URL, or the path of a SQLite file. Without it: "
        "what the environment variable RELIAI_STATE says.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="ROLLOUT", help="Its name.")]
OfVersion = Annotated[
    str | None, typer.Option("--version", help="Of the rollout; without it the one begun last.")
]
Step = Annotated[int, typer.Option("--step", help="The step that is under way, from 1.")]
By = Annotated[
    str | None, typer.Option("--by", help="Who does it, for the audit; without it the login name.")
]
Why = Annotated[str, typer.Option("--why", help="For the audit.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    rollout = typer.Typer(
        help="Rollouts: how they stand, why, and taking them in hand.", no_args_is_help=True
    )
    for name, command in (
        ("list", list_rollouts),
        ("status", status),
        ("explain", explain),
        ("audit", audit),
        ("snapshot", snapshot),
        ("approve", approve),
        ("pause", pause),
        ("resume", resume),
        ("advance", advance),
        ("rollback", rollback),
        ("kill", kill),
    ):
        rollout.command(name)(command)
    app.add_typer(rollout, name="rollout")


# --- looking


@explained
def list_rollouts(*, state: StateUrl = None, as_json: AsJson = False) -> None:
    """The rollouts that the state holds."""
    from reliai.cli.rollout_views import print_rollouts  # noqa: PLC0415  when it runs
    from reliai.rollout.operating import rollouts  # noqa: PLC0415  the same

    found = rollouts(_state(state))
    if as_json:
        print_json([each._asdict() for each in found])
    else:
        print_rollouts(found)


@explained
def status(
    rollout: Name, *, version: OfVersion = None, state: StateUrl = None, as_json: AsJson = False
) -> None:
    """How a rollout stands, by what all processes of the application know together."""
    from reliai.cli.rollout_views import moment  # noqa: PLC0415  when it runs

    stands = _opened(rollout, version, state).status()
    if as_json:
        print_json(stands.to_dict())
    else:
        print(f"{stands}\n  since {moment(stands.since)}")


@explained
def explain(
    rollout: Name,
    number: Annotated[
        int | None,
        typer.Argument(metavar="[N]", help="Entry of the audit; without it the last decision."),
    ] = None,
    *,
    version: OfVersion = None,
    state: StateUrl = None,
) -> None:
    """A decision with what it was made from, and made again from that."""
    print(_opened(rollout, version, state).explain(number))


@explained
def audit(
    rollout: Name,
    *,
    version: OfVersion = None,
    state: StateUrl = None,
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """What happened, the newest last; JSON has the counts and the evidence too."""
    from reliai.cli.rollout_views import print_audit  # noqa: PLC0415  when it runs

    entries = _opened(rollout, version, state).audit()[-limit:]
    if as_json:
        print_json([_from_one(each._asdict()) for each in entries])
    else:
        print_audit(entries)


def _from_one(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry with its steps counted as everywhere else: from 1."""
    for name in ("before", "after"):
        standing = entry[name]
        if isinstance(standing.get("step"), int):
            entry[name] = {**standing, "step": standing["step"] + 1}
    return entry


@explained
def snapshot(
    rollout: Name,
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help='The file; "-" prints it.')] = Path("-"),
    version: OfVersion = None,
    state: StateUrl = None,
) -> None:
    """How a rollout stands, as the file that `Rollout(bundled=)` takes."""
    write_text(out, _opened(rollout, version, state).snapshot())


# --- taking in hand


@explained
def approve(
    rollout: Name,
    *,
    step: Step,
    by: By = None,
    why: Why = "",
    version: OfVersion = None,
    state: StateUrl = None,
) -> None:
    """Let the next step begin, in one that asks for it and has nothing else missing."""
    _do(_opened(rollout, version, state), lambda it, who: it.approve(step, by=who, why=why), by)


@explained
def pause(
    rollout: Name,
    *,
    by: By = None,
    why: Why = "",
    version: OfVersion = None,
    state: StateUrl = None,
) -> None:
    """Stop the ramp where it is; a guardrail still rolls back."""
    _do(_opened(rollout, version, state), lambda it, who: it.pause(by=who, why=why), by)


@explained
def resume(
    rollout: Name,
    *,
    by: By = None,
    why: Why = "",
    version: OfVersion = None,
    state: StateUrl = None,
) -> None:
    """Let the ramp go on after a pause."""
    _do(_opened(rollout, version, state), lambda it, who: it.resume(by=who, why=why), by)


@explained
def advance(
    rollout: Name,
    *,
    step: Step,
    by: By = None,
    why: Why = "",
    version: OfVersion = None,
    state: StateUrl = None,
) -> None:
    """Begin the next step, whatever is missing; the last one promotes."""
    _do(_opened(rollout, version, state), lambda it, who: it.advance(step, by=who, why=why), by)


@explained
def rollback(
    rollout: Name,
    *,
    by: By = None,
    why: Why = "",
    version: OfVersion = None,
    state: StateUrl = None,
) -> None:
    """Give all units the control, for good."""
    _do(_opened(rollout, version, state), lambda it, who: it.rollback(by=who, why=why), by)


@explained
def kill(
    rollout: Name,
    *,
    by: By = None,
    why: Why = "",
    version: OfVersion = None,
    state: StateUrl = None,
) -> None:
    """Give all calls the control, forced ones too, for good."""
    _do(_opened(rollout, version, state), lambda it, who: it.kill(by=who, why=why), by)


def _do(opened: Operated, action: Callable[[Operated, str], None], by: str | None) -> None:
    """Do it and say how the rollout stands then; exit code 1 where it cannot be."""
    from reliai.rollout import RolloutConflict  # noqa: PLC0415  when it runs

    try:
        action(opened, by or _login())
    except RolloutConflict as conflict:
        leave(str(conflict), REFUSED)
    print(opened.status())


def _login() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container whose user has no name
        leave("nobody is logged in: say who you are with --by")


def _opened(name: str, version: str | None, state: str | None) -> Operated:
    from reliai.rollout.operating import Operated  # noqa: PLC0415  when it runs

    return Operated(_state(state), name, version)


def _state(given: str | None) -> Any:
    """A URL, or the path of a file that is there: opening one would make it."""
    if given is None:
        return None
    path = Path(given.removeprefix("sqlite:///"))
    if given.startswith("sqlite:///") or "://" not in given:
        if not path.is_file():
            leave(f"--state {given}: there is no file {path}")
        return f"sqlite:///{path}"
    return given
