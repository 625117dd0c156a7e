"""Cases tried several times: pass@k, pass^k, variance between and within, and flaky failures."""

from __future__ import annotations

import math
from itertools import combinations, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import mean_interval, pass_at_k, pass_hat_k, runs_to_see, variance_components

TRIES = [[int(c) for c in case] for case in "1111 1011 0001 0000 1101".split()]


def test_the_parts_of_the_variance_of_known_tries() -> None:
    parts = variance_components(TRIES)
    assert parts.mean == pytest.approx(0.55, abs=1e-12)
    assert parts.standard_error == pytest.approx(0.1837117307, abs=1e-9)
    assert parts.within_variance == pytest.approx(0.15, abs=1e-12)
    assert parts.observed_variance == pytest.approx(0.16875, abs=1e-12)
    assert parts.between_variance == pytest.approx(0.13125, abs=1e-12)
    assert (parts.cases, parts.scores) == (5, 20)


def test_its_standard_error_is_that_of_clusters_and_the_pooled_one_is_too_small() -> None:
    pooled = [score for case in TRIES for score in case]
    cases = [index for index, case in enumerate(TRIES) for _ in case]
    robust = mean_interval(pooled, cluster=cases)
    assert variance_components(TRIES).standard_error == pytest.approx(robust.standard_error)
    assert mean_interval(pooled).standard_error == pytest.approx(0.1141328865, abs=1e-9)


def test_cases_may_have_fewer_tries_and_those_without_a_score_are_left_out() -> None:
    parts = variance_components([[1, 0], [], [1], [0.5, 0.5, 0.5]])
    assert (parts.cases, parts.scores) == (3, 6)
    assert parts.mean == pytest.approx((0.5 + 1 + 0.5) / 3)
    assert parts.within_variance == pytest.approx((0.5 + 0) / 2)
    assert parts.between_variance == 0.0


def test_what_cannot_be_told_is_none() -> None:
    assert variance_components([]).mean is None
    once = variance_components([[1], [0]])
    assert (once.within_variance, once.between_variance) == (None, None)
    assert once.observed_variance == 0.5
    alone = variance_components([[1, 0]])
    assert (alone.standard_error, alone.between_variance) == (None, None)


def test_a_score_that_is_no_number_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"scores\[1\]\[0\]=nan"):
        variance_components([[1], [math.nan]])


@pytest.mark.parametrize(
    ("n", "c", "k", "any_passes", "all_pass"),
    [
        (5, 3, 2, 0.9, 0.3),
        (5, 3, 3, 1.0, 0.1),
        (10, 7, 3, 0.9916666667, 0.2916666667),
        (10, 9, 3, 1.0, 0.7),
    ],
)
def test_known_tries_have_known_chances(
    n: int, c: int, k: int, any_passes: float, all_pass: float
) -> None:
    assert pass_at_k(n, c, k) == pytest.approx(any_passes, abs=1e-9)
    assert pass_hat_k(n, c, k) == pytest.approx(all_pass, abs=1e-9)


def test_the_plug_in_of_the_rate_is_too_high() -> None:
    for (n, c, k), plug_in in {(5, 3, 2): 0.36, (5, 3, 3): 0.216, (10, 9, 3): 0.729}.items():
        assert (c / n) ** k == pytest.approx(plug_in)
        assert (pass_hat_k(n, c, k) or 0.0) < plug_in


def test_the_mean_over_cases_is_the_macro_average() -> None:
    passed = [5, 5, 4, 3, 0]
    for k, (every, some) in enumerate(
        zip([0.68, 0.58, 0.50, 0.44, 0.40], [0.68, 0.78, 0.80, 0.80, 0.80], strict=True), 1
    ):
        assert sum(pass_hat_k(5, c, k) or 0.0 for c in passed) / 5 == pytest.approx(every)
        assert sum(pass_at_k(5, c, k) or 0.0 for c in passed) / 5 == pytest.approx(some)


def test_fewer_tries_than_k_are_not_scored() -> None:
    assert pass_at_k(2, 2, 3) is None
    assert pass_hat_k(2, 2, 3) is None
    assert pass_hat_k(0, 0, 1) is None


@given(st.integers(1, 8), st.data())
def test_they_count_the_ways_to_choose_k_tries(n: int, data: st.DataObject) -> None:
    c, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    ways = list(combinations([1] * c + [0] * (n - c), k))
    assert pass_at_k(n, c, k) == pytest.approx(sum(map(any, ways)) / len(ways))
    assert pass_hat_k(n, c, k) == pytest.approx(sum(map(all, ways)) / len(ways))


@given(st.integers(1, 30), st.data())
def test_more_tries_in_question_pass_at_least_once_more_often_and_all_less_often(
    n: int, data: st.DataObject
) -> None:
    c = data.draw(st.integers(0, n))
    some = [pass_at_k(n, c, k) or 0.0 for k in range(1, n + 1)]
    every = [pass_hat_k(n, c, k) or 0.0 for k in range(1, n + 1)]
    assert all(one <= other for one, other in pairwise(some))
    assert all(one >= other for one, other in pairwise(every))


@pytest.mark.parametrize(
    ("rate", "runs"), [(0.5, 5), (0.2, 14), (0.1, 29), (0.05, 59), (0.02, 149), (0.01, 299)]
)
def test_a_flaky_failure_is_seen_in_so_many_runs(rate: float, runs: int) -> None:
    assert runs_to_see(rate) == runs
    assert 1 - (1 - rate) ** runs >= 0.95 > 1 - (1 - rate) ** (runs - 1)


def test_a_chance_that_is_just_met_needs_no_run_more() -> None:
    assert runs_to_see(0.5, confidence=0.75) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((2, 3, 1), r"n=2, c=3.: c must be from 0 to n"),
        ((-1, 0, 1), "n=-1"),
        ((2, 1, 0), "k=0.: must be a whole number from 1 up"),
        ((2, 0.5, 1), r"c=0\.5"),
    ],
)
def test_tries_that_cannot_be_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        pass_at_k(*arguments)
    with pytest.raises(ConfigurationError, match=message):
        pass_hat_k(*arguments)


@pytest.mark.parametrize("rate", [0, 1, -0.1, math.nan, "often"])
def test_a_rate_that_is_no_share_is_refused(rate: Any) -> None:
    with pytest.raises(ConfigurationError, match="rate="):
        runs_to_see(rate)
