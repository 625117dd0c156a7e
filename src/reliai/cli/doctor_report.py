"""Printing what `reliai doctor` found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

if TYPE_CHECKING:
    from reliai.cli.doctor import Examination, Finding

__all__ = ["print_findings"]


def print_findings(target: str, examined: Examination) -> None:
    """Print one paragraph for each finding, and a last line that counts them."""
    console = Console(highlight=False)
    for finding in examined.problems:
        _print(console, "problem", "red", finding)
    for finding in examined.notes:
        _print(console, "note", "cyan", finding)
    functions, problems = len(examined.functions), len(examined.problems)
    console.print(
        f"{target}: {_count(functions, 'guarded function')}, "
        f"{_count(problems, 'problem')}, {_count(len(examined.notes), 'note')}"
    )
    if not functions:
        console.print("Guard a function with @reliai.reliable(…) around its model call.")


def _print(console: Console, what: str, style: str, finding: Finding) -> None:
    console.print(Text.assemble((what, style), "  ", (finding.where, "bold")))
    console.print(Padding(Text(finding.what), (0, 0, 1, 4)))


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
