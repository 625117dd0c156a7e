"""Rollouts as a person reads them: a row for each, and a row for each entry of an audit."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from reliai.cli.evals_common import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.rollout import AuditEntry
    from reliai.rollout.operating import Listed

__all__ = ["moment", "print_audit", "print_rollouts"]

_COLOURS = {
    "promoted": "green",
    "rolled_back": "red",
    "killed": "red",
    "held": "yellow",
    "paused": "yellow",
    "awaiting_approval": "yellow",
}


def moment(seconds: float) -> str:
    """A moment by the clock on the wall here."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"


def print_rollouts(found: Sequence[Listed]) -> None:
    """A row for each rollout."""
    if not found:
        print("no rollouts")
        return
    table = _table("rollout", "version", "status", "share", "step", "since")
    table.add_column("why", ratio=1)
    for each in found:
        table.add_row(
            Text(each.name),
            Text(each.version),
            Text(each.status, style=_COLOURS.get(each.status, "")),
            f"{100 * each.share:.4g} %",
            f"{each.step} of {each.steps}",
            moment(each.since),
            each.reason,
        )
    console().print(table)


def print_audit(entries: Sequence[AuditEntry]) -> None:
    """A row for each entry."""
    table = _table("n", "when", "what", "why", "by")
    table.add_column("said", ratio=1)
    for each in entries:
        table.add_row(
            str(each.number),
            moment(each.at),
            _what(each),
            each.reason,
            Text(each.by),
            Text(each.why),
        )
    console().print(table)


def _what(entry: AuditEntry) -> str:
    """The action, and to which step it led."""
    before, after = entry.before.get("step"), entry.after.get("step")
    moved = isinstance(after, int) and before is not None and before != after
    return f"{entry.action} to step {after + 1}" if moved and after is not None else entry.action


def _table(*titles: str) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    for title in titles:
        table.add_column(title, no_wrap=True)
    return table
