"""A call's attempts on a line of time, as numbers to draw."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from reliai.ui.words import seconds

if TYPE_CHECKING:
    from reliai.records.stored import StoredCall

__all__ = ["Timeline", "timeline_of"]

_WIDTH: Final = 1000.0
_LEFT: Final = 120.0
_ROW: Final = 30.0
_TOP: Final = 24.0
_THINNEST: Final = 3.0


class Bar(NamedTuple):
    """An attempt: where it is drawn, and how."""

    y: float
    x: float
    width: float
    wait_x: float
    wait_width: float
    label: str
    words: str
    status: str
    words_x: float
    anchor: str


class Mark(NamedTuple):
    """An event: where it is drawn."""

    x: float
    words: str


class Timeline(NamedTuple):
    """What is drawn of a call."""

    height: float
    bars: list[Bar]
    marks: list[Mark]
    ticks: list[tuple[float, str]]
    label: str


def timeline_of(call: StoredCall) -> Timeline | None:
    """The attempts and events of a call that has any attempt; None otherwise."""
    ends = [a.started_at - call.started_at + (a.duration or 0.0) for a in call.attempts]
    total = max([call.duration or 0.0, *ends])
    if not call.attempts or not 0 < total < math.inf:
        return None
    scale = (_WIDTH - _LEFT - 10) / total

    def place(at: float) -> float:
        return round(_LEFT + scale * min(max(at, 0.0), total), 2)

    bars: list[Bar] = []
    for row, attempt in enumerate(call.attempts):
        at = max(0.0, attempt.started_at - call.started_at)
        x = place(at)
        width = max(_THINNEST, round(place(at + (attempt.duration or 0.0)) - x, 2))
        wait = place(max(0.0, at - (attempt.wait or 0.0)))
        right = x + width < 0.72 * _WIDTH
        words = " ".join(filter(None, (seconds(attempt.duration), attempt.status or "running")))
        bars.append(
            Bar(
                y=_TOP + row * _ROW,
                x=x,
                width=width,
                wait_x=wait,
                wait_width=round(x - wait, 2),
                label=f"{attempt.number}  {_cut(attempt.target or '?')}",
                words=words,
                status=attempt.status or "running",
                words_x=x + width + 8 if right else x - 8,
                anchor="start" if right else "end",
            )
        )
    marks = [
        Mark(place(event.at), f"{event.kind.replace('_', ' ')} at {seconds(event.at)}")
        for event in call.events
    ]
    ticks = [(place(total * part / 4), seconds(total * part / 4)) for part in range(5)]
    count = len(call.attempts)
    label = f"{count} attempt{'' if count == 1 else 's'} over {seconds(total)}"
    return Timeline(_TOP + count * _ROW + 22, bars, marks, ticks, label)


def _cut(name: str) -> str:
    return name if len(name) <= 13 else f"…{name[-12:]}"
