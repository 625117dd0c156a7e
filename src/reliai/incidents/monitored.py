"""Watching calls while they are made: a monitor in the call path, so that each alarm has its call.

Beside `onsets`, which waits for circuits: here a monitor notices, and calls come one after another,
since what it looks at is in their answers. Time passes between the calls.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from reliai.incidents.onsets import Delays

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reliai.incidents.trial import Trial
    from reliai.monitoring import Alert, Monitor

__all__ = ["Heard", "Inline", "Subject", "in_turn", "noticed"]


class Heard(NamedTuple):
    """An alarm, and when it came.

    Attributes:
        at: virtual seconds.
        call: how many calls the monitor had seen.
        alert: what it said.
    """

    at: float
    call: int
    alert: Alert


class Inline:
    """An observer that shows a monitor each call at once, and hears its alarms.

    Args:
        trial: gives the time.
        monitor: what watches.
        then: what is done about an alarm, if anything; it gets the alert.

    Attributes:
        seen: calls so far.
        alarms: those that began, in order.
    """

    inline = True

    def __init__(
        self, trial: Trial, monitor: Monitor, then: Callable[[Alert], object] | None = None
    ) -> None:
        self._trial = trial
        self._then = then
        self._known: set[str] = set()
        self.monitor = monitor
        self.reads_content = bool(getattr(monitor, "reads_content", False))
        self.seen = 0
        self.alarms: list[Heard] = []

    def on_end(self, record: Any) -> None:
        """Show the monitor a record."""
        self.monitor.on_end(record)
        self.seen += 1
        firing = self.monitor.alerts()
        if firing or self._known:
            self._hear(firing)

    def _hear(self, firing: Any) -> None:
        fresh = [alert for alert in firing if alert.key not in self._known]
        self._known = {alert.key for alert in firing}
        for alert in fresh:
            self.alarms.append(Heard(self._trial.now, self.seen, alert))
            if self._then is not None:
                self._then(alert)

    def of(self, signal: str, part: str | None = None) -> list[Heard]:
        """The alarms of a signal, in one slice ("" is all of the traffic) or in any."""
        return [
            heard
            for heard in self.alarms
            if heard.alert.signal == signal and (part is None or heard.alert.slice == part)
        ]


class Subject(Protocol):
    """A guarded function with its model and its monitor, made anew for each onset.

    Attributes:
        watch: its monitor.
    """

    watch: Inline

    @property
    def ill(self) -> bool:
        """Whether what the incident is about has begun."""
        ...

    @ill.setter
    def ill(self, ill: bool, /) -> None: ...

    async def ask(self, number: int, /) -> object:
        """Make a call."""


async def in_turn(
    trial: Trial,
    ask: Callable[[int], Awaitable[Any]],
    *,
    rate: float,
    calls: int,
    until: Callable[[], object] | None = None,
) -> int:
    """Make calls one after another, with random gaps between them.

    Args:
        trial: gives time and chance.
        ask: makes the call of a number from 0 up.
        rate: calls a second, on average.
        calls: how many at most.
        until: asked after each call; no more are made once it says so.

    Returns:
        How many were made.
    """
    advance, gap = trial.clock.advance, trial.random.expovariate
    made = 0
    while made < calls:
        advance(gap(rate))
        await ask(made)
        made += 1
        if until is not None and until():
            break
    trial.made += made
    return made


async def noticed(
    trial: Trial,
    make: Callable[[], Subject],
    signal: str,
    *,
    times: int,
    rate: float,
    part: str | None = None,
    warm: int = 50,
    most: int = 10_000,
) -> Delays:
    """Let the same thing begin many times, and see how long it takes until an alarm.

    Args:
        trial: gives time and chance.
        make: makes a subject that is well.
        signal: whose alarm is waited for.
        times: how often.
        rate: calls a second.
        part: the slice whose alarm is waited for; None for any.
        warm: calls before the onset.
        most: calls after it, after which one gives up.
    """
    delays = Delays([], [])
    for _ in range(times):
        subject = make()
        await in_turn(trial, subject.ask, rate=rate, calls=warm)
        subject.ill, began = True, trial.now
        told = partial(subject.watch.of, signal, part)
        calls = await in_turn(trial, subject.ask, rate=rate, calls=most, until=told)
        delays.waits.append(trial.now - began)
        delays.requests.append(calls)
    return delays
