"""How near a text is to what was expected, by edits, likeness, and words in common."""

import math
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reliai.errors import ConfigurationError
from reliai.evals.scorers import bleu, chrf, edit_distance, rouge, similarity
from tests.evals.scorers._cases import score, value

ALL = [edit_distance, similarity, bleu, chrf, pytest.param(rouge, marks=pytest.mark.slow)]


@pytest.mark.parametrize("scorer", ALL)
def test_the_same_text_scores_one_and_another_nothing(scorer: Any) -> None:
    text = "the cat sat on the mat"
    assert value(scorer, text, text) == pytest.approx(1.0)
    assert value(scorer, "zzz", text) == pytest.approx(0.0, abs=0.05)


@pytest.mark.parametrize("scorer", ALL)
def test_the_nearest_of_several_texts_counts(scorer: Any) -> None:
    assert value(scorer, "the cat sat on it", ["no way", "the cat sat on it"]) == pytest.approx(1.0)


@pytest.mark.parametrize("scorer", ALL)
def test_no_text_scores_zero_and_says_why(scorer: Any) -> None:
    found = score(scorer, None, "text")
    assert (found.value, found.explanation) == (0.0, "NoneType, where a text is expected")


@pytest.mark.parametrize("scorer", ALL)
def test_what_is_expected_must_be_a_text(scorer: Any) -> None:
    assert score(scorer, "text", 3).unscored == "scorer_error"
    assert score(scorer, "text", []).unscored == "scorer_error"


@pytest.mark.parametrize("scorer", ALL)
def test_a_minimum_makes_it_pass_or_fail(scorer: Any) -> None:
    assert value(scorer(minimum=0.5), "the cat sat on it", "the cat sat on it") == 1.0
    found = score(scorer(minimum=0.9), "the cat", "the dog sat there")
    assert (found.value, found.kind) == (0.0, "assertion")
    assert "at least 0.9" in (found.explanation or "")
    assert score(scorer(minimum=0.9), None, "text").kind == "assertion"


@pytest.mark.parametrize("scorer", ALL)
@pytest.mark.parametrize("minimum", [0, 1.5, "x", True])
def test_a_minimum_is_a_share(scorer: Any, minimum: Any) -> None:
    with pytest.raises(ConfigurationError, match="minimum="):
        scorer(minimum=minimum)


def test_edits_are_counted_in_characters_or_words() -> None:
    assert value(edit_distance, "kitten", "sitting") == pytest.approx(1 - 3 / 7)
    assert value(edit_distance(unit="words"), "a b c d", "a x c d") == 0.75
    assert value(edit_distance, "ABC", "abc") == 0.0
    assert value(edit_distance(ignore_case=True), "ABC", "abc") == 1.0


def test_likeness_overlooks_capitals_blanks_and_if_asked_the_order_of_words() -> None:
    assert value(similarity, "  The CAT ", "the cat") == 1.0
    assert value(similarity(way="words"), "cat the", "the cat") == 1.0
    assert value(similarity(way="word_set"), "the the cat", "the cat") == 1.0
    assert value(similarity(way="part"), "well, the cat it is", "the cat") == 1.0
    assert value(similarity, "", "cat") == 0.0
    assert value(similarity, "", " ") == 1.0


def test_bleu_and_chrf_are_those_of_their_library() -> None:
    said, expected = "the cat is on the mat", "there is a cat on the mat"
    precisions = (5 / 6) * (2 / 5) * (1 / 4) * (1 / 6)  # the last one smoothed
    assert value(bleu, said, expected) == pytest.approx(math.exp(1 - 7 / 6) * precisions**0.25)
    library: Any = import_module("sacrebleu.metrics")
    by_library = library.CHRF().sentence_score(said, [expected]).score / 100
    assert value(chrf, said, expected) == pytest.approx(by_library)


@pytest.mark.slow
def test_rouge_is_that_of_its_library() -> None:
    said, expected = "the cat is on the mat", "there is a cat on the mat"
    assert value(rouge, said, expected) == pytest.approx(8 / 13)
    assert value(rouge("rouge2"), said, expected) == pytest.approx(4 / 11)


@pytest.mark.slow
def test_words_may_be_cut_to_their_stem() -> None:
    assert value(rouge("rouge1", stem=True), "cats running", "cat run") == pytest.approx(1.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: edit_distance(unit="lines"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        lambda: similarity(way="eyes"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        lambda: rouge("rouge9"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ],
    ids=["unit", "way", "kind"],
)
def test_settings_are_checked(make: Any) -> None:
    with pytest.raises(ConfigurationError, match="use"):
        make()


@given(st.text(max_size=20), st.text(min_size=1, max_size=20))
def test_a_likeness_is_a_share(said: str, expected: str) -> None:
    for scorer in (edit_distance, similarity):
        found = value(scorer, said, expected)
        assert found is not None
        assert 0.0 <= found <= 1.0


@pytest.mark.slow
def test_rouge_takes_words_of_any_script() -> None:
    for text in ("привет мир", "猫が好きです", "สวัสดี", "🎉", "Ärger über Öl"):
        assert value(rouge, text, text) == pytest.approx(1.0)
    assert value(rouge, "ÄB", "ÖB") == 0.0
    assert value(rouge, "🎉", "🎈") == 0.0
    assert value(rouge("rouge1"), "猫が好き", "犬が好き") == pytest.approx(3 / 4)
    assert value(rouge("rouge1"), "ПРИВЕТ, мир!", "привет кот") == pytest.approx(1 / 2)
    assert value(rouge("rouge1", stem=True), "cats running: é", "cat run é") == pytest.approx(1.0)


@pytest.mark.parametrize("scorer", ALL)
def test_the_unicode_form_makes_no_difference(scorer: Any) -> None:
    assert value(scorer, "cafe\u0301 cre\u0300me", "café crème") == pytest.approx(1.0)
    assert value(scorer, "café crème", ["cafe\u0301 cre\u0300me"]) == pytest.approx(1.0)


@pytest.mark.parametrize("scorer", ALL)
def test_nothing_where_nothing_was_expected_is_right(scorer: Any) -> None:
    assert value(scorer, "", "") == 1.0
    assert value(scorer, "text", "") == 0.0
    assert value(scorer, "", "text") == 0.0
