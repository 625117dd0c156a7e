"""Calibration, ranking and classification: known numbers, bins, and one outcome."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.stats import calibration_error, discrimination
from tests.stats.peers import peer

P = [0.95, 0.9, 0.85, 0.8, 0.7, 0.65, 0.55, 0.4, 0.3, 0.1]
Y = [1, 1, 1, 0, 1, 1, 0, 0, 1, 0]
CASES = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 1)), min_size=1, max_size=30)


def test_known_confidences_have_known_numbers() -> None:
    result, ranked = calibration_error(P, Y, bins=5), discrimination(P, Y)
    assert result.error == pytest.approx(0.29, abs=1e-9)
    assert result.brier == pytest.approx(0.185, abs=1e-9)
    assert ranked.auc == pytest.approx(0.7916666667, abs=1e-9)
    assert ranked.f1 == pytest.approx(0.7692307692, abs=1e-9)


def test_other_bins_give_other_errors_so_ours_are_told() -> None:
    right_closed = np.digitize(P, [0.2, 0.4, 0.6, 0.8], right=True)
    equal_mass = np.repeat(range(5), 2)
    errors = [
        sum(abs(sum(P[i] - Y[i] for i in range(10) if place[i] == b)) for b in range(5)) / 10
        for place in (right_closed, equal_mass)
    ]
    assert errors == [pytest.approx(0.14), pytest.approx(0.30)]
    assert "closed on the left" in " ".join((calibration_error.__doc__ or "").split())


def test_a_confidence_on_an_edge_is_in_the_bin_above_and_one_in_the_last() -> None:
    bins = calibration_error([0.2, 0.4, 0.6, 0.8, 1.0], [1] * 5, bins=5).bins
    assert [each.n for each in bins] == [0, 1, 1, 1, 2]
    assert (bins[1].low, bins[1].high, bins[1].confidence, bins[1].accuracy) == (0.2, 0.4, 0.2, 1.0)
    assert bins[0].accuracy is None


@given(CASES, st.integers(1, 12))
def test_the_error_is_bounded_and_at_least_the_gap_of_all(
    cases: list[tuple[int, int]], bins: int
) -> None:
    stated, came = [p / 20 for p, _ in cases], [y for _, y in cases]
    error = calibration_error(stated, came, bins=bins).error
    assert error is not None
    assert abs(np.mean(stated) - np.mean(came)) - 1e-9 <= error <= 1.0


@settings(deadline=None, max_examples=25)
@given(CASES)
def test_the_ranking_is_that_of_scikit_learn_and_mirrors(cases: list[tuple[int, int]]) -> None:
    scores, came = [float(p) for p, _ in cases], [y for _, y in cases]
    auc = discrimination(scores, came).auc
    if auc is None:
        return
    assert auc == pytest.approx(peer("sklearn.metrics").roc_auc_score(came, scores))
    assert discrimination([-s for s in scores], came).auc == pytest.approx(1 - auc)
    assert discrimination([3 * s + 1 for s in scores], came).auc == pytest.approx(auc)


def test_without_cases_or_with_one_outcome_numbers_are_missing_and_not_zero() -> None:
    nothing = calibration_error([], [])
    assert (nothing.error, nothing.brier, nothing.n) == (None, None, 0)
    one = discrimination([0.9, 0.8], [1, 1])
    assert one.auc is None
    assert "only one outcome" in one.note
    assert (one.precision, one.recall, one.f1) == (1.0, 1.0, 1.0)
    none_taken = discrimination([0.1, 0.2], [0, 0])
    assert (none_taken.precision, none_taken.recall, none_taken.f1) == (None, None, None)
    missed = discrimination([0.1, 0.2], [1, 0])
    assert (missed.precision, missed.recall, missed.f1) == (None, 0.0, 0.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.1], [1]), r"confidence\[0\]=1\.1"),
        (([0.5], [0.5]), r"outcomes\[0\]=0\.5.: must be 0 or 1"),
        (([0.5], [1, 0]), "outcomes.: has 2 entries for 1 values"),
        (([math.nan], [1]), r"confidence\[0\]=nan"),
    ],
)
def test_what_is_no_confidence_or_outcome_is_refused(arguments: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        calibration_error(*arguments)


def test_senseless_settings_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="bins=0"):
        calibration_error([0.5], [1], bins=0)
    with pytest.raises(ConfigurationError, match="threshold=nan"):
        discrimination([0.5], [1], threshold=math.nan)
