"""Running the command line as its users do."""

from __future__ import annotations

import os
import subprocess
import sys


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m reliai`, with warnings as errors."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "reliai", *arguments],
        env={**os.environ, "COLUMNS": "100", **environment},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
