"""Whether an output is what was expected, or has it in it."""

import re
from typing import Any

import pytest

from reliai.comparisons import Json, Scored
from reliai.datasets.case import MISSING, Case
from reliai.errors import ConfigurationError
from reliai.evals.scorers import contains, exact, regex, same
from reliai.evals.scoring import scorer_of
from tests.evals.scorers._cases import score, value


@pytest.mark.parametrize(
    ("output", "expected", "right"),
    [
        ("yes", "yes", 1.0),
        ("Yes", "yes", 0.0),
        (1, 1.0, 1.0),
        (1, True, 0.0),
        (None, None, 1.0),
        ("", None, 0.0),
        ({"a": 1, "b": [2]}, {"b": [2], "a": 1}, 1.0),
        ({"a": "e\u0301"}, {"a": "\u00e9"}, 1.0),
        ("e\u0301", "\u00e9", 1.0),
        ([1, 2], [2, 1], 0.0),
        (7, "7", 0.0),
    ],
)
def test_exact_wants_the_expected_value(output: Any, expected: Any, right: float) -> None:
    assert value(exact, output, expected) == right


def test_exact_reads_the_text_of_a_providers_answer() -> None:
    answer = {"object": "chat.completion", "choices": [{"message": {"content": "yes"}}]}
    assert value(exact, answer, "yes") == 1.0


def test_exact_may_overlook_capitals_and_blanks() -> None:
    assert value(exact(ignore_case=True), "YES", "yes") == 1.0
    assert value(exact(ignore_space=True), " a  b\n", "a b") == 1.0
    assert value(exact(ignore_space=True), "ab", "a b") == 0.0


def test_exact_looks_where_it_is_told_to() -> None:
    there = exact(at="items.0.name")
    assert value(there, {"items": [{"name": "x"}]}, "x") == 1.0
    assert value(there, {"items": [{"name": "x"}]}, {"items": [{"name": "x"}]}) == 1.0


@pytest.mark.parametrize("output", [{}, {"items": []}, {"items": "no"}, "text", None])
def test_an_output_without_the_place_is_wrong_and_not_unscored(output: Any) -> None:
    found = score(exact(at="items.0.name"), output, "x")
    assert (found.value, found.unscored) == (0.0, None)
    assert "items.0.name" in (found.explanation or "")


def test_no_output_is_wrong_where_a_text_is_expected() -> None:
    assert score(exact, None, "yes").explanation == "NoneType, where a text is expected"


@pytest.mark.parametrize("at", ["", "a..b", 3])
def test_a_place_is_a_path(at: Any) -> None:
    with pytest.raises(ConfigurationError, match="exact\\(at="):
        exact(at=at)


def test_contains_wants_what_the_case_expects() -> None:
    assert value(contains, "the answer is 42", "42") == 1.0
    assert value(contains, "the answer", "42") == 0.0
    assert value(contains, "one and two", ["one", "two"]) == 1.0
    assert value(contains, "one", ["one", "two"]) == 0.0


def test_contains_may_want_one_of_several_or_none() -> None:
    assert value(contains(["sorry", "cannot"], every=False), "I cannot") == 1.0
    assert value(contains(["sorry", "cannot"], forbid=True), "I cannot") == 0.0
    assert value(contains("sorry", forbid=True), "Of course") == 1.0
    assert value(contains("SORRY", ignore_case=True), "so sorry") == 1.0


def test_contains_with_nothing_to_look_for_says_nothing() -> None:
    assert score(contains, "text", "").unscored == "missing_reference"
    assert score(contains, "text", MISSING).unscored == "missing_reference"


def test_contains_finds_nothing_in_no_text() -> None:
    assert value(contains("a"), None) == 0.0
    assert value(contains("a", forbid=True), None) == 0.0


@pytest.mark.parametrize("what", ["", ["a", ""], [3]])
def test_contains_looks_for_texts(what: Any) -> None:
    with pytest.raises(ConfigurationError, match="contains"):
        contains(what)


def test_regex_searches_or_matches_all() -> None:
    assert value(regex(r"\d{4}"), "in 1999") == 1.0
    assert value(regex(r"\d{4}", whole=True), "in 1999") == 0.0
    assert value(regex(r"\d{4}", whole=True), "1999") == 1.0
    assert value(regex(r"\d{4}", forbid=True), "in 1999") == 0.0
    assert value(regex("YES", flags=re.IGNORECASE), "yes") == 1.0


def test_regex_may_be_what_the_case_expects() -> None:
    assert value(regex, "42", r"^\d+$") == 1.0
    assert score(regex, "42", "(").unscored == "scorer_error"


@pytest.mark.parametrize("pattern", ["(", 3])
def test_a_pattern_must_be_one(pattern: Any) -> None:
    with pytest.raises(ConfigurationError, match="no regular expression"):
        regex(pattern)


def test_a_comparator_scores() -> None:
    assert value(same(Json(ignore=["id"])), '{"id": 1, "a": 2}', {"id": 2, "a": 2}) == 1.0
    found = score(same("json"), '{"a": 3}', '{"a": 2}')
    assert (found.value, found.kind, found.explanation) == (0.0, "assertion", "'a' differs")


def test_the_number_of_a_comparator_is_kept() -> None:
    found = score(same(Scored(lambda one, other: 0.7, 0.6), name="near"), "a", "b")
    assert (found.value, found.metadata) == (1.0, {"likeness": 0.7})


def test_a_comparator_is_given_first_what_is_expected() -> None:
    seen: list[Any] = []

    def compare(*pair: Any) -> bool:
        seen.extend(pair)
        return True

    score(same(compare), "output", "expected")
    assert seen == ["expected", "output"]


def test_what_needs_settings_says_so() -> None:
    with pytest.raises(ConfigurationError, match="same: needs settings"):
        scorer_of(same)


def test_no_comparator_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no comparator"):
        same("nothing")


def test_scores_are_the_same_for_a_case_of_the_same_content() -> None:
    one = Case(inputs={"q": 1}, expected={"a": 1.0, "b": 2})
    other = Case(inputs={"q": 1}, expected={"b": 2, "a": 1})
    assert value(exact, {"a": 1, "b": 2}, one) == value(exact, {"a": 1, "b": 2}, other) == 1.0


def test_a_pattern_matches_in_any_unicode_form() -> None:
    assert value(regex("caf[é]"), "cafe\u0301", MISSING) == 1.0
    assert value(regex("cafe\u0301"), "café", MISSING) == 1.0


@pytest.mark.parametrize("expected", ["", None])
def test_an_expected_pattern_of_nothing_is_none(expected: Any) -> None:
    assert score(regex, "text", expected).unscored == "missing_reference"


def test_a_text_that_is_expected_to_be_there_must_be_one() -> None:
    found = score(contains, "text", None)
    assert found.unscored == "scorer_error"
    assert "must be a text" in (found.explanation or "")
