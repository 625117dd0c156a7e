"""Outputs that are a number, or have one in them."""

from typing import Any

import pytest

from reliai.errors import ConfigurationError
from reliai.evals.scorers import numeric
from tests.evals.scorers._cases import score, value


@pytest.mark.parametrize(
    ("output", "expected", "right"),
    [
        (3, 3.0, 1.0),
        ("3", 3, 1.0),
        ("1,234.5", 1234.5, 1.0),
        (" -2e3 ", -2000, 1.0),
        ("\u22125", -5, 1.0),
        (3.1, 3, 0.0),
        ("about 3", 3, 0.0),
        (True, 1, 0.0),
        (None, 1, 0.0),
        (float("nan"), 1, 0.0),
        (0.1 + 0.2, 0.3, 1.0),
        ("12,34", 1234, 0.0),
    ],
)
def test_an_output_is_the_expected_number(output: Any, expected: Any, right: float) -> None:
    assert value(numeric, output, expected) == right


def test_numbers_may_lie_apart() -> None:
    assert value(numeric(tolerance=0.5), 3.4, 3) == 1.0
    assert value(numeric(relative=0.1), 109, 100) == 1.0
    assert value(numeric(relative=0.1), 111, 100) == 0.0
    assert value(numeric(tolerance=0.1), 0.05, 0) == 1.0


def test_a_number_is_found_in_a_text() -> None:
    said = "First 12 apples, then 3,000; so the answer is 3,012."
    assert value(numeric(find="last"), said, 3012) == 1.0
    assert value(numeric(find="first"), said, 12) == 1.0
    assert score(numeric(find="last"), "none", 3).explanation == "it has no number"


def test_both_numbers_and_their_distance_are_kept() -> None:
    found = score(numeric(at="total"), {"total": 3}, {"total": 5})
    assert found.metadata == {"expected": 5.0, "predicted": 3.0, "error": 2.0}
    assert found.explanation == "off by 2"


def test_what_is_expected_must_be_a_number() -> None:
    assert score(numeric, 3, "three").unscored == "scorer_error"


@pytest.mark.parametrize(
    "setting", [{"tolerance": -1}, {"relative": "x"}, {"find": "best"}, {"tolerance": True}]
)
def test_settings_are_checked(setting: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="numeric"):
        numeric(**setting)
