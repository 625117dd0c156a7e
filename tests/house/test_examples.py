"""Each file of examples/ runs alone, as a reader without any key would start it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.py"))

VERDICTS = {
    "digits, four neighbours:": "PASS",
    "digits, half the lines:": "FAIL",
    "questions, no question mark:": "PASS",
    "questions, 30 characters:": "FAIL",
}
"""Of the example's gate: harmless changes pass, planted regressions do not."""


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_example_runs_and_shows_something(example: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(example)],
        cwd=tmp_path,
        env={name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if example.name == "evaluation.py":
        lines = done.stdout.splitlines()
        said = {lines[n]: lines[n + 1].partition(":")[0] for n in range(len(lines) - 1)}
        assert {change: said[change] for change in VERDICTS} == VERDICTS
    if example.name == "retraining.py":
        gain = re.search(r"gain: \+[\d.]+% \[\+([\d.]+)%, \+[\d.]+%\]", done.stdout)
        assert gain is not None, done.stdout
        assert float(gain[1]) > 0


def test_there_are_examples() -> None:
    assert EXAMPLES
