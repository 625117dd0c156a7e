"""Runs, cases and comparisons as a person reads them, in 80 columns."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from reliai.cli.evals_common import console
from reliai.evals.case_states import mean_of, state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.evals.comparison import RunComparison
    from reliai.evals.run import Run
    from reliai.evals.trial import Trial

__all__ = ["print_cases", "print_comparison", "print_runs", "print_trials"]

_COLOURS = {"pass": "green", "fail": "red", "flaky": "yellow", "error": "magenta"}
_SHOWN = 4
"""Columns of scores that fit."""
_LONGEST = 2_000
"""Characters of an output that are shown."""


def _table(*titles: str, last: str, ratio: int = 1) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=True)
    table.add_column(last, ratio=ratio)
    return table


def _cut(text: str) -> Text:
    return Text(text, no_wrap=True, overflow="ellipsis")


def print_runs(runs: Sequence[Run]) -> None:
    """A row for each."""
    table = _table("run", "when", "cases", "tries", "state", last="experiment")
    for run in runs:
        told = run.manifest
        when = datetime.fromtimestamp(told.get("started_at") or 0).astimezone()
        state = told.get("stopped") or run.state
        table.add_row(
            *(run.id[:20], when.strftime("%m-%d %H:%M"), str(told.get("cases") or "")),
            *(str(told.get("evaluated") or ""), str(state), _cut(str(told.get("experiment")))),
        )
    console().print(table)


def print_cases(rows: Sequence[tuple[Trial, ...]], scorers: Sequence[str]) -> None:
    """A row for each case."""
    shown = list(scorers)[:_SHOWN]
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("case", no_wrap=True, max_width=24)
    table.add_column("state", no_wrap=True)
    table.add_column("tries", justify="right", no_wrap=True)
    for name in shown:
        table.add_column(_shortened(name, 12), justify="right", no_wrap=True)
    table.add_column("output", ratio=1)
    for trials in rows:
        state = state_of(trials)
        means = [mean_of(trials, name) for name in shown]
        table.add_row(
            _cut(_key(trials[0])),
            Text(state, style=_COLOURS.get(state, "")),
            str(len(trials)),
            *("-" if mean is None else f"{mean:.3g}" for mean in means),
            _cut(_said(trials[0])),
        )
    console().print(table)


def _key(trial: Trial) -> str:
    return trial.digest[7:19] if trial.case == trial.digest else trial.case


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _said(trial: Trial) -> str:
    """What the target gave, or what went wrong, on one line."""
    if trial.error is not None:
        return f"{trial.error.type}: {trial.error.message}".replace("\n", " ")[:200]
    output = trial.output
    text = output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
    return " ".join(text[:400].split())


def print_trials(trials: Sequence[Trial]) -> None:
    """All there is of one case."""
    first, screen = trials[0], console()
    tags = "  ".join(f"{name}={value}" for name, value in first.tags.items())
    screen.print(Text.assemble((first.case, "bold"), f"  {first.digest[:19]}…  {tags}"))
    for trial in trials:
        cost = "" if trial.cost_usd is None else f"  ${trial.cost_usd:.4g}"
        extra = "  extra" if trial.extra else ""
        cached = "  cached" if trial.cached else ""
        call = f"  call {trial.call_id[-8:]}" if trial.call_id else ""
        head = f"\ntry {trial.repeat}  {trial.status}  {trial.duration:.3g} s{cost}{extra}{cached}"
        screen.print(Text(head + call))
        if trial.error is not None:
            screen.print(Text(f"  {trial.error.type}: {trial.error.message}", style="red"))
        for name, score in trial.scores.items():
            said = score.unscored or score.label or score.value
            why = f"  {score.explanation}" if score.explanation else ""
            screen.print(Text(f"  {name}: {said}{why}"))
        output = trial.output
        text = output if isinstance(output, str) else json.dumps(output, indent=2)
        if output is not None:
            screen.print(Text(text[:_LONGEST] + ("…" if len(text) > _LONGEST else "")))


def print_comparison(found: RunComparison) -> None:
    """A row for each scorer and measure, and what a reader has to know."""
    told: dict[str, Any] = found.to_dict()
    screen = console()
    screen.print(f"{told['candidate']} beside {told['baseline']}", markup=False)
    screen.print(f"{told['compared']} cases in common", markup=False)
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("score", no_wrap=True)
    for title in ("scored", "difference", "95 %", "p", "pairs"):
        table.add_column(title, justify="right", no_wrap=True)
    for name, said in told["scorers"].items():
        scored = f"{said['n_scored']}/{said['n_total']}"
        table.add_row(_shortened(name, 24), scored, *_difference(said["difference"]))
    for name, difference in told["measures"].items():
        if difference is not None and difference["estimate"] is not None:
            table.add_row(_shortened(name, 24), "", *_difference(difference))
    screen.print(table)
    for name, why in told["incomparable"].items():
        screen.print(Text(f"{name}: {why}"))
    for note in told["notes"]:
        screen.print(Text(f"note: {note}"))


def _difference(said: dict[str, Any] | None) -> tuple[str, str, str, str]:
    if said is None:
        return "-", "", "", ""
    if said["estimate"] is None:
        return "-", "", "", str(said["n"])
    bounds = "" if said["low"] is None else f"[{said['low']:+.3g}, {said['high']:+.3g}]"
    p = "" if said["p_value"] is None else f"{said['p_value']:.3g}"
    return f"{said['estimate']:+.4g}", bounds, p, str(said["n"])
