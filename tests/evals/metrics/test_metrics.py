"""Figures of a whole run that no mean of its cases is."""

import json
import warnings
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.datasets.case import Case
from reliai.errors import ConfigurationError
from reliai.evals import metrics
from reliai.evals.scorers import classification, numeric
from reliai.evals.scoring import Scorer
from reliai.evals.trial import Score, Trial
from tests.evals.scorers._cases import score as scored

sk: Any = import_module("sklearn.metrics")  # it has no types


def run(scorer: Scorer, pairs: Iterable[tuple[Any, Any]], **more: Any) -> list[Trial]:
    """Trials of (output, expected)."""
    return [
        Trial(
            case=f"c{n}",
            digest=f"c{n}",
            repeat=1,
            status="ok",
            output=output,
            scores={scorer.name: scored(scorer, output, Case(inputs={"n": n}, expected=expected))},
            **more,
        )
        for n, (output, expected) in enumerate(pairs)
    ]


def labelled(said: str, expected: str) -> list[Trial]:
    return run(classification(), zip(said, expected, strict=True))


AVERAGES: tuple[Any, ...] = ("macro", "micro", "weighted")

SAID, EXPECTED = "aabbbccaabbbaccabab", "abbbbcaaabbcaccacab"

BELIEFS = [0.95, 0.9, 0.85, 0.8, 0.7, 0.65, 0.55, 0.4, 0.3, 0.1]
OUTCOMES = [1, 1, 1, 0, 1, 1, 0, 0, 1, 0]


def believed() -> list[Trial]:
    """The ten predictions of the reference numbers: the chance of "yes", and what was true."""
    outputs = [{"yes": each, "no": 1.0 - each} for each in BELIEFS]
    truth = ["yes" if each else "no" for each in OUTCOMES]
    return run(classification(probabilities=True), zip(outputs, truth, strict=True))


def missing(code: str, case: str = "lost", **more: Any) -> Trial:
    score = Score(value=None, unscored=code)
    return Trial(
        case=case,
        digest=case,
        repeat=1,
        status="error",
        scores={"classification": score, "numeric": score},
        **more,
    )


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.accuracy(), sk.accuracy_score(list(EXPECTED), list(SAID))),
        (metrics.f1(), sk.f1_score(list(EXPECTED), list(SAID), average="macro")),
        (metrics.f1(average="micro"), sk.f1_score(list(EXPECTED), list(SAID), average="micro")),
        (
            metrics.f1(average="weighted"),
            sk.f1_score(list(EXPECTED), list(SAID), average="weighted"),
        ),
        (metrics.precision(), sk.precision_score(list(EXPECTED), list(SAID), average="macro")),
        (metrics.recall(), sk.recall_score(list(EXPECTED), list(SAID), average="macro")),
        (
            metrics.recall(positive="a"),
            sk.recall_score(list(EXPECTED), list(SAID), average=None, labels=["a"])[0],
        ),
        (metrics.kappa(), sk.cohen_kappa_score(list(EXPECTED), list(SAID))),
        (metrics.matthews(), sk.matthews_corrcoef(list(EXPECTED), list(SAID))),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_metrics_of_labels_are_those_of_scikit_learn(metric: Any, expected: float) -> None:
    found = metric(labelled(SAID, EXPECTED))
    assert found.value == pytest.approx(expected, abs=1e-12)
    assert found.low < found.value < found.high
    assert (found.n_scored, found.n_total, found.clusters) == (19, 19, 19)


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        (metrics.f1("classification", positive="yes"), 0.7692307692),
        (metrics.brier(positive="yes"), 0.185),
        (metrics.auc(positive="yes"), 0.7916666667),
        (metrics.calibration(positive="yes", bins=5), 0.29),
        (
            metrics.log_loss(positive="yes"),
            sk.log_loss(OUTCOMES, [[1 - each, each] for each in BELIEFS]),
        ),
    ],
    ids=lambda each: getattr(each, "name", ""),
)
def test_reference_numbers_of_confidence_are_met(metric: Any, expected: float) -> None:
    assert metric(believed()).value == pytest.approx(expected, abs=1e-9)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcd")), min_size=2))
@settings(max_examples=10)
def test_resamples_are_measured_as_the_run_is(pairs: list[tuple[str, str]]) -> None:
    rows = [{"expected": one, "predicted": other} for one, other in pairs]
    made = [
        metrics.kappa(),
        metrics.matthews(),
        metrics.auc(),
        *(f(average=a) for f in (metrics.f1, metrics.precision, metrics.recall) for a in AVERAGES),
        *(f(positive="a") for f in (metrics.f1, metrics.precision, metrics.recall)),
    ]
    for metric in made:
        chances = [
            {"confidence": len(pairs) / (n % 4 + len(pairs)), **row} for n, row in enumerate(rows)
        ]
        columns = metric._columns(chances)
        value, resampled = metric._value(*columns), metric._resampled(*columns)
        assert resampled == pytest.approx(value, abs=1e-9, nan_ok=True), metric


def test_the_calibration_error_names_its_convention_and_gives_no_interval() -> None:
    found = metrics.calibration(positive="yes", bins=5)(believed())
    assert found.detail["convention"] == (
        "5 bins of equal width, closed on the left, the last one on both sides"
    )
    assert [each["n"] for each in found.detail["bins"]] == [1, 1, 2, 2, 4]
    assert (found.low, found.high) == (None, None)


def test_confidence_in_whatever_is_said_is_compared_with_being_right() -> None:
    outputs = [{"is": "a", "p": 0.9}, {"is": "b", "p": 0.6}, {"is": "a", "p": 0.8}]
    trials = run(classification(at="is", confidence="p"), zip(outputs, "aba", strict=True))
    assert metrics.brier()(trials).value == pytest.approx((0.01 + 0.16 + 0.04) / 3)
    assert metrics.brier(positive="a")(trials).value == pytest.approx((0.01 + 0.16 + 0.04) / 3)


def test_the_confusion_matrix_has_a_row_for_each_expected_label() -> None:
    found = metrics.confusion()(labelled("aabz", "abba"))
    assert found.value == 0.5
    assert found.detail["labels"] == ["a", "b", "z"]
    assert found.detail["matrix"] == [[1, 0, 1], [1, 1, 0], [0, 0, 0]]
    assert found.detail["by_label"]["a"] == {
        "precision": 0.5,
        "recall": 0.5,
        "f1": 0.5,
        "expected": 2.0,
    }


def test_a_label_that_is_never_expected_is_a_miss_and_no_class_of_its_own() -> None:
    assert metrics.recall()(labelled("aabz", "abba")).value == 0.5
    assert metrics.f1()(labelled("aabz", "abba")).value == pytest.approx((0.5 + 2 / 3) / 2)


def test_a_label_that_nothing_is_given_has_no_precision_and_warns_of_nothing() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metrics.precision()(labelled("aaaa", "aabb")).value == 0.25


def test_metrics_of_numbers() -> None:
    outputs, expected = [1.0, 2.5, 2.0, 5.0], [1.0, 2.0, 3.0, 4.0]
    trials = run(numeric(), zip(outputs, expected, strict=True))
    assert metrics.mean_absolute_error()(trials).value == pytest.approx(0.625)
    assert metrics.root_mean_squared_error()(trials).value == pytest.approx(0.75)
    assert metrics.r_squared()(trials).value == pytest.approx(sk.r2_score(expected, outputs))


def test_what_is_missing_is_counted_and_what_was_not_asked_is_not() -> None:
    trials = [
        *labelled(SAID, EXPECTED),
        missing("task_error"),
        missing("timeout"),
        missing("missing_reference"),
        Trial(case="x", digest="x", repeat=1, status="ok"),
    ]
    found = metrics.accuracy()(trials)
    assert (found.n_scored, found.n_total) == (19, 22)
    assert found.unscored == {
        "task_error": 1,
        "timeout": 1,
        "missing_reference": 1,
        "not_scored": 1,
    }


def test_a_row_without_a_confidence_is_missing_from_calibration_alone() -> None:
    outputs = [{"is": "a", "p": 0.9}, {"is": "b"}]
    trials = run(classification(at="is", confidence="p"), zip(outputs, "ab", strict=True))
    assert metrics.accuracy()(trials).n_scored == 2
    found = metrics.brier()(trials)
    assert (found.n_scored, found.n_total, found.unscored) == (1, 2, {"no_confidence": 1})


def test_extra_tries_are_left_out() -> None:
    extra = run(classification(), [("b", "a")] * 5, extra=True)
    assert metrics.accuracy()([*labelled("aa", "aa"), *extra]).value == 1.0


def test_nothing_scored_has_no_value() -> None:
    found = metrics.f1()([missing("timeout")])
    assert (found.value, found.n_total, found.note) == (None, 1, "nothing was scored")


@pytest.mark.parametrize(
    "metric", [metrics.kappa(), metrics.matthews(), metrics.auc()], ids=lambda each: each.name
)
def test_one_class_has_no_agreement_and_no_curve(metric: Any) -> None:
    outputs = [{"a": 0.9, "b": 0.1}] * 12
    trials = run(classification(probabilities=True), zip(outputs, "a" * 12, strict=True))
    found = metric(trials)
    assert (found.value, found.note) == (None, "it has no value here")


def test_all_the_same_numbers_have_no_variance_to_explain() -> None:
    trials = run(numeric(), [(1.0, 2.0), (2.0, 2.0)])
    assert metrics.r_squared()(trials).value is None


def test_one_case_tells_nothing_of_how_far_it_is_off() -> None:
    found = metrics.accuracy()(labelled("a", "a"))
    assert (found.low, found.high) == (None, None)
    assert "no telling" in found.note


def test_few_clusters_are_told() -> None:
    assert "only 4 clusters" in metrics.accuracy()(labelled("abab", "abba")).note


def test_trials_of_a_group_vary_together() -> None:
    alone = metrics.accuracy()(labelled(SAID * 4, EXPECTED * 4))
    rows = [("x", "x")] * 10 + [("y", "x")] * 10
    grouped = [
        trial
        for n in range(20)
        for trial in run(classification(), rows[n : n + 1] * 4, group=f"g{n}")
    ]
    found = metrics.accuracy()(grouped)
    assert (found.n_scored, found.clusters) == (80, 20)
    assert found.high is not None
    assert found.low is not None
    assert alone.high is not None
    assert alone.low is not None
    assert found.high - found.low > 0.35  # 80 trials alone would give 0.22


def test_the_same_run_gives_the_same_numbers() -> None:
    trials = labelled(SAID, EXPECTED)
    assert metrics.f1()(trials) == metrics.f1()(list(reversed(trials)))
    assert metrics.f1(seed=1)(trials) != metrics.f1()(trials)


def test_a_metric_without_an_interval_is_asked_for() -> None:
    assert metrics.f1(resamples=0)(labelled(SAID, EXPECTED)).low is None


@pytest.mark.parametrize(
    "setting",
    [{"resamples": -1}, {"resamples": True}, {"confidence": 1.0}, {"average": "mean"}],
    ids=str,
)
def test_settings_are_checked(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="f1"):
        metrics.f1(**setting)


def test_bins_and_names_are_checked() -> None:
    with pytest.raises(ConfigurationError, match="bins"):
        metrics.calibration(bins=0)
    with pytest.raises(ConfigurationError, match="name of a score"):
        metrics.accuracy("")


def test_a_result_is_plain_data_and_reads_as_a_line() -> None:
    found = metrics.accuracy()([*labelled("aabb" * 5, "aaba" * 5), missing("timeout")])
    assert json.loads(json.dumps(found.to_dict()))["value"] == 0.75
    assert str(found).startswith("accuracy(classification) 0.750 [0.")
    assert "20 of 21 scored" in str(found)
    nothing = metrics.accuracy()([])
    assert str(nothing) == "accuracy(classification) none, 0 of 0 scored (nothing was scored)"


def test_metrics_have_names_that_tell_them_apart() -> None:
    made: Sequence[Any] = [metrics.f1(), metrics.f1(average="micro"), metrics.f1(positive="a")]
    assert [each.name for each in made] == [
        "f1(classification)",
        "f1[micro](classification)",
        "f1[a](classification)",
    ]
