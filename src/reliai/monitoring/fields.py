"""One signal in one slice of one version of a function: its charts, its windows, how it stands."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reliai.monitoring.charting import BLOCK
from reliai.monitoring.drift import Drift
from reliai.monitoring.findings import Finding
from reliai.monitoring.number_chart import NumberChart
from reliai.monitoring.share_chart import ShareChart

if TYPE_CHECKING:
    from reliai.monitoring.references import Reference
    from reliai.monitoring.signals import Signal

__all__ = ["Field", "Tuning"]

MINUTES: Final = 60
"""Minutes of which the level is kept, to be drawn and for spikes."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What holds for all fields of a monitor.

    Attributes:
        arl: records between two false alarms of a quick chart.
        warm_up: records from which a quick chart learns what is normal.
        learn: seconds from which the windows learn what is normal.
        hours_of_week: whether each hour of the week has a reference of its own.
        alpha: of the tests of windows, before it is divided among the fields.
    """

    arl: float = 1e6
    warm_up: int = 200
    learn: float = 86_400.0
    hours_of_week: bool = False
    alpha: float = 1e-3


class Field:
    """What is known of one signal in one slice.

    Attributes:
        signal: which one.
        firing: what each detector that fires found, by its name.
        minutes: the last minutes: [minute, records, sum of what is drawn, and of the chart's].
        unusual: whether more was learnt as normal than the signal usually has.
        seen_at: when the last record came; Unix seconds.
    """

    __slots__ = (
        "_chart",
        "_count",
        "_edge",
        "_learnt",
        "_sum",
        "_tail",
        "_tuning",
        "drift",
        "firing",
        "minutes",
        "seen_at",
        "signal",
        "unusual",
    )

    def __init__(self, signal: Signal, tuning: Tuning, reference: Reference | None) -> None:
        self.signal = signal
        self._tuning = tuning
        self.firing: dict[str, Finding] = {}
        self.minutes: deque[list[float]] = deque(maxlen=MINUTES)
        self.seen_at = float("-inf")
        self._chart = _chart(signal, tuning, reference)
        self._edge = self._sum = 0.0
        self._count = 0
        self._learnt = reference is not None
        self.unusual = False
        self._tail: ShareChart | None = None
        if reference is not None and signal.quantile is not None:
            self._watch_tail(reference.quantile(signal.quantile), reference.n)
        chart = self._chart
        seen_as = chart.seen_as if isinstance(chart, NumberChart) else None
        self.drift = Drift(signal, tuning, reference, seen_as)

    @property
    def ready(self) -> bool:
        """Whether enough is known to judge."""
        return self._chart.ready if self._chart is not None else self.drift.ready

    @property
    def normal(self) -> float | None:
        """What is normal, in the unit of the signal; None while it is not known."""
        chart = self._chart
        if chart is None or not chart.ready:
            return None
        return chart.share if isinstance(chart, ShareChart) else chart.value_at(chart.level)

    def described(self) -> dict[str, Any]:
        """How it stands, as plain data."""
        total = self.total
        return {
            "kind": self.signal.kind,
            "n": total.n,
            "null": total.null,
            "value": total.value,
            "reference": self.normal,
            "minutes": [
                [minute * 60.0, n, amount / n if n else None]
                for minute, n, amount, _ in self.minutes
            ],
            "windows": self.drift.described(),
        }

    @property
    def total(self) -> Any:
        """The window since the start."""
        return self.drift.total()

    def absorb(self, window: Any, now: float) -> list[Finding] | None:
        """Add a window that another process counted; what was found, if anything."""
        self.seen_at = max(self.seen_at, now)
        return self._noted(self.drift.absorb(window, now), None)

    def take(self, value: Any, now: float) -> list[Finding] | None:
        """Take a value in; what was found, if anything."""
        drift = self.drift
        if value is None:
            drift.window.null += 1
            return None
        found: list[Finding] | None = None
        if now > self.seen_at:  # noqa: PLR1730  a third quicker, and on every record
            self.seen_at = now
        minute = now // 60.0
        minutes = self.minutes
        if not minutes or minutes[-1][0] < minute:
            found = self._end_minute(minute)
        if not self._count:
            drift.begin(now)
        drift.window.add(value)
        last = minutes[-1]
        last[1] += 1.0
        before = last[3]
        kind = self.signal.kind
        if kind == "number":
            found = self._take_number(value, now, last, found)
        elif kind == "share":
            found = self._take_share(value, now, last, found)
        elif kind == "vector":
            drift.keep(value)
        self._sum += last[3] - before
        self._count += 1
        if self._count >= BLOCK:
            found = self._noted(drift.end(now, self._count, self._sum), found)
            self._count, self._sum = 0, 0.0
        return found

    def _take_number(
        self, value: float, now: float, minute: list[float], found: list[Finding] | None
    ) -> list[Finding] | None:
        chart: Any = self._chart
        was = chart.firing
        if chart.add(value, now) or chart.firing != was:
            found = self._sudden_number(chart, found)
        minute[2] += value
        minute[3] += chart.latest
        return found if self.signal.quantile is None else self._take_tail(value, now, found)

    def _take_share(
        self, value: object, now: float, minute: list[float], found: list[Finding] | None
    ) -> list[Finding] | None:
        chart: Any = self._chart
        was = chart.firing
        if chart.add(value, now) or chart.firing != was:
            found = self._sudden_share(chart, found)
        if not self._learnt and chart.ready:
            self._learnt = True
            usual = self.signal.usual
            self.unusual = usual is not None and chart.share > usual
            found = found or []
        if value:
            minute[2] += 1.0
            minute[3] += 1.0
        return found

    def _take_tail(
        self, value: float, now: float, found: list[Finding] | None
    ) -> list[Finding] | None:
        tail = self._tail
        if tail is None:
            if self._chart is not None and self._chart.ready:
                total = self.total
                self._watch_tail(total.quantile(self.signal.quantile), total.n)
            return found
        was = tail.firing
        if tail.add(value > self._edge, now) or tail.firing != was:
            found = self._far_out(tail, found)
        return found

    def _watch_tail(self, edge: float, records: int) -> None:
        quantile = self.signal.quantile
        if quantile is not None:
            self._edge = edge
            share = 1.0 - quantile
            self._tail = ShareChart(arl=self._tuning.arl, reference=share, records=records)
            memory = self._chart.memory if isinstance(self._chart, NumberChart) else 0.0
            # Of numbers that hang together, those far out do so about half as much.
            self._tail.scatter.at_least((1 + memory**2) / (1 - memory**2))

    def _noted(
        self, more: list[Finding] | None, found: list[Finding] | None
    ) -> list[Finding] | None:
        for each in more or ():
            found = self._note(found, each)
        return found

    def _end_minute(self, minute: float) -> list[Finding] | None:
        found = None
        if self.minutes:
            if self._chart is not None:
                self.drift.inflation = self._chart.inflation
            found = self._noted(self.drift.minute_ended(self.minutes), None)
        self.minutes.append([minute, 0.0, 0.0, 0.0])
        return found

    def _note(self, found: list[Finding] | None, new: Finding) -> list[Finding]:
        if new.firing:
            self.firing[new.detector] = new
        else:
            self.firing.pop(new.detector, None)
        return [*(found or ()), new]

    def _sudden_share(self, chart: ShareChart, found: list[Finding] | None) -> list[Finding] | None:
        if not chart.firing:
            return self._note(found, Finding("sudden", firing=False))
        now = chart.recent
        before = _percent(chart.share)
        text = f"{_percent(now)} of the last {chart.recent_records} records, {before} before"
        evidence = {
            "share": now,
            "records": chart.recent_records,
            "share_before": chart.share,
            "likely_share": chart.alarmed or 0.0,
            "likelihood_ratio": self._tuning.arl,
        }
        return self._note(found, Finding("sudden", firing=True, text=text, evidence=evidence))

    def _sudden_number(
        self, chart: NumberChart, found: list[Finding] | None
    ) -> list[Finding] | None:
        if not chart.firing:
            return self._note(found, Finding("sudden", firing=False))
        before, now = chart.value_at(chart.level), chart.value_at(chart.recent)
        shift = (chart.recent - chart.level) / chart.deviation
        text = f"about {now:.3g} in the last {chart.recent_records} records, {before:.3g} before"
        evidence = {
            "level": now,
            "records": chart.recent_records,
            "level_before": before,
            "shift_in_standard_deviations": shift,
            "likelihood_ratio": self._tuning.arl,
        }
        return self._note(found, Finding("sudden", firing=True, text=text, evidence=evidence))

    def _far_out(self, tail: ShareChart, found: list[Finding] | None) -> list[Finding] | None:
        if not tail.firing:
            return self._note(found, Finding("tail", firing=False))
        text = (
            f"{_percent(tail.recent)} of the last {tail.recent_records} records are above "
            f"{self._edge:.3g}, {_percent(tail.share)} before"
        )
        evidence = {
            "above": self._edge,
            "share": tail.recent,
            "records": tail.recent_records,
            "share_before": tail.share,
            "likelihood_ratio": self._tuning.arl,
        }
        return self._note(found, Finding("tail", firing=True, text=text, evidence=evidence))


def _percent(share: float) -> str:
    return f"{100.0 * share:.3g}%"


def _chart(
    signal: Signal, tuning: Tuning, reference: Reference | None
) -> ShareChart | NumberChart | None:
    if signal.kind == "share":
        return ShareChart(
            arl=tuning.arl,
            warm_up=tuning.warm_up,
            reference=None if reference is None else reference.share,
            records=None if reference is None else reference.records,
            shift=signal.shift,
            both=signal.both,
        )
    if signal.kind == "number":
        return NumberChart(
            scale=signal.scale,
            arl=tuning.arl,
            warm_up=tuning.warm_up,
            reference=None if reference is None else reference.values,
            shift=signal.shift,
        )
    return None
