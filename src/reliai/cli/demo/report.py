"""The tables at the end: bare against guarded, and what the policies did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from reliai.cli.demo.score import Score
    from reliai.cli.demo.setup import Setup
    from reliai.cli.demo.timeline import Line

__all__ = ["comparison", "happenings"]


def comparison(bare: Score, guarded: Score, setup: Setup) -> Table:
    """The two runs side by side."""
    table = Table(title=f"{bare.calls} calls bare, {guarded.calls} guarded, the same faults")
    table.add_column("")
    table.add_column("bare", justify="right")
    table.add_column("guarded", justify="right", style="bold")
    for label, cell in _rows(setup):
        table.add_row(label, cell(bare), cell(guarded))
    return table


def _rows(setup: Setup) -> Iterator[tuple[str, Callable[[Score], str]]]:
    yield from (
        (f"good answers within {setup.promise:g} s", lambda s: f"{s.success_rate:.1%}"),
        ("  of these by a local fallback", lambda s: f"{s.degraded / s.calls:.1%}"),
        ("failed with an error", lambda s: f"{s.failed / s.calls:.1%}"),
        ("answered too late", lambda s: f"{s.late / s.calls:.1%}"),
        ("latency of answers, p50", lambda s: _seconds(s.p50)),
        ("latency of answers, p99", lambda s: _seconds(s.p99)),
        ("requests a call, outside the outage", lambda s: f"{s.wire_per_call:.2f}"),
        ("requests a call, in the outage", lambda s: f"{s.wire_in_outage:.2f}"),
        ("invalid or half answers delivered", lambda s: str(s.invalid)),
        ("mixed or repeated streams delivered", lambda s: str(s.mixed)),
        ("outage: stopped asking after", lambda s: _each(s.opened)),
        ("outage over: asked again after", lambda s: _each(s.recovered)),
    )
    if setup.right is not None:
        yield setup.right, lambda s: _share(s.right)


def happenings(lines: Iterable[Line]) -> Table:
    """The timeline of the guarded run."""
    table = Table(title="What the policies did in the guarded run", show_lines=False)
    table.add_column("at", justify="right")
    table.add_column("phase", style="cyan")
    table.add_column("function")
    table.add_column("what")
    phase = ""
    for line in lines:
        shown = line.phase if line.phase != phase else ""
        phase = line.phase
        style = "bold" if line.kind.startswith("circuit_") and line.count == 1 else ""
        table.add_row(f"{line.at:.1f} s", shown, line.job, Text(line.text, style=style))
    return table


def _seconds(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.2f} s"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _each(found: dict[str, float]) -> str:
    return ", ".join(f"{job} {_seconds(value)}" for job, value in sorted(found.items())) or "-"
