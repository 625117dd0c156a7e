"""The bootstrap: known intervals, clusters, pairs, and what it cannot tell."""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

import numpy as np
import pytest

from reliai.errors import ConfigurationError
from reliai.stats import bootstrap_interval, mean_interval

Y = [0.12, 0.05, 0.31, -0.08, 0.22, 0.4, 0.02, -0.15, 0.18, 0.09, 0.55, 0.01]
A = [0.9, 0.8, 0.4, 0.7, 0.6, 0.3, 0.95, 0.5, 0.85, 0.65]
B = [0.8, 0.8, 0.5, 0.6, 0.4, 0.35, 0.9, 0.4, 0.7, 0.6]
GROUPS = [0, 0, 0, 1, 1, 2, 2, 2, 3, 3]


@pytest.mark.parametrize(
    ("method", "low", "high"),
    [("BCa", 0.0450, 0.2683), ("percentile", 0.0375, 0.2567), ("basic", 0.0300, 0.2492)],
)
def test_known_values_have_known_intervals(
    method: Literal["BCa", "percentile", "basic"], low: float, high: float
) -> None:
    result = bootstrap_interval(Y, method=method)
    assert result.low == pytest.approx(low, abs=0.01)
    assert result.high == pytest.approx(high, abs=0.01)
    assert result.estimate == pytest.approx(float(np.mean(Y)))


def test_students_interval_of_the_same_is_wider() -> None:
    result = mean_interval(Y)
    assert result.low == pytest.approx(0.0152143702, abs=1e-9)
    assert result.high == pytest.approx(0.2714522964, abs=1e-9)


def test_pairs_are_resampled_as_pairs() -> None:
    result = bootstrap_interval(A, baseline=B)
    assert result.low == pytest.approx(0.0, abs=0.01)
    assert result.high == pytest.approx(0.105, abs=0.01)


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    results = [bootstrap_interval(Y, seed=seed, resamples=999) for seed in (1, 1, 2)]
    assert results[0] == results[1] != results[2]


def test_clusters_are_resampled_as_wholes() -> None:
    scores, groups = [1, 1, 1, 0, 0, 0] * 5, [i // 3 for i in range(30)]
    apart = bootstrap_interval(scores, resamples=999)
    together = bootstrap_interval(scores, cluster=groups, resamples=999)
    assert together.clusters == 10
    assert (together.standard_error or 0.0) > 1.5 * (apart.standard_error or 1.0)
    robust = mean_interval(scores, cluster=groups).standard_error
    assert together.standard_error == pytest.approx(robust, rel=0.1)


def test_the_mean_of_clusters_is_the_same_by_the_quick_way_and_by_the_general_one() -> None:
    def mean(values: Any) -> float:
        return float(np.mean(values))

    quick = bootstrap_interval(A, baseline=B, cluster=GROUPS, resamples=499)
    general = bootstrap_interval(A, mean, baseline=B, cluster=GROUPS, resamples=499)
    assert quick.low == pytest.approx(general.low, abs=0.02)
    assert quick.standard_error == pytest.approx(general.standard_error, rel=1e-6)


def test_a_statistic_may_take_an_axis_or_not() -> None:
    def high(values: Any) -> float:
        return float(np.quantile(values, 0.9))

    def high_of_all(values: Any, axis: int = -1) -> Any:
        return np.quantile(values, 0.9, axis=axis)

    results = [
        bootstrap_interval(Y, each, baseline=Y[::-1], resamples=199) for each in (high, high_of_all)
    ]
    assert results[0] == results[1]
    one, other = bootstrap_interval(Y, high, resamples=199), high_of_all(np.asarray(Y))
    assert one.estimate == pytest.approx(float(other))


def test_a_function_whose_signature_cannot_be_read_is_called_one_by_one() -> None:
    assert bootstrap_interval(Y, max, resamples=99, method="percentile").estimate == 0.55


@pytest.mark.parametrize(
    ("arguments", "note"),
    [
        ({"values": []}, "no values"),
        ({"values": [0.5]}, "one value"),
        ({"values": [0.5, 0.6], "cluster": ["a", "a"]}, "one cluster"),
        ({"values": [0.1 + 0.2, 0.3, 0.3]}, "all values are the same"),
        ({"values": [0.5, 0.6, 0.7], "baseline": [0.4, 0.5, 0.6]}, "all values are the same"),
        ({"values": [1, 2, 3], "statistic": lambda _: 7.0}, "the same in all resamples"),
        ({"values": [1, 2, 3], "statistic": lambda _: math.nan}, "in none a number"),
    ],
)
def test_what_cannot_be_told_is_said_without_a_warning(
    arguments: dict[str, Any], note: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = bootstrap_interval(**arguments, resamples=99)
    assert (result.low, result.high, result.standard_error) == (None, None, None)
    assert note in result.note


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"values": [1, math.nan]}, r"values\[1\]=nan"),
        ({"baseline": [1]}, "baseline"),
        ({"cluster": [1]}, "cluster"),
        ({"method": "bca"}, "method='bca'"),
        ({"resamples": 0}, "resamples=0"),
        ({"seed": -1}, "seed=-1"),
        ({"confidence": 2}, "confidence=2"),
    ],
)
def test_what_it_cannot_honour_is_refused(arguments: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"values": [1, 2], **arguments}
    with pytest.raises(ConfigurationError, match=message):
        bootstrap_interval(**given)
