"""What is shown while a run goes on: one moving line on a terminal, one line a phase elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Self

from rich.live import Live
from rich.text import Text

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from reliai.cli.demo.load import Delivery, Load
    from reliai.cli.demo.phases import Phase, Schedule

__all__ = ["Progress"]

_MARKS = {"good": ("█", "green"), "degraded": ("▒", "yellow"), "bad": ("x", "red")}
_SHOWN = 40


class Progress:
    """Follows one run. Use it with `with`, and as the `done` of the load.

    Args:
        console: where to write.
        title: "bare" or "guarded".
        schedule: the phases.
        load: the calls that will be made.
    """

    def __init__(self, console: Console, title: str, schedule: Schedule, load: Load) -> None:
        self._console = console
        self._title = title
        self._schedule = schedule
        self._lock = threading.Lock()
        self._marks: list[str] = []
        self._by_phase: dict[str, list[str]] = {phase.name: [] for phase in schedule.phases}
        self._live: Live | None = None
        self._started = 0.0
        self._said = 0
        self._expected = Counter(schedule.at(due).name for due in load.moments())
        self._promise = load.setup.promise

    def __enter__(self) -> Self:
        self._started = time.monotonic()
        if self._console.is_terminal:
            live = Live(console=self._console, get_renderable=self._line, refresh_per_second=8)
            live.start()
            self._live = live
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.transient = True
            self._live.stop()
            self._say_phases()

    def __call__(self, delivery: Delivery) -> None:
        """Count a call that has ended."""
        verdict = delivery.verdict(self._promise)
        mark = verdict if verdict in _MARKS else "bad"
        with self._lock:
            self._marks.append(mark)
            self._by_phase[self._schedule.at(delivery.due).name].append(mark)
        if self._live is None:
            self._say_phases()

    def _line(self) -> Text:
        elapsed = time.monotonic() - self._started
        phase = self._schedule.at(elapsed)
        line = Text.assemble(
            (f"{self._title:<8}", "bold"), f" {elapsed:5.1f} s  ", (f"{phase.name:<14}", "cyan")
        )
        with self._lock:
            marks = self._marks[-_SHOWN:]
        for mark in marks:
            line.append(*_MARKS[mark])
        return line

    def _say_phases(self) -> None:
        """A line for each further phase whose calls have all ended."""
        with self._lock:
            for phase in self._schedule.phases[self._said :]:
                if len(self._by_phase[phase.name]) < self._expected[phase.name]:
                    break
                self._said += 1
                self._console.print(self._summary(phase))

    def _summary(self, phase: Phase) -> Text:
        marks = self._by_phase[phase.name]
        good, degraded = marks.count("good"), marks.count("degraded")
        line = Text.assemble(
            (f"{self._title:<8}", "bold"),
            f"{self._schedule.span(phase.name)[0]:6.1f} s  ",
            (f"{phase.name:<14}", "cyan"),
            f"{len(marks):>4} calls {good:>4} good",
        )
        line.append(f" {degraded:>4} degraded", "yellow" if degraded else "dim")
        bad = len(marks) - good - degraded
        line.append(f" {bad:>4} bad", "red" if bad else "dim")
        return line
