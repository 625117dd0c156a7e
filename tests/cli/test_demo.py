"""The demo, end to end, as its users start it: with real models, real HTTP and real faults."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.commands import command

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_the_demo_keeps_what_it_promises(tmp_path: Path) -> None:
    """One run, which takes its time, and all that can be read off it; no figure is a time."""
    numbers = tmp_path / "numbers.json"
    done = command("demo", "--quick", "--json", str(numbers))
    assert done.returncode == 0, done.stderr
    scores = json.loads(numbers.read_text())
    bare, guarded = scores["bare"], scores["guarded"]

    # bare, the faults are felt: otherwise the other numbers say nothing
    assert (bare["good"] + bare["late"]) / bare["calls"] < 0.8, bare
    assert bare["invalid"] > 0
    assert bare["wire_per_call"] == pytest.approx(1)

    # guarded (lateness is left aside: that is for the machine the test runs on to decide)
    assert guarded["calls"] == bare["calls"]
    answered = guarded["good"] + guarded["degraded"] + guarded["late"]
    assert answered / guarded["calls"] >= 0.99, guarded
    assert guarded["invalid"] == 0
    assert guarded["mixed"] == 0
    assert guarded["wire_per_call"] <= 1.2
    assert guarded["wire_in_outage"] < bare["wire_in_outage"]
    assert guarded["degraded"] > 0
    assert guarded["right"] > 0.8

    # the circuits of both functions opened, and closed again
    assert set(guarded["opened"]) == {"digits", "docs"}
    assert set(guarded["recovered"]) == {"digits", "docs"}

    # what a reader sees, without a terminal: plain lines, the timeline, the table
    assert "bare       0.0 s  healthy" in done.stdout
    assert "guarded    0.0 s  healthy" in done.stdout
    assert "circuit opened (too many failures in a row" in done.stdout
    assert "invalid or half answers delivered" in done.stdout
    assert "digits.py" in done.stdout
    assert "\x1b" not in done.stdout
