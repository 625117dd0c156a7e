"""What was said of calls, for a person at a terminal: tables, and plain data for `--json`."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from reliai.cli.calls_views import short_id, shortened
from reliai.cli.evals_common import console

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from reliai.feedback import Exported, ReviewAgreement, ReviewQueue
    from reliai.records._exports import ExportNote
    from reliai.records.revision import Revision

__all__ = [
    "exports_as_data",
    "print_exported",
    "print_exports",
    "print_queue",
    "print_queues",
    "print_said",
    "queue_as_data",
]

_LONGEST = 60


def print_said(revisions: Sequence[Revision], *, kinds: bool = False) -> None:
    """A row for each thing said.

    Args:
        revisions: in their order.
        kinds: whether to say which are corrections, preferences and retractions.
    """
    if not revisions:
        print("nothing was said")
        return
    titles = ("when", "of", *(("kind",) if kinds else ()), "name", "value", "by", "comment")
    table = _table(titles, last_wide=True)
    for one in revisions:
        table.add_row(
            _when(one.at),
            Text(_target(one)),
            *((Text(one.kind),) if kinds else ()),
            Text(one.name),
            Text(_value(one)),
            Text(shortened(one.by or "", 16)),
            Text(one.comment or ""),
        )
    console().print(table)


def _target(one: Revision) -> str:
    if one.call_id is None:
        return f"session {one.session}"
    return short_id(one.call_id) + (f" {short_id(one.other)}" if one.other else "")


def _value(one: Revision) -> str:
    if one.kind == "retraction":
        return "taken back"
    if one.kind == "preference" and isinstance(one.value, dict):
        better = one.value.get("better")
        return "tie" if better is None else f"better: {short_id(str(better))}"
    return _short(one.value)


def _short(value: Any) -> str:
    said = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return shortened(said.replace("\n", " "), _LONGEST)


def print_exported(made: Exported) -> None:
    """What an export wrote, and why the rest is not in it."""
    print(f"{made.rows} rows in {made.path}")
    if made.good or made.bad:
        print(f"{made.good} with a good answer, {made.bad} with a bad one")
    for reason, count in sorted(made.left_out.items()):
        print(f"left out: {count} {reason.replace('_', ' ')}")
    if made.replaced:
        print(f"{made.replaced} pieces of personal data and secrets were replaced")


def exports_as_data(notes: Iterable[ExportNote]) -> list[dict[str, Any]]:
    """Plain data."""
    return [note._asdict() for note in notes]


def print_exports(notes: Sequence[ExportNote]) -> None:
    """A row for each file."""
    if not notes:
        print("nothing was exported")
        return
    table = _table(("when", "format", "calls", "forgotten since", "file"), last_wide=True)
    for one in notes:
        style = "red" if one.forgotten else ""
        gone = Text(str(one.forgotten), style=style)
        table.add_row(_when(one.made_at), one.format, str(one.calls), gone, Text(one.path))
    console().print(table)
    if any(one.forgotten for one in notes):
        print("files with something forgotten still have it: delete them, or export anew")


def queue_as_data(queue: ReviewQueue, agreement: ReviewAgreement | None) -> dict[str, Any]:
    """Plain data."""
    made = {"name": queue.name, "reviews_per_item": queue.reviews_per_item}
    found: dict[str, Any] = {**made, "blind": queue.blind, **queue.progress()._asdict()}
    if agreement is not None:
        found["alpha"] = agreement.alpha.value
        found["alpha_note"] = agreement.alpha.note
        found["observed"] = agreement.alpha.observed
        found["kappa"] = None if agreement.kappa is None else agreement.kappa.value
        found["apart"] = agreement.apart
        found["conflicts"] = list(agreement.conflicts)
    return found


def print_queues(queues: Sequence[ReviewQueue]) -> None:
    """A row for each queue."""
    if not queues:
        print("no review queues")
        return
    table = _table(("queue", "items", "done", "claimed", "reviews by"), last_wide=True)
    for queue in queues:
        at = queue.progress()
        table.add_row(
            Text(queue.name), str(at.items), str(at.done), str(at.claimed), Text(_by(at.submitted))
        )
    console().print(table)


def print_queue(queue: ReviewQueue, agreement: ReviewAgreement | None) -> None:
    """One queue: how far it is, and how far its reviewers agree."""
    at = queue.progress()
    print(f"{queue.name}: {at.done} of {at.items} done, {at.claimed} claimed now")
    print(f"reviews by {_by(at.submitted) or 'nobody yet'}; {queue.reviews_per_item} for each item")
    if agreement is None:
        return
    alpha = agreement.alpha
    print(f"alpha {_number(alpha.value)} beyond chance, {_number(alpha.observed)} as seen", end="")
    print(f" ({alpha.note})" if alpha.note else "")
    if agreement.kappa is not None:
        print(f"kappa {_number(agreement.kappa.value)}")
    for who, share in agreement.apart.items():
        if share:
            print(f"{who} stands alone in {share:.0%} of the reviews that others gave too")
    for name in agreement.conflicts[:_LONGEST]:
        print(f"to talk about: {name}")


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _by(submitted: dict[str, int]) -> str:
    most = sorted(submitted.items(), key=lambda each: (-each[1], each[0]))
    return ", ".join(f"{who} {count}" for who, count in most)


def _table(titles: Iterable[str], *, last_wide: bool) -> Table:
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    names = list(titles)
    for title in names[:-1]:
        table.add_column(title, no_wrap=title in {"when", "of", "format"})
    table.add_column(names[-1], ratio=1 if last_wide else None, overflow="fold")
    return table


def _when(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M")
