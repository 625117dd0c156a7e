"""Programs of their own that write to a store, for tests that kill them."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_HEAD = """
import os, sys, time
import reliai
from reliai.records import RecordStore

store = RecordStore(sys.argv[1])
reliai.configure(records=store, service="shop", release="1")

@reliai.reliable(reliai.Retry(2), name="answer")
def answer(prompt):
    reliai.measure(confidence=0.5)
    return prompt
"""


def started(url: str, program: str, folder: Path) -> subprocess.Popen[str]:
    """A process that has a store open and a guarded function `answer`, and runs `program`."""
    script = folder / "program.py"
    script.write_text(_HEAD + program)
    return subprocess.Popen(
        [sys.executable, "-W", "error", str(script), url],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def ran(url: str, program: str, folder: Path) -> str:
    """What such a process prints until it ends by itself."""
    process = started(url, program, folder)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said
