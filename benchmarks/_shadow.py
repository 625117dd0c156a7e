"""What a shadow costs the calls it shadows: `python -m benchmarks._shadow`, project root.

Each row is a call of the same function, timed one by one: bare of any shadow, not sampled, with a
candidate that hangs and everything after it dropped, and with one that is quick and runs beside.
Microseconds; p50, p99 and the largest, interleaved in rounds so that all rows see the same machine.
"""

from __future__ import annotations

import argparse
import threading
import time
from statistics import quantiles
from typing import TYPE_CHECKING, Any, NamedTuple

import reliai

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Row", "measured", "rows"]

MESSAGES = [{"role": "user", "content": "How do I send a broken lamp back? " * 20}]


class Row(NamedTuple):
    """One way to call, and its shadow if it has one."""

    name: str
    call: Callable[[Any], Any]
    shadow: reliai.Shadow | None = None


def answer(_messages: Any) -> str:
    """The function that is shadowed."""
    return "By post."


def rows(gate: threading.Event) -> list[Row]:
    """All rows; the hanging candidate waits for the gate."""

    def hang(_messages: Any) -> str:
        gate.wait()
        return "By post."

    unsampled = reliai.Shadow(answer, rate=0)
    full = reliai.Shadow(hang, rate=1)
    quick = reliai.Shadow(answer, rate=1, max_pending=10_000, name="quick")
    return [
        Row("guarded, no shadow", reliai.reliable()(answer)),
        Row("not sampled", unsampled(answer), unsampled),
        Row("all dropped, candidate hangs", full(answer), full),
        Row("all shadowed, candidate quick", quick(answer), quick),
    ]


def measured(calls: int, rounds: int) -> dict[str, list[float]]:
    """Microseconds of each call, by row."""
    gate = threading.Event()
    made = rows(gate)
    for _ in range(100):  # fills the queue of the one that hangs
        made[2].call(MESSAGES)
    times: dict[str, list[float]] = {row.name: [] for row in made}
    for _ in range(rounds):
        for row in made:
            if row.name.startswith("all shadowed"):
                continue  # its threads would work while the others are timed
            times[row.name] += _timed(row.call, calls)
    gate.set()
    for row in made:
        if row.shadow is not None:
            row.shadow.drain(60)
    last = made[-1]
    for _ in range(rounds):
        times[last.name] += _timed(last.call, calls)
    full = made[2].shadow
    if full is not None:
        report = full.report()
        asked = report.started + report.dropped
        print(f"hanging: {asked} asked, {report.compared} run, {report.dropped} dropped")
    return times


def _timed(call: Callable[[Any], Any], calls: int) -> list[float]:
    now = time.perf_counter
    found: list[float] = []
    for _ in range(calls):
        began = now()
        call(MESSAGES)
        found.append((now() - began) * 1e6)
    return found


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1_000, help="calls of a row in a round")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    times = measured(options.calls, options.rounds)
    print(f"{'us a call':34}{'p50':>9}{'p99':>9}{'largest':>9}")
    for name, found in times.items():
        p99 = quantiles(found, n=100)[98]
        p50 = quantiles(found, n=100)[49]
        print(f"{name:34}{p50:9.1f}{p99:9.1f}{max(found):9.0f}")


if __name__ == "__main__":
    main()
