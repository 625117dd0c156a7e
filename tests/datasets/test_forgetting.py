"""What is forgotten is in no file any more, and what is left can still be proven."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from reliai.datasets import (
    MISSING,
    Capture,
    Case,
    CaseNotFound,
    Dataset,
    DatasetDamaged,
    DatasetError,
    Source,
    listed,
    uniform,
)
from reliai.datasets import _commit as commits
from reliai.datasets import _forgetting as forgetting
from reliai.datasets import _storage as storage

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CANARY = "canary-5e1d"


def _case(number: int, call: str | None = None, **more: Any) -> Case:
    sources = (Source(kind="call", id=call),) if call else ()
    given: dict[str, Any] = {"inputs": {"prompt": f"question {number}"}, "sources": sources, **more}
    return Case(**given)


def _theirs(number: int, call: str = "c1", **more: Any) -> Case:
    return _case(number, call, **{"inputs": {"prompt": f"{CANARY} {number}"}, **more})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three versions: with theirs, with more of theirs, and with some of them removed."""
    dataset = Dataset.open(tmp_path / "refunds")
    dataset.add([_case(number, f"o{number}") for number in range(20)])
    dataset.add(_theirs(0, expected=CANARY, tags={"t": CANARY}, metadata={"output": CANARY}))
    dataset.commit("first")
    dataset.add([_theirs(1, "c2", id="named"), _theirs(2, "c2"), _case(30)])
    dataset.commit("second")
    dataset.remove(_theirs(2).key)
    dataset.commit("third")
    dataset.tag("golden", "v2")
    return tmp_path / "refunds"


def _bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_no_byte_of_it_is_left_in_any_file(folder: Path) -> None:
    assert CANARY.encode() in _bytes_of(folder)
    done = Dataset.open(folder).forget(calls=["c1", "c2"])
    assert CANARY.encode() not in _bytes_of(folder)
    assert (done.version, len(done.removed), done.rows) == ("v4", 2, 3)
    assert done.versions == ("v1", "v2", "v3")


def test_no_id_of_a_call_of_theirs_is_left(folder: Path) -> None:
    Dataset.open(folder).forget(calls=["c1", "c2"])
    assert b'"c1"' not in _bytes_of(folder)
    assert b'"c2"' not in _bytes_of(folder)


def test_earlier_versions_are_what_they_were_without_it(folder: Path) -> None:
    before = {each.name: {case.key: case for case in each} for each in Dataset.open(folder).log()}
    Dataset.open(folder).forget(calls=["c1", "c2"])
    for version in Dataset.open(folder).log():
        held = before.get(version.name, before["v3"])
        kept = {key: case for key, case in held.items() if CANARY not in str(case.inputs)}
        assert {case.key: case for case in version} == kept
        assert len(version) == len(kept)
        assert version.root == listed(list(kept.values())).root


def test_everything_that_is_left_verifies(folder: Path) -> None:
    Dataset.open(folder).forget(calls=["c1", "c2"])
    found = Dataset.open(folder).verify(deep=True)
    assert found.ok, str(found)
    assert found.versions == 4


def test_a_version_is_found_by_the_root_that_it_had_and_by_the_one_it_has(folder: Path) -> None:
    had = Dataset.open(folder).at("v1").root
    Dataset.open(folder).forget(calls=["c1"])
    dataset = Dataset.open(folder)
    has = dataset.at("v1").root
    assert had != has
    assert (dataset.at(had).name, dataset.at(has).name, dataset.at("golden").name) == (
        "v1",
        "v1",
        "v2",
    )


def test_what_was_forgotten_is_not_found(folder: Path) -> None:
    Dataset.open(folder).forget(calls=["c2"])
    version = Dataset.open(folder).at("v2")
    assert "named" not in version
    assert _theirs(1).digest not in version
    with pytest.raises(CaseNotFound):
        version.case("named")
    assert Dataset.open(folder).diff("v1", "v2").added == (_case(30),)


def test_commits_go_on_from_there(folder: Path) -> None:
    Dataset.open(folder).forget(calls=["c1", "c2"])
    dataset = Dataset.open(folder)
    for number in range(100, 140):
        dataset.add(_case(number))
        dataset.commit()
    dataset.add(_theirs(0, "c9"))
    dataset.commit("asked again by somebody else")
    found = Dataset.open(folder).verify(deep=True)
    assert found.ok, str(found)
    latest = dataset.latest
    assert latest is not None
    assert len(latest) == 21 + 40 + 1


def test_forgetting_more_later_takes_what_was_left_then(folder: Path) -> None:
    Dataset.open(folder).forget(calls=["c1"])
    Dataset.open(folder).forget(calls=["o3", "o4"])
    assert Dataset.open(folder).forget(calls=["c2"])
    assert CANARY.encode() not in _bytes_of(folder)
    assert [len(each) for each in Dataset.open(folder).log()] == [19, 19, 19, 19, 19, 18]
    found = Dataset.open(folder).verify(deep=True)
    assert found.ok, str(found)


def test_forgetting_nothing_writes_nothing(folder: Path) -> None:
    before = _bytes_of(folder)
    done = Dataset.open(folder).forget(calls=["of nobody"])
    assert not done
    assert (done.version, _bytes_of(folder)) == (None, before)
    assert not Dataset.open(folder.parent / "none").forget(calls=["c1"])


def test_what_only_earlier_versions_had_makes_no_new_version(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "d")
    dataset.add(_theirs(0))
    dataset.commit()
    dataset.remove(_theirs(0).key)
    dataset.commit()
    done = dataset.forget(calls=["c1"])
    assert (done.removed, done.versions) == ((), ("v1",))
    assert CANARY.encode() not in _bytes_of(tmp_path)
    assert dataset.verify(deep=True).ok


# --- which cases ----------------------------------------------------------------------------------
def _forgot(tmp_path: Path, *cases: Case, **whose: Any) -> tuple[list[Case], forgetting.Forgotten]:
    dataset = Dataset.open(tmp_path / uuid4().hex)
    dataset.add(list(cases))
    dataset.commit()
    done = dataset.forget(**whose)
    assert dataset.verify(deep=True).ok
    latest = dataset.latest
    assert latest is not None
    return list(latest), done


def test_a_case_that_others_asked_for_too_stays_without_what_is_theirs(tmp_path: Path) -> None:
    mine = _case(1, "c1", metadata={"output": CANARY}, tags={"locale": "en"})
    other = _case(1, "o1", inclusion_probability=0.5)
    (left,), done = _forgot(tmp_path, other, mine, calls=["c1"])
    assert left.sources == (Source(kind="call", id="o1"),)
    assert (dict(left.metadata), dict(left.tags)) == ({}, {"locale": "en"})
    assert (done.removed, done.kept) == ((), (left.key,))


def test_what_was_made_of_their_cases_goes_too(tmp_path: Path) -> None:
    made = _case(2, sources=(Source(kind="case", id=_theirs(1).digest),))
    of_that = _case(3, sources=(Source(kind="case", id=made.digest),))
    left, done = _forgot(tmp_path, of_that, made, _theirs(1), _case(4), calls=["c1"])
    assert left == [_case(4)]
    assert len(done.removed) == 3


def test_a_case_that_stays_has_neither_their_session_nor_their_weight(tmp_path: Path) -> None:
    def asked(call: str, chance: float, group: str) -> Case:
        source = Source(kind="call", id=call, detail={"inclusion_probability": chance})
        return _case(1, sources=(source,), inclusion_probability=chance, group=group)

    mine, other = asked("c1", 0.01, "s1"), asked("o1", 0.5, "s2")
    (left,), _ = _forgot(tmp_path, other, mine, calls=["c1"], groups=["s1"])
    assert (left.group, left.inclusion_probability) == (None, 0.5)


def test_a_name_that_tells_who_it_was_is_in_no_line_either(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "d")
    dataset.add([_theirs(1, id=f"{CANARY}-1"), _theirs(2, id=f"{CANARY}-2"), _case(3)])
    dataset.commit()
    dataset.remove(f"{CANARY}-1")
    dataset.commit()
    dataset.add(_case(4))
    dataset.commit()
    dataset.forget(calls=["c1"])
    assert CANARY.encode() not in _bytes_of(tmp_path)
    assert [len(each) for each in dataset.log()] == [2, 2, 1, 1]
    found = dataset.verify(deep=True)
    assert found.ok, str(found)


@pytest.mark.parametrize("turn", [1, -1])
def test_a_long_line_of_what_was_made_of_their_cases_goes(tmp_path: Path, turn: int) -> None:
    made = [_theirs(1)]
    for number in range(2, 9):
        made.append(_case(number, sources=(Source(kind="case", id=made[-1].digest),)))
    left, _ = _forgot(tmp_path, *made[::turn], _case(100), calls=["c1"])
    assert left == [_case(100)]


def test_an_edited_case_is_still_theirs(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "d")
    dataset.add([_theirs(1), _case(2)])
    dataset.commit()
    dataset.edit(_theirs(1).key, expected=f"{CANARY}!")
    dataset.commit()
    dataset.forget(calls=["c1"])
    assert CANARY.encode() not in _bytes_of(tmp_path)


def test_cases_of_a_session_go_where_their_call_is_unknown(tmp_path: Path) -> None:
    left, _ = _forgot(tmp_path, _theirs(1, "old", group="s1"), _case(2), groups=["s1"])
    assert left == [_case(2)]


def test_a_case_can_be_named(tmp_path: Path) -> None:
    cases = _case(1, id="a"), _case(2), _case(3)
    left, _ = _forgot(tmp_path, *cases, keys=["a", _case(2).digest])
    assert left == [_case(3)]


@pytest.mark.parametrize("name", ["correction", "thumbs"])
def test_what_they_said_of_calls_of_others_goes(tmp_path: Path, name: str) -> None:
    said = Source(kind="feedback", id="o1", detail={"name": name, "value": 0})
    case = _case(1, expected="x", sources=(Source(kind="call", id="o1"), said), metadata={"a": 1})
    left, _ = _forgot(tmp_path, case, _case(2), feedback=["o1"])
    kept = [] if name == "correction" else [(Source(kind="call", id="o1"),)]
    assert [each.sources for each in left if each != _case(2)] == kept


def test_another_case_of_the_same_name_stays(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "d")
    dataset.add(_case(1, id="a"))
    dataset.commit()
    dataset.add(_theirs(1, id="a"))
    dataset.commit()
    dataset.add(_case(2, id="a", sources=()), whole=True)
    dataset.commit()
    dataset.forget(calls=["c1"])
    assert [len(each) for each in dataset.log()] == [0, 0, 0, 1]
    assert dataset.verify(deep=True).ok


def test_what_waits_for_a_commit_is_left_out(tmp_path: Path) -> None:
    dataset = Dataset.open(tmp_path / "d")
    dataset.add([_case(1), _theirs(1), _case(2)])
    dataset.remove(_case(1).key)
    done = dataset.forget(calls=["c1"])
    assert (done.staged, dataset.staged, bool(done)) == (1, 3, True)
    assert list(dataset.commit()) == [_case(2)]


def test_a_capture_hands_over_nothing_of_theirs(tmp_path: Path) -> None:
    import reliai

    dataset = Dataset.open(tmp_path / "d")
    capture = Capture(dataset, [uniform(1.0)])

    @reliai.reliable(name="answer")
    def answer(prompt: str) -> str:
        return prompt

    reliai.configure(observers=[capture])
    calls = [str(reliai.execute(answer, f"{CANARY} {number}").call_id) for number in range(3)]
    reliai.flush()
    assert dataset.forget(calls=calls[:2]).staged == 2
    assert [case.expected for case in dataset.commit()] == [MISSING]
    reliai.configure(observers=[])


# --- what can go wrong ----------------------------------------------------------------------------
def test_a_damaged_dataset_is_left_as_it_is(folder: Path) -> None:
    part = next(folder.rglob("*.jsonl"))
    data = bytearray(part.read_bytes())
    data[20] ^= 1
    part.write_bytes(data)
    before = _bytes_of(folder)
    with pytest.raises(DatasetDamaged):
        Dataset.open(folder).forget(calls=["c1"])
    assert _bytes_of(folder) == before


@pytest.mark.parametrize("after", range(16))
def test_a_run_that_was_ended_anywhere_is_finished_by_the_next(
    folder: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    left = [after]

    def counting(method: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            if not left[0]:
                raise KeyboardInterrupt
            left[0] -= 1
            return method(*arguments)

        return counted

    with monkeypatch.context() as patched:
        for name in ("write", "create", "delete"):
            whole = counting(getattr(storage.LocalStorage, name))
            patched.setattr(storage.LocalStorage, name, whole)
        try:
            Dataset.open(folder).forget(calls=["c1", "c2"])
        except KeyboardInterrupt:
            assert len(list(Dataset.open(folder).at("v2"))) in {24, 21}
    Dataset.open(folder).forget(calls=["c1", "c2"])
    assert CANARY.encode() not in _bytes_of(folder)
    found = Dataset.open(folder).verify(deep=True)
    assert found.ok, str(found)
    assert not (folder / "forgetting.json").exists()


def test_a_second_forgetting_that_was_ended_is_finished_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the first one there are files that no version was written with."""
    Dataset.open(folder).forget(calls=["c1"])

    def ended(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(storage.LocalStorage, "delete", ended)
        with pytest.raises(KeyboardInterrupt):
            Dataset.open(folder).forget(calls=["c2", "o1"])
    assert CANARY.encode() in _bytes_of(folder)
    Dataset.open(folder).forget(calls=["c2", "o1"])
    assert CANARY.encode() not in _bytes_of(folder)
    assert Dataset.open(folder).verify(deep=True).ok


def test_a_list_of_files_to_delete_leads_nowhere_else(folder: Path) -> None:
    other = folder / "parts" / "mine.txt"
    other.write_text("x")
    wrong = ["parts/mine.txt", "parts/../../x", "versions/v1.json"]
    (folder / "forgetting.json").write_text(json.dumps({"delete": wrong}))
    Dataset.open(folder).forget(calls=["c1"])
    assert other.exists()
    assert len(list(Dataset.open(folder).log())) == 4


def test_a_file_that_a_version_has_stays_though_a_list_names_it(folder: Path) -> None:
    """Such as one that was superseded, and whose cases somebody committed again."""
    files = [path.relative_to(folder).as_posix() for path in folder.glob("parts/*/*")]
    (folder / "forgetting.json").write_text(json.dumps({"delete": files}))
    Dataset.open(folder).forget(calls=["c1"])
    assert CANARY.encode() in _bytes_of(folder)  # of c2
    assert Dataset.open(folder).verify(deep=True).ok
    assert len(list(Dataset.open(folder).at("v2"))) == 23


def test_a_commit_that_comes_between_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create: Callable[..., bool] = vars(forgetting)["create_manifest"]
    others = [_case(200), _theirs(7, "c2"), None]

    def late(*arguments: Any) -> bool:
        other = others.pop(0) if others else None
        if other is not None:
            dataset = Dataset.open(folder)
            dataset.add(other)
            dataset.commit("between")
        return create(*arguments)

    monkeypatch.setattr(forgetting, "create_manifest", late)
    done = Dataset.open(folder).forget(calls=["c1", "c2"])
    assert (done.version, len(done.removed)) == ("v6", 3)
    assert CANARY.encode() not in _bytes_of(folder)
    assert _case(200).key in Dataset.open(folder).at("v6")
    found = Dataset.open(folder).verify(deep=True)
    assert found.ok, str(found)


def test_what_came_right_after_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = forgetting._Forgetting.done

    def late(self: Any, *arguments: Any) -> Any:
        made = done(self, *arguments)
        dataset = Dataset.open(folder)
        dataset.add(_theirs(9, "c1"))
        dataset.commit()
        return made

    with monkeypatch.context() as patched:
        patched.setattr(forgetting._Forgetting, "done", late)
        with pytest.raises(DatasetError, match="forget them again"):
            Dataset.open(folder).forget(calls=["c1"])
    assert Dataset.open(folder).forget(calls=["c1"]).version == "v6"


def test_parts_of_commits_that_lost_a_race_are_deleted_when_they_are_old(folder: Path) -> None:
    stray = folder / "parts/00" / f"00{'0' * 62}.jsonl"
    stray.parent.mkdir(exist_ok=True)
    lines = [json.dumps(_theirs(5).to_dict()), json.dumps({"removed": _theirs(0).key})]
    stray.write_text("\n".join(lines) + "\n")
    other = stray.with_name(f"01{'0' * 62}.jsonl")
    other.write_text(json.dumps(_case(6).to_dict()) + "\n")
    Dataset.open(folder).forget(calls=["c1"])
    assert stray.exists()  # a commit may be writing it just now
    before = time.time() - 7200
    os.utime(stray, (before, before))
    os.utime(other, (before, before))
    Dataset.open(folder).forget(calls=["c1"])
    assert (stray.exists(), other.exists()) == (False, True)


def test_a_file_of_a_commit_that_was_killed_is_deleted_when_it_is_old(folder: Path) -> None:
    left = folder / "parts/00" / f".00{'0' * 62}.jsonl.7.abcd"
    left.parent.mkdir(exist_ok=True)
    left.write_text(json.dumps(_theirs(5).to_dict()) + "\n")
    before = time.time() - 7200
    os.utime(left, (before, before))
    Dataset.open(folder).forget(calls=["c1", "c2"])
    assert CANARY.encode() not in _bytes_of(folder)


def test_who_has_a_version_open_is_told_to_open_it_again(folder: Path) -> None:
    version = Dataset.open(folder).at("v1")
    Dataset.open(folder).forget(calls=["c1"])
    with pytest.raises(DatasetDamaged, match="open the version again"):
        list(version)


@pytest.mark.parametrize("field", ["cases", "root", "forgotten_seal", "parts"])
def test_a_changed_account_of_what_is_left_is_found(folder: Path, field: str) -> None:
    Dataset.open(folder).forget(calls=["c1"])
    path = folder / "versions/v1.json"
    data = bytearray(path.read_bytes())
    data[data.rindex(f'"{field}"'.encode()) + len(field) + 5] ^= 1
    path.write_bytes(data)
    assert "versions/v1.json" in {each.path for each in Dataset.open(folder).verify().problems}


def test_an_account_that_is_sealed_anew_but_wrong_is_found(folder: Path) -> None:
    from dataclasses import replace

    dataset = Dataset.open(folder)
    dataset.forget(calls=["c1"])
    manifest = dataset.at("v1").manifest
    assert manifest.left is not None
    wrong = replace(manifest, left=replace(manifest.left, gone=0))
    (folder / "versions/v1.json").write_bytes(wrong.to_bytes())
    assert [str(each) for each in Dataset.open(folder).verify().problems] == [
        "versions/v1.json: what is left is not what was not forgotten"
    ]


def test_a_line_that_was_changed_when_others_were_forgotten_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who empties more lines than they say, or other ones, is found by the root."""
    empty = forgetting._Forgetting._emptied_part

    def more(self: Any, part: Any, theirs: set[int]) -> Any:
        return empty(self, part, theirs | {at for at in range(part.rows) if at not in theirs})

    monkeypatch.setattr(forgetting._Forgetting, "_emptied_part", more)
    forged: Callable[[bytes, bytes], Any] = vars(forgetting)["forgotten_row"]
    monkeypatch.setattr(
        forgetting, "forgotten_row", lambda key, leaf: forged(key, bytes([leaf[0] ^ 1]) + leaf[1:])
    )
    Dataset.open(folder).forget(calls=["c1"])
    found = Dataset.open(folder).verify()
    assert any("the root is not" in each.message for each in found.problems)


def test_merged_layers_and_many_parts_are_forgotten_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reliai.datasets._parts._MOST_ROWS", 7)
    monkeypatch.setattr(commits, "_MOST_LAYERS", 3)
    dataset = Dataset.open(tmp_path / "d")
    for number in range(8):
        dataset.add([_case(10 * number + each, f"c{each % 3}") for each in range(9)])
        if number % 4 == 3:
            dataset.remove(_case(10 * (number - 1)).key)
        dataset.commit()
    dataset.forget(calls=["c0"])
    for version in dataset.log():
        cases = list(version)
        assert len(cases) == len(version)
        assert {source.id for case in cases for source in case.sources} <= {"c1", "c2"}
        assert version.root == listed(cases).root
    found = Dataset.open(tmp_path / "d").verify(deep=True)
    assert found.ok, str(found)
