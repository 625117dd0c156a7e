"""Near duplicates are found, reported in clusters, collapsed to one case each, and put back."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from reliai.datasets import Case, Dataset, DatasetError, Source, near_duplicates, put_back
from reliai.datasets.duplicates import jaccard, minhash, shingles

if TYPE_CHECKING:
    from pathlib import Path

VOCABULARY = [f"word{number}" for number in range(5000)]


def text_of(draw: random.Random, words: int = 80) -> str:
    return " ".join(draw.choices(VOCABULARY, k=words))


def with_one_other_word(text: str, draw: random.Random) -> str:
    words = text.split()
    words[draw.randrange(len(words))] = "another"
    return " ".join(words)


def thousand() -> list[Case]:
    """1000 cases of which 100 are near duplicates, at a Jaccard index of .9 or more, of others."""
    draw = random.Random(7)
    texts = [text_of(draw) for _ in range(900)]
    texts += [with_one_other_word(texts[number], draw) for number in range(100)]
    return [Case(inputs={"prompt": text}) for text in texts]


def test_hundred_near_duplicates_of_a_thousand_cases_are_reported_and_no_other() -> None:
    cases = thousand()
    found = near_duplicates(cases, threshold=0.9)
    assert (found.redundant, len(found.clusters), found.cases) == (100, 100, 1000)
    pairs = {frozenset(cluster.keys) for cluster in found.clusters}
    assert pairs == {frozenset([cases[n].key, cases[900 + n].key]) for n in range(100)}
    assert all(likeness >= 0.9 for cluster in found.clusters for _, likeness in cluster.others)
    assert found.to_dict()["redundant"] == 100


def test_collapse_keeps_one_of_each_and_put_back_undoes_it(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "d")
    dataset.add(thousand()[850:])
    dataset.add(thousand()[:50])
    before = dataset.commit("all")
    assert near_duplicates(before, threshold=0.9).collapse(dataset) == 50
    after = dataset.commit("dedup")
    assert len(after) == 150
    assert near_duplicates(after, threshold=0.9).redundant == 0
    assert put_back(dataset) == 50
    assert dataset.commit("undone").root == before.root


def test_the_representative_stands_for_the_calls_of_all(tmp_path: Path) -> None:
    def captured(call: str, text: str) -> Case:
        detail = {"inclusion_probability": 0.01}
        source = Source(kind="call", id=call, detail=detail)
        return Case(inputs={"q": text}, sources=(source,), inclusion_probability=0.01)

    dataset = Dataset.open(tmp_path / "d")
    dataset.add(
        [captured("a", "where is my parcel now"), captured("b", "Where is my parcel, now?")]
    )
    before = dataset.commit("two")
    near_duplicates(before).collapse(dataset)
    (one,) = dataset.commit("one")
    assert {source.id for source in one.sources if source.kind == "call"} == {"a", "b"}
    assert one.inclusion_probability == 0.005
    put_back(dataset)
    assert dataset.commit("two again").root == before.root


def test_what_was_collapsed_twice_comes_back_whole(tmp_path: Path) -> None:
    draw = random.Random(1)
    one = text_of(draw)
    two = with_one_other_word(one, draw)
    three = with_one_other_word(two, draw)
    dataset = Dataset.open(tmp_path / "d")
    dataset.add([Case(inputs={"q": text}) for text in (one, two, three)])
    before = dataset.commit("three")
    for threshold in (0.9, 0.7):
        near_duplicates(dataset.latest or (), threshold=threshold).collapse(dataset)
        dataset.commit("fewer")
    assert len(dataset.latest or ()) == 1
    assert put_back(dataset) == 2
    assert dataset.commit("all").root == before.root


def test_cases_with_other_answers_are_reported_and_left_alone(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "d")
    dataset.add([Case(inputs={"q": "two plus two"}, expected=each) for each in ("4", "5")])
    found = near_duplicates(dataset.commit("both"))
    assert [cluster.conflict for cluster in found.clusters] == [True]
    assert len(found.conflicts) == 1
    assert found.collapse(dataset) == 0
    assert found.collapse(dataset, conflicts=True) == 1


def test_who_has_a_reference_represents() -> None:
    plain, known = Case(inputs={"q": "a b c"}), Case(inputs={"q": "a b c!"}, expected="d")
    (cluster,) = near_duplicates([plain, known]).clusters
    assert cluster.representative is known


def test_others_are_like_their_representative_and_not_only_like_each_other() -> None:
    draw = random.Random(3)
    chain = [text_of(draw)]
    for _ in range(10):
        chain.append(with_one_other_word(chain[-1], draw))
    found = near_duplicates([Case(inputs={"q": text}) for text in chain], threshold=0.85)
    for cluster in found.clusters:
        ours = shingles(cluster.representative.inputs["q"])
        for case, likeness in cluster.others:
            assert jaccard(ours, shingles(case.inputs["q"])) == likeness >= 0.85
    assert len(found.clusters) > 1


def test_the_order_in_which_cases_come_makes_no_difference() -> None:
    cases = thousand()[:40] + thousand()[900:940]
    draw = random.Random(5)
    mixed = draw.sample(cases, len(cases))
    assert near_duplicates(cases).to_dict() == near_duplicates(mixed).to_dict()


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a b c d", "a b c d", 1.0),
        ("Where is it?", "where is it", 1.0),
        ("a b c d", "a b c e", 1 / 3),
        ("", "", 1.0),
        ("yes", "no", 0.0),
        ("私は猫が好き", "私は犬が好き", 1 / 7),
    ],
)
def test_likeness_is_of_three_words_in_a_row(one: str, other: str, expected: float) -> None:
    assert jaccard(shingles(one), shingles(other)) == pytest.approx(expected)


def test_one_word_of_sixteen_is_an_eighth_and_minhash_is_near_it() -> None:
    words = [f"w{number}" for number in range(18)]
    one = " ".join(words)
    other = " ".join(["another", *words[1:]])
    assert jaccard(shingles(one), shingles(other)) == pytest.approx(15 / 17)
    assert abs(minhash(one).jaccard(minhash(other)) - 15 / 17) < 0.1


def test_cases_of_numbers_are_compared_too() -> None:
    pixels = list(range(64))
    cases = [Case(inputs={"image": pixels}), Case(inputs={"image": [*pixels[:-1], 7]})]
    assert near_duplicates(cases, threshold=0.9).redundant == 1


@pytest.mark.parametrize("threshold", [0.4, 1.1, True])
def test_a_threshold_out_of_its_range_is_refused(threshold: Any) -> None:
    with pytest.raises(DatasetError, match=f"threshold={threshold!r}"):
        near_duplicates([], threshold=threshold)


def test_a_dataset_without_a_version_has_nothing_to_collapse(tmp_path: Path) -> None:
    cases = [Case(inputs={"q": "a b c"}), Case(inputs={"q": "a, b, c"})]
    with pytest.raises(DatasetError, match="no version yet"):
        near_duplicates(cases).collapse(Dataset.open(tmp_path / "d"))
    assert put_back(Dataset.open(tmp_path / "e")) == 0


def test_texts_without_words_are_alike_only_when_they_are_the_same() -> None:
    signs = ["😀", "😡", "?", "!", "…", ""]
    found = near_duplicates([Case(inputs={"text": sign}) for sign in signs])
    assert found.redundant == 0
    twice = [Case(inputs={"text": "😀 😀"}, id=name) for name in ("a", "b")]
    assert near_duplicates(twice).redundant == 1
