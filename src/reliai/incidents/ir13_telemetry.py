"""IR-13: what was put in to watch the service takes it down."""

from __future__ import annotations

import asyncio
import time
from threading import Event, Semaphore
from typing import TYPE_CHECKING, Any, NamedTuple

import reliai
from reliai._core.hub import CAPACITY, hub
from reliai.incidents.load import offer
from reliai.incidents.monitored import in_turn
from reliai.incidents.registry import incident
from reliai.incidents.trial import percentile

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_13 = incident(
    "IR-13",
    title="telemetry that hangs",
    scenario="200 calls/s; for 10 min each export takes 30 s. Time is virtual here, so what "
    "telemetry costs in real time, how a process ends while an exporter hangs and what forked "
    "processes do are tests with real processes",
    evidence="an outage of hours that began with new telemetry; exporters that lost what forked "
    "workers had seen, and kept what they could not send",
    guard="observers: a bounded queue and a thread for each, every loss counted",
)

RATE = 200.0
HANG, SECONDS = 30.0, 600.0
FLUSH_EVERY = 1_000
PATIENCE = 30.0
"""Real seconds in which a thread must have done what takes it milliseconds."""


class Exporter:
    """An observer whose exports take as long as they are told to.

    Attributes:
        begun: exports that were begun.
        records: exports that are through.
    """

    def __init__(self) -> None:
        self._through = Semaphore(0)
        self._well = Event()
        self.begun = self.records = 0

    def on_end(self, record: Any) -> None:
        """Export a record; on a thread of its own."""
        del record
        self.begun += 1
        while not self._well.is_set() and not self._through.acquire(timeout=0.05):
            pass
        self.records += 1

    def let_one_through(self) -> None:
        """The export that hangs comes to its end, and the next one begins."""
        begun = self.begun
        self._through.release()
        self.wait_for(begun + 1)

    def wait_for(self, begun: int) -> None:
        """Wait, really, until the thread has begun so many exports."""
        until = time.monotonic() + PATIENCE
        while self.begun < begun:
            if time.monotonic() > until:
                raise AssertionError("the exporter's thread has stopped")
            time.sleep(0.0005)

    def be_well(self) -> None:
        """From now on, exports take no time."""
        self._well.set()


class Counted(NamedTuple):
    """What became of the records of one exporter.

    Attributes:
        exported: those it took.
        dropped: those that found the queue full, each counted.
        pending: those that wait.
    """

    exported: int
    dropped: int
    pending: int

    @classmethod
    def of(cls, exporter: Exporter) -> Counted:
        """As reliai counts it, since the process began: by the name of the exporter's class."""
        lane = hub.lane(exporter)
        return cls(lane.counts.exported, lane.counts.dropped, lane.pending)

    def since(self, before: Counted) -> Counted:
        """The same since an earlier time."""
        return Counted(*(now - then for now, then in zip(self, before, strict=True)))


def guarded(exporter: Exporter) -> Any:
    """The function as its users would decorate it."""

    async def ask(question: int) -> str:
        return f"answer to {question}"

    return reliai.reliable(name="ask", observers=(exporter,))(ask)


@IR_13.unguarded
async def everyone_waits_for_the_exporter(trial: Trial) -> None:
    """It exports where the call is made, as simple span processors do."""
    running = most = 0

    async def ask(question: int) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(trial.random.uniform(0.3, 0.9))
            await asyncio.sleep(HANG)  # export(span)
        finally:
            running -= 1
        return f"answer to {question}"

    replies = await offer(trial, ask, rate=RATE, seconds=60.0)
    waits = [reply.took for reply in replies]
    trial.at_least("99 % of the calls end within", percentile(waits, 0.99), HANG, "s")
    trial.at_least("calls that wait at the same time, at most", most, 4_000)


@IR_13.guarded
async def nobody_waits_and_nothing_is_lost_uncounted(trial: Trial) -> None:
    """What finds the queue full is dropped and counted; the rest is exported in the end."""
    exporter = Exporter()
    before, ask = Counted.of(exporter), guarded(exporter)
    waits: list[float] = []
    pending: list[int] = []
    end, through = trial.now + SECONDS, trial.now + HANG

    async def call(number: int) -> None:
        nonlocal through
        begun = trial.now
        await ask(number)
        waits.append(trial.now - begun)
        pending.append(hub.lane(exporter).pending)
        if number == 0:
            exporter.wait_for(1)
        if trial.now >= through:
            through += HANG
            exporter.let_one_through()

    made = await in_turn(trial, call, rate=RATE, calls=10**6, until=lambda: trial.now >= end)
    hung = Counted.of(exporter).since(before)
    exporter.be_well()
    flushed = hub.flush(PATIENCE)
    after = Counted.of(exporter).since(before)
    trial.at_most("what it adds to a call, 99 %", 1000 * percentile(waits, 0.99), 1, "ms")
    trial.at_most("records that wait, at most", max(pending), CAPACITY + 1)
    trial.at_least("records exported while it hangs", hung.exported, SECONDS / HANG - 1)
    trial.at_least("records dropped, each counted", after.dropped, 10_000)
    trial.exactly("records lost that were not counted", made - sum(hung), 0)
    trial.exactly("the same once it is well again", made - sum(after), 0)
    trial.exactly(
        "records that the exporter has seen, of those counted as exported",
        exporter.records,
        after.exported,
    )
    trial.exactly(
        "all that waited is exported in the end",
        "yes" if flushed and not after.pending else "no",
        "yes",
    )
    trial.detected("at the first drop")


@IR_13.healthy
async def a_quiet_day(trial: Trial) -> None:
    """Exports are quick."""
    exporter = Exporter()
    exporter.be_well()
    before, ask = Counted.of(exporter), guarded(exporter)

    async def call(number: int) -> None:
        await ask(number)
        if number % FLUSH_EVERY == FLUSH_EVERY - 1:  # virtual days pass in real seconds
            hub.flush(PATIENCE)

    made = await in_turn(trial, call, rate=RATE, calls=trial.calls)
    hub.flush(PATIENCE)
    after = Counted.of(exporter).since(before)
    trial.none("records dropped", after.dropped)
    trial.exactly("records exported, of all calls", after.exported, made)
