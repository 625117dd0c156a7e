"""The benchmark of evaluations runs, and its rows can be compared. No test asserts a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import _evals_runners as rows
from tests.benchmarks.running import ran

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

TINY = ("--rounds", "1", "--cases", "200")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("evals")
    return ran("evals", list(TINY), folder)


def test_every_runner_that_is_installed_is_timed(document: dict[str, Any]) -> None:
    timed = document["figures"]["runners"]
    assert set(rows.OURS) <= set(timed)
    assert set(timed) | set(document["skipped"]) == {each.name for each in rows.RUNNERS}
    assert all(one["min_us"] > 0 and one["ratio"] > 0 for one in timed.values())


def test_only_peers_that_are_not_installed_are_skipped(document: dict[str, Any]) -> None:
    assert set(document["skipped"]) <= set(rows.PEERS)
    assert all(reason.startswith("not installed: ") for reason in document["skipped"].values())


def test_a_whole_evaluation_is_run_and_judged_by_slices(document: dict[str, Any]) -> None:
    whole = document["figures"]["whole"]
    assert (whole["cases"], whole["slices"]) == (200, rows.TAGS)
    assert whole["run"]["min_s"] > 0
    assert whole["judge"]["min_s"] > 0


def test_memory_is_measured_at_a_tenth_of_the_cases_and_at_all(document: dict[str, Any]) -> None:
    assert [one["cases"] for one in document["figures"]["memory"].values()] == [20, 200]


def test_each_target_is_judged(document: dict[str, Any]) -> None:
    compared = {"a"} if set(document["figures"]["runners"]) & set(rows.PEERS) else set()
    assert {target["letter"] for target in document["targets"]} == {"b", "c", "d", *compared}


def test_ten_times_the_cases_take_no_more_memory_to_speak_of(document: dict[str, Any]) -> None:
    (grown,) = [each for each in document["targets"] if each["letter"] == "d"]
    assert grown["met"] == "met"
