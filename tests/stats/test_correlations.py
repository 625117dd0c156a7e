"""Whether two numbers go together, and whether they still do."""

from __future__ import annotations

import math
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import correlation, sign_flip
from tests.stats.peers import peer

NUMBERS = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=5, max_size=40)


@settings(max_examples=40)
@given(NUMBERS)
def test_estimates_are_those_of_scipy(pairs: list[tuple[int, int]]) -> None:
    x, y = [one for one, _ in pairs], [other for _, other in pairs]
    if len(set(x)) < 2 or len(set(y)) < 2:
        assert correlation(x, y).estimate is None
        return
    assert correlation(x, y).estimate == pytest.approx(
        peer("scipy.stats").spearmanr(x, y).statistic, abs=1e-9
    )
    found = correlation(x, y, method="pearson")
    assert found.estimate == pytest.approx(peer("scipy.stats").pearsonr(x, y).statistic, abs=1e-9)
    if abs(found.estimate or 0.0) < 0.999:
        wanted = peer("scipy.stats").pearsonr(x, y).confidence_interval()
        assert (found.low, found.high) == pytest.approx((wanted.low, wanted.high), abs=1e-9)


def drawn(chance: Random, n: int, rho: float) -> tuple[list[float], list[float]]:
    x = [chance.gauss(0, 1) for _ in range(n)]
    return x, [rho * each + math.sqrt(1 - rho * rho) * chance.gauss(0, 1) for each in x]


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
def test_intervals_hold_the_truth_as_often_as_they_say(rho: float) -> None:
    """For normal pairs Spearman's is 6 / pi * asin(rho / 2)."""
    chance, truth = Random(5), 6 / math.pi * math.asin(rho / 2)
    tries, held = 400, 0
    for _ in range(tries):
        found = correlation(*drawn(chance, 40, rho))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= truth <= found.high
    assert held / tries > 0.92


def test_no_flip_is_reported_where_there_is_none() -> None:
    chance = Random(7)
    tries = 300
    flips = sum(sign_flip(drawn(chance, 30, 0), drawn(chance, 30, 0)).flipped for _ in range(tries))
    assert flips / tries <= 0.01


def test_a_flip_is_reported() -> None:
    chance = Random(8)
    found = sign_flip(drawn(chance, 60, 0.6), drawn(chance, 60, -0.6))
    assert (found.before.sign, found.after.sign, found.flipped) == (1, -1, True)
    assert not sign_flip(drawn(chance, 60, 0.6), drawn(chance, 60, 0.6)).flipped


def test_what_is_missing_is_left_out_and_counted() -> None:
    found = correlation([1, None, 3, math.nan, 5], [2, 2, None, 4, 6])
    assert (found.n, found.missing) == (2, 3)
    assert found.estimate == pytest.approx(1.0)
    assert found.low is None
    assert found.sign == 0


@pytest.mark.parametrize("x", [[], [1.0], [3.0] * 8])
def test_where_nothing_varies_nothing_is_said(x: list[float]) -> None:
    found = correlation(x, list(range(len(x))))
    assert (found.estimate, found.low, found.high) == (None, None, None)


def test_perfect_pairs_have_an_interval() -> None:
    found = correlation(range(10), range(10), method="pearson")
    assert found.estimate == pytest.approx(1.0)
    assert found.low is not None
    assert 0.9 < found.low <= 1.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"x": [1, 2], "y": [1]}, "2 and 1 numbers are no pairs"),
        ({"x": [1, "a"], "y": [1, 2]}, "x='a'"),
        ({"x": [1], "y": [1], "method": "kendall"}, "method='kendall'"),
        ({"x": [1], "y": [1], "confidence": 1.0}, r"confidence=1\.0"),
    ],
)
def test_what_is_no_pair_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        correlation(**given)
