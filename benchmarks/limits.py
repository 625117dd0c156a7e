"""What limits cost, and what comes through them: `python -m benchmarks.limits`, project root.

One process, one run, all rows interleaved. `benchmarks/README.md` says how to read it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if not __package__:
    sys.path[0] = str(Path(__file__).resolve().parent.parent)

from benchmarks import _limits, _load
from benchmarks import _limits_load as loaded
from benchmarks import _reliai as rel
from benchmarks._command import Bench, names, parser, run
from benchmarks._harness import Kind, per_round
from benchmarks._targets import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

THREADS = "32 threads"
OWN = {policy.name for policy in _limits.POLICIES} | {_limits.RECORD}


def base_of(name: str) -> str:
    """What a row is compared with: reliai's with a guarded call, a peer's with the bare one."""
    return _limits.RECORD if name in OWN - {_limits.RECORD} else _limits.BARE


def policies(bench: Bench) -> None:
    """What each policy adds to a call that no limit stops, one caller at a time."""
    bench.timed(_limits.rows())
    for kind in rel.KINDS:
        title = "A limit that is not reached, us; `adds`: to a guarded call, a peer to the bare one"
        bench.show(title, _limits.FREE, kind, base_of)


def threads(bench: Bench) -> None:
    """The same from 32 threads on one object."""
    options = bench.options
    rows = bench.chosen(_limits.rows(THREADS, ("sync",)))
    rows = [row for row in rows if "by hand" not in row.name]
    found = loaded.threaded(
        bench.lab, rows, options.threads, options.thread_calls, options.thread_rounds
    )
    bench.timings |= found
    bench.show(f"{options.threads} threads on one object, us a call", THREADS, "sync", base_of)


def at_once(bench: Bench) -> None:
    """Each policy and each peer with a thousand asynchronous callers."""
    found = _load.contend(bench.lab, "at once", loaded.singles(), bench.crowd())
    bench.loads |= {f"at once/{name}": one for name, one in found.items()}
    workers = bench.options.workers
    bench.show_loads(f"{workers:,} callers, a model of 10 ms, calls/s", found)


def queues(bench: Bench) -> None:
    """A tenth as many places as callers, so that nine in ten wait."""
    found = _load.contend(bench.lab, "queue", loaded.queues(), bench.crowd())
    bench.loads |= {f"queue/{name}": one for name, one in found.items()}
    title = f"{bench.options.workers:,} callers, {loaded.CROWD} places, a model of 1 ms, calls/s"
    bench.show_loads(title, found)


def throughput(bench: Bench) -> None:
    """Whole pipelines with a thousand asynchronous callers; nobody observes."""
    found = _load.contend(bench.lab, "throughput", loaded.pipelines(), bench.crowd())
    bench.loads |= {f"throughput/{name}": one for name, one in found.items()}
    workers = bench.options.workers
    bench.show_loads(f"{workers:,} callers, a model of 10 ms, calls/s", found)


SECTIONS: dict[str, Callable[[Bench], None]] = {
    "policies": policies,
    "threads": threads,
    "at-once": at_once,
    "queues": queues,
    "throughput": throughput,
}


def verdicts(bench: Bench) -> Iterator[Verdict]:
    """All targets that this run can judge."""
    for policy in _limits.POLICIES:
        for group in (_limits.FREE, THREADS):
            for kind in rel.KINDS:
                yield from _added(bench, policy, group, kind)
    yield from _throughputs(bench)


def _added(bench: Bench, policy: _limits.Policy, group: str, kind: Kind) -> Iterator[Verdict]:
    mine, record, bare = (
        f"{group}/{name} [{kind}]" for name in (policy.name, _limits.RECORD, _limits.BARE)
    )
    rivals = [
        f"{group}/{name} [{kind}]"
        for name in names(bench.timings, group, kind)
        if policy.rivals and name.endswith(f" ({policy.rivals})")
    ]
    if mine not in bench.timings or record not in bench.timings or not rivals:
        return
    best = min(rivals, key=lambda key: bench.timings[key].fastest)
    added, peer = per_round(bench.timings, mine, record), per_round(bench.timings, best, bare)
    name = best.removeprefix(f"{group}/").rpartition(" (")[0]
    what = f"{policy.name} adds / {name} adds, {group} [{kind}]"
    yield Verdict("a", what, 1.0, "x", added[0] / peer[0], added[1] / peer[1])


def _throughputs(bench: Bench) -> Iterator[Verdict]:
    for ours, theirs, says in (
        (loaded.SIX, loaded.STACK, "stack"),
        (loaded.EIGHT, loaded.FULL_STACK, "stack with a rate and places"),
        (loaded.TEN, loaded.FULL_STACK, "stack with a rate and places"),
    ):
        name = f"{ours.partition(':')[0]} policies"
        mine = bench.loads.get(f"throughput/{ours}")
        stack = bench.loads.get(f"throughput/{theirs}")
        if mine and stack:
            what, more = f"{name} / {says}", (mine.median / stack.median, mine.best / stack.best)
            yield Verdict("b", what, 2.0, "x", *more, more_is_better=True)
        if mine:
            what = f"1,000 callers, 10 ms model, {name}"
            yield Verdict("c", what, 25_000, "calls/s", mine.median, mine.best, more_is_better=True)
    queue, semaphore = (
        bench.loads.get(f"queue/{name}") for name in (loaded.OUR_QUEUE, loaded.QUEUE)
    )
    if queue and semaphore:
        more = queue.median / semaphore.median, queue.best / semaphore.best
        yield Verdict("d", "queued: Bulkhead / Semaphore", 0.5, "x", *more, more_is_better=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Run it."""
    made = parser("limits", __doc__, SECTIONS)
    add = made.add_argument
    add("--threads", type=int, default=32, help="threads on one object (%(default)s)")
    add("--thread-calls", type=int, default=6_400, help="calls of a block of theirs (%(default)s)")
    add("--thread-rounds", type=int, default=11, help="rounds of these (%(default)s)")
    add("--workers", type=int, default=1_000, help="asynchronous callers at once (%(default)s)")
    add("--seconds", type=float, default=1.0, help="length of a load round (%(default)s)")
    add("--load-rounds", type=int, default=5, help="rounds under load (%(default)s)")
    needed = (_limits.BARE, _limits.RECORD)
    run(Bench(made.parse_args(argv), needed), SECTIONS, verdicts)


if __name__ == "__main__":
    main()
