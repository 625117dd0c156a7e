"""Outputs that are one of several labels."""

from typing import Any

import pytest

from reliai.errors import ConfigurationError
from reliai.evals.scorers import classification
from tests.evals.scorers._cases import score, value


@pytest.mark.parametrize(
    ("output", "expected", "right"),
    [
        ("spam", "spam", 1.0),
        (" spam\n", "spam", 1.0),
        ("ham", "spam", 0.0),
        ("Spam", "spam", 0.0),
        (-3, -3.0, 1.0),
        (0.5, 1, 0.0),
        (True, True, 1.0),
        (True, 1, 0.0),
        (4, "4", 1.0),
        ("", "spam", 0.0),
        (None, "spam", 0.0),
        (["spam"], "spam", 0.0),
    ],
)
def test_an_output_is_the_expected_label(output: Any, expected: Any, right: float) -> None:
    assert value(classification, output, expected) == right


def test_both_labels_are_kept_for_the_run() -> None:
    found = score(classification, "ham", "spam")
    assert found.metadata == {"expected": "spam", "predicted": "ham", "confidence": None}


def test_a_label_of_none_of_those_there_are_is_wrong_and_kept() -> None:
    found = score(classification(["spam", "ham"]), "eggs", "spam")
    assert (found.value, found.explanation) == (0.0, "it is none of the labels")
    assert found.metadata is not None
    assert found.metadata["predicted"] == "eggs"


def test_capitals_may_differ() -> None:
    assert value(classification(["Spam", "Ham"], ignore_case=True), "SPAM", "spam") == 1.0


def test_the_confidence_is_kept() -> None:
    scorer = classification(at="label", confidence="p")
    found = score(scorer, {"label": "spam", "p": 0.8}, {"label": "spam"})
    assert found.value == 1.0
    assert found.metadata is not None
    assert found.metadata["confidence"] == 0.8


@pytest.mark.parametrize(
    "output", [{"label": "a"}, {"label": "a", "p": 1.2}, {"label": "a", "p": "x"}]
)
def test_a_label_without_a_good_confidence_still_counts(output: Any) -> None:
    found = score(classification(at="label", confidence="p"), output, "a")
    assert found.value == 1.0
    assert found.explanation == "it has no confidence in [0, 1]"
    assert found.metadata is not None
    assert found.metadata["confidence"] is None


def test_the_label_may_be_the_most_probable_one() -> None:
    found = score(classification(probabilities=True), {"spam": 0.7, "ham": 0.3}, "spam")
    assert found.value == 1.0
    assert found.metadata == {
        "expected": "spam",
        "predicted": "spam",
        "confidence": 0.7,
        "probabilities": {"spam": 0.7, "ham": 0.3},
    }


def test_probabilities_may_stand_beside_the_label() -> None:
    scorer = classification(at="label", probabilities="p")
    found = score(scorer, {"label": "a", "p": {"a": 0.6, "b": 0.4}}, "a")
    assert found.metadata is not None
    assert found.metadata["confidence"] == 0.6


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ({"a": 0.7, "b": 0.7}, "the probabilities add up to 1.400"),
        ({"a": -1, "b": 2}, "a probability is no number in [0, 1]"),
        ({}, "it has no probabilities"),
        ("a", "it has no probabilities"),
    ],
)
def test_probabilities_that_are_none_give_no_label(output: Any, reason: str) -> None:
    found = score(classification(probabilities=True), output, "a")
    assert (found.value, found.explanation) == (0.0, reason)


def test_what_is_expected_must_be_a_label() -> None:
    assert score(classification, "a", {"x": 1}).unscored == "scorer_error"


@pytest.mark.parametrize(
    "setting",
    [
        {"labels": ["one"]},
        {"labels": "text"},
        {"labels": ["a", None]},
        {"confidence": "p", "probabilities": "q"},
        {"at": "label", "probabilities": True},
    ],
    ids=str,
)
def test_settings_are_checked(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="classification"):
        classification(**setting)
