"""What the record store takes in, and what it takes: `python -m benchmarks._records [URL …]`.

Throughput on each database given (SQLite in a temporary folder always); what a call costs its own
thread with the store above without; and memory with a database that is away for ten minutes.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

import reliai
from benchmarks._harness import settle
from reliai.records import RecordStore

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RECORDS = 40_000
ROUNDS = 5
PACE = 1_000  # calls a second
PACED_SECONDS = 2.0
AWAY = 600 * 200  # ten minutes of 200 calls a second


@reliai.reliable(reliai.Retry(2), name="answer", tags={"team": "support"})
def answer(prompt: str) -> str:
    """A call with an attempt, usage and a measured value, as a model's."""
    reliai.usage(model="model-a", input_tokens=120, output_tokens=30, cost_usd=0.0125)
    reliai.measure(confidence=0.5)
    return prompt


class Rate(NamedTuple):
    """Records a second, and processor time of this process a record, in microseconds."""

    records: float
    cpu_us: float


def made(count: int) -> list[reliai.CallRecord]:
    """Records of that many calls."""
    found: list[reliai.CallRecord] = []

    class Keep:
        inline = True

        def on_end(self, record: reliai.CallRecord) -> None:
            found.append(record)

    reliai.configure(observers=[Keep()], service="shop", release="1")
    with reliai.context(subject="u1", session="s1"):
        for _ in range(count):
            answer("hello")
    reliai.configure(observers=[])
    return found


def throughput(url: str) -> Rate:
    """Records that are all there, until all are in the database; the median of some rounds."""
    rates = []
    for _ in range(ROUNDS):
        records = made(RECORDS)
        store = RecordStore(url, capacity=RECORDS)
        settle()
        wall, cpu = time.perf_counter(), time.process_time()
        for record in records:
            store.on_end(record)
        if not store.flush(120) or store.counts.written != RECORDS:
            message = f"not all was written: {store.counts}"
            raise RuntimeError(message)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        rates.append(Rate(RECORDS / wall, cpu / RECORDS * 1e6))
        store.close()
    return Rate(
        statistics.median(rate.records for rate in rates),
        statistics.median(rate.cpu_us for rate in rates),
    )


def paced(seconds: float) -> float:
    """Processor time that a call takes of its own thread at a steady pace, in microseconds."""
    calls = int(PACE * seconds)
    spent, begin = 0, time.perf_counter()
    for number in range(calls):
        while (left := begin + number / PACE - time.perf_counter()) > 0:
            time.sleep(left)
        start = time.thread_time_ns()
        answer("hello")
        spent += time.thread_time_ns() - start
    return spent / calls / 1e3


def caller(url: str) -> tuple[float, float, int]:
    """A call's time without the store, what the store adds, and how many records it dropped."""
    store = RecordStore(url)
    reliai.configure(observers=[], records=store)
    paced(0.5)
    without, added = [], []
    for _ in range(ROUNDS):
        reliai.configure(observers=[])
        without.append(paced(PACED_SECONDS))
        reliai.configure(observers=[], records=store)
        added.append(paced(PACED_SECONDS) - without[-1])
    reliai.flush(20)
    store.close()
    reliai.configure(observers=[])
    return statistics.median(without), statistics.median(added), store.counts.dropped


def away(folder: Path) -> tuple[int, RecordStore]:
    """Memory that ten minutes without the database take, in bytes; and the store."""
    (folder / "file").touch()
    store = RecordStore(f"sqlite:///{folder}/file/records.db")  # a folder that cannot be made
    reliai.configure(observers=[], records=store)
    answer("hello")
    before = resident()
    for number in range(AWAY):
        answer("hello")
        if number % 2_000 == 0:
            reliai.flush(0.05)
    grown = resident() - before
    reliai.configure(observers=[])
    return grown, store


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


def shown(title: str, act: Callable[[], str]) -> None:
    """Run one and print what came of it."""
    print(f"{title:<44} {act()}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("urls", nargs="*", help="more databases, e.g. postgresql://user@host/name")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for url in (f"sqlite:///{folder}/records.db", *options.urls):
            kind = url.partition(":")[0].partition("+")[0]
            shown(f"throughput, {kind} (target 20,000; 10,000)", partial(_rate, url))
            shown(f"a call's own thread, {kind} (target +5 us)", partial(_caller, url))
        shown(f"memory, {AWAY:,} calls, no database", partial(_away, folder))


def _rate(url: str) -> str:
    rate = throughput(url)
    return f"{rate.records:,.0f} records/s, {rate.cpu_us:.1f} us of this process's time each"


def _caller(url: str) -> str:
    without, added, dropped = caller(url)
    return f"{without:.1f} us, with the store +{added:.1f} us; {dropped} dropped"


def _away(folder: Path) -> str:
    grown, store = away(folder)
    taken, written, dropped, pending = store.counts[:4]
    (folder / "file").unlink()
    store.flush(60)
    after = store.counts.written
    store.close()
    return (
        f"+{grown / 1e6:.1f} MB; taken {taken:,}, written {written:,}, dropped {dropped:,}, "
        f"pending {pending:,}; when it is back {after:,} are written"
    )


if __name__ == "__main__":
    main()
