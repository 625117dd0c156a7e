"""Service level objectives: the share of good calls that is wanted, and alarms when it is at risk.

An objective counts good and bad calls, and judges how fast they burn the budget of bad ones: a
page where it would be gone in hours or days, a ticket where in weeks (`burn_rate` has the windows).
Time comes from the records, so stored calls, live ones and virtual time are judged alike.
"""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any

from reliai._core.delivery import complain
from reliai._core.forking import renew_after_fork
from reliai.errors import ConfigurationError
from reliai.monitoring._indicators import (
    check_threshold,
    checked_calls,
    chosen,
    indicator_of,
)
from reliai.monitoring.alert import Alert
from reliai.monitoring.burn_rate import PAIRS, History, Judgement, span_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from reliai._core.record import CallRecord

__all__ = ["SLO"]

DAY = 86_400.0
DEFAULT_TARGET = 0.995


class SLO:
    """The share of calls that shall be good, over some weeks.

    Args:
        indicator: what a good call is. "success": answered, if by a stand-in; "full_quality":
            answered by no stand-in; "latency", "first_chunk": within `threshold` seconds; "cost":
            for at most `threshold` US dollars; "tokens": with at most `threshold`; "validation":
            no answer of it was invalid; "guard": no guard stopped it; "refusal": the model did not
            refuse; "score:NAME": the value `NAME` of the record is at least `threshold`. Or a
            function of the record that gives True, False, or None for a call that does not count.
        target: the share of good calls, above 0 and below 1. None: 0.995, and as nobody has
            thought about it, its alarms are shown and recorded, but sent to nobody.
        window: seconds over which the target is meant, from a day to a year.
        threshold: of the indicator; needed by those that have one, and refused by the others.
        name: how alarms call it; made of the other arguments by default.
        calls: the name of the function that it is about, or several; None for all of them.
        where: further conditions: a mapping from a field of the record, `tag:NAME` or `value:NAME`
            to a value or a list of values; or a function of the record.
        burn_in: whether alarms are sent to nobody; by default when `target` is None.

    Raises:
        ConfigurationError: for an argument out of its range, or one that has no effect.
    """

    def __init__(
        self,
        indicator: str | Callable[[CallRecord], bool | None],
        target: float | None = None,
        *,
        window: float = 30 * DAY,
        threshold: float | None = None,
        name: str | None = None,
        calls: str | Iterable[str] | None = None,
        where: Mapping[str, Any] | Callable[[CallRecord], bool] | None = None,
        burn_in: bool | None = None,
    ) -> None:
        kind = indicator_of(indicator)
        if kind.unit is None and threshold is not None:
            raise ConfigurationError(f"SLO({indicator!r}, threshold={threshold!r}): it takes none")
        if kind.unit is not None and not _is_number(threshold):
            raise ConfigurationError(
                f"SLO({indicator!r}, threshold={threshold!r}): give a number of {kind.unit}"
            )
        check_threshold(indicator, kind, threshold)
        if target is not None and not (_is_number(target) and 0 < target < 1):
            raise ConfigurationError(
                f"SLO(target={target!r}): must be above 0 and below 1, as in 0.995"
            )
        if not (_is_number(window) and DAY <= window <= 366 * DAY):
            raise ConfigurationError(
                f"SLO(window={window!r}): must be seconds, from 86400 (a day) to a year"
            )
        self.indicator = indicator if isinstance(indicator, str) else _called(indicator)
        self.target = DEFAULT_TARGET if target is None else float(target)
        self.window = float(window)
        self.threshold = threshold
        self.calls = checked_calls(calls)
        self.where = where
        self.burn_in = target is None if burn_in is None else burn_in
        self.name = name or _named(self.indicator, threshold, self.calls)
        self._given = indicator
        self._firing: dict[str, Alert] = {}
        self._history = History(self.window)
        self._prepare()

    def _prepare(self) -> None:
        kind = indicator_of(self._given)
        self._bad = kind.bad
        self._good = kind.make(0.0 if self.threshold is None else float(self.threshold))
        self._matches = chosen(self.calls, self.where)
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = threading.RLock()  # a signal handler that asks may find it held

    def __getstate__(self) -> dict[str, Any]:
        left = ("_lock", "_good", "_matches", "_bad")
        with self._lock:
            return {name: value for name, value in vars(self).items() if name not in left}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._prepare()

    @property
    def firing(self) -> tuple[Alert, ...]:
        """The alarms that are on, as of the last time it judged."""
        return tuple(self._firing.values())

    def observe(self, record: CallRecord, now: float) -> None:
        """Count a call that ended at `now` (Unix seconds), when it is one of those it is about.

        A function of the user's that raises is complained of once; its calls do not count.
        """
        try:
            good = self._good(record) if self._matches(record) else None
        except Exception:  # noqa: BLE001  the other objectives and signals go on
            complain(self, "raised in its indicator or where; such calls do not count")
            return
        if good is not None:
            with self._lock:
                self._history.add(now, good=bool(good))

    def judge(self, now: float) -> Sequence[Alert]:
        """Say what changed since the last time: alarms that began, and those that are over."""
        changed: list[Alert] = []
        with self._lock:
            for judged in self._judged(now):
                key = self._key(judged)
                was = self._firing.get(key)
                if judged.state == "firing":
                    alert = self._alert(judged, key, now, was)
                    self._firing[key] = alert
                    if was is None:
                        changed.append(alert)
                elif was is not None:
                    del self._firing[key]
                    changed.append(self._alert(judged, key, now, None))
        return changed

    def _judged(self, now: float) -> list[Judgement]:
        return [
            self._history.judge(now, self.target, pair, firing=self._key_of(pair) in self._firing)
            for pair in PAIRS
        ]

    def _key(self, judged: Judgement) -> str:
        return self._key_of(judged.pair)

    def _key_of(self, pair: Any) -> str:
        said = f"slo\0{self.name}\0{pair.severity}\0{pair.long:.0f}"
        return "slo-" + hashlib.sha256(said.encode()).hexdigest()[:24]

    def _span(self, seconds: float) -> str:
        return span_text(round(seconds * self._history.scale))

    def _alert(self, judged: Judgement, key: str, now: float, was: Alert | None) -> Alert:
        pair = judged.pair
        long, short = self._span(pair.long), self._span(pair.short)
        firing = judged.state == "firing"
        if firing:
            summary = (
                f"{self.name}: {judged.long.share():.2%} of calls {self._bad} in the last {long}, "
                f"{judged.long_burn:.1f} times what the target {self.target:.5g} allows "
                f"({judged.short_burn:.1f} times in the last {short}; {pair.severity} above "
                f"{pair.factor:.3g})"
            )
        else:
            now_said = {
                "no_data": "no calls any more",
                "low_traffic": f"only {judged.short.events} calls in the last {short}",
            }.get(judged.state, f"burning {judged.short_burn:.1f} times in the last {short}")
            summary = f"{self.name}: over; {now_said}"
        return Alert(
            key=key,
            name="all calls" if self.calls is None else ", ".join(self.calls),
            signal=f"slo:{self.indicator}",
            slice="",
            severity=pair.severity,
            state="firing" if firing else "resolved",
            at=now if was is None else was.at,
            summary=summary,
            evidence=self._evidence(judged, now),
            changes=(),
            muted=self.burn_in,
        )

    def _evidence(self, judged: Judgement, now: float) -> dict[str, float | str]:
        return {
            "slo": self.name,
            "target": self.target,
            "window_days": self.window / DAY,
            "long_window": self._span(judged.pair.long),
            "long_burn_rate": round(judged.long_burn, 3),
            "long_events": judged.long.events,
            "long_bad": judged.long.bad,
            "short_window": self._span(judged.pair.short),
            "short_burn_rate": round(judged.short_burn, 3),
            "short_events": judged.short.events,
            "short_bad": judged.short.bad,
            "burn_rate_threshold": round(judged.pair.factor, 3),
            "budget_left": round(self._budget_left(now), 4),
            **({} if self.threshold is None else {"threshold": self.threshold}),
        }

    def budget_left(self, now: float) -> float:
        """Of the bad calls that the window allows, the share that is left; below 0 when overdrawn.

        Reckoned with the calls seen so far: 1 when there were none.
        """
        with self._lock:
            return self._budget_left(now)

    def _budget_left(self, now: float) -> float:
        return 1 - self._history.whole(now).share() / (1 - self.target)

    def snapshot(self, now: float) -> dict[str, Any]:
        """How it stands at `now`, as plain data."""
        with self._lock:
            judged = self._judged(now)
            whole = self._history.whole(now)
            left = self._budget_left(now)
        return {
            "name": self.name,
            "indicator": self.indicator,
            "threshold": self.threshold,
            "calls": None if self.calls is None else list(self.calls),
            "target": self.target,
            "window": self.window,
            "burn_in": self.burn_in,
            "state": _worst(each.state for each in judged),
            "good": whole.good,
            "bad": whole.bad,
            "share": None if not whole.events else 1 - whole.share(),
            "budget_left": left,
            "burn": [self._row(each) for each in judged],
        }

    def _row(self, judged: Judgement) -> dict[str, Any]:
        return {
            "severity": judged.pair.severity,
            "state": judged.state,
            "long": self._span(judged.pair.long),
            "long_burn_rate": judged.long_burn,
            "short": self._span(judged.pair.short),
            "short_burn_rate": judged.short_burn,
            "threshold": judged.pair.factor,
        }

    def counted(self) -> dict[str, Any]:
        """All that was counted here, as plain data that another process can `merge`."""
        with self._lock:
            return {"settings": self._settings(), "counts": self._history.counted()}

    def _settings(self) -> list[Any]:
        calls = None if self.calls is None else sorted(self.calls)
        return [self.name, self.indicator, self.target, self.window, self.threshold, calls]

    def merge(self, other: SLO | Mapping[str, Any], *, source: str | None = None) -> None:
        """Add what another process counted for the same objective.

        Args:
            other: the other one, or what its `counted()` gave.
            source: whose counts they are. What was merged from there before is replaced, so counts
                that grow can be merged again and again. The latest 1,000 sources are remembered:
                one that is silent while 1,000 others are merged stays in the sum, and would count
                twice if it came again. None: they are added for good, so merge each once.

        Raises:
            ConfigurationError: when it is another objective.
        """
        counted = other.counted() if isinstance(other, SLO) else other
        if counted["settings"] != self._settings():
            raise ConfigurationError(
                f"SLO {self.name!r} cannot merge another one: {counted['settings']!r} is not "
                f"{self._settings()!r}"
            )
        with self._lock:
            self._history.take(counted["counts"], source)

    def __repr__(self) -> str:
        return f"<reliai.monitoring.SLO {self.name!r}, target {self.target:.5g}>"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value  # noqa: PLR0124  NaN is no number


def _named(indicator: str, threshold: float | None, calls: tuple[str, ...] | None) -> str:
    limit = "" if threshold is None else f" {'≥' if ':' in indicator else '≤'} {threshold:g}"
    return f"{'all calls' if calls is None else ', '.join(calls)}: {indicator}{limit}"


def _called(function: object) -> str:
    return getattr(function, "__name__", type(function).__name__)


_ORDER = ("firing", "ok", "low_traffic", "no_data")


def _worst(states: Iterable[str]) -> str:
    found = set(states)
    return next(state for state in _ORDER if state in found)
