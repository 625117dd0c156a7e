"""The ML Test Score, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reliai.evals.ml_test_score.catalogue import SECTIONS, TESTS
from reliai.evals.ml_test_score.scorecard import DAY

if TYPE_CHECKING:
    from reliai.evals.ml_test_score import Point, Scorecard

__all__ = ["print_score"]

_WORTH: Final = {0.0: "0", 0.5: "½", 1.0: "1"}
_STYLE: Final = {0.0: "red", 0.5: "yellow", 1.0: "green"}
_MOST: Final = 7
_HINTS: Final = 3
_SHORT: Final = 24


def print_score(card: Scorecard, console: Console | None = None) -> None:
    """Print the score, its sections, and each test with the run that earned it."""
    console = console or Console(highlight=False)
    console.print(Text(f"ML Test Score {card.score:g}: {card.label}", style="bold"))
    console.print(_sections(card))
    for section in SECTIONS:
        console.print(Text(f"\n{section.capitalize()}", style="bold"))
        console.print(_tests(card, section))
    for name, problem in card.unread.items():
        console.print(Text(f"\n{name} {problem}: it earns nothing", style="yellow"))
    _say_what_next(card, console)


def _sections(card: Scorecard) -> Table:
    table = Table.grid(padding=(0, 2))
    weakest = card.score
    for section, points in card.sections.items():
        bar = "█" * round(2 * points) + "░" * (2 * _MOST - round(2 * points))
        last = "the weakest counts" if points == weakest else ""
        table.add_row(f"  {section}", f"{points:g} of {_MOST}", bar, last)
        weakest = weakest if points != weakest else -1.0  # said once
    return table


def _tests(card: Scorecard, section: str) -> Table:
    table = Table.grid(padding=(0, 1))
    for point in card.points.values():
        if TESTS[point.test].section != section:
            continue
        worth = Text(f" {_WORTH[point.worth]}", style=_STYLE[point.worth])
        table.add_row(worth, Text(point.test), Text(TESTS[point.test].title))
        if point.evidence is not None:
            table.add_row("", "", Text(_said(point, card.at), style="dim"))
    return table


def _said(point: Point, now: float) -> str:
    evidence = point.evidence
    assert evidence is not None  # noqa: S101  asked of those that have some
    link = evidence.link
    shown = link.id[-12:] if len(link.id) > _SHORT else link.id
    run = f"{link.kind} {link.name}" + (f" ({shown})" if shown != link.name else "")
    return f"{run}, {_ago(now - evidence.at)}: {point.why}"


def _ago(seconds: float) -> str:
    if seconds < 0:
        return "in the future"
    if seconds < 5_400:
        return f"{seconds / 60:.0f} min ago"
    return f"{seconds / 3600:.0f} h ago" if seconds < 2 * DAY else f"{seconds / DAY:.0f} days ago"


def _say_what_next(card: Scorecard, console: Console) -> None:
    """The next points to earn: those of the weakest section, for they alone raise the score."""
    weakest = min(card.sections, key=lambda section: card.sections[section])
    lacking = [
        point
        for point in card.points.values()
        if TESTS[point.test].section == weakest and point.worth < 1
    ]
    lacking.sort(key=lambda point: (TESTS[point.test].automation, point.worth))
    if not lacking:
        return
    console.print(Text(f"\nNext, for {weakest}:", style="bold"))
    table = Table.grid(padding=(0, 1))
    for point in lacking[:_HINTS]:
        table.add_row(Text("  "), Text(point.test), Text(TESTS[point.test].how))
    console.print(table)
