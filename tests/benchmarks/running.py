"""Running a benchmark from its command line, as a reader would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import reliai

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[2]


def ran(name: str, options: Sequence[str], folder: Path) -> dict[str, Any]:
    """What a run wrote to its file."""
    out = folder / "out.json"
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *options, "--json", str(out)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(Path(reliai.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(out.read_text())
    return found
