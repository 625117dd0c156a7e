"""The mean and its interval: known numbers, clusters, and what cannot be told."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import Interval, mean_interval
from tests.stats.peers import peer

ONES = [1, 1, 0, 1, 0, 1, 1, 0, 1, 1]
SCORES = [1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0]
SESSIONS = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
SPREAD = st.lists(st.integers(-1000, 1000), min_size=3, max_size=20).filter(lambda v: len({*v}) > 1)


def test_the_interval_of_independent_values_is_students() -> None:
    result = mean_interval(ONES)
    assert result.estimate == pytest.approx(0.7, abs=1e-12)
    assert result.standard_error == pytest.approx(0.1527525232, abs=1e-9)
    assert result.low == pytest.approx(0.3544497856, abs=1e-9)
    assert result.high == pytest.approx(1.0455502144, abs=1e-9)
    assert (result.n, result.clusters, result.note) == (10, None, "")


def test_values_in_clusters_have_the_cluster_robust_error() -> None:
    result = mean_interval(SCORES, cluster=SESSIONS)
    assert result.estimate == pytest.approx(0.5454545455, abs=1e-9)
    assert result.standard_error == pytest.approx(0.2270346863, abs=1e-9)
    assert result.low == pytest.approx(-0.1770711530, abs=1e-9)
    assert result.high == pytest.approx(1.2679802439, abs=1e-9)
    assert (result.n, result.clusters) == (11, 4)


def test_the_errors_that_the_reference_names_beside_it_are_smaller() -> None:
    off = np.asarray(SCORES) - np.mean(SCORES)
    groups = [off[np.asarray(SESSIONS) == each] for each in range(4)]
    naive = mean_interval(SCORES).standard_error or 0.0
    assert naive == pytest.approx(0.1574591643, abs=1e-9)
    within = sum(group.sum() ** 2 - (group**2).sum() for group in groups) / 11**2
    assert math.sqrt(naive**2 + within) == pytest.approx(0.2022684008, abs=1e-9)  # Miller's
    plain = math.sqrt(sum(group.sum() ** 2 for group in groups)) / 11
    assert plain == pytest.approx(0.1966178058, abs=1e-9)  # CR0
    robust = mean_interval(SCORES, cluster=SESSIONS).standard_error
    assert robust == pytest.approx(plain * math.sqrt(4 / 3), abs=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-50, 50)), min_size=8, max_size=30))
def test_it_is_what_the_cluster_robust_regression_gives(pairs: list[tuple[int, int]]) -> None:
    groups, values = [each[0] for each in pairs], [each[1] for each in pairs]
    ours = mean_interval(values, cluster=groups)
    if ours.low is None:
        return
    ones = np.ones(len(values))
    fit = (
        peer("statsmodels.regression.linear_model")
        .OLS(np.asarray(values, dtype=float), ones)
        .fit(cov_type="cluster", cov_kwds={"groups": np.asarray(groups)}, use_t=True)
    )
    assert ours.standard_error == pytest.approx(float(fit.bse[0]), rel=1e-6)
    assert ours.low == pytest.approx(float(fit.conf_int()[0][0]), rel=1e-6, abs=1e-6)


def test_few_clusters_are_said_and_many_are_not() -> None:
    assert "only 4 clusters" in mean_interval(SCORES, cluster=SESSIONS).note
    assert mean_interval(range(20), cluster=[i // 2 for i in range(20)]).note == ""
    assert "only 9 clusters" in mean_interval(range(18), cluster=[i // 2 for i in range(18)]).note


def test_a_cluster_of_its_own_for_each_value_changes_nothing() -> None:
    apart, plain = mean_interval(ONES, cluster=range(10)), mean_interval(ONES)
    assert apart.low == pytest.approx(plain.low)
    assert apart.high == pytest.approx(plain.high)


def test_labels_may_be_of_any_kind() -> None:
    labels = ["a", "a", "a", 1, 1, 1, ("b", 2), ("b", 2), ("b", 2), 2.5, 2.5]
    assert mean_interval(SCORES, cluster=labels) == mean_interval(SCORES, cluster=SESSIONS)
    assert mean_interval(SCORES, cluster=np.asarray(SESSIONS)).clusters == 4


@pytest.mark.parametrize(
    ("values", "cluster", "note"),
    [
        ([0.5], None, "one value"),
        ([0.5, 0.7], ["a", "a"], "one cluster"),
        ([0.1 + 0.2, 0.3, 0.3], None, "all values are the same"),
        ([1, 1, 1], None, "all values are the same"),
        ([0, 1, 0, 1], [0, 0, 1, 1], "all clusters are the same"),
    ],
)
def test_without_variety_there_is_an_estimate_and_no_interval(
    values: list[float], cluster: Any, note: str
) -> None:
    result = mean_interval(values, cluster=cluster)
    assert result.estimate == pytest.approx(np.mean(values))
    assert (result.low, result.high, result.standard_error) == (None, None, None)
    assert note in result.note


def test_no_values_give_no_numbers_and_a_reason() -> None:
    assert mean_interval([]) == Interval(None, None, None, None, 0, note="no values")
    assert mean_interval([], cluster=[]).estimate is None


@given(SPREAD, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_holds_its_estimate_in_the_middle(values: list[int], sure: float) -> None:
    result = mean_interval(values, confidence=sure)
    assert result.low is not None
    assert result.high is not None
    assert result.estimate == pytest.approx((result.low + result.high) / 2, abs=1e-6)


@given(SPREAD)
def test_more_confidence_makes_it_wider(values: list[int]) -> None:
    some, more = mean_interval(values, confidence=0.8), mean_interval(values, confidence=0.9)
    assert some.low is not None
    assert more.low is not None
    assert more.low < some.low


@given(SPREAD, st.integers(-100, 100), st.sampled_from([0.001, 0.5, 8.0, 1e6]))
def test_another_unit_gives_the_same_in_that_unit(
    values: list[int], shift: int, scale: float
) -> None:
    plain, moved = mean_interval(values), mean_interval([scale * (v + shift) for v in values])
    assert plain.low is not None
    assert moved.low == pytest.approx(scale * (plain.low + shift), rel=1e-6, abs=scale * 1e-6)


@given(SPREAD, st.randoms(use_true_random=False))
def test_the_order_of_the_values_does_not_matter(values: list[int], random: Any) -> None:
    mixed = values[:]
    random.shuffle(mixed)
    assert mean_interval(mixed).high == pytest.approx(mean_interval(values).high)


@given(SPREAD)
def test_repeating_a_case_in_its_cluster_is_no_new_evidence(values: list[int]) -> None:
    twice = mean_interval([*values, *values], cluster=[*range(len(values))] * 2)
    assert twice.standard_error == pytest.approx(mean_interval(values).standard_error)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [1, math.nan]}, r"mean_interval\(values\[1\]=nan\): must be a finite number"),
        ({"values": [None, 1]}, r"values\[0\]=nan"),
        ({"values": [1, math.inf]}, r"values\[1\]=inf"),
        ({"values": ["a", 1]}, r"values\[0\]='a'"),
        ({"values": [[1, 2], [3]]}, r"values\[0\]=\[1, 2\]"),
        ({"values": [[1, 2], [3, 4]]}, r"values of shape \(2, 2\)"),
        ({"values": [1, 2], "cluster": [1]}, "cluster.: has 1 entries for 2 values"),
        ({"values": [], "cluster": [1]}, "cluster.: has 1 entries for 0 values"),
        ({"values": [1, 2], "cluster": [1, None]}, r"cluster\[1\]=None"),
        ({"values": [1, 2], "cluster": [1, math.nan]}, r"cluster\[1\]=nan"),
        ({"values": [1, 2], "confidence": 95}, r"confidence=95\): must be a number from 0 to 1"),
        ({"values": [1, 2], "confidence": 1.0}, r"confidence=1\.0\): must be above 0 and below 1"),
        ({"values": [1, 2], "confidence": "x"}, r"confidence='x'"),
    ],
)
def test_what_it_cannot_honour_is_refused_by_name(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        mean_interval(**arguments)


def test_a_generator_and_an_array_are_taken_as_a_list_is() -> None:
    assert mean_interval(iter(ONES)) == mean_interval(ONES) == mean_interval(np.asarray(ONES))
