"""`reliai eval`: experiments run, compared, scored anew and looked at."""

from __future__ import annotations

import typer

from reliai.cli import eval_looking, eval_reports, eval_running

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands = typer.Typer(
        help="Experiments: run, compare, score anew, look at.", no_args_is_help=True
    )
    for name, command in (
        ("run", eval_running.run),
        ("compare", eval_looking.compare),
        ("rescore", eval_running.rescore),
        ("report", eval_reports.report),
        ("view", eval_looking.view),
        ("list", eval_looking.list_runs),
        ("explain-key", eval_running.explain_key),
        ("merge", eval_running.merge),
    ):
        commands.command(name)(command)
    app.add_typer(commands, name="eval")
