"""What real runs earn: an experiment, its gate, the health of its dataset."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

import reliai
from reliai.datasets import Case, Dataset
from reliai.datasets.health import health_of
from reliai.evals import Experiment, Gate
from reliai.evals.ml_test_score import scorecard_of, write_evidence
from reliai.evals.replaying import replay
from reliai.evals.scorers import exact
from reliai.records import RecordStore
from tests.evals.ml_test_score.projects import Project

if TYPE_CHECKING:
    from pathlib import Path

    from reliai.datasets import Version
    from reliai.evals import Run


@pytest.fixture
def version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Version:
    """A committed version of a dataset, in a project with one commit."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CI", "true")
    Project(tmp_path).commit()
    dataset = Dataset.open("refunds")
    dataset.add(
        [
            Case(inputs={"prompt": f"{locale}{n}"}, expected="YES", tags={"locale": locale})
            for n in range(40)
            for locale in ("de", "fr")
        ]
    )
    return dataset.commit("first")


def answer(prompt: str) -> str:
    return "YES"


def run(version: Version) -> Run:
    return Experiment(answer, version, [exact], name="refunds", repeats=1).run()


def earned() -> dict[str, float]:
    points = scorecard_of().points.values()
    return {point.test: point.worth for point in points if point.worth}


def test_an_experiment_on_a_version_earns_reproducibility(version: Version) -> None:
    write_evidence(None, None, run(version))
    assert earned() == {"IN1": 1}


def test_one_on_cases_of_no_version_does_not(version: Version) -> None:
    done = Experiment(answer, list(version), [exact], name="refunds", repeats=1).run()
    write_evidence(None, None, done)
    assert earned() == {}


def test_a_gate_that_passes_in_each_slice_earns_quality_and_slices(version: Version) -> None:
    gate = Gate("exact", min=0.8, slices=["locale"])
    result = gate.judge(run(version))
    assert write_evidence(None, None, result) is not None
    assert earned() == {"IN4": 1, "MO6": 1}


def test_a_gate_that_fails_earns_nothing(version: Version) -> None:
    done = Experiment(str.lower, list(version), [exact], name="refunds", repeats=1)
    write_evidence(None, None, Gate("exact", min=0.8).judge(done.run()))
    assert earned() == {}


def test_a_dataset_that_is_like_the_traffic_earns_no_skew(version: Version) -> None:
    store = RecordStore("sqlite:///records.db")
    reliai.configure(observers=[store])
    guarded = reliai.reliable(name="answer")(answer)
    for number in range(60):
        with reliai.context(tags={"locale": "de" if number % 2 else "fr"}):
            guarded("x")
    health = health_of(version, store, slices=["locale"])
    write_evidence(
        None,
        None,
        {"kind": "health", "id": health.version, "name": "refunds"},
        {"live": health.calls, "warnings": health.warnings},
    )
    store.close()
    assert earned() == {"MN3": 1}, health


def test_a_gate_is_linked_to_the_run_that_it_judged(version: Version) -> None:
    done = run(version)
    write_evidence(None, None, Gate("exact", min=0.8).judge(done))
    point = scorecard_of().points["IN4"]
    assert point.evidence is not None
    assert point.evidence.link.id == done.id
    assert point.evidence.link.path == f".reliai/runs/refunds/{done.id}"
    shutil.rmtree(done.path)
    assert scorecard_of().points["IN4"].worth == 0


def test_a_replay_of_productions_calls_earns_that_quality_has_not_got_worse(
    version: Version,
) -> None:
    store = RecordStore("sqlite:///records.db", content="full")
    reliai.configure(observers=[store])
    guarded = reliai.reliable(name="answer")(answer)
    for number in range(40):
        guarded(f"question {number}")
    comparison = replay(answer, store, [exact], name="answer")
    write_evidence(None, None, Gate("exact", min=0.8).judge(comparison))
    store.close()
    assert earned() == {"IN4": 1, "MN7": 1}
