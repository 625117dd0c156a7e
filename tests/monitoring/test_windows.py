"""Windows: sums that add up, can be taken away again, and travel as JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.monitoring.histogram import bin_of, value_of
from reliai.monitoring.windows import (
    CategoryWindow,
    NumberWindow,
    ShareWindow,
    VectorWindow,
    new_window,
    window_from,
)

NUMBERS = st.lists(st.integers(-(10**6), 10**6).map(float), max_size=250)


def filled(kind: str, values: Any) -> Any:
    window = new_window(kind)
    for value in values:
        window.add(value)
    return window


@given(NUMBERS)
def test_numbers_have_the_mean_and_deviation_of_the_library(values: list[float]) -> None:
    window = filled("number", values)
    assert window.n == len(values)
    if len(values) > 1:
        assert window.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-6)
        assert window.deviation == pytest.approx(np.std(values, ddof=1), rel=1e-6, abs=1e-6)
        assert window.ends == (min(values), max(values))


@given(NUMBERS, NUMBERS)
def test_the_sum_of_two_is_the_window_of_all(first: list[float], second: list[float]) -> None:
    window, both = filled("number", first), filled("number", first + second)
    window.merge(filled("number", second))
    assert (window.n, window.bins, window.ends) == (both.n, both.bins, both.ends)
    assert window.mean == pytest.approx(both.mean, rel=1e-9, abs=1e-6)
    assert window.deviation == pytest.approx(both.deviation, rel=1e-6, abs=1e-3)


@given(NUMBERS, NUMBERS)
def test_a_window_can_be_taken_away_again(first: list[float], second: list[float]) -> None:
    window = filled("number", first + second)
    window.merge(filled("number", first), -1)
    rest = filled("number", second)
    assert (window.n, window.bins) == (rest.n, rest.bins)
    assert window.mean == pytest.approx(rest.mean, rel=1e-6, abs=1e-3)


@given(st.floats(1e-9, 1e9), st.sampled_from([1, -1]))
def test_a_bin_is_one_percent_wide_on_either_side(value: float, sign: int) -> None:
    assert value_of(bin_of(sign * value)) == pytest.approx(sign * value, rel=0.0101)


@given(st.lists(st.floats(-1e9, 1e9), min_size=2))
def test_bins_are_in_the_order_of_the_numbers(values: list[float]) -> None:
    ordered = sorted(values)
    assert [bin_of(each) for each in ordered] == sorted(bin_of(each) for each in ordered)


def test_sizes_beyond_all_measure_fall_into_the_last_bins() -> None:
    assert bin_of(1e-300) == bin_of(0.0) == 0
    assert bin_of(1e300) == bin_of(1e18)
    assert filled("number", [1e150] * 100).n == 100


def test_quantiles_are_right_to_one_percent() -> None:
    window = filled("number", range(1, 1001))
    assert window.quantile(0.95) == pytest.approx(950, rel=0.011)
    assert math.isnan(NumberWindow().quantile(0.5))


def test_shares_and_categories_add_up() -> None:
    share = filled("share", [True, False])
    share.merge(filled("share", [True]))
    assert (share.n, share.k, share.value) == (3, 2, pytest.approx(2 / 3))
    words = filled("category", ["stop", "length"])
    words.merge(filled("category", ["stop"]))
    assert words.counts == {"stop": 2, "length": 1}
    assert words.value == "stop"
    words.merge(filled("category", ["length"]), -1)
    assert words.counts == {"stop": 2}


def test_categories_are_bounded_and_none_is_lost() -> None:
    window = filled("category", map(str, range(10_000)))
    assert len(window.counts) <= 65
    assert sum(window.counts.values()) == window.n == 10_000
    assert window.counts["_other"] == 10_000 - 64


def test_vectors_of_another_length_do_not_count() -> None:
    window = filled("vector", [np.ones(3, "float32"), np.ones(2, "float32")])
    assert (window.n, window.null, list(window.total)) == (1, 1, [1.0, 1.0, 1.0])
    window.merge(filled("vector", [np.ones(2, "float32")]))
    window.merge(VectorWindow())
    assert window.n == 1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("share", [True, False]),
        ("number", [1.0, -2.5, 0.0]),
        ("number", []),
        ("category", ["a", "b", "a"]),
        ("vector", [np.ones(2, "float32")]),
        ("vector", []),
    ],
    ids=range(6),
)
def test_a_window_travels_as_json(kind: str, values: list[Any]) -> None:
    window = filled(kind, values)
    window.null = 2
    written = window.to_dict()
    assert window_from(json.loads(json.dumps(written))).to_dict() == written


def test_an_empty_window_has_no_value() -> None:
    for window in (ShareWindow(), NumberWindow(), CategoryWindow(), VectorWindow()):
        assert window.value is None
