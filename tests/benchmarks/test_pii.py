"""The corpus of the privacy benchmark says where its personal data stands, and can be scored."""

from __future__ import annotations

from benchmarks._pii import measured, reliai_rules, rows
from benchmarks._pii_corpus import corpus


def test_the_same_seed_makes_the_same_corpus() -> None:
    assert corpus(3, 20) == corpus(3, 20)
    assert corpus(3, 20) != corpus(4, 20)


def test_a_label_covers_a_value_without_the_words_around_it() -> None:
    for text, labels in corpus(3, 50):
        assert len(labels) == 3
        for start, end, _ in labels:
            assert text[start:end].strip() == text[start:end]
            assert "\n" not in text[start:end]


def test_an_engine_is_scored_by_kind() -> None:
    scores = measured(reliai_rules(), corpus(3, 50))
    assert scores["all"].labelled == 150
    assert scores["all"].recall > 0.9
    assert scores["all"].precision > 0.9
    nothing = measured(lambda _: [], corpus(3, 5))["all"]
    assert (nothing.recall, nothing.reported) == (0, 0)


def test_each_engine_has_rows_to_time() -> None:
    assert {row.name for row in rows()} == {"reliai", "presidio", "llm-guard"}
