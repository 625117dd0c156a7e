"""Versions: what a commit makes, and what it never changes."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

from reliai.datasets import Case, Dataset, DatasetError, Source, VersionNotFound, listed, resolve

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return Dataset.open(tmp_path / "refunds")


def _case(number: int, **more: object) -> Case:
    return Case.from_dict({"inputs": {"prompt": f"question {number}"}, **more})


def test_a_commit_holds_what_was_added(dataset: Dataset) -> None:
    cases = [_case(number, expected=f"answer {number}") for number in range(20)]
    dataset.add(cases)
    version = dataset.commit("week 34")
    assert (version.name, version.message, version.parent, len(version)) == (
        "v1", "week 34", None, 20,
    )  # fmt: skip
    assert {case.digest: case for case in version} == {case.digest: case for case in cases}


def test_the_same_case_written_in_two_ways_is_one(dataset: Dataset) -> None:
    dataset.add(Case(inputs={"a": 1, "b": "é"}, expected=2))
    dataset.add(Case(inputs={"b": "e\u0301", "a": 1.0}, expected=2.0))
    assert len(dataset.commit()) == 1


def test_the_same_content_of_two_calls_is_one_case_with_two_sources(dataset: Dataset) -> None:
    dataset.add(_case(1, sources=[{"kind": "call", "id": "c1"}]))
    dataset.commit()
    dataset.add(_case(1, sources=[{"kind": "call", "id": "c2"}]))
    version = dataset.commit()
    assert len(version) == 1
    assert [each.sources for each in version] == [
        (Source(kind="call", id="c1"), Source(kind="call", id="c2"))
    ]


def test_a_version_stays_byte_for_byte_whatever_is_committed_later(dataset: Dataset) -> None:
    dataset.add([_case(number, id=f"q{number}") for number in range(50)])
    v1 = dataset.commit()
    before = ([case.to_dict() for case in v1], v1.root)
    dataset.add([_case(1000 + number, id=f"q{number}") for number in range(10)])
    dataset.remove("q20")
    dataset.commit()
    dataset.add([_case(2000 + number) for number in range(500)])
    dataset.commit()
    again = Dataset.open(dataset.url).at("v1")
    assert ([case.to_dict() for case in again], again.root) == before


def test_the_root_is_that_of_a_list_of_the_same_cases(dataset: Dataset) -> None:
    cases = [_case(number, id=f"q{number}", tags={"n": str(number % 3)}) for number in range(30)]
    dataset.add(cases[:20])
    dataset.commit()
    dataset.add([*cases[20:], _case(99)])
    dataset.commit()
    dataset.remove(_case(99).digest)
    version = dataset.commit()
    assert version.root == listed(reversed(cases)).root


def test_resolve_finds_a_version_by_number_root_tag_and_as_the_newest(dataset: Dataset) -> None:
    dataset.add(_case(1))
    v1 = dataset.commit()
    dataset.add(_case(2))
    v2 = dataset.commit()
    dataset.tag("golden", v1)
    url = dataset.url
    found = [resolve(f"{url}@{name}") for name in ("v1", v1.root, v1.root[:20], "golden")]
    assert [each.name for each in found] == ["v1"] * 4
    assert resolve(url) == v2 == resolve(v2.reference)


def test_a_version_that_is_not_there_is_named_with_those_that_are(dataset: Dataset) -> None:
    dataset.add(_case(1))
    dataset.commit()
    with pytest.raises(VersionNotFound, match=r"no version 'v7': the newest is v1"):
        dataset.at("v7")


def test_the_first_commit_needs_something_to_commit(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match="nothing to commit"):
        dataset.commit()
    assert dataset.latest is None


def test_a_version_survives_pickling(dataset: Dataset) -> None:
    dataset.add(_case(1))
    version = dataset.commit()
    copy = pickle.loads(pickle.dumps(version))  # noqa: S301  our own bytes
    assert (copy, list(copy)) == (version, [_case(1)])
