"""The benchmark of the call path runs and its rows can be compared. No test asserts a time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import reliai
from benchmarks import _inline, _memory, _peers, _reliai, _stack, _startup

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
TINY = [
    *("--rounds", "2", "--block", "0.2", "--calls", "40", "--garbage-calls", "30"),
    *("--in-flight", "20", "--workers", "5", "--seconds", "0.03", "--load-rounds", "1"),
    *("--startup-rounds", "1"),
]
COMPARED = [
    row.key
    for row in (
        *_peers.rows(),
        *_stack.stack_rows(),
        *_inline.inline_rows(),
        *_reliai.call_rows(),
    )
    if row.group != "rejected"
]


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a run with tiny counts wrote."""
    out = tmp_path_factory.mktemp("benchmark") / "out.json"
    source = str(Path(reliai.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.call_path", *TINY, "--json", str(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(out.read_text())
    return found


@pytest.mark.parametrize("key", COMPARED)
def test_row_is_compared_with_tenacity(document: dict[str, Any], key: str) -> None:
    if key in document["skipped"]:
        pytest.skip(document["skipped"][key])
    assert document["rows"][key]["x_tenacity"] > 0


def test_only_rows_of_peers_are_skipped(document: dict[str, Any]) -> None:
    reasons = document["skipped"].values()
    assert not [reason for reason in reasons if not reason.startswith("not installed: ")]
    assert not [reason for reason in reasons if "reliai" in reason]


@pytest.mark.parametrize("kind", _reliai.KINDS)
def test_open_circuit_and_every_layer_are_timed(document: dict[str, Any], kind: str) -> None:
    expected = {f"rejected/{_reliai.OPEN} [{kind}]"}
    expected |= {f"layers/{name} [{kind}]" for name in ("bare", *_reliai.LADDER)}
    assert expected <= document["rows"].keys()


def test_memory_is_measured_for_every_case(document: dict[str, Any]) -> None:
    assert {f"garbage/reliai, {case} [async]" for case in _memory.GARBAGE} <= document[
        "garbage"
    ].keys()
    assert {f"flat/reliai, {case} [sync]" for case in _memory.FLAT} <= document["growth"].keys()
    assert document["in_flight"][_reliai.FULL] > 0


def test_startup_is_measured_in_fresh_interpreters(document: dict[str, Any]) -> None:
    assert {_startup.IMPORT, _startup.FIRST_CALL} <= document["startup"].keys()


def test_targets_are_judged(document: dict[str, Any]) -> None:
    judged = {target["letter"] for target in document["targets"]}
    assert judged >= set("acdefghik")
    assert {target["met"] for target in document["targets"]} <= {"met", "met at best", "missed"}


def test_unknown_section_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.call_path", "--sections", "nonsense"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(Path(reliai.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode != 0
    assert "no such section: nonsense; there are calls" in done.stderr
