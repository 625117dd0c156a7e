"""Judges: corrected shares, few labels with many verdicts, and both orders of a pair."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import corrected_share, mean_interval, prediction_powered_mean, swap_verdicts


@pytest.mark.parametrize(("observed", "share"), [(0.8, 0.8666666667), (0.5, 0.4666666667)])
def test_a_known_judge_is_corrected_to_a_known_share(observed: float, share: float) -> None:
    assert corrected_share(observed, 0.9, 0.85) == pytest.approx(share, abs=1e-9)


@given(st.floats(0, 1), st.floats(0.51, 1), st.floats(0.51, 1))
def test_the_correction_undoes_the_errors_of_the_judge(
    true: float, sensitivity: float, specificity: float
) -> None:
    reported = true * sensitivity + (1 - true) * (1 - specificity)
    assert corrected_share(min(1.0, reported), sensitivity, specificity) == pytest.approx(
        true, abs=1e-9
    )


def test_a_share_beyond_what_the_judge_can_report_is_cut() -> None:
    assert corrected_share(1.0, 0.8, 0.9) == 1.0
    assert corrected_share(0.0, 0.8, 0.9) == 0.0


def test_a_judge_no_better_than_chance_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no better than chance"):
        corrected_share(0.5, 0.5, 0.5)
    with pytest.raises(ConfigurationError, match=r"observed=1\.5"):
        corrected_share(1.5, 0.9, 0.9)


def labelled(seed: int, n: int = 100, more: int = 2000) -> tuple[Any, Any, Any]:
    """Labels of which 70 % are true, and a judge that agrees with nine in ten."""
    random = np.random.default_rng(seed)
    true = random.random(n + more) < 0.7
    judged = np.where(random.random(n + more) < 0.9, true, ~true).astype(float)
    return true[:n].astype(float), judged[:n], judged[n:]


def test_a_judge_makes_the_interval_of_few_labels_narrower_and_keeps_it_honest() -> None:
    powered, labels_only, covered = 0.0, 0.0, 0
    for seed in range(300):
        labels, judged, rest = labelled(seed)
        result, plain = prediction_powered_mean(labels, judged, rest), mean_interval(labels)
        powered += (result.high or 0.0) - (result.low or 0.0)
        labels_only += (plain.high or 0.0) - (plain.low or 0.0)
        covered += (result.low or 1.0) <= 0.7 <= (result.high or 0.0)
    assert powered < 0.85 * labels_only
    assert 0.92 <= covered / 300 <= 0.98


def test_a_judge_who_knows_nothing_costs_next_to_nothing() -> None:
    labels, _, rest = labelled(1)
    noise = np.random.default_rng(2).random(100)
    result, plain = prediction_powered_mean(labels, noise, rest), mean_interval(labels)
    assert result.standard_error == pytest.approx(plain.standard_error, rel=0.03)


def test_a_judge_that_always_says_the_same_changes_nothing() -> None:
    labels = [1, 0, 1, 1]
    result = prediction_powered_mean(labels, [1] * 4, [1] * 50)
    assert result.estimate == pytest.approx(0.75)
    assert result.standard_error == pytest.approx(mean_interval(labels).standard_error)


def test_a_perfect_judge_gives_the_mean_of_all() -> None:
    labels, rest = [1, 0] * 20, [1] * 220 + [0] * 180
    result = prediction_powered_mean(labels, labels, rest)
    assert result.estimate == pytest.approx((20 + 220) / 440, abs=2e-3)
    assert result.standard_error == pytest.approx(0.5 / 440**0.5, rel=0.02)


@pytest.mark.parametrize(
    ("labels", "judged", "rest", "note"),
    [
        ([], [], [1, 0], "two labels"),
        ([1], [1], [1, 0], "two labels"),
        ([1, 0], [1, 0], [1], "two judged cases"),
        ([1, 1], [1, 1], [1, 1], "the labels do not vary"),
    ],
)
def test_what_cannot_be_told_is_said(
    labels: list[float], judged: list[float], rest: list[float], note: str
) -> None:
    result = prediction_powered_mean(labels, judged, rest)
    assert (result.low, result.high) == (None, None)
    assert note in result.note


def test_labels_and_verdicts_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"judged\): has 1 entries for 2 values"):
        prediction_powered_mean([1, 0], [1], [1, 0])
    with pytest.raises(ConfigurationError, match=r"judged_only\[0\]=nan"):
        prediction_powered_mean([1, 0], [1, 0], [math.nan])


def test_a_judge_that_likes_what_comes_first_makes_ties_alone() -> None:
    result = swap_verdicts(["a"] * 4, ["b"] * 4)
    assert result.verdicts == ("tie",) * 4
    assert (result.wins, result.losses, result.ties, result.flips) == (0, 0, 4, 4)
    assert result.flip_rate == 1.0


def test_a_vote_that_does_not_hang_on_the_order_counts_and_one_that_is_missing_does_not() -> None:
    result = swap_verdicts(["a", "b", "tie", "a", None, "b"], ["a", "b", "tie", "tie", "a", None])
    assert result.verdicts == ("a", "b", "tie", "tie", None, None)
    assert (result.wins, result.losses, result.ties) == (1, 1, 2)
    assert (result.flips, result.unpaired, result.flip_rate) == (1, 2, 0.25)
    assert swap_verdicts([], []).flip_rate is None


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [(["a"], ["A"], "'A'.: a vote is"), (["a"], [], "second.: has 0 entries for 1 values")],
)
def test_what_is_no_vote_is_refused(first: Any, second: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        swap_verdicts(first, second)
