"""Commits that race lose nothing, cost by what they change, and leave a tidy dataset."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reliai.datasets import Case, Dataset, listed
from reliai.datasets import _storage as storage

if TYPE_CHECKING:
    from pathlib import Path


_WRITER = """
import sys
from reliai.datasets import Case, Dataset
name, folder = sys.argv[1:]
dataset = Dataset.open(folder)
print("ready", flush=True)
sys.stdin.readline()
for number in range(12):
    dataset.add(Case(inputs={"writer": name, "number": number}))
    dataset.add(Case(inputs={"last": name, "number": number}, id="shared"))
    dataset.commit(f"{name}/{number}")
"""


def _case(number: int, **more: object) -> Case:
    return Case.from_dict({"inputs": {"prompt": f"question {number}"}, **more})


def test_processes_that_commit_at_once_lose_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "refunds"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(number), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(3)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    assert [writer.communicate(timeout=60) and writer.returncode for writer in writers] == [0] * 3
    dataset = Dataset.open(folder)
    latest = dataset.latest
    assert latest is not None
    assert (latest.name, len(latest)) == ("v36", 37)
    written = {(case.inputs["writer"], case.inputs["number"]) for case in latest if not case.id}
    assert written == {(str(each), number) for each in range(3) for number in range(12)}
    assert dataset.verify(deep=True).ok
    assert [path for path in folder.rglob("*") if path.name.startswith(".") and path.is_file()] == [
        folder / ".gitattributes"
    ]


def test_threads_may_share_a_dataset(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "refunds")

    def write(writer: int) -> None:
        for number in range(5):
            dataset.add(_case(100 * writer + number))
            if number % 2:
                dataset.commit()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(dataset.commit()) == 20


def test_of_two_edits_of_one_case_the_later_commit_holds(tmp_path: Path) -> None:
    one, other = Dataset.open(tmp_path / "x"), Dataset.open(tmp_path / "x")
    one.add(_case(1, id="q", sources=[{"kind": "call", "id": "a"}]))
    other.add(_case(2, id="q", sources=[{"kind": "call", "id": "b"}]))
    one.commit()
    (case,) = other.commit()
    assert (case.inputs["prompt"], [each.id for each in case.sources]) == ("question 2", ["a", "b"])


def test_a_removal_that_another_commit_has_done_is_no_error(tmp_path: Path) -> None:
    one, other = Dataset.open(tmp_path / "x"), Dataset.open(tmp_path / "x")
    one.add([_case(1, id="q"), _case(2)])
    one.commit()
    one.remove("q")
    other.remove("q")
    one.commit()
    assert other.commit().name == "v2"


def test_the_same_cases_are_the_same_part_in_whatever_order_they_came(tmp_path: Path) -> None:
    cases = [_case(number) for number in range(30)]
    roots = set()
    for name, given_cases in (("a", cases), ("b", reversed(cases))):
        dataset = Dataset.open(tmp_path / name)
        dataset.add(given_cases)
        roots.add(dataset.commit().root)
    assert len(roots) == 1
    first, second = (
        sorted(path.name for path in (tmp_path / name).rglob("*.jsonl")) for name in "ab"
    )
    assert first == second


def test_a_commit_writes_what_it_changes_and_not_what_is_there(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x")
    dataset.add([_case(number) for number in range(5000)])
    dataset.commit()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    dataset.add([_case(number) for number in range(5000, 5100)])
    dataset.commit()
    now = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert all(path.stat().st_mtime_ns == at for path, at in before.items())
    assert sum(path.stat().st_size for path in now - set(before)) < 40_000


def test_a_commit_reads_the_heads_of_indexes_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset.open(tmp_path / "x")
    dataset.add([_case(number) for number in range(5000)])
    dataset.commit()
    sizes: list[int] = []
    read = storage.LocalStorage.read

    def counted(self: Any, path: str, start: int = 0, end: int | None = None) -> bytes:
        data = read(self, path, start, end)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(storage.LocalStorage, "read", counted)
    again = Dataset.open(tmp_path / "x")
    again.add([_case(number) for number in range(5000, 5100)])
    again.commit()
    assert sum(sizes) < 5000 * 16 + 10_000


def test_many_small_commits_leave_few_layers(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x")
    for number in range(40):
        dataset.add(_case(number))
        dataset.commit()
    version = dataset.at("v40")
    layers = {part.layer for part in version.manifest.parts}
    assert (len(version), len(layers) <= 7) == (40, True)


def test_cases_that_are_edited_again_and_again_do_not_pile_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reliai.datasets._commit._SMALL", 16)
    dataset = Dataset.open(tmp_path / "x")
    for number in range(30):
        dataset.add([_case(100 * number + each, id=f"q{each}") for each in range(10)])
        dataset.commit()
    version = dataset.at("v30")
    assert sum(part.rows for part in version.manifest.parts) <= 2 * 10 + 16
    assert len(version) == 10


def test_a_large_commit_is_split_into_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reliai.datasets._parts._MOST_ROWS", 64)
    dataset = Dataset.open(tmp_path / "x")
    cases = [_case(number) for number in range(500)]
    dataset.add(cases)
    v1 = dataset.commit()
    dataset.add([_case(number, tags={"t": "1"}) for number in range(490, 510)])
    v2 = dataset.commit()
    assert [part.rows for part in v1.manifest.parts] == [64] * 7 + [52]
    assert {case.digest for case in v1} == {case.digest for case in cases}
    assert (len(list(v2)), len(v2)) == (510, 510)
    assert v2.case(_case(495).digest).tags == {"t": "1"}
    assert dataset.verify(deep=True).ok


_OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["add", "whole", "plain", "remove", "unplain", "commit", "reopen"]),
        st.integers(0, 6),
        st.integers(0, 3),
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(_OPERATIONS)
def test_a_dataset_is_what_a_dictionary_would_be(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, int, int]]
) -> None:
    """Against a model: cases by key, in which the last one holds."""
    dataset = Dataset.open(tmp_path_factory.mktemp("model") / "x")
    model: dict[str, Case] = {}
    for what, number, content in operations:
        case = _case(content, id=f"q{number}", tags={"n": str(number)})
        plain = _case(100 + number, expected=content)
        if what in {"add", "whole"}:
            dataset.add(case, whole=what == "whole")
            model[case.key] = case
        elif what == "plain":
            dataset.add(plain)
            model[plain.key] = plain
        elif what in {"remove", "unplain"}:
            key = case.key if what == "remove" else plain.key
            if key in model:
                dataset.remove(key)
                del model[key]
        elif what == "commit" and dataset.staged and (model or dataset.latest):
            dataset.commit()
        elif what == "reopen" and not dataset.staged:
            dataset = Dataset.open(dataset.url)
    if not model and dataset.latest is None:
        return
    version = dataset.commit()
    assert {case.key: case for case in version} == model
    assert all(version.case(key) == case for key, case in model.items())
    assert (len(version), version.root) == (len(model), listed(model.values()).root)


def test_a_commit_that_is_killed_leaves_the_versions_that_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset.open(tmp_path / "x")
    dataset.add(_case(1))
    dataset.commit()
    dataset.add(_case(2))

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(storage.LocalStorage, "create", killed)
        with pytest.raises(KeyboardInterrupt):
            dataset.commit()
    again = Dataset.open(tmp_path / "x")
    assert ([each.name for each in again.log()], again.verify().ok) == (["v1"], True)
    assert (dataset.staged, len(dataset.commit())) == (1, 2)


def test_a_version_file_can_be_reviewed(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "x")
    dataset.add([_case(1), _case(2)])
    dataset.commit("first cases")
    lines = (tmp_path / "x/versions/v1.json").read_text().splitlines()
    assert '  "message": "first cases",' in lines
    assert json.loads("\n".join(lines))["cases"] == 2
    (part,) = (tmp_path / "x").rglob("*.jsonl")
    assert sorted(
        json.loads(line)["inputs"]["prompt"] for line in part.read_text().splitlines()
    ) == [
        "question 1",
        "question 2",
    ]


def test_where_there_are_no_hard_links_races_are_still_won_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError("no hard links here")

    monkeypatch.setattr("os.link", refuse)
    one, other = Dataset.open(tmp_path / "x"), Dataset.open(tmp_path / "x")
    one.add(_case(1))
    other.add(_case(2))
    assert (one.commit().name, other.commit().name, len(list(other.at("v2")))) == ("v1", "v2", 2)
