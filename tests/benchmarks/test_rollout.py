"""The benchmark of rollouts runs, and its rows can be compared. No test asserts a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import _ingest, _rollout
from tests.benchmarks.running import ran

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

TINY = ("--rounds", "2", "--block", "0.3", "--feedback", "200", "--feedback-rounds", "1")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("rollout")
    return ran("rollout", list(TINY), folder)


@pytest.mark.parametrize(
    "name", [_rollout.BY_HAND, _rollout.SPLIT, _rollout.CHOOSE, _rollout.COUNTED]
)
def test_every_way_of_ours_to_assign_is_timed(document: dict[str, Any], name: str) -> None:
    assert document["rows"][f"{_rollout.ASSIGN}/{name} [sync]"]["min_us"] > 0


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("name", [_rollout.GUARDED, _rollout.ROUTE, _rollout.INTO])
def test_calls_of_either_kind_are_timed(document: dict[str, Any], name: str, kind: str) -> None:
    assert document["rows"][f"{_rollout.CALL}/{name} [{kind}]"]["min_us"] > 0


@pytest.mark.parametrize("name", [_ingest.RECORD, _ingest.DURABLE, _ingest.BY_HAND])
def test_feedback_is_in_the_database(document: dict[str, Any], name: str) -> None:
    assert document["figures"]["feedback"][f"{name} [sqlite]"]["median"] > 0


def test_only_peers_that_are_not_installed_are_skipped(document: dict[str, Any]) -> None:
    for key, reason in document["skipped"].items():
        assert any(peer.name in key for peer in _rollout.PEERS)
        assert reason.startswith("not installed: ")


def test_each_target_is_judged(document: dict[str, Any]) -> None:
    peers = {f"{_rollout.ASSIGN}/{peer.name} [sync]" for peer in _rollout.PEERS}
    compared = {"d"} if peers & set(document["rows"]) else set()
    assert {target["letter"] for target in document["targets"]} == {"a", "b", "c", *compared}


@pytest.mark.parametrize("unit", _rollout.UNITS[:20])
def test_what_is_done_by_hand_gives_one_of_the_arms(unit: str) -> None:
    assert _rollout.by_hand(unit) in _rollout.ARMS
