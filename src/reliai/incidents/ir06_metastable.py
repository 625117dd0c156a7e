"""IR-06: a short dip in capacity from which retries never let the service recover."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.load import Reply, offer
from reliai.incidents.registry import incident
from reliai.incidents.simulated import Watch

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_06 = incident(
    "IR-06",
    title="overload that outlives its cause",
    scenario="80 calls/s on a queue that serves 100/s, and 30/s for 30 s; clients wait 10 s and "
    "try three times",
    evidence="a class of outages of large web services; a gateway behind a slow cache",
    guard="Retry(3, budget=RetryBudget(0.1)); expired work is dropped",
)

LOAD, CAPACITY, DIP = 80.0, 100.0, 30.0
BEGIN, END = 20.0, 50.0
PATIENCE = 10.0
HORIZON = 180.0
"""Seconds of calls after the end of the dip."""
WINDOW = 5.0
HEALTHY_AGAIN = 0.9
"""Share of the load that is answered in a window of a service that is well."""


class Queue:
    """A server that works off its requests one after the other, also those nobody waits for.

    Args:
        trial: gives the time.
        dip_at: when its capacity dips; None: never.
        drops: whether it leaves out requests that were cancelled before it came to them.
    """

    def __init__(self, trial: Trial, *, dip_at: float | None = BEGIN, drops: bool = False) -> None:
        self._trial = trial
        self._dip_at = dip_at
        self._drops = drops
        self._free_at = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._works = False
        self.requests = 0

    async def answer(self, _question: object) -> str:
        """Wait for one's turn and for the service."""
        self.requests += 1
        if self._drops:
            await self._in_turn()
        else:
            now = self._trial.now
            start = max(now, self._free_at)
            self._free_at = start + self._seconds(start)
            await asyncio.sleep(self._free_at - now)
        return "answer"

    async def _in_turn(self) -> None:
        place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        if not self._works:
            self._works = True
            self._serve()
        await place

    def _serve(self) -> None:
        """Serve the first of those who still wait."""
        while self._waiting and self._waiting[0].cancelled():
            self._waiting.popleft()
        if not self._waiting:
            self._works = False
            return
        place = self._waiting.popleft()
        loop = asyncio.get_running_loop()
        loop.call_later(self._seconds(self._trial.now), self._served, place)

    def _served(self, place: asyncio.Future[None]) -> None:
        if not place.done():
            place.set_result(None)
        self._serve()

    def _seconds(self, now: float) -> float:
        since = -1.0 if self._dip_at is None else now - self._dip_at
        return 1.0 / (DIP if 0 <= since < END - BEGIN else CAPACITY)


def guarded(queue: Queue, *observers: Any, name: str) -> Any:
    """The function as its users would decorate it."""

    async def ask(question: int) -> str:
        return await queue.answer(question)

    return reliai.reliable(
        reliai.Retry(3, budget=reliai.RetryBudget(0.1, min_per_second=0.0)),
        reliai.Timeout(PATIENCE),
        name=name,
        observers=observers,
    )(ask)


@IR_06.unguarded
async def it_never_ends(trial: Trial) -> None:
    """Three attempts with jitter: more work comes in than is done, and all of it is late."""
    queue = Queue(trial)

    async def ask(question: int) -> str:
        for attempt in range(3):
            try:
                async with asyncio.timeout(PATIENCE):
                    return await queue.answer(question)
            except TimeoutError:
                if attempt == 2:
                    raise
                await asyncio.sleep(trial.random.uniform(0, 0.5 * 2**attempt))
        raise AssertionError

    replies = await offer(trial, ask, rate=LOAD, seconds=END + HORIZON)
    late = _share(replies, END + HORIZON - 60, END + HORIZON)
    trial.at_most("calls answered in the last minute", 100 * late, 1, "%")
    trial.above("requests for each call", queue.requests / len(replies), 2)
    recovered = _recovery(replies)
    trial.exactly(f"recovered within {HORIZON:.0f} s", "no" if recovered is None else "yes", "no")


@IR_06.guarded
async def it_recovers(trial: Trial) -> None:
    """Retries may add a tenth to the load, so the queue drains; better still, it is not waited."""
    queue, watch = Queue(trial), Watch(trial)
    ask = guarded(queue, watch, name="patient queue")
    replies = await offer(trial, ask, rate=LOAD, seconds=END + HORIZON)
    recovered = _recovery(replies)
    trial.at_most("recovered after the dip", HORIZON if recovered is None else recovered, 75, "s")
    trial.at_most("requests for each call", queue.requests / len(replies), 1.1)
    refused = sum("budget" in note for reply in replies for note in _notes(reply))
    trial.at_least("calls whose retry the budget refused", refused, 1)
    trial.detected(f"{'never' if recovered is None else f'{recovered:.0f} s'} to recover")
    await _where_expired_work_is_dropped(trial)


@IR_06.healthy
async def a_quiet_day(trial: Trial) -> None:
    """The load is below the capacity."""
    queue, watch = Queue(trial, dip_at=None), Watch(trial)
    ask = guarded(queue, watch, name="queue")
    replies = await offer(trial, ask, rate=LOAD, calls=trial.calls, keep=False)
    trial.none("retries", watch.counts["retry"])
    trial.none("calls that failed", len(replies))
    trial.none("calls refused", watch.refusals)


async def _where_expired_work_is_dropped(trial: Trial) -> None:
    """The same with a queue that heeds the cancellation reliai sends when the time is up."""
    begun = trial.now
    queue = Queue(trial, dip_at=begun + BEGIN, drops=True)
    replies = await offer(
        trial, guarded(queue, name="dropping queue"), rate=LOAD, seconds=END + 60.0
    )
    recovered = _recovery([reply._replace(at=reply.at - begun) for reply in replies], 60.0)
    trial.at_most(
        "recovered where expired work is dropped", 60.0 if recovered is None else recovered, 20, "s"
    )


def _recovery(replies: list[Reply], horizon: float = HORIZON) -> float | None:
    """Seconds after the dip from which on the load is answered; None: not by the end."""
    windows = int(horizon / WINDOW)
    found: float | None = None
    for number in reversed(range(windows)):
        begin = END + number * WINDOW
        if _share(replies, begin, begin + WINDOW) < HEALTHY_AGAIN:
            break
        found = number * WINDOW
    return found


def _share(replies: list[Reply], begin: float, end: float) -> float:
    """The share of the calls made in a time that got an answer, in the end."""
    made = [reply for reply in replies if begin <= reply.at < end]
    return sum(reply.ok for reply in made) / max(1, len(made))


def _notes(reply: Reply) -> list[str]:
    return list(getattr(reply.error, "__notes__", ()))
