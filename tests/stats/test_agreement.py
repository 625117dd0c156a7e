"""Agreement of raters: known numbers, one category, missing ratings."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import cohen_kappa, fleiss_kappa, krippendorff_alpha
from tests.stats.peers import peer

FIRST, SECOND = [1, 2, 3, 4, 5] * 2, [1, 2, 3, 4, 4, 2, 2, 3, 5, 5]
TEXTBOOK = """
    0,0,0,0,14/0,2,6,4,2/0,0,3,5,6/0,3,9,2,0/2,2,8,1,1/7,7,0,0,0/3,2,6,3,0/2,5,3,2,2/6,5,2,1,0/0,2,2,3,7
""".strip()
COUNTS = [[int(each) for each in row.split(",")] for row in TEXTBOOK.split("/")]
CODERS = [
    [None if each == "." else int(each) for each in coder]
    for coder in "123321412.../1233224125.3/.3332342251./12332441251.".split("/")
]
WRONG: Any = "cubic"
ROW: Any = [2, 1]
LABELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=30)


def of_table(table: list[list[int]]) -> tuple[list[int], list[int]]:
    pairs = [(i, j) for i, row in enumerate(table) for j, n in enumerate(row) for _ in range(n)]
    return [a for a, _ in pairs], [b for _, b in pairs]


def test_kappa_of_a_known_table() -> None:
    result = cohen_kappa(*of_table([[20, 5], [10, 15]]))
    assert result.value == pytest.approx(0.4, abs=1e-9)
    assert result.observed == pytest.approx(0.7)
    assert (result.units, result.dropped, result.note) == (50, 0, "")


@pytest.mark.parametrize(
    ("weights", "kappa"),
    [(None, 0.625), ("linear", 0.8051948052), ("quadratic", 0.9189189189)],
)
def test_kappa_of_known_ratings_in_an_order(
    weights: Literal["linear", "quadratic"] | None, kappa: float
) -> None:
    assert cohen_kappa(FIRST, SECOND, weights=weights).value == pytest.approx(kappa, abs=1e-9)


def test_where_nearly_all_is_the_same_kappa_and_raw_agreement_part() -> None:
    result = cohen_kappa(*of_table([[90, 5], [5, 0]]))
    assert result.observed == pytest.approx(0.90)
    assert result.value == pytest.approx(-0.0526315789, abs=1e-9)


def test_one_category_is_undefined_and_not_perfect() -> None:
    assert cohen_kappa(["yes"] * 5, ["yes"] * 5).value is None
    assert fleiss_kappa([[3, 0], [3, 0]]).value is None
    assert krippendorff_alpha([[1, 1], [1, 1]]).value is None
    for result in (cohen_kappa([1], [1]), fleiss_kappa([[2, 0]]), krippendorff_alpha([[1], [1]])):
        assert result.note.startswith("undefined (one category)")
        assert result.observed == 1.0


def test_nothing_rated_is_said() -> None:
    assert cohen_kappa([], []).note == "nothing was rated by both"
    assert fleiss_kappa([]).note == "nothing was rated"
    assert krippendorff_alpha([]).note == "no unit has two ratings"


def test_a_rating_that_is_missing_leaves_its_pair_out() -> None:
    result = cohen_kappa([1, 0, None, 1], [1, 0, 0, None])
    assert result.value == pytest.approx(1.0)
    assert (result.units, result.dropped) == (2, 2)


def test_labels_with_an_order_of_their_own_need_it_told() -> None:
    first, second = ["low", "mid", "high", "low"], ["low", "mid", "mid", "high"]
    numbers = {"low": 0, "mid": 1, "high": 2}
    told = cohen_kappa(first, second, weights="linear", categories=["low", "mid", "high"])
    plain = cohen_kappa(
        [numbers[each] for each in first], [numbers[each] for each in second], weights="linear"
    )
    assert told.value == pytest.approx(plain.value)
    assert cohen_kappa([1, "a"], [1, "a"]).value == pytest.approx(1.0)


@settings(deadline=None, max_examples=25)
@given(LABELS, st.sampled_from([None, "linear", "quadratic"]))
def test_kappa_is_that_of_scikit_learn_and_does_not_mind_the_order(
    pairs: list[tuple[int, int]], weights: Literal["linear", "quadratic"] | None
) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    ours = cohen_kappa(first, second, weights=weights)
    assert ours.value == pytest.approx(cohen_kappa(second, first, weights=weights).value)
    if ours.value is not None:
        theirs = peer("sklearn.metrics").cohen_kappa_score(first, second, weights=weights)
        assert ours.value == pytest.approx(theirs)


def test_fleiss_kappa_of_the_textbook_table() -> None:
    assert fleiss_kappa(COUNTS).value == pytest.approx(0.2099307044, abs=1e-9)
    randolph = fleiss_kappa(COUNTS, method="randolph")
    assert randolph.value == pytest.approx(0.2225274725, abs=1e-9)
    assert fleiss_kappa(COUNTS).units == 10


@pytest.mark.parametrize(
    ("level", "alpha"),
    [
        ("nominal", 0.7434210526),
        ("ordinal", 0.8153875038),
        ("interval", 0.8491071429),
        ("ratio", 0.7974027747),
    ],
)
def test_alpha_of_the_canonical_ratings(
    level: Literal["nominal", "ordinal", "interval", "ratio"], alpha: float
) -> None:
    result = krippendorff_alpha(CODERS, level)
    assert result.value == pytest.approx(alpha, abs=1e-9)
    assert (result.units, result.dropped) == (11, 1)
    assert result.observed == pytest.approx(0.8)


def test_a_missing_rating_may_be_none_or_nan_and_a_label_a_word() -> None:
    nan = [[math.nan if each is None else each for each in coder] for coder in CODERS]
    words = [[None if each is None else f"c{each}" for each in coder] for coder in CODERS]
    assert krippendorff_alpha(nan) == krippendorff_alpha(CODERS) == krippendorff_alpha(words)
    assert krippendorff_alpha(np.asarray(nan).tolist(), "interval").units == 11


def test_a_unit_with_one_rating_changes_nothing_but_the_count() -> None:
    more = [[*coder, 9 if index == 0 else None] for index, coder in enumerate(CODERS)]
    assert krippendorff_alpha(more).value == krippendorff_alpha(CODERS).value
    assert krippendorff_alpha(more).dropped == 2


def test_thousands_of_different_ratings_take_no_table_of_their_pairs() -> None:
    first = np.random.default_rng(1).normal(size=3000)
    second = first + np.random.default_rng(2).normal(0, 0.5, 3000)
    result = krippendorff_alpha([first.tolist(), second.tolist()], "interval")
    everything = np.concatenate([first, second])
    within = np.mean((first - second) ** 2) / 2
    assert result.value == pytest.approx(1 - within / everything.var(ddof=1), abs=1e-9)


def test_ratings_around_zero_have_a_ratio_alpha() -> None:
    assert krippendorff_alpha([[0, 0, 1], [0, 0, 1]], "ratio").value == 1.0
    assert krippendorff_alpha([[0, 1], [-0.0, 1]], "ratio").value == 1.0


@given(LABELS, st.sampled_from(["nominal", "ordinal", "interval"]))
def test_the_order_of_raters_and_of_units_does_not_matter(
    pairs: list[tuple[int, int]], level: Literal["nominal", "ordinal", "interval"]
) -> None:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    one = krippendorff_alpha([first, second], level)
    other = krippendorff_alpha([second[::-1], first[::-1]], level)
    assert one.value == (None if other.value is None else pytest.approx(other.value))
    if one.value is not None:
        assert one.value <= 1.0


@given(LABELS, st.integers(-5, 5), st.sampled_from([0.5, 3.0]))
def test_an_interval_scale_may_be_moved_and_stretched(
    pairs: list[tuple[int, int]], shift: int, factor: float
) -> None:
    rows = [[a for a, _ in pairs], [b for _, b in pairs]]
    moved = [[factor * (each + shift) for each in row] for row in rows]
    plain = krippendorff_alpha(rows, "interval").value
    there = krippendorff_alpha(moved, "interval").value
    assert there == (None if plain is None else pytest.approx(plain))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cohen_kappa([1], [1, 2]), "has 2 ratings, and a has 1"),
        (lambda: cohen_kappa([1], [1], weights=WRONG), "weights='cubic'"),
        (lambda: cohen_kappa([1], [3], categories=[1, 2]), r"categories\): has no \['3'\]"),
        (lambda: cohen_kappa([1, "a"], [1, "a"], weights="linear"), "needs labels with an order"),
        (lambda: fleiss_kappa([[2, 1], [2, 0]]), "as many ratings in each row"),
        (lambda: fleiss_kappa([[1, 0], [0, 1]]), "two or more"),
        (lambda: fleiss_kappa([[2, -1]]), "whole numbers from 0 to 1,000,000,000"),
        (lambda: fleiss_kappa(ROW), r"of shape \(2,\)\: must be a table"),
        (lambda: fleiss_kappa([[2, 1], [3]]), "must be a table of counts"),
        (lambda: krippendorff_alpha([[1, 2], [1]]), r"these have \[1, 2\]"),
        (lambda: krippendorff_alpha([["a"], ["b"]], "interval"), "rating='a'"),
        (lambda: krippendorff_alpha([[1], [-1]], "ratio"), "rating=-1"),
        (lambda: krippendorff_alpha([[1], [1]], WRONG), "level='cubic'"),
    ],
)
def test_what_it_cannot_honour_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        call()
