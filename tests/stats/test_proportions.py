"""Shares of successes: Wilson's interval, and the bounds of what is missing."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import missing_bounds, proportion_interval


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (8, 10, 0.4901624715, 0.9433178485),
        (0, 10, 0.0, 0.2775327999),
        (10, 10, 0.7224672001, 1.0),
        (95, 100, 0.8882495308, 0.9784563208),
        (1, 30, 0.0059085904, 0.1667039099),
        (0, 59, 0.0, 0.0611293705),
    ],
)
def test_known_counts_have_wilsons_interval(
    successes: int, n: int, low: float, high: float
) -> None:
    result = proportion_interval(successes, n)
    assert result.low == pytest.approx(low, abs=1e-9)
    assert result.high == pytest.approx(high, abs=1e-9)
    assert result.estimate == successes / n


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.data())
def test_it_stays_within_bounds_mirrors_and_never_claims_to_be_certain(
    n: int, data: st.DataObject
) -> None:
    good = data.draw(st.integers(0, n))
    one, other = proportion_interval(good, n), proportion_interval(n - good, n)
    assert one.low is not None
    assert one.high is not None
    assert other.high is not None
    assert 0.0 <= one.low < one.high <= 1.0
    assert one.low == pytest.approx(1.0 - other.high, abs=1e-9)
    assert one.low <= good / n <= one.high


def test_a_further_success_raises_both_ends() -> None:
    results = [proportion_interval(good, 12) for good in range(13)]
    lows, highs = [each.low or 0.0 for each in results], [each.high or 0.0 for each in results]
    assert all(one < other for one, other in pairwise(lows))
    assert all(one < other for one, other in pairwise(highs[:-1]))


def test_its_standard_error_is_not_zero_without_failures() -> None:
    error = proportion_interval(10, 10).standard_error
    assert error is not None
    assert error > 0.05


def test_no_trials_give_no_numbers_and_a_reason() -> None:
    result = proportion_interval(0, 0)
    assert (result.estimate, result.low, result.high, result.note) == (
        None,
        None,
        None,
        "no trials",
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((3, 2), r"proportion_interval\(3, n=2\): more than n"),
        ((-1, 2), r"successes=-1"),
        ((0.5, 2), r"successes=0\.5"),
        ((True, 2), r"successes=True"),
        ((1, 2.5), r"n=2\.5"),
    ],
)
def test_what_is_no_count_is_refused(arguments: tuple[Any, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        proportion_interval(*arguments)


def test_cases_that_ended_in_an_error_bound_the_score() -> None:
    bounds = missing_bounds(80, 90, 10)
    assert bounds.estimate == pytest.approx(0.889, abs=5e-4)
    assert (bounds.low, bounds.high, bounds.n) == (0.8, 0.9, 100)
    assert bounds.note == "10 of 100 without a score"


def test_with_nothing_missing_the_bounds_are_the_mean_and_with_nothing_scored_all() -> None:
    none, all_missing = missing_bounds(7.5, 10, 0), missing_bounds(0, 0, 10)
    assert (none.low, none.high, none.note) == (0.75, 0.75, "")
    assert (all_missing.estimate, all_missing.low, all_missing.high) == (None, 0.0, 1.0)
    assert missing_bounds(0, 0, 0).low is None


@given(st.integers(0, 50), st.integers(0, 50), st.floats(0, 1))
def test_each_missing_case_widens_the_bounds(scored: int, missing: int, part: float) -> None:
    some = missing_bounds(part * scored, scored, missing)
    more = missing_bounds(part * scored, scored, missing + 1)
    if some.low is None or some.high is None:
        return
    assert more.low is not None
    assert more.high is not None
    assert more.low <= some.low <= some.high <= more.high


@pytest.mark.parametrize("total", [-0.1, 10.1, float("nan")])
def test_a_total_that_the_scores_cannot_have_is_refused(total: float) -> None:
    with pytest.raises(ConfigurationError, match=r"total=.*must be a number from 0 to 10"):
        missing_bounds(total, 10, 0)
