"""Anytime-valid intervals: known numbers, identities, units, and drift."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import (
    bounded_mean_sequence,
    mean_sequence,
    proportion_interval,
    proportion_sequence,
    stratified_difference,
)

ERROR = math.sqrt(0.30**2 / 1000 + 0.31**2 / 1000)


def test_a_known_look_has_known_bounds() -> None:
    look = mean_sequence(2000, -0.02, ERROR, tuned_for=5000)
    assert round(ERROR, 5) == 0.01364
    assert look.high - look.estimate == pytest.approx(0.04261, abs=5e-6)
    assert look.estimate - look.low == pytest.approx(0.04261, abs=5e-6)
    assert look.estimate - look.lower_bound == pytest.approx(0.03937, abs=5e-6)
    assert look.p_value == pytest.approx(0.902, abs=5e-4)
    assert round(1.959964 * ERROR, 5) == 0.02674  # what one fixed look would have


@pytest.mark.parametrize(("n", "ratio"), [(200, 2.60), (1000, 1.72), (5000, 1.55), (20_000, 1.60)])
def test_it_is_so_much_wider_than_one_fixed_look(n: int, ratio: float) -> None:
    look = mean_sequence(n, 0.0, 1.0, tuned_for=5000)
    assert look.high / 1.959964 == pytest.approx(ratio, abs=5e-3)


def test_its_e_value_is_the_mixture_sequential_test() -> None:
    tuned_for = (-2 * math.log(0.05) + math.log(-2 * math.log(0.05) + 1)) / 0.02  # rho^2 = 0.02
    look = mean_sequence(800, 0.07, math.sqrt(0.5 / 800), tuned_for=tuned_for)
    assert look.e_value == pytest.approx(9.706591, abs=5e-7)
    assert look.p_value == pytest.approx(1 / look.e_value)


@given(st.integers(1, 10**6), st.floats(-5, 5), st.floats(0.01, 2), st.sampled_from([0.01, 0.05]))
def test_zero_leaves_the_interval_when_p_falls_below_alpha(
    n: int, difference: float, error: float, alpha: float
) -> None:
    look = mean_sequence(n, difference, error, tuned_for=1000, alpha=alpha)
    assert (look.p_value < alpha) == (look.low > 0 or look.high < 0)
    assert look.lower_bound <= look.upper_bound
    if n >= 100:
        assert look.low <= look.lower_bound
        assert look.upper_bound <= look.high


@given(st.integers(1, 10**5), st.floats(-1, 1), st.floats(0.01, 1), st.sampled_from([1e-6, 1e4]))
def test_another_unit_gives_the_same_in_that_unit(
    n: int, difference: float, error: float, scale: float
) -> None:
    plain = mean_sequence(n, difference, error, tuned_for=1000)
    scaled = mean_sequence(n, scale * difference, scale * error, tuned_for=1000)
    assert scaled.low == pytest.approx(scale * plain.low, rel=1e-9, abs=1e-12)
    assert scaled.e_value == pytest.approx(plain.e_value, rel=1e-9)


def test_it_is_narrowest_near_the_n_that_it_is_tuned_for() -> None:
    widths = {
        t: mean_sequence(1000, 0, 1, tuned_for=t).high for t in (10, 100, 1000, 10_000, 10**5)
    }
    assert min(widths, key=widths.__getitem__) == 1000


def test_without_units_or_variation_nothing_is_known() -> None:
    for look in (
        mean_sequence(0, 0.0, 1.0, tuned_for=100),
        mean_sequence(50, 0.5, 0.0, tuned_for=100),
    ):
        assert (look.low, look.high, look.p_value, look.e_value) == (-math.inf, math.inf, 1.0, 1.0)


def test_a_difference_beyond_all_doubt_has_a_large_finite_e_value() -> None:
    assert 1e300 < mean_sequence(10**6, 1.0, 1e-6, tuned_for=100).e_value < math.inf


@pytest.mark.parametrize("alpha", [0.05, 0.5, 0.9])
def test_any_alpha_gives_bounds_in_order(alpha: float) -> None:
    look = mean_sequence(1000, 0.0, 1.0, tuned_for=1000, alpha=alpha)
    assert look.lower_bound < 0 < look.upper_bound
    assert look.low < 0 < look.high


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": -1}, "n=-1"),
        ({"n": 1.5}, r"n=1\.5"),
        ({"difference": math.nan}, "difference=nan"),
        ({"standard_error": -1}, "standard_error=-1"),
        ({"standard_error": math.inf}, "standard_error=inf"),
        ({"tuned_for": 0}, "tuned_for=0"),
        ({"alpha": 1}, "alpha=1"),
    ],
)
def test_what_it_cannot_honour_is_refused(arguments: dict[str, Any], message: str) -> None:
    usual: dict[str, Any] = {"n": 100, "difference": 0, "standard_error": 1, "tuned_for": 100}
    with pytest.raises(ConfigurationError, match=message):
        mean_sequence(**{**usual, **arguments})


def test_phases_are_compared_each_with_itself() -> None:
    """Pooled, a canary that was busier in a bad hour would look worse than what it beats."""
    calm, bad = (100, 0.09, 0.08, 9900, 0.10, 0.09), (5000, 0.49, 0.25, 5000, 0.50, 0.25)
    found = stratified_difference([calm, bad])
    assert found.estimate == pytest.approx(-0.01)
    assert found.n == 20_000
    weights = [100 * 9900 / 10_000, 2500]
    variances = [0.08 / 100 + 0.09 / 9900, 0.25 / 5000 * 2]
    error = math.sqrt(sum(w * w * v for w, v in zip(weights, variances, strict=True)))
    assert found.standard_error == pytest.approx(error / sum(weights))


def test_one_phase_is_the_plain_difference_and_a_phase_of_one_arm_is_left_out() -> None:
    one = stratified_difference([(1000, 0.5, 0.09, 1000, 0.52, 0.0961)])
    assert one.estimate == pytest.approx(-0.02)
    assert one.standard_error == pytest.approx(ERROR)
    assert stratified_difference([(5, 1, 1, 0, 0, 0)]).estimate is None
    assert stratified_difference([]).n == 0


def test_phases_that_cannot_be_are_refused() -> None:
    wrong: Any = [(1, 2, 3)]
    with pytest.raises(ConfigurationError, match=r"\(1, 2, 3\).: a phase is"):
        stratified_difference(wrong)
    with pytest.raises(ConfigurationError, match="variance of the canary=-1"):
        stratified_difference([(1, 0, -1, 1, 0, 1)])


# --- shares and bounded scores --------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [
        (0, 50, 0.0, 0.1046),
        (2, 50, 0.0012, 0.1933),
        (20, 1000, 0.0078, 0.0406),
        (200, 10_000, 0.0150, 0.0261),
    ],
)
def test_known_counts_have_known_anytime_intervals(
    successes: int, n: int, low: float, high: float
) -> None:
    look = proportion_sequence(successes, n)
    assert look.low == pytest.approx(low, abs=1e-4)
    assert look.high == pytest.approx(high, abs=1e-4)
    fixed = proportion_interval(successes, n)
    assert (look.low or 0.0) <= (fixed.low or 0.0)
    assert (fixed.high or 1.0) <= (look.high or 0.0)


@given(st.integers(0, 300), st.data())
def test_shares_mirror(n: int, data: st.DataObject) -> None:
    good = data.draw(st.integers(0, n))
    one, other = proportion_sequence(good, n), proportion_sequence(n - good, n)
    assert one.low == pytest.approx(1 - (other.high or 0.0), abs=1e-9)


def test_before_the_first_trial_or_score_all_is_possible() -> None:
    assert (proportion_sequence(0, 0).low, proportion_sequence(0, 0).high) == (0.0, 1.0)
    nothing = bounded_mean_sequence([], low=1, high=5)
    assert (nothing.estimate, nothing.low, nothing.high) == (None, 1.0, 5.0)


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [
        ([0, 1, 1, 1, 1] * 200, 0.7496, 0.8468),
        ([0.8] * 100, 0.7257, 0.8743),
        ([0.8] * 1000, 0.7926, 0.8074),
    ],
)
def test_known_scores_have_known_anytime_intervals(
    values: list[float], low: float, high: float
) -> None:
    look = bounded_mean_sequence(values)
    assert look.low == pytest.approx(low, abs=6e-5)
    assert look.high == pytest.approx(high, abs=6e-5)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.integers(-5, 5), st.integers(1, 9))
def test_other_bounds_give_the_same_within_them(values: list[float], low: int, width: int) -> None:
    plain = bounded_mean_sequence(values)
    moved = bounded_mean_sequence(
        [min(low + width, low + width * v) for v in values], low=low, high=low + width
    )
    if plain.low is not None:
        assert moved.low == pytest.approx(low + width * plain.low, abs=1e-6)
        assert low <= (moved.low or 0.0) <= (moved.high or 0.0) <= low + width


@given(st.lists(st.integers(0, 1), min_size=2, max_size=60))
def test_a_further_look_is_never_wider(values: list[int]) -> None:
    before, after = bounded_mean_sequence(values[:-1]), bounded_mean_sequence(values)
    if after.low is not None:
        assert before.low is not None
        assert before.low <= after.low
        assert (after.high or 0.0) <= (before.high or 0.0)


def test_a_mean_that_has_changed_is_said() -> None:
    look = bounded_mean_sequence([0.0] * 500 + [1.0] * 20_000)
    assert (look.low, look.high) == (None, None)
    assert "has changed" in look.note


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: proportion_sequence(3, 2), "more than n"),
        (lambda: proportion_sequence(1, 2, alpha=0), "alpha=0"),
        (
            lambda: bounded_mean_sequence([1.5]),
            r"values\[0\]=1\.5.: must be a finite number from 0",
        ),
        (lambda: bounded_mean_sequence([1], low=1, high=1), "low must be below high"),
    ],
)
def test_counts_and_scores_out_of_range_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        call()
