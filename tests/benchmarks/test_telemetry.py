"""The benchmark of telemetry runs, and its rows can be compared. No test asserts a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import _telemetry as rows
from tests.benchmarks.running import ran

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow

TINY = ("--rounds", "2", "--calls", "20", "--pace", "2000")


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder: Path = tmp_path_factory.mktemp("telemetry")
    return ran("telemetry", list(TINY), folder)


@pytest.mark.parametrize("group", rows.GROUPS)
@pytest.mark.parametrize("name", [rows.BARE, *rows.OURS])
def test_every_row_of_ours_is_timed(document: dict[str, Any], group: str, name: str) -> None:
    assert document["figures"]["paced"][f"{group}/{name}"]["mean_us"] > 0


@pytest.mark.parametrize("name", rows.OURS[1:])
def test_no_call_is_lost_at_that_pace(document: dict[str, Any], name: str) -> None:
    assert document["figures"]["paced"][f"{rows.FUNCTION}/{name}"]["lost"] == 0


def test_opentelemetry_by_hand_and_its_helper_are_beside(document: dict[str, Any]) -> None:
    paced = document["figures"]["paced"]
    assert f"{rows.FUNCTION}/OpenTelemetry by hand" in paced
    assert f"{rows.FUNCTION}/opentelemetry-util-genai" in paced


def test_targets_are_judged_and_only_peers_are_skipped(document: dict[str, Any]) -> None:
    assert {target["letter"] for target in document["targets"]} == set("abc")
    assert all(reason.startswith("not installed: ") for reason in document["skipped"].values())
