"""The monitor: an observer that watches signals in slices of the traffic and says what changed."""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core.forking import renew_after_fork
from reliai.errors import ConfigurationError
from reliai.monitoring._checking import checked_signals, checked_slos, flag, number, whole
from reliai.monitoring._notices import judge_of, learnt, served
from reliai.monitoring.alarms import COOLDOWN, Alarms, Place
from reliai.monitoring.changes import ChangeLog
from reliai.monitoring.fields import Tuning
from reliai.monitoring.routing import Routing
from reliai.monitoring.series import Book
from reliai.monitoring.slices import MOST_SLICES, slicers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reliai._core.record import CallRecord
    from reliai._core.scores import Score
    from reliai.monitoring.alert import Alert
    from reliai.monitoring.signals import Signal

__all__ = ["Monitor"]

_logger = logging.getLogger("reliai")

TICK: Final = 60.0
"""Seconds, by the records, after which it is looked whether something is over."""

JUDGE: Final = 1.0
"""Seconds, by the records, after which objectives are judged anew."""

AHEAD: Final = 60.0
"""Seconds by which a record may be ahead of this process's clock; what is more is a wrong clock."""

MOST: Final = 1e150
"""Of numbers: the squares of larger ones cannot be summed."""

SCHEMA: Final = 1


class Monitor:
    """Watches calls and raises alerts: an observer, for `configure(observers=[…])`.

    Each signal is watched over all calls of a function and in each slice. What is normal is learnt
    from the first records of a version (policies, model asked for, prompt), or given as a
    reference. A sudden change shows within tens of records; a slow one in windows of 500 records
    and more, against a frozen reference. Time is that of the records, so stored calls can be looked
    at in the same way: `for call in store.calls(): monitor.on_end(call)`.

    Calls of shadows and of experiments (`environment="eval"`) are left out.

    Args:
        signals: what to watch, of `reliai.monitoring.signals`; None for errors, latency, cost and
            refusals.
        slices: parts of the traffic: "variant", "tenant", "model", "provider", "target",
            "tag:NAME", or a named function of the record.
        slos: objectives.
        alerts: where alerts go, of `reliai.monitoring.alerts`; None for the log.
        reference: call records in good health, or a file of values; None to learn. A signal's own
            goes before.
        warm_up: records from which a chart learns what is normal, from 50 up.
        learn: seconds from which the windows learn; a day, so that the day's ups and downs are
            normal. With a reference, nothing is learnt.
        arl: records between two false alarms of a chart, on average at least, of independent ones.
        hours_of_week: whether each hour of the week has a reference of its own; `learn` is then
            two weeks at least.
        cooldown: seconds from an alert in which the same field raises no further one.
        max_slices: values of each kind of slice that are told apart; the rest is `_other`.
        max_fields: signals times slices times versions at most; of further ones nothing is watched.
        inline: whether records are looked at in the call path instead of on the observers' thread.

    Raises:
        ConfigurationError: for a setting that is none, or without the extra `monitoring`.
    """

    def __init__(
        self,
        signals: Iterable[Signal] | None = None,
        *,
        slices: Iterable[str | Callable[[Any], str | None]] = (),
        slos: Iterable[Any] = (),
        alerts: Iterable[Any] | None = None,
        reference: Any = None,
        warm_up: int = 200,
        learn: float = 86_400.0,
        arl: float = 1e6,
        hours_of_week: bool = False,
        cooldown: float = COOLDOWN,
        max_slices: int = MOST_SLICES,
        max_fields: int = 5000,
        inline: bool = False,
    ) -> None:
        for package in ("numpy", "scipy"):
            if find_spec(package) is None:
                message = (
                    f'{package} is not installed; it comes with: pip install "reliai[monitoring]"'
                )
                raise ConfigurationError(message)
        self.inline = flag("inline", inline)
        self.signals = checked_signals(signals)
        self.reads_content = any(signal.reads_content for signal in self.signals)
        self._slicers = slicers(slices, whole("max_slices", max_slices, 1))
        self._slos = checked_slos(slos)
        tuning = Tuning(
            arl=number("arl", arl, 100.0),
            warm_up=whole("warm_up", warm_up, 50),
            learn=number("learn", learn, 0.0),
            hours_of_week=flag("hours_of_week", hours_of_week),
        )
        self._cooldown = number("cooldown", cooldown, 0.0)
        self._book = Book(
            self.signals, tuning, reference, whole("max_fields", max_fields, len(self.signals))
        )
        if alerts is None:
            from reliai.monitoring.alerts import log  # noqa: PLC0415  asked for by default only

            alerts = (log(),)
        self._routing = Routing(alerts)
        self._broken: set[str] = set()
        self._unmet = _named_functions(self.signals, self._slos)
        self._begin()
        renew_after_fork(self)

    def _begin(self) -> None:
        self._lock = threading.RLock()
        self._source = uuid.uuid4().hex
        self._changes = ChangeLog()
        self._alarms = Alarms(self._changes, self._cooldown)
        self._now = self._ticked = self._judged = float("-inf")

    def _renew(self) -> None:
        """In a forked child: what was seen, and what fires, is the parent's to tell and merge."""
        self._book = self._book.empty()
        self._begin()

    def on_end(self, record: CallRecord) -> None:
        """Look at an ended call; of a store, too."""
        duration = record.duration
        if duration is None or record.environment == "eval" or "shadow" in record.tags:
            return
        now = record.started_at + duration
        if not abs(now) < float("inf"):
            return
        with self._lock:
            told = self._take(record, self._plausible(now))
        for alert in told:
            self._routing.put(alert)

    def on_score(self, call_id: str, record: CallRecord | None, score: Score) -> None:
        """Take in what an evaluator made of a call, for `signals.score` of that name.

        Scores of each evaluator and version are watched by themselves: a new judge is no change of
        what is judged. Scores of calls that nobody remembers any more do not count.
        """
        name, value = f"score:{score.name}", score.value
        if record is None or value is None or record.duration is None:
            return
        told: list[Alert] = []
        with self._lock:
            ended = self._plausible(record.started_at + record.duration)
            now = self._now = max(self._now, ended)
            series, _ = self._book.series_of(record, self._changes, now)
            for signal in series.signals:
                if signal.name != name:
                    continue
                for place in self._places(record):
                    where = ", ".join(filter(None, (place, judge_of(score))))
                    field = series.score_field(where, signal)
                    if field is not None and field.take(value, now) is not None:
                        found = Place(record.name, name, where)
                        told += self._alarms.changed(found, field, now)
        for alert in told:
            self._routing.put(alert)

    def _plausible(self, moment: float) -> float:
        """A moment, unless it is still to come: one wrong clock must not end all judging till then.

        The clock is asked only for what is well ahead of all records so far.
        """
        if moment <= self._now + AHEAD:
            return moment
        return min(moment, clock.active().time() + AHEAD)

    def _places(self, record: Any) -> list[str]:
        places = [""]
        for slicer in self._slicers:
            found = self._sliced(slicer, record)
            if found is not None:
                places.append(found)
        return places

    def _take(self, record: Any, now: float) -> list[Alert]:
        if self._unmet:
            self._meet(record.name)
        self._now = max(self._now, now)
        series, changes = self._book.series_of(record, self._changes, now)
        told: list[Alert] = []
        for change in changes:
            if change.kind == "model_served":
                told += self._alarms.event(served(record.name, change))
        series.stats.take(record, now)
        values = [self._value(signal, record) for signal in series.signals]
        for where in self._places(record):
            for field, value in zip(series.fields(where), values, strict=False):
                if field.take(value, now) is not None:
                    place = Place(record.name, field.signal.name, where)
                    told += self._alarms.changed(place, field, now)
                    if field.unusual:
                        field.unusual = False
                        told += self._alarms.event(learnt(place, field, now))
        for slo in self._slos:
            slo.observe(record, now)
        return told + self._pass(self._now)

    def _pass(self, now: float, *, judge: bool = False) -> list[Alert]:
        """What time itself brings: objectives are judged, what is over is told."""
        told: list[Alert] = []
        if now - self._judged >= JUDGE or judge:
            self._judged = now
            for slo in self._slos:
                told += [self._explained(slo, alert) for alert in slo.judge(now)]
        if now - self._ticked >= TICK:
            self._ticked = now
            for name, where, field in self._book.retired():
                told += self._alarms.gone(Place(name, field.signal.name, where), field, now)
            told += self._alarms.tick(now)
        return told

    def _explained(self, slo: Any, alert: Alert) -> Alert:
        """An objective's alert, with what changed for its functions before it began."""
        names = getattr(slo, "calls", None) or (None,)
        found = {change for name in names for change in self._changes.before(name, alert.at)}
        changes = sorted(found, key=lambda change: change.at, reverse=True)
        return replace(alert, changes=tuple(changes))

    def _value(self, signal: Signal, record: Any) -> Any:
        try:
            value = signal.read(record)
            if value is not None and signal.kind == "number" and not -MOST < value < MOST:
                return None
        except Exception as error:  # noqa: BLE001  a function of the user's must not stop the others
            self._complain(f"signal {signal.name}", error)
            return None
        return value

    def _sliced(self, slicer: Any, record: Any) -> str | None:
        try:
            return slicer.of(record)  # type: ignore[no-any-return]
        except Exception as error:  # noqa: BLE001  as above
            self._complain(f"slice {slicer.name}", error)
            return None

    def _meet(self, name: str) -> None:
        """Say once that what is to be about `answer` waits in vain where it is `app.answer`."""
        self._unmet.discard(name)
        short = name.rpartition(".")[2]
        if short != name and short in self._unmet:
            self._unmet.discard(short)
            _logger.warning(
                "monitor: calls=%r is no function that was called, but %r is: give that name, or "
                "name the function: reliable(name=%r)",
                short,
                name,
                short,
            )

    def _complain(self, what: str, error: Exception) -> None:
        """Say once that a function of the user's raised; its message may hold content."""
        if what not in self._broken:
            self._broken.add(what)
            _logger.warning(
                "monitor: %s raised %s; records go on without it", what, type(error).__name__
            )

    def alerts(self, now: float | None = None) -> list[Alert]:
        """What fires, the oldest first.

        Args:
            now: Unix seconds; by default when the latest record came. With a later time, what is
                over by then is over.
        """
        with self._lock:
            now = self._now if now is None else max(now, self._now)
            self._now = now
            told = self._pass(now, judge=True) if now > float("-inf") else []
            found = self._alarms.firing()
            for slo in self._slos:
                found += [self._explained(slo, alert) for alert in slo.firing]
        for alert in told:
            self._routing.put(alert)
        return sorted(found, key=lambda alert: alert.at)

    def snapshot(self, now: float | None = None) -> dict[str, Any]:
        """How it stands, as plain data: to be drawn, or for `merge` in another process.

        Args:
            now: as of `alerts`.
        """
        firing = self.alerts(now)
        with self._lock:
            return {
                "schema": SCHEMA,
                "source": self._source,
                "at": None if self._now == float("-inf") else self._now,
                "calls": self._book.calls(self._now),
                "signals": self._book.states(),
                "fields": self._book.fields_to_dict(),
                "slos": [slo.snapshot(self._now) for slo in self._slos],
                "objectives": [slo.counted() for slo in self._slos],
                "alerts": [alert.to_dict() for alert in firing],
                "changes": self._changes.to_list(),
                "routes": self._routing.to_list(),
            }

    def merge(self, other: Monitor | Mapping[str, Any]) -> None:
        """Add what another process's monitor has seen, and judge the windows of both together.

        It may be merged again later, when it has seen more: what is known of it already is not
        counted twice. Merge all into one: what a monitor has merged goes into its own snapshot.
        The latest 1,000 monitors are remembered: one that is silent while 1,000 others are merged
        stays counted, and what it had seen counts twice if it comes again.

        Args:
            other: the other monitor, or its `snapshot`, as it is or through JSON.

        Raises:
            ConfigurationError: when it is this one, or of another schema.
        """
        if other is self:
            raise ConfigurationError("Monitor.merge: this is the same monitor")
        data = other.snapshot() if isinstance(other, Monitor) else other
        if data.get("schema") != SCHEMA:
            message = f"Monitor.merge: a snapshot of schema {data.get('schema')!r}, not {SCHEMA}"
            raise ConfigurationError(message)
        with self._lock:
            told = self._absorb(data)
        for alert in told:
            self._routing.put(alert)

    def _absorb(self, data: Mapping[str, Any]) -> list[Alert]:
        at = data.get("at")
        if at is None:
            return []
        now = self._now = max(self._now, self._plausible(float(at)))
        self._changes.add(ChangeLog.from_list(data["changes"]))
        told: list[Alert] = []
        for name, where, field in self._book.absorb(data, now):
            told += self._alarms.changed(Place(name, field.signal.name, where), field, now)
        for slo, counted in zip(self._slos, data["objectives"], strict=False):
            slo.merge(counted, source=data["source"])
        return told + self._pass(now)

    def rebaseline(self, name: str | None = None) -> None:
        """Learn anew what is normal: what fires now is accepted.

        Args:
            name: of the guarded function; None for all.
        """
        with self._lock:
            told: list[Alert] = []
            for found, where, field in self._book.forget(name):
                place = Place(found, field.signal.name, where)
                told += self._alarms.gone(place, field, self._now)
        for alert in told:
            self._routing.put(alert)

    def on_idle(self) -> None:
        """No call came for a while: what is over by now, or came up, is told all the same."""
        if self._now > float("-inf"):
            self.alerts(clock.active().time())

    def flush(self, timeout: float = 2.0) -> None:
        """Judge what came, and wait until alerts are delivered, at most `timeout` seconds."""
        self.alerts()
        self._routing.flush(timeout)

    def close(self) -> None:
        """No more calls will come."""
        self._routing.close()

    def __repr__(self) -> str:
        return f"<reliai.monitoring.Monitor of {len(self.signals)} signals>"


def _named_functions(signals: Iterable[Signal], slos: Iterable[Any]) -> set[str]:
    """The functions that some of them are to be about."""
    about = [*(signal.calls for signal in signals), *(getattr(slo, "calls", None) for slo in slos)]
    return {name for names in about for name in names or ()}
