"""Scores before a release beside what users say after it: whether they go together (MO2)."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import feedback
from reliai.evals._journal import RunWriter
from reliai.evals.ml_test_score.earning import shown_by
from reliai.evals.ml_test_score.releases import Paired, of_releases
from reliai.evals.trial import Score
from reliai.records import RecordStore
from tests.evals.ml_test_score.projects import trial

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAIRED = Paired("refunds", "exact")


@reliai.reliable(name="answer")
def answer(prompt: str) -> str:
    return prompt


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RecordStore]:
    made = RecordStore(f"sqlite:///{tmp_path}/records.db")
    yield made
    reliai.configure(observers=[])
    made.close()


def commit(number: int) -> str:
    return f"{number:x}" * 40


def used(store: RecordStore, release: str, good: int, n: int = 20, metric: str = "thumbs") -> None:
    reliai.configure(observers=[], records=store, release=release)
    for number in range(n):
        feedback.record(reliai.execute(answer, "x").call_id, metric, int(number < good))


def evaluated(folder: Path, number: int, good: int, *, dirty: bool = False) -> None:
    git = {"commit": commit(number), "dirty": dirty}
    runs = folder / ".reliai" / "runs"
    writer = RunWriter.create(
        "refunds", root=runs, manifest={"git": git, "scorers": {"exact": "1"}}
    )
    for case in range(10):
        score = Score(value=float(case < good), kind="assertion")
        writer.write(replace(trial(case), scores={"exact": score}))
    writer.close("complete")


def shown(releases: list[dict[str, Any]]) -> tuple[bool, str]:
    one = shown_by("releases", {**PAIRED._asdict(), "releases": releases})["MO2"]
    return one.passed, one.why


def row(score: float, said: float) -> dict[str, Any]:
    return {"release": "r", "score": score, "feedback": said, "n": 20}


def test_releases_with_both_are_paired_by_their_commit(store: RecordStore, tmp_path: Path) -> None:
    for number, (score, good) in enumerate([(2, 4), (6, 12), (9, 18)], 1):
        evaluated(tmp_path, number, score)
        used(store, commit(number)[:12], good)
    used(store, commit(8), 20)
    evaluated(tmp_path, 9, 5)
    used(store, commit(1), 20, metric="other")
    found = of_releases(store, PAIRED, tmp_path, since=time.time() - 3600)
    assert [(one["score"], one["feedback"], one["n"]) for one in found] == [
        (0.2, 0.2, 20),
        (0.6, 0.6, 20),
        (0.9, 0.9, 20),
    ]
    assert found[0]["release"] == commit(1)[:12]


def test_what_says_too_little_is_left_out(store: RecordStore, tmp_path: Path) -> None:
    evaluated(tmp_path, 1, 5)
    used(store, commit(1), 5, n=9)
    evaluated(tmp_path, 2, 5, dirty=True)
    used(store, commit(2), 5)
    assert of_releases(store, PAIRED, tmp_path, since=time.time() - 3600) == []
    assert of_releases(store, Paired("none", "exact"), tmp_path, since=0.0) == []


def test_they_go_together_where_the_interval_is_above_0() -> None:
    rising = [row(number / 10, number / 10 + 0.05 * (number % 2)) for number in range(1, 9)]
    passed, why = shown(rising)
    assert passed
    assert "exact and thumbs of 8 releases go together by 1.00" in why


def test_what_goes_apart_or_is_unclear_does_not_pass() -> None:
    falling = [row(number / 10, 1 - number / 10) for number in range(1, 9)]
    assert not shown(falling)[0]
    unclear = [row(number / 10, said) for number, said in enumerate([0.5, 0.1, 0.9, 0.2, 0.6, 0.4])]
    assert not shown(unclear)[0]


def test_few_releases_tell_nothing() -> None:
    passed, why = shown([row(0.1, 0.1), row(0.5, 0.5), row(0.9, 0.9)])
    assert not passed
    assert "3 releases: too few" in why
    assert not shown([row(0.5, 0.1 * number) for number in range(8)])[0]


@pytest.mark.parametrize("text", ["", "refunds", "a:b:c:d", ":exact", "refunds:"])
def test_what_names_no_pair_is_an_error(text: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match="as refunds:exact"):
        Paired.parsed(text)


def test_a_pair_is_read_from_its_text() -> None:
    assert Paired.parsed("refunds:exact") == PAIRED
    assert Paired.parsed("refunds:exact:stars") == Paired("refunds", "exact", "stars")
