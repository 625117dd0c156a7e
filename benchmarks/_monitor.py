"""What a record costs the monitor, and what its fields hold: `python -m benchmarks._monitor`.

Run it in the project root. Records are made beforehand, so what is timed is `on_end` alone, which
runs on the observers' thread and not in the call path, unless the monitor is `inline`. Memory is
what the allocator handed out for all fields once every slice has been seen and learnt.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
import tracemalloc
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks._harness import load
from reliai.monitoring import Monitor, signals
from tests.monitoring._traffic import record

ROUNDS = 9
RECORDS = 3000
TEXT = "The capital of France is Paris, which lies on the Seine. " * 20


def some(count: int, *, seed: int = 0) -> list[Any]:
    """Ended calls with everything a signal may want to see."""
    random = Random(seed)
    return [
        record(
            number / 50,
            failed=random.random() < 0.01,
            duration=random.lognormvariate(0, 0.6),
            cost_usd=random.lognormvariate(-6, 0.6),
            input_tokens=int(random.lognormvariate(6, 0.5)),
            output_tokens=int(random.lognormvariate(5, 0.6)),
            finish_reason="length" if random.random() < 0.02 else "stop",
            output=TEXT,
            tags={"locale": random.choice("abcdefgh")},
            variant="control" if number % 2 else "candidate",
        )
        for number in range(count)
    ]


def monitors() -> dict[str, Monitor]:
    """The rows."""
    every = [
        signals.errors(),
        signals.latency(),
        signals.cost(),
        signals.refusals(),
        signals.tokens("input"),
        signals.tokens("output"),
        signals.finish_reasons(),
        signals.truncated(),
        signals.length(),
        signals.script(),
    ]
    kinds = ["variant", "tag:locale"]
    return {
        "errors alone": Monitor([signals.errors()], alerts=[]),
        "Monitor()": Monitor(alerts=[]),
        "Monitor(), 2 kinds of slices": Monitor(slices=kinds, alerts=[]),
        "10 signals": Monitor(every, alerts=[]),
        "10 signals, 2 kinds of slices": Monitor(every, slices=kinds, alerts=[]),
    }


def per_record(monitor: Monitor, records: list[Any]) -> float:
    """Microseconds."""
    gc.collect()
    gc.freeze()
    began = time.thread_time()
    for each in records:
        monitor.on_end(each)
    return (time.thread_time() - began) / len(records) * 1e6


def memory() -> tuple[int, int]:
    """Bytes and fields of a monitor whose slices are all taken."""
    every = [signals.errors(), signals.latency(), signals.cost(), signals.refusals()]
    load("scipy.stats")  # not of the monitor's own
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    monitor = Monitor(every, slices=["tag:locale"], max_slices=50, alerts=[], learn=0.0)
    random = Random(1)
    for number, place in product(range(600), range(60)):
        seconds = random.lognormvariate(0, 0.6)
        one = record(number, duration=seconds, cost_usd=seconds / 100, tags={"locale": str(place)})
        monitor.on_end(one)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return after - before, len(monitor.snapshot()["fields"])


def main() -> None:
    """Print the rows."""
    print(f"us a record, the median of {ROUNDS} rounds of {RECORDS}")
    rows = monitors()
    found: dict[str, list[float]] = {name: [] for name in rows}
    for number in range(ROUNDS + 1):
        records = some(RECORDS, seed=number)
        for each in records:
            each.started_at += number * 60.0
        for name, monitor in rows.items():
            took = per_record(monitor, records)
            if number:  # the first round learns, and loads what it needs
                found[name].append(took)
    for name, times in found.items():
        fields = len(rows[name].snapshot()["fields"])
        print(f"{name:34} {statistics.median(times):7.1f}   ({fields} fields)")
    size, count = memory()
    print(f"memory: {size / count / 1000:.1f} kB a field ({size / 1e6:.1f} MB for {count})")


if __name__ == "__main__":
    main()
