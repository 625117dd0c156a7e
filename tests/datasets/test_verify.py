"""Files that are not what was written are found, and the damaged cases named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from reliai.datasets import Case, Dataset, DatasetDamaged, DatasetError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    dataset = Dataset.open(tmp_path / "refunds")
    dataset.add([_case(number) for number in range(20)])
    dataset.commit()
    dataset.add([_case(3, tags={"t": "1"}), _case(100)])
    dataset.remove("q4")
    dataset.commit()
    dataset.tag("golden", "v1")
    return tmp_path / "refunds"


def _case(number: int, **more: object) -> Case:
    data = {"inputs": {"prompt": f"question {number}"}, "id": f"q{number}", "expected": "abc"}
    return Case.from_dict({**data, **more})


def _base(folder: Path) -> Path:
    """The part of the first version."""
    manifest = json.loads((folder / "versions/v1.json").read_bytes())
    name: str = manifest["parts"][0]["part"]
    return folder / "parts" / name[:2] / f"{name}.jsonl"


def _flip(path: Path, at: int, bit: int = 1) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= bit
    path.write_bytes(data)


def test_a_sound_dataset_verifies(folder: Path) -> None:
    found = Dataset.open(folder).verify(deep=True)
    assert found.ok, str(found)
    assert (found.versions, found.parts) == (2, 2)
    assert str(found) == "2 versions, 2 parts, 23 rows: as they were written"


@pytest.mark.parametrize("piece", [b"question 7", b'"inputs"', b'"abc"', b'"q7"', b"}"])
@pytest.mark.parametrize("bit", [1, 2, 128])
def test_a_flipped_bit_is_found_and_the_case_named(folder: Path, piece: bytes, bit: int) -> None:
    part = _base(folder)
    data = part.read_bytes()
    line = data.index(b"question 7")
    start, end = data.rfind(b"\n", 0, line) + 1, data.index(b"\n", line)
    _flip(part, data.index(piece, start, end), bit)
    found = Dataset.open(folder).verify()
    assert found.digests == (_case(7).digest,)
    with pytest.raises(DatasetDamaged, match=_case(7).digest) as caught:
        found.require()
    assert caught.value.digests == (_case(7).digest,)


def test_every_byte_of_a_part_is_watched(folder: Path) -> None:
    part = _base(folder)
    data = part.read_bytes()
    for at in range(0, len(data), 37):
        _flip(part, at)
        assert Dataset.open(folder).verify().digests, at
        part.write_bytes(data)


def test_a_damaged_case_is_not_read(folder: Path) -> None:
    part = _base(folder)
    _flip(part, part.read_bytes().index(b"question 7"))
    version = Dataset.open(folder).at("v2")
    with pytest.raises(DatasetDamaged, match=_case(7).digest):
        list(version)
    with pytest.raises(DatasetDamaged, match=_case(7).digest):
        version.case("q7")
    assert version.case("q8") == _case(8)


def test_a_lost_line_is_named(folder: Path) -> None:
    part = _base(folder)
    lines = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(b"".join(line for line in lines if b"question 7" not in line))
    assert Dataset.open(folder).verify().digests == (_case(7).digest,)


@pytest.mark.parametrize("at", [0, 9, 40, 700, -1])
def test_a_damaged_index_is_found(folder: Path, at: int) -> None:
    index = _base(folder).with_suffix(".idx")
    _flip(index, at % len(index.read_bytes()))
    found = Dataset.open(folder).verify()
    assert [each.message for each in found.problems] == ["the index is not as it was written"]


def test_files_that_are_gone_are_named(folder: Path) -> None:
    part = _base(folder)
    part.unlink()
    part.with_suffix(".idx").unlink()
    found = Dataset.open(folder).verify()
    assert len(found.problems) == 2
    assert all("gone" in each.message for each in found.problems)
    with pytest.raises(DatasetDamaged, match="is gone"):
        list(Dataset.open(folder).at("v1"))


@pytest.mark.parametrize("field", ["message", "at", "root", "cases", "sums", "parts", "seal"])
def test_a_changed_version_file_is_found(folder: Path, field: str) -> None:
    path = folder / "versions/v1.json"
    _flip(path, path.read_bytes().index(f'"{field}"'.encode()) + len(field) + 5)
    found = Dataset.open(folder).verify()
    assert "versions/v1.json" in {each.path for each in found.problems}
    with pytest.raises(DatasetError, match=r"v1\.json"):
        Dataset.open(folder).at("v1")


def test_a_version_that_was_replaced_is_found_by_the_next(folder: Path, tmp_path: Path) -> None:
    other = Dataset.open(tmp_path / "other")
    other.add([_case(number) for number in range(20)])
    other.commit("rewritten")
    replaced = (tmp_path / "other/versions/v1.json").read_bytes()
    (folder / "versions/v1.json").write_bytes(replaced)
    found = Dataset.open(folder).verify()
    assert [str(each) for each in found.problems] == [
        "versions/v2.json: follows another version than is there"
    ]


def test_a_tag_of_another_version_is_found(folder: Path) -> None:
    path = folder / "tags/golden.json"
    path.write_text(path.read_text().replace('"v1"', '"v2"'))
    assert [each.path for each in Dataset.open(folder).verify().problems] == ["tags/golden.json"]


def test_progress_is_told(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    Dataset.open(folder).verify(progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 2), (2, 2)]


def test_a_dataset_of_a_later_format_is_refused(folder: Path) -> None:
    path = folder / "versions/v2.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(DatasetError, match="this one reads format 1"):
        _ = Dataset.open(folder).latest


@pytest.mark.parametrize("at", [4, 9, 30, 200, 900, -1])
def test_a_damaged_index_is_not_followed(folder: Path, at: int) -> None:
    """It could show a case that was replaced, or leave one out, without a word."""
    index = _base(folder).with_suffix(".idx")
    _flip(index, at % len(index.read_bytes()))
    with pytest.raises(DatasetDamaged, match=r"\.idx: the index is not as it was written"):
        list(Dataset.open(folder).at("v2"))
