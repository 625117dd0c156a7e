"""What a run prints: tables of plain text, and the targets with met or missed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from benchmarks._targets import Verdict


def say(text: str = "") -> None:
    """Print a line at once, so that a long run shows where it is."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def number(value: float | None) -> str:
    """Three significant digits, thousands grouped; `-` for nothing."""
    if value is None:
        return "-"
    size = abs(value)
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if size >= 10 else f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def table(title: str, heads: Sequence[str], lines: Iterable[Sequence[str]]) -> None:
    """A title, a head line and right-aligned columns after the first."""
    rows = [tuple(heads), *(tuple(line) for line in lines)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(heads))]
    say(f"\n{title}")
    for row in rows:
        first = row[0].ljust(widths[0])
        rest = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
        say("  ".join(("", first, *rest)))


def conclude(judged: Sequence[Verdict], skipped: Mapping[str, str]) -> None:
    """The targets with what was measured, and the rows that could not run."""
    lines = [
        (
            f"{one.letter}. {one.what}",
            f"{'>=' if one.more_is_better else '<='} {number(one.limit)} {one.unit}",
            number(one.median),
            number(one.best),
            one.met,
        )
        for one in judged
    ]
    if lines:
        table("Targets", ("", "target", "median", "best", ""), lines)
    for key, reason in skipped.items():
        say(f"  skipped {key}: {reason}")
