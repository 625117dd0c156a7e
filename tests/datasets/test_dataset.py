"""Versions: what a commit makes, and what it never changes."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest

from reliai.datasets import Case, Dataset, DatasetError, Source, VersionNotFound, listed, resolve
from reliai.datasets._staging import Added

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


def test_a_case_is_removed_while_others_are_added(dataset: Dataset) -> None:
    class Seen:
        """A row that somebody adds another one after while it is looked at."""

        @property
        def hash(self) -> bytes:
            dataset.add(_case(2))
            return b""

    dataset._staged.append(Added(cast("Any", Seen()), whole=False))
    dataset.add(_case(1, id="q1"))
    dataset.remove("q1")
    assert dataset.staged == 4


def test_a_version_without_cases_is_a_version(dataset: Dataset) -> None:
    dataset.add(_case(1, id="q1"))
    dataset.commit()
    dataset.remove("q1")
    empty = dataset.commit()
    for name in ("v2", "latest", empty.root):
        assert (dataset.at(name).name, len(dataset.at(name))) == ("v2", 0)
    assert [version.name for version in dataset.log()] == ["v2", "v1"]


@pytest.mark.parametrize("name", [None, 3])
def test_what_is_no_text_names_no_version(dataset: Dataset, name: Any) -> None:
    with pytest.raises(DatasetError, match="named by a text"):
        dataset.at(name)


def test_a_full_disk_where_there_are_no_links_leaves_no_half_version(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset.add(_case(1))
    dataset.commit()
    version = tmp_path / "refunds" / "versions" / "v2.json"

    def no_links(*_: object) -> None:
        raise PermissionError(1, "there are no links here")

    def full(descriptor: int) -> None:
        if version.exists() and os.path.samestat(version.stat(), os.fstat(descriptor)):
            raise OSError(28, "No space left on device")

    dataset.add(_case(2))
    with monkeypatch.context() as patch:
        patch.setattr("reliai.datasets._storage.os.link", no_links)
        patch.setattr("reliai.datasets._storage.os.fsync", full)
        with pytest.raises(OSError, match="No space"):
            dataset.commit()
    assert (dataset.staged, dataset.at("latest").name) == (1, "v1")
    assert len(dataset.commit()) == 2


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
    with pytest.raises(VersionNotFound):
        dataset.at(f"v{'9' * 5000}")


def test_the_first_commit_needs_something_to_commit(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match="nothing to commit"):
        dataset.commit()
    assert dataset.latest is None


def test_a_version_survives_pickling(dataset: Dataset) -> None:
    dataset.add(_case(1))
    version = dataset.commit()
    copy = pickle.loads(pickle.dumps(version))  # noqa: S301  our own bytes
    assert (copy, list(copy)) == (version, [_case(1)])


def test_an_id_stays_when_the_content_is_edited(dataset: Dataset) -> None:
    dataset.add(_case(1, id="q1", sources=[{"kind": "call", "id": "c1"}]))
    dataset.commit()
    dataset.add(_case(2, id="q1"))
    version = dataset.commit()
    assert [each.inputs["prompt"] for each in version] == ["question 2"]
    assert version.case("q1").sources == (Source(kind="call", id="c1"),)


def test_content_without_id_joins_the_case_that_has_it(dataset: Dataset) -> None:
    dataset.add(_case(1, id="q1"))
    dataset.commit()
    dataset.add(_case(1, tags={"locale": "de"}))
    version = dataset.commit()
    assert [(each.id, each.tags) for each in version] == [("q1", {"locale": "de"})]


def test_content_that_gets_an_id_is_still_one_case(dataset: Dataset) -> None:
    dataset.add(_case(1, tags={"locale": "de"}))
    dataset.commit()
    dataset.add(_case(1, id="q1"))
    version = dataset.commit()
    assert [(each.id, each.tags) for each in version] == [("q1", {"locale": "de"})]
    assert version.root == listed([_case(1, id="q1", tags={"locale": "de"})]).root


def test_content_that_gets_an_id_before_the_commit_is_still_one_case(dataset: Dataset) -> None:
    dataset.add([_case(1), _case(1, id="q1"), _case(1)])
    assert [each.id for each in dataset.commit()] == ["q1"]


def test_a_case_is_found_by_its_digest_also_when_it_has_an_id(dataset: Dataset) -> None:
    dataset.add([_case(number, id=f"q{number}") for number in range(5)])
    assert dataset.commit().case(_case(3).digest).id == "q3"


def test_whole_takes_a_case_as_it_is(dataset: Dataset) -> None:
    dataset.add(_case(1, tags={"locale": "de", "kind": "refund"}))
    dataset.commit()
    dataset.add(_case(1, tags={"locale": "en"}), whole=True)
    assert [dict(each.tags) for each in dataset.commit()] == [{"locale": "en"}]


def test_a_commit_that_changes_nothing_is_no_version(dataset: Dataset) -> None:
    dataset.add(_case(1))
    v1 = dataset.commit()
    dataset.add(_case(1))
    assert dataset.commit("again") == v1


def test_removing_what_is_only_staged_leaves_nothing(dataset: Dataset) -> None:
    dataset.add([_case(1), _case(2)])
    dataset.remove(_case(1).digest)
    assert [each.inputs["prompt"] for each in dataset.commit()] == ["question 2"]


def test_removing_a_case_that_is_not_there_says_so(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match="has no case 'q9'"):
        dataset.remove("q9")


def test_a_removed_case_can_come_back(dataset: Dataset) -> None:
    dataset.add([_case(1, id="q1"), _case(2)])
    v1 = dataset.commit()
    dataset.remove("q1")
    v2 = dataset.commit()
    dataset.add(_case(1, id="q1"))
    v3 = dataset.commit()
    assert ("q1" in v1, "q1" in v2, "q1" in v3) == (True, False, True)
    assert (len(v2), v3.root) == (1, v1.root)


def test_a_case_is_kept_as_it_was_when_it_was_added(dataset: Dataset) -> None:
    inputs = {"prompt": "before"}
    case = Case(inputs=inputs)
    assert case.digest
    inputs["prompt"] = "after"
    dataset.add(case)
    inputs["prompt"] = "later"
    assert [each.inputs["prompt"] for each in dataset.commit()] == ["after"]


def test_a_case_that_is_no_json_stages_nothing(dataset: Dataset) -> None:
    with pytest.raises(DatasetError, match=r"case\.inputs\.at is a object"):
        dataset.add([_case(1), Case(inputs={"at": object()})])
    assert dataset.staged == 0


def test_a_failed_commit_keeps_what_was_staged(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    dataset = Dataset.open(blocked)
    dataset.add([_case(1), _case(2)])
    with pytest.raises(OSError, match="file"):
        dataset.commit()
    assert dataset.staged == 2


def test_discard_forgets_what_was_staged(dataset: Dataset) -> None:
    dataset.add(_case(1))
    dataset.discard()
    assert dataset.staged == 0


def test_the_log_goes_from_the_newest_version_to_the_first(dataset: Dataset) -> None:
    for number in range(3):
        dataset.add(_case(number))
        dataset.commit(f"week {number}")
    assert [(each.name, each.parent, each.message, each.added) for each in dataset.log()] == [
        ("v3", "v2", "week 2", 1),
        ("v2", "v1", "week 1", 1),
        ("v1", None, "week 0", 1),
    ]


def test_a_tag_moves_only_when_told_to(dataset: Dataset) -> None:
    dataset.add(_case(1))
    dataset.tag("golden", dataset.commit())
    dataset.add(_case(2))
    dataset.commit()
    dataset.tag("golden", "v1")
    with pytest.raises(DatasetError, match="'golden' is v1's: say move=True"):
        dataset.tag("golden", "v2")
    dataset.tag("golden", "v2", move=True)
    assert (dataset.tags, dataset.at("golden").name) == ({"golden": "v2"}, "v2")


@pytest.mark.parametrize("name", ["v3", "latest", "", "a b", "../x", "sha256:1"])
def test_a_tag_that_means_something_else_is_refused(dataset: Dataset, name: str) -> None:
    dataset.add(_case(1))
    with pytest.raises(DatasetError, match="cannot be a tag"):
        dataset.tag(name, dataset.commit())


def test_values_are_kept_as_they_were_given(dataset: Dataset) -> None:
    given = {"half": 1.0, "decomposed": "e\u0301", "none": None, "yes": True, "list": [1, [2.5]]}
    dataset.add(Case(inputs=given, expected=""))
    (case,) = dataset.commit()
    assert (repr(dict(sorted(case.inputs.items()))), case.expected) == (
        repr(dict(sorted(given.items()))),
        "",
    )


def test_every_field_of_a_case_comes_back(dataset: Dataset) -> None:
    case = Case(
        inputs={"a": [{"b": None}]},
        expected=None,
        id="q1",
        tags={"t": "x"},
        group="s1",
        repeats=3,
        sources=(Source(kind="call", id="c", rule="on_error", at=1.5, detail={"line": 3}),),
        inclusion_probability=0.25,
        metadata={"big": [1, 2.5, "ü"]},
    )
    dataset.add(case)
    assert list(dataset.commit()) == [case]


def test_a_dataset_with_staged_changes_is_not_pickled(dataset: Dataset) -> None:
    dataset.add(_case(1))
    with pytest.raises(DatasetError, match="1 staged changes: commit them first"):
        pickle.dumps(dataset)


def test_a_name_lies_in_the_projects_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = Dataset.open("refunds")
    dataset.add(_case(1))
    version = dataset.commit()
    assert (version.dataset, version.reference) == ("refunds", "refunds@v1")
    assert (tmp_path / ".reliai/datasets/refunds/versions/v1.json").exists()
    assert resolve("refunds@v1") == version


def test_options_that_nothing_would_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="endpoint_url would do nothing"):
        Dataset.open(tmp_path / "x", endpoint_url="http://localhost")


def test_opening_reads_and_writes_nothing(tmp_path: Path) -> None:
    Dataset.open(tmp_path / "nothing")
    assert list(tmp_path.iterdir()) == []


def test_the_length_needs_no_part(dataset: Dataset, tmp_path: Path) -> None:
    dataset.add([_case(number) for number in range(10)])
    dataset.commit()
    (tmp_path / "refunds" / "parts").rename(tmp_path / "elsewhere")
    latest = Dataset.open(tmp_path / "refunds").latest
    assert latest is not None
    assert len(latest) == 10


def test_opening_a_version_as_a_dataset_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"is a version: say resolve"):
        Dataset.open("refunds@v3")
    assert Dataset.open(tmp_path / "a@b" / "refunds").name == "refunds"


def test_a_name_that_no_folder_can_have_is_refused_when_opened() -> None:
    with pytest.raises(DatasetError, match="longer than a folder's name: 255 bytes"):
        Dataset.open("x" * 300)
    assert Dataset.open("x" * 255).name == "x" * 255


def test_a_path_object_is_a_path_and_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = Dataset.open(type(tmp_path)("refunds"))
    dataset.add(_case(1))
    dataset.commit()
    assert (tmp_path / "refunds/versions/v1.json").exists()
    assert resolve(f"file://{tmp_path}/refunds@v1").root == dataset.at("v1").root


def test_a_part_whose_name_leads_elsewhere_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    dataset.add(_case(1))
    part = dataset.commit().manifest.parts[0]
    with pytest.raises(ValueError, match="named by its hash"):
        type(part).from_dict({**part.to_dict(), "part": "../../secret"})


_LIGHT = """
import sys
from reliai.datasets import Case, Dataset
dataset = Dataset.open(sys.argv[1])
dataset.add(Case(inputs={"q": 1}, expected="a"))
assert len(list(dataset.commit())) == 1
heavy = {"numpy", "scipy", "pyarrow", "pandas", "fsspec", "matplotlib", "ray", "asyncio"}
print(sorted(heavy & set(sys.modules)))
"""


def test_a_local_dataset_loads_nothing_heavy(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _LIGHT, str(tmp_path / "x")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
