"""Experiments of scenarios: real ones in a folder that goes away, and those of known numbers."""

from __future__ import annotations

import asyncio
from math import nan
from typing import TYPE_CHECKING, Any

import pytest

from reliai.evals import Gate, RunComparison, compare
from reliai.incidents.evaluated import Bench, numbered, verdict_on

if TYPE_CHECKING:
    from pathlib import Path

GATE = Gate("even", non_inferior=0.05)


async def itself(number: int) -> int:
    return number


def even(output: Any, case: Any) -> bool:
    return bool(output % 2 == 0)


async def two_runs(count: int) -> tuple[RunComparison, Path]:
    with Bench(numbered(count)) as bench:
        earlier = await bench.run("earlier", itself, even)
        later = await bench.run("later", itself, even)
        return later.compare(earlier), later.path


def test_each_case_is_tried_once_and_the_folder_goes_away() -> None:
    comparison, path = asyncio.run(two_runs(20))
    assert comparison.common == len(comparison.candidate.case) == 20
    assert comparison.difference("even").estimate == 0
    assert not path.exists()


@pytest.mark.parametrize(
    ("worse", "verdict"), [(0, "PASS"), (4, "INCONCLUSIVE"), (40, "FAIL")], ids=str
)
def test_the_verdict_is_of_the_scores_that_are_given(worse: int, verdict: str) -> None:
    comparison, _ = asyncio.run(two_runs(100))
    ours = [0.0] * worse + [1.0] * (100 - worse)
    found = verdict_on(GATE, comparison, ours, [1.0] * 100)
    assert str(found.verdict) == verdict
    assert found.rules[0].losses == worse


def test_a_score_that_is_no_number_is_missing() -> None:
    comparison, _ = asyncio.run(two_runs(100))
    found = verdict_on(GATE, comparison, [nan] * 5 + [1.0] * 95, [1.0] * 100)
    assert str(found.verdict) == "INCOMPLETE"
    assert found.missing == 5


def test_without_a_baseline_there_is_nothing_to_put_scores_into() -> None:
    comparison, _ = asyncio.run(two_runs(10))
    with pytest.raises(AssertionError):
        verdict_on(GATE, compare(comparison.candidate), [], [])
