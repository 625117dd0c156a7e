"""The whole path of a call: found bad, a case; corrected, a reference and a row to learn from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import reliai
from reliai import feedback
from reliai.datasets import MISSING, Capture, Dataset, on_feedback
from reliai.evals import Experiment
from reliai.evals.scorers import exact
from reliai.feedback import ReviewQueue

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reliai.datasets import Version
    from reliai.records import RecordStore

RIGHT = {"2+2": "4", "3+3": "6", "5+5": "10"}


@reliai.reliable(name="sum")
def add(prompt: str) -> str:
    return "4"


def test_bad_feedback_becomes_cases_and_corrections_references_and_training_rows(
    tmp_path: Path, local: RecordStore
) -> None:
    dataset = Dataset.open(tmp_path / "golden")
    capture = Capture(
        dataset, [on_feedback("thumbs", 0), on_feedback("correction")], store=local, scrub=None
    )
    reliai.configure(observers=[local, capture])
    calls = {prompt: str(reliai.execute(add, prompt).call_id) for prompt in RIGHT}

    # What a user says: one is good, one is bad; and a reviewer corrects that one and another.
    feedback.record(calls["2+2"], "thumbs", 1, by="u1")
    feedback.record(calls["3+3"], "thumbs", 0, by="u1")
    queue = ReviewQueue("quality", rules=[on_feedback("thumbs", 0)])
    assert queue.fill() == 1
    with queue.claim("rev1") as item:
        assert item is not None
        assert item.call_id == calls["3+3"]
        item.submit("wrong", correction=RIGHT["3+3"])
    feedback.correct(calls["5+5"], output=RIGHT["5+5"], by="rev1")
    reliai.flush()

    # Both are cases, known by their calls, with what was corrected as reference.
    version = dataset.commit("what people found wrong")
    cases = {case.inputs["prompt"]: case for case in version}
    assert {prompt: case.expected for prompt, case in cases.items()} == {
        "3+3": "6",
        "5+5": "10",
    }
    for prompt, case in cases.items():
        assert {source.id for source in case.sources} == {calls[prompt]}
        assert {source.kind for source in case.sources} == {"call", "feedback"}

    # The present model fails on them, and one that learned from the corrections does not.
    assert _share(version, lambda prompt: "4", tmp_path) == 0.0
    made = feedback.export("sft", out=tmp_path / "train.jsonl")
    learned = {
        row["messages"][0]["content"]: row["messages"][1]["content"]
        for row in map(json.loads, made.path.read_text().splitlines())
    }
    assert learned == RIGHT
    assert _share(version, lambda prompt: learned[prompt], tmp_path) == 1.0

    # Each row says which call it is from, pairs have the answer that was wrong, and what is held
    # out is in none.
    manifest = json.loads(made.manifest.read_text())
    assert sorted(manifest["calls"]) == sorted([call_id] for call_id in calls.values())
    pairs = feedback.export("dpo", out=tmp_path / "pairs.jsonl")
    assert [
        (row["chosen"][0]["content"], row["rejected"][0]["content"])
        for row in map(json.loads, pairs.path.read_text().splitlines())
    ] == [("6", "4"), ("10", "4")]
    held_out = feedback.export("sft", out=tmp_path / "other.jsonl", held_out=version)
    assert (held_out.rows, held_out.left_out) == (1, {"held_out": 2})


def test_what_is_taken_back_is_neither_reference_nor_row(
    tmp_path: Path, local: RecordStore
) -> None:
    dataset = Dataset.open(tmp_path / "golden")
    reliai.configure(observers=[local])
    call_id = str(reliai.execute(add, "3+3").call_id)
    feedback.correct(call_id, output="wrong itself", by="rev1")
    feedback.retract(call_id, "correction", by="rev1")
    feedback.record(call_id, "thumbs", 0, by="u1")
    Capture.from_store(local, dataset, [on_feedback("thumbs", 0)], scrub=None)
    assert [case.expected for case in dataset.commit()] == [MISSING]
    assert feedback.export("sft", out=tmp_path / "train.jsonl").rows == 0


def _share(version: Version, model: Callable[[str], str], folder: Path) -> float | None:
    def target(prompt: str) -> str:
        return model(prompt)

    experiment = Experiment(
        target, version, [exact()], name="sum", runs=folder / "runs", cache=False
    )
    mean = experiment.run(resume=False).summary().scores["exact"].mean
    return None if mean is None else mean.estimate
