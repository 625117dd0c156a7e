"""IR-11: batch work takes the quota that people wait for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.load import offer
from reliai.incidents.registry import incident
from reliai.incidents.simulated import HttpError, Provider, Quota, Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reliai.incidents.trial import Trial

IR_11 = incident(
    "IR-11",
    title="batch work starves people",
    scenario="a quota of 10/s and 4 calls/s of people; after 300 s, 50 batch workers ask as fast "
    "as they can",
    evidence="an evaluation suite that shut out twelve tenants for 39 min in May 2026",
    guard="RateLimit(10, reserve=0.5, priority=…)",
)

QUOTA, PEOPLE = 10.0, 4.0
BATCH_WORKERS = 50
BEGIN, END = 300.0, 330.0
AGAIN = 0.1
"""Seconds after which a batch worker that was turned away asks again, at most."""


class _Shared:
    """The function that both use, and who was turned away.

    Attributes:
        turned_away: calls of people that were refused after the batch work began.
        people: calls of people made after that.
        done: batch calls that were answered.
    """

    def __init__(self, trial: Trial, ask: Callable[..., Awaitable[str]]) -> None:
        self._trial = trial
        self.ask = ask
        self.turned_away = self.people = self.done = 0

    async def person(self, question: int) -> None:
        """A call that somebody waits for."""
        late = self._trial.now >= BEGIN
        self.people += late
        try:
            await self.ask(question, kind="person")
        except (reliai.RateLimited, HttpError):
            self.turned_away += late

    async def worker(self, number: int) -> None:
        """One of the batch's: again and again until the end."""
        await asyncio.sleep(BEGIN - self._trial.now + self._trial.random.uniform(0, AGAIN))
        while self._trial.now < END:
            self._trial.made += 1
            try:
                await self.ask(number, kind="batch")
            except (reliai.RateLimited, HttpError):
                await asyncio.sleep(self._trial.random.uniform(0, AGAIN))
            else:
                self.done += 1

    async def day(self) -> None:
        """People all the time, the batch from `BEGIN` on."""
        await asyncio.gather(
            offer(self._trial, self.person, rate=PEOPLE, seconds=END),
            *(self.worker(number) for number in range(BATCH_WORKERS)),
        )


def guarded(provider: Provider, *observers: Any) -> Any:
    """The function as its users would decorate it."""

    async def ask(question: int, *, kind: str) -> str:
        del kind
        return await provider.answer(question)

    limit = reliai.RateLimit(
        QUOTA, reserve=0.5, priority=lambda call: call.arguments["kind"] == "person"
    )
    return reliai.reliable(limit, name="shared", observers=observers)(ask)


@IR_11.unguarded
async def people_are_turned_away(trial: Trial) -> None:
    """The provider knows no classes: who asks most often gets the quota."""
    quota = Quota(trial, QUOTA)

    async def ask(_question: int, *, kind: str) -> str:
        del kind
        if not quota.take():
            raise HttpError(429)
        await asyncio.sleep(trial.random.uniform(0.3, 0.9))
        return "answer"

    shared = _Shared(trial, ask)
    await shared.day()
    away = 100 * shared.turned_away / shared.people
    trial.at_least("calls of people turned away", away, 80, "%")


@IR_11.guarded
async def people_are_served(trial: Trial) -> None:
    """Five tokens are kept for people; the batch gets what they leave."""
    watch = Watch(trial)
    shared = _Shared(trial, guarded(Provider(trial), watch))
    await shared.day()
    away = 100 * shared.turned_away / shared.people
    trial.at_most("calls of people turned away", away, 0, "%")
    trial.at_least("batch calls answered", shared.done / (END - BEGIN), 5.4, "a second")
    trial.detected("at admission")


@IR_11.healthy
async def a_quiet_day(trial: Trial) -> None:
    """People alone, at their usual rate."""
    watch = Watch(trial)
    shared = _Shared(trial, guarded(Provider(trial), watch))
    await offer(
        trial,
        lambda n: shared.ask(n, kind="person"),
        rate=PEOPLE / 2,
        calls=trial.calls,
        keep=False,
    )
    trial.none("calls refused", watch.refusals)
