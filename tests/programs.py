"""Programs that tests run in an interpreter of their own: to fork, to exit, to be told to end."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

_SOURCE = Path(__file__).parent.parent / "src"

LONG = 120
"""Seconds after which a program that hangs fails its test; nothing is measured by it."""


def environment(**variables: str) -> dict[str, str]:
    """Our own environment with `variables`, and with this reliai in reach."""
    return {**os.environ, "PYTHONPATH": str(_SOURCE), **variables}


def run_program(
    code: str, *arguments: object, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run Python code; its arguments are in `sys.argv[1:]`."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )


def printed(code: str, *arguments: object, **variables: str) -> list[str]:
    """The lines that a program prints; it must end well."""
    done = run_program(code, *arguments, **variables)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
