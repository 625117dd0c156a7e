"""The benchmark of limits runs, and its rows can be compared. No test asserts a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import _limits, _limits_load, limits
from benchmarks._reliai import KINDS
from tests.benchmarks.running import ran

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

TINY = [
    *("--rounds", "2", "--block", "0.2", "--threads", "4", "--thread-calls", "40"),
    *("--thread-rounds", "1", "--workers", "5", "--seconds", "0.03", "--load-rounds", "1"),
]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("limits")
    return ran("limits", TINY, folder)


@pytest.mark.parametrize("kind", KINDS)
def test_every_policy_is_timed_alone(document: dict[str, Any], kind: str) -> None:
    rows = document["rows"]
    for policy in _limits.POLICIES:
        assert f"{_limits.FREE}/{policy.name} [{kind}]" in rows


def test_every_policy_is_timed_from_threads_and_with_many_callers(document: dict[str, Any]) -> None:
    for policy in _limits.POLICIES:
        assert f"{limits.THREADS}/{policy.name} [sync]" in document["rows"]
        assert f"at once/reliai, {policy.name}" in document["loads"]


def test_every_pipeline_has_a_throughput(document: dict[str, Any]) -> None:
    for name in (_limits_load.SIX, _limits_load.EIGHT, _limits_load.TEN):
        assert document["loads"][f"throughput/{name}"]["median"] > 0
    assert document["loads"][f"queue/{_limits_load.OUR_QUEUE}"]["median"] > 0


def test_targets_are_judged_and_only_peers_are_skipped(document: dict[str, Any]) -> None:
    assert {target["letter"] for target in document["targets"]} >= set("acd")
    assert {target["met"] for target in document["targets"]} <= {"met", "met at best", "missed"}
    assert all(reason.startswith("not installed: ") for reason in document["skipped"].values())


def test_a_row_of_ours_is_compared_with_a_guarded_call_and_a_peer_with_the_bare_one() -> None:
    assert limits.base_of("Bulkhead") == _limits.RECORD
    assert limits.base_of("asyncio.Semaphore (places)") == _limits.BARE
