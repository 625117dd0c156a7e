"""What the policies did, and when: one line for each notable event of the call records."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reliai import CallRecord
    from reliai.cli.demo.phases import Schedule

__all__ = ["Line", "timeline"]

_ONE_BY_ONE = {"circuit_opened", "circuit_closed"}
"""Rare enough for a line each; of the others each phase gets one line, with their number."""

_WORDS = {
    "circuit_opened": "circuit opened",
    "circuit_closed": "circuit closed",
    "fallback": "fallback answered",
    "output_repaired": "answer repaired",
    "reask": "model asked again, told what was wrong",
    "retry": "retried",
    "interrupted": "stream broken off",
}
"""The notable events. What is left out (a refusal by an open circuit, the end of retrying, a probe
let through) shows in the line of what came of it."""

_REASONS = {"rejected": "circuit open", "consecutive": "too many failures in a row"}


@dataclass(slots=True)
class Line:
    """One event, or all of a kind in one phase.

    Attributes:
        at: seconds after the start of the run, of the first of them.
        phase: the phase it fell into.
        job: the guarded function.
        kind: the kind of event.
        count: how many.
        detail: what they were about, with numbers.
    """

    at: float
    phase: str
    job: str
    kind: str
    count: int = 1
    detail: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0

    @property
    def text(self) -> str:
        """For a reader."""
        words = _WORDS[self.kind]
        times = f" {self.count} times" if self.count > 1 else ""
        detail = ", ".join(
            name if number == 1 and len(self.detail) == 1 else f"{number} {name}"
            for name, number in self.detail.most_common()
        )
        waits = f"; waits to {self.longest:.2f} s" if self.longest else ""
        return f"{words}{times}" + (f" ({detail}{waits})" if detail else "")


def timeline(records: Iterable[CallRecord], schedule: Schedule, started_at: float) -> list[Line]:
    """The lines, in order.

    Args:
        records: the records of the guarded calls.
        schedule: the phases.
        started_at: Unix seconds of the start of the run.
    """
    lines: list[Line] = []
    groups: dict[tuple[str, str, str], Line] = {}
    for at, job, kind, attributes in _in_order(records, started_at):
        phase = schedule.at(max(0.0, at)).name
        line = None if kind in _ONE_BY_ONE else groups.get((phase, job, kind))
        if line is None:
            line = groups[phase, job, kind] = Line(at, phase, job, kind, 0)
            lines.append(line)
        line.count += 1
        line.longest = max(line.longest, float(attributes.get("wait") or 0.0))
        about = _about(attributes)
        if about:
            line.detail[about] += 1
    return lines


def _in_order(
    records: Iterable[CallRecord], started_at: float
) -> Iterator[tuple[float, str, str, Mapping[str, Any]]]:
    found = [
        (record.started_at + event.at - started_at, record.name, event.kind, event.attributes)
        for record in records
        for event in record.events
        if event.kind in _WORDS
    ]
    for record in records:
        if record.status == "error" and record.chunks and record.duration is not None:
            end = record.started_at + record.duration - started_at
            error = None if record.error is None else record.error.kind
            found.append((end, record.name, "interrupted", {"error": error}))
    yield from sorted(found, key=lambda event: event[0])


def _about(attributes: Mapping[str, Any]) -> str:
    words = (attributes.get(name) for name in ("error", "reason", "problem"))
    word = next((str(word) for word in words if word), "")
    about = _REASONS.get(word, word.replace("_", " "))
    if attributes.get("open_for"):
        about += f", for {attributes['open_for']:.2g} s"
    return about
