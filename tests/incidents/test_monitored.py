"""Calls one after another, with a monitor that hears of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents import Incident, run_part
from reliai.incidents.monitored import Inline, in_turn, noticed
from reliai.monitoring import Monitor, signals

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.incidents import Trial


class Subject:
    """Every tenth call is bad, and every one once it is ill."""

    def __init__(self, trial: Trial, then: Callable[[Any], object] | None = None) -> None:
        self.ill = False
        signal = signals.value("bad", kind="share", reference=0.1, shift=0.9, both=False)
        self.watch = Inline(trial, Monitor(signals=[signal], alerts=[]), then)

        async def ask(number: int) -> None:
            reliai.measure(bad=self.ill or number % 10 == 0)

        self.ask: Any = reliai.reliable(name="ask", observers=(self.watch,))(ask)


def outcome(scenario: Callable[[Trial], Any]) -> Any:
    made = Incident("T-1", "a test", "-", "-", "-")
    made.guarded(scenario)
    found = run_part(made, "guarded")
    assert found.error is None
    return found


def test_time_passes_between_calls_at_their_rate() -> None:
    async def scenario(trial: Trial) -> None:
        subject = Subject(trial)
        made = await in_turn(trial, subject.ask, rate=10, calls=1_000)
        trial.exactly("made", made, 1_000)
        trial.at_least("seconds", trial.now, 90)
        trial.at_most("seconds", trial.now, 110)

    found = outcome(scenario)
    assert found.ok
    assert found.calls == 1_000


def test_an_alarm_is_heard_at_its_call_and_once() -> None:
    told: list[str] = []

    async def scenario(trial: Trial) -> None:
        subject = Subject(trial, lambda alert: told.append(alert.signal))
        await in_turn(trial, subject.ask, rate=10, calls=100)
        subject.ill = True
        await in_turn(trial, subject.ask, rate=10, calls=100)
        (alarm,) = subject.watch.of("value:bad", "")
        trial.at_most("calls", alarm.call - 100, 10)
        trial.none("others", len(subject.watch.of("errors")) + len(subject.watch.alarms) - 1)

    assert outcome(scenario).ok
    assert told == ["value:bad"]


def test_delays_are_of_fresh_subjects_each_time() -> None:
    async def scenario(trial: Trial) -> None:
        delays = await noticed(trial, lambda: Subject(trial), "value:bad", times=20, rate=10)
        trial.exactly("onsets", len(delays.waits), 20)
        trial.at_most("calls", delays.calls(1.0), 10)
        trial.at_least("calls", delays.calls(0.01), 3)

    assert outcome(scenario).ok


def test_one_that_never_notices_gives_up() -> None:
    async def scenario(trial: Trial) -> None:
        delays = await noticed(trial, lambda: Subject(trial), "errors", times=1, rate=10, most=30)
        trial.exactly("calls", delays.calls(0.5), 30)

    assert outcome(scenario).ok
