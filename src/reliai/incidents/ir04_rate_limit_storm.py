"""IR-04: more is asked than the quota allows, and the provider says when to come back."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from math import ceil
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.fleet import Fleet
from reliai.incidents.load import offer
from reliai.incidents.registry import incident
from reliai.incidents.simulated import HttpError, Quota, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reliai.incidents.trial import Trial

    Form = Callable[[Trial], Mapping[str, str]]

IR_04 = incident(
    "IR-04",
    title="a storm of 429",
    scenario="10 calls/s on a quota of 6/s that others have used up for the first seconds; "
    "Retry-After as seconds, as milliseconds, as a date, as 300 s, and missing",
    evidence="three in five errors of a large sample of model calls in early 2026 were rate limits",
    guard="Retry(2), CircuitBreaker, RateLimit(6, reserve=0.5, priority=…) inside Fallback",
)

URGENT, BATCH, QUOTA = 3.0, 7.0, 6.0
USED_UP = 3.0
"""Seconds at the start for which others have used up the quota."""
STORM = 90.0
SETTLED = 30.0
PAUSE = 5.0
WORKERS, HEARD = 4, 0.21
"""Processes of a fleet, and seconds (two exchanges) until each knows what another was told."""
TOLD = 0.05
"""Seconds until an answer with an error is there."""


def _http_date(trial: Trial) -> Mapping[str, str]:
    return {"retry-after": formatdate(ceil(trial.clock.time() + PAUSE), usegmt=True)}


FORMS: dict[str, Form] = {
    "seconds": lambda _: {"retry-after": f"{PAUSE:.0f}"},
    "milliseconds": lambda _: {"retry-after-ms": f"{1000 * PAUSE + 0.5:.1f}"},
    "a date": _http_date,
    "300 s": lambda _: {"retry-after": "300"},
    "missing": lambda _: {},
}


class Limited:
    """A provider with a quota: a bucket of tokens that others may have emptied.

    Args:
        trial: gives the time.
        form: makes the headers of a 429.
        used_up: seconds for which nothing is left.
        heard_after: seconds until a pause is known to all who share it.

    Attributes:
        requests: when each came, and whether it was turned away.
        too_early: requests that came inside a pause that had been announced.
    """

    def __init__(
        self, trial: Trial, form: Form, *, used_up: float = USED_UP, heard_after: float = 0.0
    ) -> None:
        self._trial = trial
        self._form = form
        self._heard_after = heard_after
        self._quota = Quota(trial, QUOTA, used_up)
        self._announced: list[tuple[float, float]] = []
        self.requests: list[tuple[float, bool]] = []
        self.too_early = 0

    async def answer(self, _question: object) -> str:
        """One request."""
        now = self._trial.now
        self.too_early += any(told < now < until for told, until in self._announced)
        refused = not self._quota.take()
        self.requests.append((now, refused))
        if not refused:
            await asyncio.sleep(self._trial.random.uniform(0.3, 0.9))
            return "answer"
        headers = self._form(self._trial)
        await asyncio.sleep(TOLD)
        wait = reliai.classify(HttpError(429, headers), self._trial.clock.time()).retry_after
        if wait is not None:
            told = self._trial.now
            self._announced.append((told + self._heard_after, told + wait - 1e-6))
        raise HttpError(429, headers)

    def refused_since(self, since: float) -> float:
        """Per cent of the requests from then on that were turned away."""
        later = [refused for at, refused in self.requests if at >= since]
        return 100 * sum(later) / max(1, len(later))


class _Classes(Watch):
    """Also counts who was turned away by the rate limit."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(trial)
        self.urgent = self.batch = 0

    def on_event(self, call: Any, event: Any) -> None:
        super().on_event(call, event)
        if event.kind == "rate_limit_rejected":
            self.urgent += call.arguments["urgent"]
            self.batch += not call.arguments["urgent"]


def guarded(
    provider: Limited, *observers: Any, name: str, circuit: str | None = None, state: Any = None
) -> Any:
    """The function as its users would decorate it."""

    async def ask(question: int, *, urgent: bool) -> str:
        del urgent
        return await provider.answer(question)

    return reliai.reliable(
        reliai.Fallback("We cannot answer just now."),
        reliai.Retry(2),
        reliai.CircuitBreaker(circuit, state=state),
        reliai.RateLimit(QUOTA, reserve=0.5, priority=lambda call: call.arguments["urgent"]),
        name=name,
        observers=observers,
    )(ask)


@IR_04.unguarded
async def everyone_asks_again(trial: Trial) -> None:
    """Three attempts that look at no header, as clients make by themselves."""
    provider = Limited(trial, FORMS["seconds"])

    async def ask(question: int) -> str:
        for attempt in range(3):
            try:
                return await provider.answer(question)
            except HttpError:
                if attempt == 2:
                    raise
                await asyncio.sleep(trial.random.uniform(0.25, 0.5) * 2**attempt)
        raise AssertionError

    await offer(trial, ask, rate=URGENT + BATCH, seconds=STORM)
    trial.at_least("requests inside an announced pause", provider.too_early, 100)
    trial.at_least("requests turned away after 30 s", provider.refused_since(SETTLED), 30, "%")


@IR_04.guarded
async def everyone_waits_as_told(trial: Trial) -> None:
    """The pause holds for all, the quota is kept before it is asked for, batch work goes first."""
    answered = 1.0
    refused, urgent, batch, calls = 0.0, 0, 0, trial.made
    for name, form in FORMS.items():
        begin = trial.now
        provider, watch = Limited(trial, form), _Classes(trial)
        ask = guarded(provider, watch, name=f"quota, {name}")
        seconds = STORM + (300 if form is FORMS["300 s"] else 0)
        answered = min(answered, await _storm(trial, ask, seconds))
        trial.none(f"requests inside an announced pause ({name})", provider.too_early)
        refused = max(refused, provider.refused_since(begin + SETTLED))
        urgent, batch = urgent + watch.urgent, batch + watch.batch
    trial.at_most("requests turned away after 30 s", refused, 5, "%")
    made = (trial.made - calls) / (URGENT + BATCH)
    trial.at_least("batch calls held back here", 100 * batch / (BATCH * made), 20, "%")
    trial.at_most("urgent calls held back here", 100 * urgent / (URGENT * made), 1, "%")
    trial.at_least("calls answered, by the provider or in its place", 100 * answered, 99, "%")
    trial.detected("first 429")
    await _in_a_fleet(trial)


@IR_04.healthy
async def a_quiet_day(trial: Trial) -> None:
    """Half of the quota is asked for."""
    provider, watch = Limited(trial, FORMS["seconds"], used_up=0.0), Watch(trial)
    ask = guarded(provider, watch, name="quiet quota")
    # A burst of chance is no storm: what comes at once is less than the quota of a second.
    gap = 1.0 / (QUOTA / 2)
    for number in range(trial.calls):
        await asyncio.sleep(gap * trial.random.uniform(0.5, 1.5))
        await ask(number, urgent=bool(number % 2))
    trial.made += trial.calls
    trial.none("circuits opened", watch.opened)
    trial.none("calls refused", watch.refusals)
    trial.none("fallbacks", watch.counts["fallback"])


async def _in_a_fleet(trial: Trial) -> None:
    """Four processes: what one is told holds for all, once they have heard of it."""
    fleet = Fleet(trial, WORKERS)
    provider = Limited(trial, FORMS["seconds"], heard_after=HEARD)
    asks = [
        guarded(provider, name=f"fleet {n}", circuit=f"provider@{n}", state=fleet.views[n])
        for n in range(WORKERS)
    ]

    async def ask(question: int, *, urgent: bool) -> str:
        answer: str = await trial.random.choice(asks)(question, urgent=urgent)
        return answer

    await _storm(trial, ask, STORM)
    await fleet.end()
    name = f"requests inside a pause announced to another process {HEARD:g} s before"
    trial.none(name, provider.too_early)


async def _storm(trial: Trial, ask: Any, seconds: float) -> float:
    """Urgent and batch calls together; the share of them that was answered."""
    urgent, batch = await asyncio.gather(
        offer(trial, lambda n: ask(n, urgent=True), rate=URGENT, seconds=seconds),
        offer(trial, lambda n: ask(n, urgent=False), rate=BATCH, seconds=seconds),
    )
    return sum(reply.ok for reply in (*urgent, *batch)) / len((*urgent, *batch))
