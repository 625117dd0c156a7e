"""From repeats to a case: each counts its own repeats, and a missing one is no failure."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.evals.reducers import reducer, stability
from reliai.evals.trial import Score

PASS = Score(value=1.0, kind="assertion")
FAIL = Score(value=0.0, kind="assertion")
LOST = Score(value=None, unscored="timeout")
SIGNS = {"1": PASS, "0": FAIL, ".": LOST}


def repeats(signs: str) -> list[Score]:
    return [SIGNS[each] for each in signs]


def numbers(*values: float) -> list[Score]:
    return [Score(value=each) for each in values]


def labels(*words: str) -> list[Score]:
    return [Score(value=None, kind="label", label=each) for each in words]


@pytest.mark.parametrize(
    ("name", "signs", "value"),
    [
        ("mean", "1101", 0.75),
        ("mean", "11.1", 1.0),
        ("median", "110", 1.0),
        ("min", "110", 0.0),
        ("max", "001", 1.0),
        ("first", "01", 0.0),
        ("last", "01", 1.0),
        ("majority", "110", 1.0),
        ("all", "111", 1.0),
        ("all", "1.0", 0.0),
        ("any", "0.1", 1.0),
        ("at_least_2", "110", 1.0),
        ("at_least_2", "1.1", 1.0),
        ("at_least_2", "00.", 0.0),
        ("pass_k_2", "11100", 0.3),
        ("pass_k_3", "11100", 0.1),
        ("pass_hat_2", "11100", 0.3),
        ("pass_at_2", "11100", 0.9),
        ("pass_at_k_2", "11100", 0.9),
        ("pass_at_3", "1111111000", 0.9916666667),
        ("pass_k_3", "1111111000", 0.2916666667),
    ],
)
def test_repeats_are_reduced(name: str, signs: str, value: float) -> None:
    assert reducer(name)(repeats(signs)).value == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize(
    ("name", "signs", "code"),
    [
        ("mean", "...", "timeout"),
        ("all", "11.", "missing_repeats"),
        ("any", "0.", "missing_repeats"),
        ("at_least_2", "1.0", "missing_repeats"),
        ("majority", "10", "no_majority"),
        ("majority", "1.", "missing_repeats"),
        ("first", ".1", "timeout"),
        ("pass_k_3", "11.", "too_few_repeats"),
        ("mean", "", "not_scored"),
        ("first", "", "not_scored"),
        ("all", "", "not_scored"),
        ("any", "", "not_scored"),
        ("majority", "", "not_scored"),
    ],
)
def test_what_hangs_on_a_missing_repeat_is_unscored(name: str, signs: str, code: str) -> None:
    score = reducer(name)(repeats(signs))
    assert (score.value, score.unscored) == (None, code)


def test_a_missing_repeat_is_no_failure_of_pass_k() -> None:
    assert reducer("pass_k_2")(repeats("11.")).value == 1.0


def test_a_reduced_score_says_how_many_repeats_it_is_from() -> None:
    assert reducer("mean")(repeats("1.0")).metadata == {"n_scored": 2, "n_total": 3}


def test_an_assertion_stays_one_only_while_it_says_yes_or_no() -> None:
    assert reducer("mean")(repeats("11")).kind == "assertion"
    assert reducer("mean")(repeats("10")).kind == "number"


def test_labels_have_a_majority_and_no_mean() -> None:
    assert reducer("majority")(labels("warm", "cold", "warm")).label == "warm"
    assert reducer("mean")(labels("warm")).unscored == "not_a_number"


def test_numbers_pass_from_a_threshold() -> None:
    assert reducer("pass_k_2", threshold=0.5)(numbers(0.9, 0.6)).value == 1.0
    assert reducer("pass_k_2")(numbers(0.9, 0.6)).unscored == "no_threshold"
    assert reducer("all", threshold=0.7)(numbers(0.9, 0.6)).value == 0.0


@pytest.mark.parametrize("name", ["", "pass_k_0", "pass_k", "at_least_x", "harmonic", None])
def test_another_name_is_refused(name: Any) -> None:
    with pytest.raises(ConfigurationError, match="use one of"):
        reducer(name)


def test_a_threshold_is_a_number() -> None:
    with pytest.raises(ConfigurationError, match="threshold="):
        reducer("all", threshold="high")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_reducer_is_its_own() -> None:
    made = reducer("mean")
    assert reducer(made) is made


@given(st.lists(st.sampled_from([PASS, FAIL, LOST]), max_size=8), st.integers(1, 8))
def test_a_verdict_holds_whatever_the_missing_repeats_would_have_said(
    scores: Sequence[Score], count: int
) -> None:
    decided = reducer(f"at_least_{count}")(scores).value
    best = [PASS if each is LOST else each for each in scores]
    worst = [FAIL if each is LOST else each for each in scores]
    possible = {reducer(f"at_least_{count}")(each).value for each in (best, worst)}
    assert decided is None or len(scores) == 0 or possible == {decided}


@pytest.mark.parametrize(
    ("signs", "verdict"),
    [
        ("111", "stable_pass"),
        ("000", "stable_fail"),
        ("1010101010", "flaky"),
        ("1.0", "flaky"),
        ("1..", "stable_pass"),
        ("...", "error"),
        ("", "error"),
    ],
)
def test_a_case_is_stable_flaky_or_in_error(signs: str, verdict: str) -> None:
    assert stability(repeats(signs)).verdict == verdict


def test_stability_counts_its_repeats() -> None:
    found = stability(repeats("1010.10101"))
    assert (found.passed, found.failed, found.missing, found.pass_rate) == (5, 4, 1, 5 / 9)
    assert stability(repeats("..")).pass_rate is None


def test_numbers_are_stable_around_a_threshold() -> None:
    assert stability(numbers(0.9, 0.6), threshold=0.7).verdict == "flaky"


@pytest.mark.parametrize(("scores", "threshold"), [(numbers(0.9), None), (labels("a"), 0.5)])
def test_what_cannot_pass_is_not_called_stable(scores: list[Score], threshold: Any) -> None:
    with pytest.raises(ConfigurationError, match="threshold"):
        stability(scores, threshold=threshold)
