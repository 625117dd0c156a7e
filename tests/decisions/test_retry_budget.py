from __future__ import annotations

import math
import threading
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from reliai.decisions.retry_budget import RetryBudget
from reliai.errors import ConfigurationError


def granted(budget: RetryBudget, now: float, asked: int = 1000) -> int:
    return sum(budget.withdraw(now) for _ in range(asked))


@pytest.mark.parametrize(
    ("ratio", "attempts", "retries"),
    [(0.5, 10, 5), (0.6, 10, 6), (0.6, 5, 3), (0.2, 10, 2), (0.2, 4, 0), (1.0, 7, 7), (2.0, 3, 6)],
)
def test_first_attempts_pay_for_exactly_their_share_of_retries(
    ratio: float, attempts: int, retries: int
) -> None:
    """A40"""
    budget = RetryBudget(ratio=ratio, min_per_second=0.0)
    for _ in range(attempts):
        budget.deposit(0.0)
    assert granted(budget, 0.0) == retries


@pytest.mark.parametrize("ratio", [0.1, 0.3, 0.35, 0.6, 0.7, 0.9])
def test_a_share_is_no_more_after_a_hundred_thousand_attempts(ratio: float) -> None:
    """A40"""
    budget, retries = RetryBudget(ratio=ratio, min_per_second=0.0), 0
    for _ in range(100_000):
        budget.deposit(0.0)
        retries += budget.withdraw(0.0)
    assert retries == round(ratio * 100_000)


def test_a_quiet_program_may_retry_a_little() -> None:
    """A40"""
    budget = RetryBudget(ratio=0.2, min_per_second=1.0, ttl=10.0)
    assert granted(budget, 0.0) == 10
    assert granted(budget, 9.9) == 0
    assert granted(budget, 10.0) == 10


def test_deposits_expire() -> None:
    """A40"""
    budget = RetryBudget(ratio=1.0, min_per_second=0.0, ttl=10.0)
    budget.deposit(0.0)
    assert budget.balance(9.99) == 1.0
    assert budget.balance(10.0) == 0.0
    assert not budget.withdraw(10.0)


def test_retries_outlive_the_deposits_that_paid_for_them() -> None:
    budget = RetryBudget(ratio=1.0, min_per_second=0.0, ttl=10.0)
    budget.deposit(0.0)
    assert budget.withdraw(5.0)
    assert budget.balance(10.0) == -1.0
    budget.deposit(10.0)
    assert not budget.withdraw(10.0)
    assert budget.withdraw(15.0)


def test_budget_without_a_share_lives_on_its_reserve() -> None:
    budget = RetryBudget(ratio=0.0, min_per_second=0.5, ttl=4.0)
    for _ in range(100):
        budget.deposit(0.0)
    assert granted(budget, 0.0) == 2


@pytest.mark.parametrize("name", ["ratio", "min_per_second", "ttl"])
@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, True, "1"])
def test_senseless_setting_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}={value!r} must be a number"):
        RetryBudget(**{name: value})


@pytest.mark.parametrize(
    "budget", [{"ttl": 0.0}, {"ratio": 0.0, "min_per_second": 0.0}, {"ratio": 0, "ttl": 0.5}]
)
def test_budget_that_never_allows_a_retry_is_refused(budget: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="would never allow a retry"):
        RetryBudget(**budget)


def test_repr_shows_the_settings() -> None:
    assert repr(RetryBudget()) == "RetryBudget(ratio=0.2, min_per_second=1.0, ttl=10.0)"


def test_threads_get_exactly_what_was_paid_in() -> None:
    """A71"""
    budget, counts = RetryBudget(ratio=0.5, min_per_second=0.0), [0] * 8
    together = threading.Barrier(8)

    def work(number: int) -> None:
        together.wait()
        for _ in range(2000):
            budget.deposit(0.0)
            counts[number] += budget.withdraw(0.0)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) + granted(budget, 0.0, 20_000) == 8000


class BudgetMachine(RuleBasedStateMachine):
    """Against two plain lists of times, with every time on a bucket's start."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0

    @initialize(
        tenths=st.integers(0, 15), reserve=st.integers(1, 4), ttl=st.sampled_from([30, 60, 120])
    )
    def begin(self, tenths: int, reserve: int, ttl: int) -> None:
        self.ttl, self.tenths, self.reserve = ttl, tenths, reserve
        self.budget = RetryBudget(tenths / 10, reserve / ttl, float(ttl))
        self.attempts: list[int] = []
        self.retries: list[int] = []

    def live(self, times: list[int]) -> int:
        return sum(self.now - time < self.ttl for time in times)

    @property
    def tenths_left(self) -> int:
        return (
            self.tenths * self.live(self.attempts)
            + 10 * self.reserve
            - 10 * self.live(self.retries)
        )

    @rule(buckets=st.integers(1, 70))
    def wait(self, buckets: int) -> None:
        self.now += 2 * buckets  # two seconds are a whole number of buckets of every ttl

    @rule(times=st.integers(1, 5))
    def deposit(self, times: int) -> None:
        for _ in range(times):
            self.budget.deposit(float(self.now))
            self.attempts.append(self.now)

    @rule()
    def withdraw(self) -> None:
        affordable = self.tenths_left >= 10
        assert self.budget.withdraw(float(self.now)) is affordable
        if affordable:
            self.retries.append(self.now)

    @invariant()
    def balance_is_that_of_the_lists(self) -> None:
        assert abs(self.budget.balance(float(self.now)) - self.tenths_left / 10) < 1e-6


def test_the_budget_decides_as_its_model_does() -> None:
    run_state_machine_as_test(
        BudgetMachine, settings=settings(max_examples=100, stateful_step_count=40)
    )
