"""How much memory a run takes, in a process of its own: `python -m benchmarks._evals_memory N`.

The dataset is a version in a folder, whose cases are read as they are needed. Prints JSON.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import _evals_runners as runners

_SMALL = 200
"""Cases of a run that has everything imported and made."""
_ROOT = Path(__file__).resolve().parent.parent


def peak() -> int:
    """The most memory that the process ever had, in KiB."""
    status = Path("/proc/self/status")
    if status.exists():  # what the system counts of a child begins with what its parent had
        found = re.search(r"VmHWM:\s+(\d+)", status.read_text())
        if found:
            return int(found[1])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measured(count: int) -> dict[str, Any]:
    """Run a dataset of as many cases from a folder; of a process that did nothing else before.

    Args:
        count: cases.
    """
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks._evals_memory", str(count)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _commit(folder: str, name: str, count: int) -> str:
    """Make a dataset, in a process that is gone when it is measured."""
    from reliai.datasets import Dataset

    dataset = Dataset.open(f"{folder}/{name}")
    dataset.add(runners.cases_of(count))
    dataset.commit("made")
    return f"{folder}/{name}"


def main() -> None:
    """Measure, or make what is measured."""
    if len(sys.argv) == 4:  # folder, name and count
        _commit(sys.argv[1], sys.argv[2], int(sys.argv[3]))
        return
    count = int(sys.argv[1])
    with TemporaryDirectory() as folder:
        for name, size in (("small", _SMALL), ("large", count)):
            command = [sys.executable, "-m", "benchmarks._evals_memory", folder, name, str(size)]
            subprocess.run(command, cwd=_ROOT, check=True)
        _run(folder, "small")
        before, began = peak(), time.perf_counter()
        judged = _run(folder, "large")
    seconds = time.perf_counter() - began
    told = {"cases": judged, "grown_kib": peak() - before, "peak_kib": peak()}
    sys.stdout.write(json.dumps({**told, "seconds": seconds}))


def _run(folder: str, name: str) -> int:
    """Run a dataset; gives how many cases were judged."""
    from reliai.datasets import Dataset

    version = Dataset.open(f"{folder}/{name}").latest
    run = runners.experiment(f"{folder}/runs of {name}", version).run()
    return sum(1 for _ in run.trials())


if __name__ == "__main__":
    main()
