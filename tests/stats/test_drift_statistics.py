"""PSI, chi-square, two shares, block charts, centroids, spikes: numbers, rates, odd input."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import (
    BlockCusum,
    block_cusum_limit,
    block_means,
    centroid_shift,
    chi_square,
    expected_performance,
    psi,
    robust_spike,
    two_proportion,
)
from reliai.stats._needs import needed
from reliai.stats.centroids import centroid_threshold
from reliai.stats.stability import psi_of_counts

ZIPF = np.array([1 / rank for rank in range(1, 11)]) / sum(1 / rank for rank in range(1, 11))

# The peers carry no types.
chi2_contingency: Any = needed("scipy.stats").chi2_contingency
peer: Any = needed("statsmodels.stats.proportion")


def words(rng: np.random.Generator, n: int, shares: Any = ZIPF) -> dict[str, int]:
    return {str(name): int(count) for name, count in enumerate(rng.multinomial(n, shares))}


# PSI


def test_psi_is_the_sum_over_bins() -> None:
    found = psi_of_counts([50, 50], [30, 70])
    assert found.value == pytest.approx(-0.2 * math.log(0.6) + 0.2 * math.log(1.4))


def test_psi_of_a_distribution_with_itself_is_nothing() -> None:
    values = np.random.default_rng(1).normal(size=1000)
    found = psi(values, values)
    assert (found.value, found.moved, found.bins) == (0.0, False, 10)


def test_the_threshold_of_psi_grows_as_samples_shrink() -> None:
    thresholds = [psi_of_counts([500] * 10, [n // 10] * 10).noise for n in (100, 200, 500, 1000)]
    assert thresholds == pytest.approx([0.284, 0.145, 0.061, 0.033], abs=0.003)


@pytest.mark.parametrize("n", [200, 500, 1000])
def test_psi_raises_few_false_alarms_at_any_size(n: int) -> None:
    rng = np.random.default_rng(n)
    old = rng.lognormal(size=5000)
    assert sum(psi(old, rng.lognormal(size=n)).moved for _ in range(300)) <= 3


def test_psi_sees_half_a_standard_deviation() -> None:
    rng = np.random.default_rng(3)
    old = rng.normal(size=5000)
    assert all(psi(old, rng.normal(0.5, size=500)).moved for _ in range(20))


def test_psi_takes_few_different_values_as_they_are() -> None:
    assert psi([1.0] * 500, [1.0] * 300 + [0.5] * 200).moved
    assert not psi([1.0] * 500, [1.0] * 500).moved
    assert psi([1, 2, 2, 3] * 100, [3, 3, 3, 1] * 100).moved


def test_psi_of_nothing_tells_nothing() -> None:
    for found in (psi([], [1.0]), psi([1.0], [])):
        assert not found.moved
        assert "no " in found.note


def test_psi_of_few_values_says_so() -> None:
    assert "200" in psi(range(1000), range(50)).note


# Chi-square


@pytest.mark.parametrize("n", [100, 200, 1000])
def test_of_windows_of_the_same_distribution_at_most_one_percent_alarms(n: int) -> None:
    rng = np.random.default_rng(n)
    reference = words(rng, 5000)
    assert sum(chi_square(reference, words(rng, n)).moved for _ in range(1000)) <= 10


@pytest.mark.parametrize("n", [500, 1000])
def test_a_class_that_moves_by_eight_points_is_found(n: int) -> None:
    rng = np.random.default_rng(n)
    reference = words(rng, 5000)
    moved = ZIPF.copy()
    moved[0] -= 0.08
    moved[3] += 0.08
    found = [chi_square(reference, words(rng, n, moved)) for _ in range(300)]
    assert sum(each.moved for each in found) >= 0.95 * 300
    assert sum(each.rose == "3" for each in found) > 0.95 * 300


def test_chi_square_is_that_of_the_table() -> None:
    old, new = {"a": 300, "b": 150, "c": 50}, {"a": 240, "b": 160, "c": 100}
    found = chi_square(old, new)
    expected = chi2_contingency([[300, 150, 50], [240, 160, 100]], correction=False)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(expected.pvalue, rel=1e-6)
    assert found.degrees == 2
    assert found.cramers_v == pytest.approx(math.sqrt(expected.statistic / 1000))
    assert found.effect == pytest.approx(math.sqrt(0.12**2 / 0.6 + 0.02**2 / 0.3 + 0.1**2 / 0.1))


def test_rare_categories_are_put_together() -> None:
    old = {"stop": 990, **{f"x{number}": 1 for number in range(10)}}
    found = chi_square(old, {"stop": 490, "y": 10})
    assert found.merged == 11
    assert found.degrees == 1


def test_a_category_never_seen_before_is_named() -> None:
    assert chi_square({"a": 500}, {"a": 400, "c": 20, "b": 80}).new == ("b", "c")


@pytest.mark.parametrize(("old", "new"), [({}, {"a": 5}), ({"a": 5}, {}), ({"a": 9}, {"a": 99})])
def test_where_nothing_can_be_told_p_is_one(old: dict[str, int], new: dict[str, int]) -> None:
    found = chi_square(old, new)
    assert (found.p_value, found.moved) == (1.0, False)


def test_a_small_difference_of_many_values_does_not_matter() -> None:
    found = chi_square({"a": 500_000, "b": 500_000}, {"a": 510_000, "b": 490_000})
    assert found.p_value < 1e-10
    assert not found.moved


# Two shares


@given(st.integers(1, 500), st.integers(1, 500), st.data())
def test_two_shares_are_compared_as_statsmodels_does(n1: int, n2: int, data: Any) -> None:
    k1 = data.draw(st.integers(0, n1))
    k2 = data.draw(st.integers(0, n2))
    found = two_proportion(k1, n1, k2, n2)
    if 0 < k1 + k2 < n1 + n2:
        z, p = peer.proportions_ztest([k2, k1], [n2, n1])
        assert (found.z, found.p_value) == pytest.approx((z, p), abs=1e-9)
    else:
        assert (found.z, found.p_value) == (0.0, 1.0)
    low, high = peer.confint_proportions_2indep(k2, n2, k1, n1, method="newcomb")
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-6)


def test_an_empty_side_is_no_difference() -> None:
    found = two_proportion(0, 0, 3, 10)
    assert (found.difference, found.low, found.high, found.p_value) == (0.0, None, None, 1.0)


def test_another_confidence_gives_another_interval() -> None:
    wide = two_proportion(5, 100, 9, 100, confidence=0.99)
    usual = two_proportion(5, 100, 9, 100)
    assert wide.low is not None and usual.low is not None  # noqa: PT018  for the type checker
    assert wide.low < usual.low


# Block charts


def test_limits_are_those_of_siegmund() -> None:
    assert block_cusum_limit(1e6, 0.5) == pytest.approx(12.6, abs=0.1)
    assert block_cusum_limit(1e6, 0.25) == pytest.approx(23.7, abs=0.1)


def test_false_alarms_of_a_block_chart_are_as_rare_as_was_asked_for() -> None:
    rng = np.random.default_rng(7)
    lengths = []
    for _ in range(150):
        chart = BlockCusum(block_cusum_limit(500))
        count = 1
        while not chart.update(float(rng.normal())):
            count += 1
        lengths.append(count)
    assert np.mean(lengths) == pytest.approx(500, rel=0.25)


def test_a_standard_deviation_is_seen_after_some_twenty_values() -> None:
    rng = np.random.default_rng(8)
    lengths = []
    for _ in range(100):
        chart, count = BlockCusum(block_cusum_limit(1e6)), 1
        while not chart.update(float(rng.normal(-1.0))):
            count += 1
        lengths.append(count)
    assert np.mean(lengths) == pytest.approx(26, abs=3)


def test_a_block_chart_forgets() -> None:
    chart = BlockCusum()
    chart.update(3.0)
    chart.reset()
    assert (chart.up, chart.down) == (0.0, 0.0)
    assert repr(chart) == "BlockCusum(limit=8.045, k=0.5)"


def test_means_of_whole_blocks() -> None:
    assert block_means([1, 3, 5, 7, 100], 2) == [2.0, 6.0]
    assert block_means([]) == []


# Centroids


def test_the_threshold_of_centroids_shrinks_with_the_sample() -> None:
    rows = np.random.default_rng(9).normal(0.3, 1.0, size=(400, 64))
    small, large = centroid_threshold(rows, 50), centroid_threshold(rows, 500)
    assert small / large == pytest.approx(10, rel=0.4)


def test_samples_of_the_same_vectors_raise_few_alarms_and_others_are_found() -> None:
    rng = np.random.default_rng(10)
    middle = rng.normal(size=64)
    other = rng.normal(size=64)

    def draw(n: int, share: float) -> Any:
        rows = rng.normal(middle, 1.0, size=(n, 64))
        count = int(n * share)
        rows[:count] = rng.normal(other, 1.0, size=(count, 64))
        return rows

    reference = draw(150, 0.0)
    assert sum(centroid_shift(reference, draw(60, 0.0)).moved for _ in range(30)) <= 1
    assert all(centroid_shift(reference, draw(60, 0.3)).moved for _ in range(10))


def test_vectors_of_length_nothing_tell_nothing() -> None:
    rows = np.vstack([np.ones((20, 4)), -np.ones((20, 4))])
    assert centroid_shift(rows, rows).note == "a mean is of length 0"
    assert "no current" in centroid_shift(rows, np.empty((0, 4))).note


# Spikes


def test_a_spike_is_six_robust_deviations_away() -> None:
    history = [10.0, 11, 9, 10, 12] * 4
    assert robust_spike(history, 40).is_spike
    assert not robust_spike(history, 14).is_spike


def test_what_was_out_before_hides_no_spike() -> None:
    assert robust_spike([10, 11, 9, 10, 1000, 11, 9] * 4, 40).is_spike


@pytest.mark.parametrize(
    ("history", "value", "note"),
    [
        ([], 1.0, "no history"),
        ([1.0] * 30, 5.0, "never changes"),
        ([1.0, 2.0], 5.0, "fewer than 20"),
        ([1.0, 2.0] * 20, math.nan, "no number"),
    ],
)
def test_where_no_spike_can_be_told_it_says_why(
    history: list[float], value: float, note: str
) -> None:
    found = robust_spike(history, value)
    assert found.score is None
    assert not found.is_spike
    assert note in found.note


def test_a_history_that_never_changes_needs_a_least_spread() -> None:
    assert robust_spike([0.0] * 30, 1.0, least=0.1).is_spike


# Performance without labels


def test_of_calibrated_confidences_the_expected_performance_comes_true() -> None:
    rng = np.random.default_rng(11)
    covered, errors = 0, []
    for _ in range(300):
        p = rng.beta(2, 2, size=400)
        y = rng.random(400) < p
        found = expected_performance(p)
        accuracy = float(((p >= 0.5) == y).mean())
        assert found.low is not None and found.high is not None  # noqa: PT018  for the type checker
        covered += found.low <= accuracy <= found.high
        errors.append(float(found.accuracy or 0.0) - accuracy)
    assert covered / 300 == pytest.approx(0.95, abs=0.03)
    assert np.mean(errors) == pytest.approx(0.0, abs=0.005)


def test_expected_numbers_of_the_positive_class() -> None:
    found = expected_performance([0.9, 0.8, 0.3, 0.1])
    assert found.precision == pytest.approx(0.85)
    assert found.recall == pytest.approx(1.7 / 2.1)
    assert found.f1 == pytest.approx(2 * 1.7 / (2 + 2.1))


def test_no_prediction_is_no_performance_and_no_positive_no_precision() -> None:
    assert expected_performance([]).accuracy is None
    found = expected_performance([0.0, 0.0])
    assert (found.accuracy, found.precision, found.recall, found.f1) == (1.0, None, None, None)


# What is refused


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: psi([1.0], [1.0], bins=1), "bins=1"),
        (lambda: psi([1.0], [math.nan]), "finite"),
        (lambda: psi([1.0], [1.0], alpha=0), "alpha"),
        (lambda: psi([1.0], [1.0], effect=-1), "effect"),
        (lambda: chi_square({"a": -1}, {"a": 1}), "below 0"),
        (lambda: chi_square({"a": 1}, {"a": 1}, alpha=2), "alpha"),
        (lambda: two_proportion(3, 2, 1, 2), "k1=3"),
        (lambda: two_proportion(1, 2, -1, 2), "k2=-1"),
        (lambda: block_cusum_limit(arl=1), "arl=1"),
        (lambda: block_cusum_limit(k=0), "k=0"),
        (lambda: BlockCusum(limit=0), "limit=0"),
        (lambda: BlockCusum().update(math.nan), "nan"),
        (lambda: block_means([1.0], 0), "size=0"),
        (lambda: centroid_shift([1.0], [[1.0]]), "rows of finite"),
        (lambda: centroid_shift([[1.0, 2.0]] * 20, [[1.0]]), "as wide"),
        (lambda: centroid_threshold([[1.0]] * 5, 3), "20 are needed"),
        (lambda: centroid_threshold([[1.0]] * 20, 3, alpha=1e-9), "alpha"),
        (lambda: robust_spike([1.0], 1.0, limit=0), "limit=0"),
        (lambda: expected_performance([1.2]), "1.2"),
        (lambda: expected_performance([0.2], threshold=2), "threshold=2"),
    ],
    ids=range(20),
)
def test_what_is_out_of_range_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        call()
