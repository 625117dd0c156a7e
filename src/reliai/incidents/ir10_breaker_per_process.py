"""IR-10: every worker process learns by itself that the provider is down."""

from __future__ import annotations

import asyncio
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

import reliai
from reliai.incidents.fleet import Fleet
from reliai.incidents.load import Reply, offer
from reliai.incidents.registry import incident
from reliai.incidents.simulated import Provider, Watch
from reliai.incidents.trial import percentile

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_10 = incident(
    "IR-10",
    title="a circuit breaker in each of 16 processes",
    scenario="20 calls/s over 16 workers; every request gets 503 for 300 s; then the same with a "
    "shared store that is killed in the middle",
    evidence="why one widely used gateway shares cooldowns; 16 workers of a web server",
    guard='CircuitBreaker(state="redis://…")',
)

WORKERS = 16
RATE = 20.0
WARM, OUTAGE = 60.0, 300.0
HEALTHY = 0.01
ERROR_SECONDS = 0.05
COOLDOWN = 10.0
LOOK = 0.05
"""Seconds between two looks at the circuits."""


class _Workers:
    """Sixteen processes with the same function.

    Attributes:
        watches: what each of them did.
        breakers: the circuit breaker of each.
    """

    def __init__(self, trial: Trial, provider: Provider, fleet: Fleet | None) -> None:
        self._trial = trial
        self.watches = [Watch(trial) for _ in range(WORKERS)]
        self.breakers: list[reliai.CircuitBreaker] = []
        self._asks = [self._guarded(provider, fleet, number) for number in range(WORKERS)]

    def _guarded(self, provider: Provider, fleet: Fleet | None, number: int) -> Any:
        async def ask(question: int) -> str:
            return await provider.answer(question)

        breaker = reliai.CircuitBreaker(
            f"provider {self._trial.now:.0f}@{number}",
            window=10.0,
            min_calls=20,
            open_for=COOLDOWN,
            max_open_for=COOLDOWN,
            state=None if fleet is None else fleet.views[number],
        )
        self.breakers.append(breaker)
        policies = (reliai.Fallback("We cannot answer just now."), breaker)
        return reliai.reliable(*policies, name="ask", observers=(self.watches[number],))(ask)

    async def ask(self, question: int) -> str:
        """A call that goes to one of them by chance."""
        answer: str = await self._trial.random.choice(self._asks)(question)
        return answer

    async def when_all_opened(self, begin: float, end: float) -> float:
        """When each circuit had been opened, seen from the outside; `end`: not by then."""
        waiting = set(range(WORKERS))
        await asyncio.sleep(begin - self._trial.now)
        while waiting and self._trial.now < end:
            waiting = {each for each in waiting if self.breakers[each].state == "closed"}
            await asyncio.sleep(LOOK)
        return self._trial.now


class _Run(NamedTuple):
    """How the sixteen got through the outage.

    Attributes:
        begin: when the outage began.
        all_open: when all circuits were open.
    """

    begin: float
    all_open: float
    replies: list[Reply]
    provider: Provider

    @property
    def delay(self) -> float:
        """Seconds until all circuits were open."""
        return self.all_open - self.begin

    @property
    def leaked(self) -> int:
        """Requests to the dead provider until all circuits were open."""
        return self.provider.requests_between(self.begin, self.all_open)

    @property
    def answered(self) -> float:
        """Per cent of the calls."""
        return 100 * sum(reply.ok for reply in self.replies) / len(self.replies)

    @property
    def added(self) -> float:
        """The most, in ms, that anything but the provider added to a call of the outage."""
        waits = [reply.took for reply in self.replies if reply.at >= self.begin]
        return 1000 * max(min(wait, abs(wait - ERROR_SECONDS)) for wait in waits)


async def _outage(
    trial: Trial, fleet: Fleet | None, seconds: float, *, killed_after: float | None = None
) -> _Run:
    """An outage of `seconds`; the store is killed so many seconds into it."""
    start = trial.now
    begin, end = start + WARM, start + WARM + seconds
    provider = Provider(
        trial,
        failing=lambda now: 1.0 if begin <= now < end else HEALTHY,
        error_latency=ERROR_SECONDS,
    )
    workers = _Workers(trial, provider, fleet)
    looking = asyncio.ensure_future(workers.when_all_opened(begin, end))
    if fleet is not None and killed_after is not None:
        asyncio.get_running_loop().call_later(WARM + killed_after, fleet.kill)
    replies = await offer(trial, workers.ask, rate=RATE, seconds=WARM + seconds)
    return _Run(begin, await looking, replies, provider)


@IR_10.unguarded
async def each_learns_by_itself(trial: Trial) -> None:
    """A worker sees one call in sixteen, so each takes long to be sure."""
    found = await _outage(trial, None, OUTAGE)
    trial.at_least("seconds until all circuits are open (300: never)", found.delay, 60, "s")
    trial.at_least("requests to the dead provider meanwhile", found.leaked, 600)


@IR_10.guarded
async def they_learn_together(trial: Trial) -> None:
    """Sixteen windows are one; when the store is lost each goes on by itself."""
    fleet = Fleet(trial, WORKERS)
    found = await _outage(trial, fleet, OUTAGE)
    trial.at_most("seconds until all circuits are open", found.delay, 6, "s")
    trial.at_most("requests to the dead provider meanwhile", found.leaked, 150)
    opened, end = found.all_open + ERROR_SECONDS, found.begin + OUTAGE
    probes = found.provider.requests_between(opened, end)
    trial.at_most("probes of the whole fleet in the rest", probes, ceil((end - opened) / COOLDOWN))
    trial.at_least("calls answered", found.answered, 99, "%")
    trial.detected(f"{found.delay:.1f} s ({found.leaked} calls), 16 workers")
    killed = await _outage(trial, fleet, 120.0, killed_after=60.0)
    await fleet.end()
    alone = killed.provider.requests_between(killed.begin + 60.0, killed.begin + 120.0)
    trial.at_most("probes in the minute after the store is killed", alone, WORKERS * 7)
    trial.at_most("time the loss adds to a call, at most", killed.added, 1, "ms")
    trial.at_least("calls answered, store killed", killed.answered, 99, "%")


@IR_10.healthy
async def a_quiet_day(trial: Trial) -> None:
    """One request in a hundred fails; a third of the way on the store is killed for a while."""
    fleet = Fleet(trial, WORKERS)
    provider = Provider(trial, failing=lambda _: HEALTHY, latency=(0.5, 0.5))
    workers = _Workers(trial, provider, fleet)
    third = trial.calls // 3
    added: list[float] = []
    for number in range(3):
        fleet.alive = number != 1
        calls = trial.calls - 2 * third if number == 2 else third
        replies = await offer(trial, workers.ask, rate=10 * RATE, calls=calls)
        added += [reply.took - 0.5 for reply in replies if reply.took > ERROR_SECONDS + 0.01]
    await fleet.end()
    trial.none("circuits opened", sum(watch.opened for watch in workers.watches))
    trial.none("calls refused", sum(watch.refusals for watch in workers.watches))
    added_ms = 1000 * percentile(added, 1.0)
    trial.at_most("time the lost store adds to a call, at most", added_ms, 1, "ms")
