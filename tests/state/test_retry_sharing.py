"""Retry budgets with a name, of several processes, brought in step exchange by exchange."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai.state import StateUnavailable, open_state
from reliai.state.keeper import Keeper, keeper_of
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reliai.testing import VirtualClock


class Process:
    """One process that retries a function that always fails."""

    def __init__(self, url: str, **options: Any) -> None:
        self.state = open_state(url)
        self.budget = reliai.RetryBudget(
            1.0, 0.0, 10.0, state=self.state, **{"name": "team", **options}
        )
        self.healthy = True
        self.ask = reliai.reliable(reliai.Retry(2, budget=self.budget))(self._ask)

    def _ask(self) -> str:
        if self.healthy:
            return "answer"
        raise ConnectionError("down")

    def exchange(self) -> bool:
        return keeper_of(self.state).step()

    def calls(self, times: int) -> None:
        for _ in range(times):
            reliai.execute(self.ask)

    def balance(self) -> float:
        return self.budget.balance(clock.active().monotonic())


@pytest.fixture
def time() -> Iterator[VirtualClock]:
    with virtual_clock() as clock, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Keeper, "start", lambda _: None)  # the test exchanges by hand
        yield clock


@pytest.fixture
def pair(tmp_path: Path, time: VirtualClock) -> tuple[Process, Process]:
    url = f"sqlite:///{tmp_path / 'state.db'}"
    return Process(url), Process(url)


def in_step(*processes: Process) -> None:
    for _ in range(2):
        for process in processes:
            process.exchange()


def test_what_one_pays_in_the_others_may_spend(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.calls(5)
    in_step(one, other)
    assert one.balance() == other.balance() == 5


def test_what_one_spends_the_others_have_not(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.calls(5)
    in_step(one, other)
    other.healthy = False
    other.calls(3)  # each pays in one, and spends one on its retry
    in_step(one, other)
    assert one.balance() == other.balance() == 5


def test_both_are_forgotten_after_their_time(
    pair: tuple[Process, Process], time: VirtualClock
) -> None:
    one, other = pair
    one.calls(5)
    in_step(one, other)
    time.advance(11)
    assert other.balance() == 0


def test_what_was_counted_while_the_store_was_away_is_told_afterwards(
    pair: tuple[Process, Process],
) -> None:
    one, other = pair

    def away(*_: object, **__: object) -> None:
        raise StateUnavailable("away")

    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setattr(one.state, "exchange", away)
        one.calls(5)
        in_step(one)
        assert one.balance() == 5
    in_step(one, other)
    assert other.balance() == 5


def test_one_that_was_in_use_before_it_is_shared_keeps_what_it_knows(
    tmp_path: Path, time: VirtualClock
) -> None:
    budget = reliai.RetryBudget(1.0, 0.0, 10.0, name="late")
    ask = reliai.reliable(reliai.Retry(2, budget=budget))(lambda: "answer")
    ask()
    assert budget.sharing is None
    budget.state = open_state(f"sqlite:///{tmp_path / 'state.db'}")
    budget.seen = None, "another"
    ask()
    keeper_of(budget.state).step()
    assert budget.balance(clock.active().monotonic()) == 2


def test_one_without_a_name_is_the_processs_own(time: VirtualClock) -> None:
    budget = reliai.RetryBudget()
    reliai.reliable(reliai.Retry(2, budget=budget))(lambda: "answer")()
    assert budget.sharing is None


@pytest.mark.parametrize(
    ("options", "says"),
    [({"name": ""}, "name=''"), ({"name": 3}, "name=3"), ({"state": "memory"}, "give name=")],
    ids=repr,
)
def test_a_setting_that_cannot_be_is_refused(options: Any, says: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=says):
        reliai.RetryBudget(**options)


def test_its_name_is_shown() -> None:
    assert "name='team'" in repr(reliai.RetryBudget(name="team"))
