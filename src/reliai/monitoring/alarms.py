"""Findings become alerts: one for a field at a time, not again within the hour, and its end.

While the whole traffic is firing, its slices are not told of beside it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from reliai.monitoring.alert import Alert

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.monitoring.changes import ChangeLog
    from reliai.monitoring.fields import Field

__all__ = ["Alarms", "Place"]

COOLDOWN: Final = 3600.0
"""Seconds after the beginning of an alert in which a new one of the same field is not told."""

SILENT: Final = 3600.0
"""Seconds without records after which what was firing is over."""

MOST_KEYS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was found: the function, the signal and the slice."""

    name: str
    signal: str
    slice: str

    @property
    def key(self) -> str:
        """What an alert of it is known by."""
        said = f"{self.name}\0{self.signal}\0{self.slice}"
        return "reliai-" + hashlib.sha256(said.encode()).hexdigest()[:24]


@dataclass(slots=True)
class _Alarm:
    place: Place
    fields: dict[int, Field] = field(default_factory=dict)
    alert: Alert | None = None
    """What was told; None while nothing is, or it is held back."""
    told_at: float = float("-inf")


class Alarms:
    """The alarms of a monitor.

    Args:
        changes: what is listed as changed just before.
        cooldown: seconds.
    """

    def __init__(self, changes: ChangeLog, cooldown: float = COOLDOWN) -> None:
        self._changes = changes
        self._cooldown = cooldown
        self._alarms: dict[Place, _Alarm] = {}
        self._events: dict[str, Alert] = {}

    def changed(self, place: Place, found: Field, now: float) -> Iterator[Alert]:
        """The detectors of a field have found something, or that something is over."""
        alarm = self._alarms.get(place)
        if alarm is None:
            if not found.firing:
                return
            if len(self._alarms) >= MOST_KEYS:
                self._forget(now)
            alarm = self._alarms[place] = _Alarm(place)
        if found.firing:
            alarm.fields[id(found)] = found
        else:
            alarm.fields.pop(id(found), None)
        yield from self._told(alarm, now)

    def gone(self, place: Place, found: Field, now: float) -> Iterator[Alert]:
        """A field is no longer watched, or gets no records any more."""
        alarm = self._alarms.get(place)
        if alarm is not None and alarm.fields.pop(id(found), None) is not None:
            yield from self._told(alarm, now, "no more records")

    def event(self, alert: Alert) -> Iterator[Alert]:
        """Tell of something that happened once; it counts as over after the cooldown."""
        if alert.key not in self._events:
            self._events[alert.key] = alert
            yield alert

    def tick(self, now: float) -> Iterator[Alert]:
        """Time has passed: tell what was held back, and what is over."""
        for alarm in list(self._alarms.values()):
            silent = [each for each in alarm.fields.values() if each.seen_at < now - SILENT]
            for each in silent:
                del alarm.fields[id(each)]
            yield from self._told(alarm, now, "no more records" if silent else "back to normal")
        for key, alert in list(self._events.items()):
            if alert.at < now - self._cooldown:
                del self._events[key]
                yield replace(alert, state="resolved", at=now, summary=f"{alert.summary} (told)")

    def firing(self) -> list[Alert]:
        """What fires, the oldest first."""
        found = [each.alert for each in self._alarms.values() if each.alert is not None]
        return sorted([*found, *self._events.values()], key=lambda alert: alert.at)

    def _told(self, alarm: _Alarm, now: float, why: str = "back to normal") -> Iterator[Alert]:
        if alarm.fields and alarm.alert is None:
            if now - alarm.told_at >= self._cooldown and not self._told_of_all(alarm.place):
                alarm.told_at = now
                alarm.alert = self._alert(alarm, now)
                yield alarm.alert
        elif not alarm.fields and alarm.alert is not None:
            alert, alarm.alert = alarm.alert, None
            where = _where(alarm.place)
            yield replace(alert, state="resolved", at=now, summary=f"{where}: over; {why}")

    def _told_of_all(self, place: Place) -> bool:
        """Whether the same was told of the whole traffic; its slices wait till that is over."""
        whole = self._alarms.get(Place(place.name, place.signal, "")) if place.slice else None
        return whole is not None and whole.alert is not None

    def _alert(self, alarm: _Alarm, now: float) -> Alert:
        place = alarm.place
        found = next(iter(alarm.fields.values()))
        findings = list(found.firing.values())
        evidence: dict[str, Any] = {"detector": ", ".join(each.detector for each in findings)}
        for each in findings:
            evidence.update(each.evidence)
        changes = self._changes.before(place.name, now)
        text = "; ".join(each.text for each in findings)
        return Alert(
            key=place.key,
            name=place.name,
            signal=place.signal,
            slice=place.slice,
            severity=found.signal.severity,
            state="firing",
            at=now,
            summary=f"{_where(place)}: {text}{_after(changes)}",
            evidence=evidence,
            changes=changes,
        )

    def _forget(self, now: float) -> None:
        """Let go of what neither fires nor is cooling down."""
        for place, alarm in list(self._alarms.items()):
            if not alarm.fields and now - alarm.told_at >= self._cooldown:
                del self._alarms[place]


def _where(place: Place) -> str:
    slice_text = f" in {place.slice}" if place.slice else ""
    return f"{place.name}: {place.signal}{slice_text} changed"


def _after(changes: Any) -> str:
    if not changes:
        return ""
    last = changes[0]
    return f"; shortly before, {last.kind} changed from {last.before} to {last.after}"
