"""Charts as numbers to draw: the template draws them as SVG, and writes a table beside each."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Chart", "Series", "bar_chart", "line_chart", "sparkline"]

WIDTH: Final = 560.0
HEIGHT: Final = 200.0
_LEFT: Final = 56.0
_RIGHT: Final = 10.0
_TOP: Final = 12.0
_BOTTOM: Final = 26.0
_DAY: Final = 86_400.0
_STEPS: Final = (60, 300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, _DAY, 2 * _DAY, 7 * _DAY)
"""Seconds between two marks of the axis of time."""


class Series(NamedTuple):
    """What is drawn.

    Attributes:
        name: of the line or the part of the bars.
        values: one for each moment; None where nothing is known.
        look: classes of the style sheet.
    """

    name: str
    values: Sequence[float | None]
    look: str = ""


class Bar(NamedTuple):
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    look: str
    words: str


class Dot(NamedTuple):
    """A point."""

    x: float
    y: float
    look: str


class Line(NamedTuple):
    """A line, as a path of SVG."""

    path: str
    look: str


class Tick(NamedTuple):
    """A mark on an axis."""

    at: float
    words: str


class Chart(NamedTuple):
    """All that the template draws.

    Attributes:
        title: what it shows.
        summary: the same in a sentence with numbers, for who cannot see it.
        bars, lines, dots: the data.
        limit: the height of a line that should not be crossed; None for none.
        x, y: marks of the axes.
        head, rows: the table beside it.
        legend: name and look of each series, where there are several.
    """

    title: str
    summary: str
    bars: list[Bar]
    lines: list[Line]
    limit: float | None
    x: list[Tick]
    y: list[Tick]
    head: list[str]
    rows: list[list[str]]
    legend: list[tuple[str, str]]
    width: float = WIDTH
    height: float = HEIGHT
    left: float = _LEFT
    dots: Sequence[Dot] = ()


class _Frame:
    """From values to places."""

    def __init__(self, begin: float, end: float, low: float, high: float) -> None:
        self.begin, self.end, self.low = begin, max(end, begin + 1e-9), low
        self.high = high if high > low else low + 1.0

    def x(self, at: float) -> float:
        share = (at - self.begin) / (self.end - self.begin)
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 2)

    def y(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 2)


def bar_chart(
    title: str,
    times: Sequence[float],
    width: float,
    series: Sequence[Series],
    words: Callable[[float], str],
) -> Chart:
    """Bars of several parts, one on another.

    Args:
        title: what is counted.
        times: when each bar begins; Unix seconds.
        width: seconds of a bar.
        series: the parts, the lowest first.
        words: how a value is written.
    """
    totals = [sum(s.values[i] or 0.0 for s in series) for i in range(len(times))]
    frame = _Frame(times[0], times[-1] + width, 0.0, _nice(max(totals, default=0.0)))
    bars: list[Bar] = []
    for index, at in enumerate(times):
        left, right = frame.x(at), frame.x(at + width)
        gap = 1.0 if right - left > 4 else 0.0
        below = 0.0
        for part in series:
            value = part.values[index] or 0.0
            if value > 0:
                top, foot = frame.y(below + value), frame.y(below)
                said = f"{_moment(at, times)}: {words(value)} {part.name}"
                size = (right - left - gap, round(foot - top, 2))
                bars.append(Bar(left, top, round(size[0], 2), size[1], part.look, said))
                below += value
    summary = f"{title}: {words(sum(totals))} in all, at most {words(max(totals, default=0.0))}"
    drawn = _drawn(title, summary, times, series, words)
    return drawn._replace(bars=bars, x=_moments(frame, times), y=_levels(frame, words))


def line_chart(
    title: str,
    times: Sequence[float],
    series: Sequence[Series],
    words: Callable[[float], str],
    *,
    limit: float | None = None,
    low: float = 0.0,
    high: float | None = None,
) -> Chart:
    """Lines that are interrupted where nothing is known.

    Args:
        title: what is shown.
        times: of the values; Unix seconds.
        series: the lines.
        words: how a value is written.
        limit: a value to draw a line at.
        low: where the axis begins, unless a value is below.
        high: where it ends, at least; None for the largest value.
    """
    known = [value for each in series for value in each.values if value is not None]
    marks = [*known, *([] if limit is None else [limit])]
    bottom = min([low, *marks])
    top = _nice(max(marks, default=0.0)) if high is None else max([high, *marks])
    frame = _Frame(times[0], times[-1], bottom if bottom >= 0 else -_nice(-bottom), top)
    lines = [Line(_path(frame, times, each.values), each.look) for each in series]
    ends = [(each.name, _last(each.values)) for each in series]
    last = ", ".join(f"{name} {words(value)}" for name, value in ends if value is not None)
    summary = f"{title}: {f'last {last}' if last else 'nothing is known'}"
    drawn = _drawn(title, summary, times, series, words)
    at = None if limit is None else frame.y(limit)
    x, y = _moments(frame, times), _levels(frame, words)
    dots = [dot for each in series for dot in _dots(frame, times, each)]
    return drawn._replace(lines=lines, dots=dots, limit=at, x=x, y=y)


def sparkline(values: Sequence[float | None]) -> str:
    """A small line without axes, 120 wide and 24 high, as a path of SVG; empty for one value."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return ""
    low, span = min(known), (max(known) - min(known)) or 1.0
    wide = 116 / (len(values) - 1)
    path, pen = "", "M"
    for index, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        path += f"{pen}{2 + index * wide:.1f} {22 - 20 * (value - low) / span:.1f}"
        pen = "L"
    return path


def _drawn(
    title: str,
    summary: str,
    times: Sequence[float],
    series: Sequence[Series],
    words: Callable[[float], str],
) -> Chart:
    """A chart with its table, and nothing drawn yet."""
    rows = [
        [_moment(at, times), *("" if (v := s.values[i]) is None else words(v) for s in series)]
        for i, at in enumerate(times)
        if any(s.values[i] is not None for s in series)
    ]
    legend = [(each.name, each.look) for each in series] if len(series) > 1 else []
    head = ["Time", *(each.name for each in series)]
    return Chart(title, summary, [], [], None, [], [], head, rows, legend)


def _moments(frame: _Frame, times: Sequence[float]) -> list[Tick]:
    """Marks at round hours, or days, of the clock on the wall."""
    span = frame.end - frame.begin
    most = 3 if len(_moment(frame.begin, times)) > 6 else 5  # long words need room
    step = next((each for each in _STEPS if span / each <= most), _STEPS[-1] * 4)
    offset = datetime.fromtimestamp(frame.begin).astimezone().utcoffset() or timedelta()
    shift = offset.total_seconds()
    first = math.ceil((frame.begin + shift) / step) * step - shift
    moments = [first + number * step for number in range(int((frame.end - first) / step) + 1)]
    return [Tick(frame.x(at), _moment(at, times)) for at in moments if at <= frame.end]


def _levels(frame: _Frame, words: Callable[[float], str]) -> list[Tick]:
    low, high = frame.low, frame.high
    levels = [low, 0.0, high] if low < 0 < high else [low, (low + high) / 2, high]
    if words(levels[1]) in {words(low), words(high)}:
        del levels[1]
    return [Tick(frame.y(value), words(value)) for value in levels]


def _path(frame: _Frame, times: Sequence[float], values: Sequence[float | None]) -> str:
    path, pen = "", "M"
    for at, value in zip(times, values, strict=True):
        if value is None:
            pen = "M"
            continue
        path += f"{pen}{frame.x(at)} {frame.y(value)}"
        pen = "L"
    return path


def _dots(frame: _Frame, times: Sequence[float], each: Series) -> list[Dot]:
    """The points that stand alone between two gaps, which no line shows."""
    known = [None, *each.values, None]
    alone = (
        number
        for number, value in enumerate(each.values)
        if value is not None and known[number] is None and known[number + 2] is None
    )
    return [Dot(frame.x(times[n]), frame.y(each.values[n] or 0.0), each.look) for n in alone]


def _last(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _nice(value: float) -> float:
    """A round number that is not below this one."""
    if value < 1e-300 or not math.isfinite(value):
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 4, 6, 8, 10) if step * power >= value * (1 - 1e-9))


def _moment(at: float, times: Sequence[float]) -> str:
    """A moment, as exact as the span needs."""
    local = datetime.fromtimestamp(at).astimezone()
    if times[-1] - times[0] > 2 * _DAY:
        return local.strftime("%b %d" if times[-1] - times[0] > 6 * _DAY else "%b %d %H:%M")
    return local.strftime("%H:%M")
