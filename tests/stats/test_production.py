"""The production estimate of a dataset that rules captured."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import production_estimate
from tests.stats.peers import peer

Y, PI = [0, 0, 1, 1, 1, 0], [1, 1, 0.01, 0.01, 0.01, 0.01]
CASES = st.lists(st.tuples(st.integers(0, 5), st.floats(0.001, 1)), min_size=2, max_size=20)


def test_a_known_dataset_has_two_known_scores() -> None:
    result = production_estimate(Y, PI)
    assert result.challenge == 0.5
    assert result.estimate == pytest.approx(0.7462686567, abs=1e-9)
    assert result.standard_error == pytest.approx(0.2154531988, abs=1e-9)
    assert result.effective_n == pytest.approx(4.04, abs=5e-3)
    assert result.low == pytest.approx((result.estimate or 0) - 1.959964 * 0.2154531988, abs=1e-6)


def test_its_error_is_that_of_the_weighted_regression_and_not_of_counts() -> None:
    weights = 1 / np.asarray(PI)
    model = peer("statsmodels.regression.linear_model").WLS(Y, np.ones(6), weights=weights)
    ours = production_estimate(Y, PI).standard_error
    assert ours == pytest.approx(float(model.fit(cov_type="HC0").bse[0]), abs=1e-12)
    assert float(model.fit(cov_type="HC1").bse[0]) == pytest.approx(0.23601715, abs=1e-8)
    counts = peer("statsmodels.stats.weightstats").DescrStatsW(Y, weights=weights).std_mean
    assert float(counts) == pytest.approx(0.0217301375, abs=1e-9)


@given(CASES, st.sampled_from([0.1, 0.5, 1.0]))
def test_only_the_ratios_of_the_probabilities_count(
    cases: list[tuple[int, float]], part: float
) -> None:
    values, chances = [y for y, _ in cases], [p for _, p in cases]
    plain = production_estimate(values, chances)
    scaled = production_estimate(values, [part * p for p in chances])
    assert scaled.estimate == pytest.approx(plain.estimate)
    assert scaled.effective_n == pytest.approx(plain.effective_n)
    assert 1.0 - 1e-9 <= plain.effective_n <= plain.n + 1e-9


@given(st.lists(st.integers(0, 9), min_size=2, max_size=20).filter(lambda v: len({*v}) > 1))
def test_a_plain_sample_is_its_own_estimate(values: list[int]) -> None:
    result = production_estimate(values, [0.2] * len(values))
    assert result.estimate == pytest.approx(result.challenge)
    assert result.effective_n == pytest.approx(len(values))
    assert result.standard_error == pytest.approx(float(np.std(values)) / len(values) ** 0.5)


@pytest.mark.parametrize(
    ("values", "note"), [([], "no cases"), ([1], "one case"), ([1, 1], "all values are the same")]
)
def test_what_cannot_be_told_is_said(values: list[float], note: str) -> None:
    result = production_estimate(values, [0.5] * len(values))
    assert (result.low, result.high, result.standard_error) == (None, None, None)
    assert note in result.note


@pytest.mark.parametrize(
    ("values", "chances", "message"),
    [
        ([1], [0], r"inclusion_probability\[0\]=0\.0.: must be a finite number above 0 to 1"),
        ([1], [1.5], r"inclusion_probability\[0\]=1\.5"),
        ([1, 0], [1], "inclusion_probability.: has 1 entries for 2 values"),
        ([math.nan], [1], r"values\[0\]=nan"),
    ],
)
def test_what_cannot_be_a_probability_is_refused(values: Any, chances: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        production_estimate(values, chances)
