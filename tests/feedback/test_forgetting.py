"""Forgetting somebody reaches whatever came of their calls, and is read back (case 48)."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import feedback
from reliai.datasets import Capture, Case, Dataset, DatasetDamaged, Source, on_feedback
from reliai.feedback import ReviewQueue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reliai.records import RecordStore

CANARY = "canary-9b2f"


@reliai.reliable(name="answer")
def answer(prompt: str) -> str:
    return f"said: {prompt}"


def asked(subject: str, prompt: str, **context: Any) -> str:
    with reliai.context(subject=subject, **context):
        return str(reliai.execute(answer, prompt).call_id)


def bytes_of(folder: Path) -> bytes:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return b"".join(path.read_bytes() for path in files)


@pytest.fixture
def life(tmp_path: Path, local: RecordStore) -> dict[str, Any]:
    """Two users' calls went into feedback, a dataset, a review queue and an export."""
    golden = tmp_path / "golden"
    dataset = Dataset.open(golden)
    capture = Capture(dataset, [on_feedback("thumbs", 0)], store=local)
    reliai.configure(observers=[local, capture])
    mine = [asked(CANARY, f"{CANARY} {number}", session=f"{CANARY}-s") for number in range(3)]
    others = [asked("u2", f"question {number}") for number in range(3)]
    for call_id in (*mine, *others):
        feedback.record(call_id, "thumbs", 0, by="u9", comment=f"not good, {CANARY}")
    reliai.flush()
    dataset.commit("first")
    feedback.correct(mine[0], output=f"{CANARY} right", by="rev1")
    feedback.correct(others[0], output=f"{CANARY} knows better", by=CANARY)
    feedback.prefer(better=mine[1], worse=others[1], by="rev1")
    reliai.flush()
    dataset.add(Case(inputs={"prompt": "written by hand"}))
    dataset.commit("second")
    queue = ReviewQueue("quality")
    queue.add(*mine, *others)
    with queue.claim("ana") as item:
        assert item is not None
        item.submit("wrong")
    feedback.export("sft", out=tmp_path / "train.jsonl")
    feedback.export("kto", out=tmp_path / "of_u2.jsonl", subject="u2")
    return {"dataset": dataset, "queue": queue, "golden": golden, "mine": mine, "others": others}


def test_no_byte_is_left_in_calls_feedback_queue_and_datasets(
    life: dict[str, Any], tmp_path: Path, local: RecordStore
) -> None:
    assert CANARY.encode() in bytes_of(life["golden"])
    done = feedback.forget(subject=CANARY, datasets=[life["golden"]])
    assert (done.calls, done.said) == (3, 1)
    assert not local.calls(subject=CANARY)
    assert CANARY not in {said.by for said in feedback.history()}
    assert {one.call_id for one in local.reviews.wanted("quality")} == set(life["others"])
    for version in Dataset.open(life["golden"]).log():
        assert CANARY not in str(list(version))
    assert CANARY.encode() not in bytes_of(life["golden"])
    assert Dataset.open(life["golden"]).verify(deep=True).ok
    comments = [said.comment for said in feedback.history() if said.comment]
    assert len(comments) == 3  # what others said of calls of others stays, whatever it says
    local.close()
    with sqlite3.connect(tmp_path / "records.db") as database:
        kept = {row[0] for row in database.execute("SELECT id FROM calls")}
    assert kept.isdisjoint(life["mine"])


def test_earlier_exports_that_have_something_of_theirs_are_named_and_read_back(
    life: dict[str, Any], tmp_path: Path
) -> None:
    done = feedback.forget(subject=CANARY, datasets=[life["golden"]])
    assert [one.path for one in done.exports] == [str(tmp_path / "train.jsonl")]
    assert f"{tmp_path}/train.jsonl still has something of theirs" in str(done)
    assert CANARY not in str(done).replace(str(tmp_path), "")
    of_path = {one.path: one.forgotten for one in feedback.exports()}
    assert of_path == {str(tmp_path / "train.jsonl"): 2, str(tmp_path / "of_u2.jsonl"): 0}
    assert not feedback.forget(subject=CANARY, datasets=[life["golden"]]).exports


def test_what_waits_in_a_capture_of_this_process_is_forgotten_too(
    life: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    feedback.record(asked(CANARY, f"{CANARY} late"), "thumbs", 0)
    reliai.flush()
    done = feedback.forget(subject=CANARY).datasets
    assert sum(one.staged for one in done) == 1
    life["dataset"].commit()
    assert CANARY.encode() not in bytes_of(life["golden"])


def test_datasets_of_the_project_are_looked_through_when_none_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, local: RecordStore
) -> None:
    monkeypatch.chdir(tmp_path)
    call_id = asked("u1", "hello")
    for name in ("a", "b"):
        dataset = Dataset.open(name)
        dataset.add(Case(inputs={"x": name}, sources=(Source(kind="call", id=call_id),)))
        dataset.commit()
    done = feedback.forget(subject="u1")
    removed = {one.dataset: len(one.removed) for one in done.datasets if one.removed}
    assert removed == {"a": 1, "b": 1}


def test_a_dataset_that_cannot_be_forgotten_leaves_the_calls(
    life: dict[str, Any], local: RecordStore
) -> None:
    for part in life["golden"].rglob("*.jsonl"):
        part.write_bytes(part.read_bytes().replace(b"question 1", b"question 8"))
    with pytest.raises(DatasetDamaged):
        feedback.forget(subject=CANARY, datasets=[life["golden"]])
    assert len(local.calls(subject=CANARY)) == 3


def test_aggregates_that_were_counted_before_stay(life: dict[str, Any], local: RecordStore) -> None:
    before = local.counts.written, local.feedback.counts.written
    report = str(reliai.report())
    feedback.forget(subject=CANARY, datasets=[life["golden"]])
    assert (local.counts.written, local.feedback.counts.written) == before
    assert str(reliai.report()) == report


def test_traces_are_calls_sessions_of_theirs_alone_and_what_they_spoke_of(
    opened: Callable[..., RecordStore],
) -> None:
    store = opened()
    reliai.configure(observers=[], records=store)
    mine = [asked("u1", "a", session="alone"), asked("u1", "b", session="shared")]
    other = asked("u2", "c", session="shared")
    feedback.record(other, "thumbs", 1, by="u1")
    feedback.record(mine[0], "thumbs", 1, by="u2")
    calls, sessions, said = store.feedback.traces("u1")
    assert (set(calls), sessions, said) == (set(mine), ("alone",), (other,))
    assert not store.feedback.traces("u'1")


@pytest.mark.parametrize("wrong", ["", None, "x" * 600], ids=["empty", "None", "long"])
def test_a_subject_that_is_none_is_an_error(local: RecordStore, wrong: Any) -> None:
    with pytest.raises(feedback.FeedbackError, match="subject="):
        feedback.forget(subject=wrong)


def test_a_single_name_is_no_list_of_datasets(local: RecordStore) -> None:
    with pytest.raises(
        reliai.ConfigurationError, match=r"datasets=\['golden'\]|as in \['golden'\]"
    ):
        feedback.forget(subject="u1", datasets="golden")
