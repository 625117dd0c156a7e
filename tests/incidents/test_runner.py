"""Replays are alike, and the process around them notices nothing."""

from __future__ import annotations

import asyncio
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai._core.chance import chance
from reliai._core.settings import settings
from reliai.errors import ConfigurationError
from reliai.incidents import Incident, Provider, Trial, Watch, offer, run_incident, run_part
from reliai.testing import records

if TYPE_CHECKING:
    from collections.abc import Callable


def of(scenario: Callable[[Trial], Any]) -> Incident:
    """An incident outside of the catalogue whose guarded part is this."""
    made = Incident("T-1", "a test", "-", "-", "-")
    made.guarded(scenario)
    return made


def test_one_seed_gives_one_report() -> None:
    first, second = (run_incident("IR-28", calls=200, seed=5) for _ in range(2))
    assert first == second


def test_chance_is_the_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    def scenario(trial: Trial) -> None:
        trial.exactly("drawn", str(trial.random.random() + chance.random()), "")

    drawn = [run_part(of(scenario), "guarded", seed=seed).findings for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_the_timers_of_one_run_are_those_of_another() -> None:
    async def scenario(trial: Trial) -> None:
        await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)
        trial.exactly("time", repr(trial.now), repr(0.1 + 0.2))

    assert run_part(of(scenario), "guarded").ok


def test_chance_goes_on_where_it_was() -> None:
    before = chance.getstate()
    run_part(of(lambda trial: trial.none("drawn", 0 * chance.random())), "guarded")
    assert chance.getstate() == before


def test_observers_of_the_process_see_nothing() -> None:
    with records() as seen:
        assert run_part(of(_one_call), "guarded").ok
    assert list(seen) == []


def test_what_surrounds_it_is_none_of_its_affair() -> None:
    with reliai.run("around", max_calls=1), reliai.deadline(0.001), reliai.mode("off"):
        assert run_part(of(_one_call), "guarded").ok


def test_settings_and_clock_are_as_before() -> None:
    before = settings.observers, settings.state, clock.active()
    run_part(of(_one_call), "guarded")
    assert (settings.observers, settings.state, clock.active()) == before


def test_a_scenario_that_breaks_is_a_failed_part() -> None:
    def scenario(trial: Trial) -> None:
        trial.none("alarms", 0)
        raise ValueError("broken")

    found = run_part(of(scenario), "guarded")
    assert found.error == "ValueError: broken"
    assert not found.ok


def test_a_trial_hears_what_is_warned_of_even_when_it_was_said_before() -> None:
    from reliai._core.complaints import warn_once

    def scenario(trial: Trial) -> None:
        warn_once("said before", "once more")
        trial.exactly("warned", trial.warnings[-1], "once more")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warn_once("said before", "once")
    assert run_part(of(scenario), "guarded").ok
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_once("said before", "never again")


def test_an_observer_that_raises_fails_the_part_for_it_could_have_raised_the_alarm() -> None:
    class Broken:
        inline = True

        def on_end(self, record: object) -> None:
            raise ValueError("broken")

    async def scenario(trial: Trial) -> None:
        @reliai.reliable(observers=[Broken()])
        async def ask() -> str:
            return "answer"

        trial.exactly("answer", await ask(), "answer")
        trial.none("alarms", 0)

    found = run_part(of(scenario), "guarded")
    assert found.error is not None
    assert "Broken raised in on_end" in found.error
    assert not found.ok


def test_what_asks_whether_it_is_over_may_raise() -> None:
    async def scenario(trial: Trial) -> None:
        await offer(trial, Provider(trial).answer, rate=10, seconds=1, until=lambda: 1 / 0 > 1)

    assert run_part(of(scenario), "guarded").error == "ZeroDivisionError: division by zero"


def test_no_more_calls_are_made_once_it_is_over() -> None:
    async def scenario(trial: Trial) -> None:
        provider = Provider(trial)
        replies = await offer(
            trial, provider.answer, rate=10, seconds=100, until=lambda: trial.now > 5
        )
        trial.at_least("calls", len(replies), 20)
        trial.at_most("calls", max(reply.at for reply in replies), 5)

    assert run_part(of(scenario), "guarded").ok


def test_where_no_call_is_made_nothing_is_waited_for() -> None:
    async def scenario(trial: Trial) -> None:
        replies = await offer(trial, Provider(trial).answer, rate=10, calls=0)
        trial.none("calls", len(replies))

    assert run_part(of(scenario), "guarded").ok


def test_no_calls_are_no_healthy_day() -> None:
    with pytest.raises(ConfigurationError, match=r"calls=0"):
        run_incident("IR-28", calls=0)


def test_calls_come_at_their_rate() -> None:
    async def scenario(trial: Trial) -> None:
        replies = await offer(trial, Provider(trial).answer, rate=10, seconds=1_000)
        trial.at_least("calls", len(replies), 9_500)
        trial.at_most("calls", len(replies), 10_500)

    found = run_part(of(scenario), "guarded")
    assert found.ok
    assert found.calls == found.findings[0].measured


def test_a_watch_sees_circuits_open_and_close() -> None:
    async def scenario(trial: Trial) -> None:
        watch = Watch(trial)
        provider = Provider(trial, failing=lambda now: float(now < 5))
        breaker = reliai.CircuitBreaker(open_for=2.0)

        async def ask(number: int) -> str:
            return await provider.answer(number)

        ask = reliai.reliable(breaker, observers=(watch,))(ask)
        await offer(trial, ask, rate=20, seconds=15)
        trial.at_least("opened", watch.first_opened() or 0, 0.1)
        trial.at_least("closed", watch.first_closed(5) or 0, 5)
        trial.at_least("refused", watch.refusals, 10)

    assert run_part(of(scenario), "guarded").ok


async def _one_call(trial: Trial) -> None:
    @reliai.reliable(reliai.Retry(2), name="one")
    async def ask() -> str:
        await asyncio.sleep(1)
        return "answer"

    trial.exactly("answer", await ask(), "answer")
