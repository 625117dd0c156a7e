"""What a process pays before its first guarded call, measured in fresh interpreters."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import NamedTuple

BARE = "bare interpreter"
IMPORT = "import reliai"
FIRST_CALL = "import reliai, Retry and CircuitBreaker, first call"
_GUARDED = """
import reliai

@reliai.Retry(3)
@reliai.CircuitBreaker()
{kind}def answer(prompt):
    return prompt

{call}
"""
PROGRAMS = {
    BARE: "pass",
    IMPORT: "import reliai",
    FIRST_CALL: _GUARDED.format(kind="", call="answer('x')"),
    "the same, async": _GUARDED.format(
        kind="async ", call="import asyncio; asyncio.run(answer('x'))"
    ),
    "import asyncio": "import asyncio",
    "import tenacity": "import tenacity",
    "import pydantic.BaseModel": "from pydantic import BaseModel",
}


class Startup(NamedTuple):
    """Milliseconds a program took above the bare interpreter."""

    median: float
    fastest: float


def startup(rounds: int) -> tuple[dict[str, Startup], dict[str, str]]:
    """Every program once a round; returns the times and what could not run."""
    failed = {name: reason for name, code in PROGRAMS.items() if (reason := _warm(code))}
    seen: dict[str, list[float]] = {name: [] for name in PROGRAMS if name not in failed}
    for _ in range(rounds):
        for name, times in seen.items():
            start = time.perf_counter()
            _run(PROGRAMS[name])
            times.append((time.perf_counter() - start) * 1e3)
    bare = seen[BARE]
    added = {
        name: Startup(
            statistics.median(one - other for one, other in zip(times, bare, strict=True)),
            min(times) - min(bare),
        )
        for name, times in seen.items()
    }
    return added, failed


def _warm(code: str) -> str:
    done = _run(code)
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
