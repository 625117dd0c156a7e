"""Two branches of a project that both committed to a dataset."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from reliai.datasets import Case, Dataset, DatasetError

if TYPE_CHECKING:
    from pathlib import Path


def _case(number: int, **more: object) -> Case:
    return Case.from_dict({"inputs": {"n": number}, **more})


@pytest.fixture
def branches(tmp_path: Path) -> tuple[Dataset, Dataset, Path]:
    """Ours and theirs from one base, and where the files of theirs are."""
    base = Dataset.open(tmp_path / "ours")
    base.add([_case(number, id=f"q{number}") for number in range(5)])
    base.commit("base")
    shutil.copytree(tmp_path / "ours", tmp_path / "theirs")
    return base, Dataset.open(tmp_path / "theirs"), tmp_path / "theirs"


def _as_git_does(ours: Path, theirs: Path) -> None:
    """The parts of both; of two files with one name ours."""
    for path in theirs.rglob("*"):
        target = ours / path.relative_to(theirs)
        if path.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)


def test_the_changes_of_both_branches_are_kept(
    branches: tuple[Dataset, Dataset, Path],
) -> None:
    ours, theirs, folder = branches
    ours.add(_case(10, id="ours"))
    ours.commit("ours")
    theirs.add([_case(20, id="theirs"), _case(30, id="q1")])
    theirs.remove("q4")
    theirs.commit("theirs")
    _as_git_does(folder.parent / "ours", folder)
    ours.merge(folder / "versions/v2.json")
    merged = ours.commit("merge")
    found = {str(case.id): case.inputs["n"] for case in merged}
    assert merged.name == "v3"
    assert found == {"q0": 0, "q1": 30, "q2": 2, "q3": 3, "ours": 10, "theirs": 20}
    assert ours.verify(deep=True).ok


def test_a_branch_that_committed_twice_is_merged_from_its_base(
    branches: tuple[Dataset, Dataset, Path],
) -> None:
    ours, theirs, folder = branches
    ours.add(_case(10))
    ours.commit()
    for number in (20, 21):
        theirs.add(_case(number))
        theirs.commit()
    shutil.copytree(folder / "parts", folder.parent / "ours" / "parts", dirs_exist_ok=True)
    with pytest.raises(DatasetError, match="made from a v2 that is not here: give base="):
        ours.merge(folder / "versions/v3.json")
    ours.merge(folder / "versions/v3.json", base="v1")
    assert {case.inputs["n"] for case in ours.commit()} == {0, 1, 2, 3, 4, 10, 20, 21}


def test_merging_what_is_no_version_is_refused(
    branches: tuple[Dataset, Dataset, Path], tmp_path: Path
) -> None:
    ours = branches[0]
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(DatasetError, match=r"x\.json: was written by another reliai"):
        ours.merge(tmp_path / "x.json")
    with pytest.raises(DatasetError, match=r"y\.json: cannot be read"):
        ours.merge(tmp_path / "y.json")


def test_parts_that_are_not_here_are_said(branches: tuple[Dataset, Dataset, Path]) -> None:
    ours, theirs, folder = branches
    theirs.add(_case(20))
    theirs.commit()
    with pytest.raises(DatasetError, match=r"\.idx: the index is gone"):
        ours.merge(folder / "versions/v2.json")
