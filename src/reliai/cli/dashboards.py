"""`reliai dashboards`: a dashboard for Grafana, and rules for Prometheus with their tests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from reliai.errors import ConfigurationError

__all__ = ["register"]

USAGE = 2
"""Exit code of a command that was asked for something impossible."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("dashboards")(dashboards)


def dashboards(
    *,
    out: Annotated[Path, typer.Option(help="The folder to write into.")] = Path(
        "reliai-dashboards"
    ),
    profile: Annotated[
        str, typer.Option(help="Which names the metrics have, as OpenTelemetry(semconv=) says.")
    ] = "v1_41",
    naming: Annotated[
        str,
        typer.Option(
            help="underscores: as Prometheus scrapes and receives names by default; utf8: as they "
            "are, for an OTLP receiver of Prometheus 3 without translation."
        ),
    ] = "underscores",
    slo: Annotated[
        list[str] | None,
        typer.Option(
            help="[FUNCTION/]INDICATOR=TARGET[@THRESHOLD], as in success=0.995 or "
            "answer/latency=0.95@2.56; may be given several times. Without any, success=0.995 is "
            "watched and nobody is told."
        ),
    ] = None,
    window: Annotated[
        float, typer.Option(min=7, max=366, help="Days over which targets are meant.")
    ] = 30,
    spend: Annotated[
        float | None, typer.Option(min=0, help="US dollars a day above which there is an alarm.")
    ] = None,
) -> None:
    """Write a Grafana dashboard, Prometheus rules, and the rules' tests."""
    from reliai.telemetry.dashboards import (  # noqa: PLC0415  when it runs
        DEFAULT,
        Dialect,
        files_of,
        objective_of,
    )

    way: Any = naming
    try:
        dialect = Dialect(profile, way)
        wanted = [objective_of(text, dialect, window * 86_400) for text in slo or ()]
        files = files_of(dialect, wanted or DEFAULT, spend_a_day=spend)
    except ConfigurationError as error:
        _leave(str(error))
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (out / name).write_text(text, encoding="utf-8")
            print(out / name)
    except OSError as error:
        _leave(f"{out} cannot be written: {error.strerror}")


def _leave(message: str) -> NoReturn:
    print(message, file=sys.stderr)
    raise typer.Exit(USAGE)
