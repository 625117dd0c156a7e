"""The sign test's e-value: known numbers, its promise under chance, and large counts."""

from __future__ import annotations

import math
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import sign_e_value

COUNTS = st.integers(0, 400)


@pytest.mark.parametrize(
    ("wins", "losses", "e_value"),
    [(8, 2, 4.22), (15, 5, 6.72), (30, 10, 64.4), (50, 30, 4.15), (0, 0, 1.0)],
)
def test_known_counts_give_known_evidence(wins: int, losses: int, e_value: float) -> None:
    assert sign_e_value(wins, losses) == pytest.approx(e_value, rel=2e-3)


@given(COUNTS, COUNTS)
def test_it_is_the_mean_of_the_likelihood_ratios(wins: int, losses: int) -> None:
    ratios = [2.0**wins * g**wins * (2 - 2 * g) ** losses for g in (0.55, 0.6, 0.7, 0.8, 0.9)]
    assert sign_e_value(wins, losses) == pytest.approx(sum(ratios) / 5, rel=1e-9)


@given(COUNTS, COUNTS)
def test_a_further_win_is_evidence_and_a_further_loss_is_the_opposite(w: int, c: int) -> None:
    assert sign_e_value(w + 1, c) > sign_e_value(w, c) > sign_e_value(w, c + 1)


@given(COUNTS, COUNTS)
def test_under_chance_the_next_pair_leaves_it_as_it_is_on_average(wins: int, losses: int) -> None:
    after = (sign_e_value(wins + 1, losses) + sign_e_value(wins, losses + 1)) / 2
    assert after == pytest.approx(sign_e_value(wins, losses), rel=1e-9)


def test_counts_that_no_power_can_hold_give_infinity_or_nothing() -> None:
    assert sign_e_value(10**9, 0) == math.inf
    assert sign_e_value(0, 10**9) == 0.0
    assert sign_e_value(10**9, 10**9) == 0.0


def test_the_largest_value_grows_without_a_jump_to_infinity() -> None:
    values = [sign_e_value(wins, 0) for wins in range(1_000, 1_210)]
    assert all(one <= other for one, other in pairwise(values))
    assert max(value for value in values if value < math.inf) > 1e300


def test_looking_after_each_pair_rarely_finds_what_is_not_there() -> None:
    random, found = Random(1), 0
    for _ in range(400):
        wins = losses = 0
        for _ in range(300):
            if random.random() < 0.5:
                wins += 1
            else:
                losses += 1
            if sign_e_value(wins, losses) >= 20:
                found += 1
                break
    assert found <= 400 * 0.05


def test_numbers_of_numpy_are_counts() -> None:
    wins: Any = np.int64(8)
    losses: Any = np.int32(2)
    assert sign_e_value(wins, losses) == sign_e_value(8, 2)


@pytest.mark.parametrize("wrong", [-1, 1.5, True, "3", None, np.int64(-1)])
def test_what_is_no_count_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"wins=.*whole number"):
        sign_e_value(wrong, 0)
    with pytest.raises(ConfigurationError, match=r"losses=.*whole number"):
        sign_e_value(0, wrong)
