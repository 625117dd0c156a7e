"""What is different between two versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reliai.datasets import MISSING, Case, Dataset, DatasetError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    dataset = Dataset.open(tmp_path / "refunds")
    dataset.add([Case(inputs={"q": [number, "x"]}, id=f"q{number}") for number in range(20)])
    dataset.add(Case(inputs={"q": "unnamed"}, expected="a"))
    dataset.commit()
    return dataset


def test_a_diff_names_exactly_what_came_went_and_changed(dataset: Dataset) -> None:
    dataset.add([Case(inputs={"q": 100}, id="new1"), Case(inputs={"q": 101})])
    dataset.add(Case(inputs={"q": [3, "y"]}, id="q3", tags={"t": "1"}))
    dataset.remove("q5")
    dataset.commit()
    diff = dataset.diff("v1", "v2")
    assert sorted(case.inputs["q"] for case in diff.added) == [100, 101]
    assert [case.id for case in diff.removed] == ["q5"]
    assert [(each.key, dict(each.fields)) for each in diff.changed] == [
        ("q3", {"inputs.q[1]": ("x", "y"), "tags": (MISSING, {"t": "1"})})
    ]
    assert str(diff).splitlines()[0] == "v1 → v2: 2 added, 1 changed, 1 removed"


def test_a_diff_backwards_is_the_opposite(dataset: Dataset) -> None:
    dataset.add(Case(inputs={"q": 100}))
    dataset.remove("q5")
    dataset.commit()
    back = dataset.diff("v2", "v1")
    assert ([case.id for case in back.added], len(back.removed)) == (["q5"], 1)


def test_an_edited_case_without_id_is_shown_as_changed(dataset: Dataset) -> None:
    key = Case(inputs={"q": "unnamed"}, expected="a").digest
    edited = dataset.edit(key, expected="b")
    dataset.commit()
    diff = dataset.diff("v1", "v2")
    (change,) = diff.changed
    assert (diff.added, diff.removed, change.key) == ((), (), edited.key)
    assert change.fields["expected"] == ("a", "b")


def test_a_case_that_got_an_id_is_shown_as_changed(dataset: Dataset) -> None:
    dataset.add(Case(inputs={"q": "unnamed"}, expected="a", id="named"))
    dataset.commit()
    (change,) = dataset.diff("v1", "v2").changed
    assert (change.key, dict(change.fields)) == ("named", {"id": (MISSING, "named")})


def test_a_version_differs_not_from_itself(dataset: Dataset) -> None:
    assert not dataset.diff("v1", "v1")


def test_everything_is_added_to_nothing(dataset: Dataset) -> None:
    assert len(dataset.diff(None, "v1").added) == 21


def test_a_diff_of_many_commits_sees_through_merged_parts(dataset: Dataset) -> None:
    for number in range(30):
        dataset.add(Case(inputs={"q": 1000 + number}, id=f"q{number}"))
        dataset.commit()
    diff = dataset.diff("v1", "v31")
    assert len(diff.added) == 10
    assert {each.key for each in diff.changed} == {f"q{number}" for number in range(20)}


def test_a_diff_tells_paths_and_no_content_to_programs(dataset: Dataset) -> None:
    dataset.add(Case(inputs={"q": "secret"}, id="q3"))
    dataset.commit()
    assert dataset.diff("v1", "v2").to_dict() == {
        "before": "v1",
        "after": "v2",
        "added": [],
        "removed": [],
        "changed": [{"key": "q3", "fields": ["inputs.q"]}],
    }


def test_a_long_diff_is_cut(dataset: Dataset) -> None:
    dataset.add([Case(inputs={"q": 1000 + number}) for number in range(60)])
    dataset.commit()
    lines = str(dataset.diff("v1", "v2")).splitlines()
    assert (len(lines), lines[-1]) == (52, "… and 10 more")


def test_editing_what_is_not_there_or_not_a_field_is_refused(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match="has no case 'q99'"):
        dataset.edit("q99", expected=1)
    with pytest.raises(DatasetError, match="answer is none of them"):
        dataset.edit("q1", answer=1)


def test_true_and_one_are_different(dataset: Dataset) -> None:
    dataset.edit("q3", inputs={"q": [True, "x"]})
    dataset.edit("q1", inputs={"q": [True, "x"]})
    dataset.commit()
    fields = {each.key: list(each.fields) for each in dataset.diff("v1", "v2").changed}
    assert fields == {"q1": ["inputs.q[0]"], "q3": ["inputs.q[0]"]}
