"""IR-03: part of the calls take very long, and those that do not wait behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.load import offer
from reliai.incidents.onsets import detection
from reliai.incidents.registry import incident
from reliai.incidents.simulated import Provider, Watch
from reliai.incidents.trial import percentile

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_03 = incident(
    "IR-03",
    title="grey latency uses up the connections",
    scenario="20 calls/s over 40 connections; for 180 s, 20 % of the answers take 9 s in place of "
    "1.2 s",
    evidence="threads and connections used up by a provider that was slow, not down",
    guard="Timeout(8), Fallback, Retry(2), CircuitBreaker(detector=Cusum()), AdaptiveLimit, "
    "Timeout(3)",
)

RATE = 20.0
BEGIN, END, DAY = 60.0, 240.0, 300.0
USUAL = (0.9, 1.5)
SLOW_SHARE, HEALTHY = 0.2, 0.002
CONNECTIONS = 40
DEADLINE, ATTEMPT = 8.0, 3.0


class _Guarded:
    """The function as its users would decorate it, and what happens at its door.

    Attributes:
        ask: the function.
        over: the most requests beyond what the adaptive limit allowed when one began.
        queued: how long calls waited for their turn, in seconds.
    """

    def __init__(self, trial: Trial, provider: Provider, *observers: Any, name: str) -> None:
        self._trial = trial
        self._limit = reliai.AdaptiveLimit(30, maximum=CONNECTIONS, queue=60)
        self._provider = provider
        self.over = -CONNECTIONS
        self.queued: list[float] = []

        async def ask(question: int) -> str:
            self.over = max(self.over, provider.running + 1 - self._limit.limit)
            return await provider.answer(question)

        self.ask = reliai.reliable(
            reliai.Timeout(DEADLINE),
            reliai.Fallback("We cannot answer just now."),
            reliai.Retry(2),
            reliai.CircuitBreaker(detector=reliai.Cusum(), open_for=10.0, max_open_for=10.0),
            self._limit,
            reliai.Timeout(ATTEMPT),
            name=name,
            observers=(self, *observers),
        )(ask)

    inline = True

    def on_event(self, _call: Any, event: Any) -> None:
        """Note how long calls wait in the queue."""
        if event.kind == "queued":
            self.queued.append(event.attributes["seconds"])


def _grey(now: float) -> float:
    return SLOW_SHARE if BEGIN <= now < END else HEALTHY


@IR_03.unguarded
async def everyone_waits(trial: Trial) -> None:
    """The slow ones hold the connections, and all others queue for one."""
    provider = Provider(trial, latency=USUAL, slow=_grey, connections=CONNECTIONS)
    replies = await offer(trial, provider.answer, rate=RATE, seconds=DAY)
    waits = [reply.took for reply in replies if BEGIN <= reply.at < END]
    trial.above("99 % of the calls end within", percentile(waits, 0.99), DEADLINE, "s")
    late = sum(wait > DEADLINE for wait in waits)
    trial.at_least("calls that take longer than 8 s", 100 * late / len(waits), 20, "%")


@IR_03.guarded
async def nobody_waits_long(trial: Trial) -> None:
    """An attempt ends after 3 s, the sum of slow ones opens the circuit, the rest is bounded."""
    provider = Provider(trial, latency=USUAL, slow=_grey, connections=CONNECTIONS)
    guarded = _Guarded(trial, provider, name="ask")
    replies = await offer(trial, guarded.ask, rate=RATE, seconds=DAY)
    quick = await detection(
        trial, RATE, before=HEALTHY, after=SLOW_SHARE, guard=_alone, times=120, warm=5.0, ill="slow"
    )
    seen = [max(0.0, wait - ATTEMPT) for wait in quick.waits]
    half, most = percentile(seen, 0.5), percentile(seen, 0.95)
    trial.at_most("seconds from the first overdue answer, median", half, 1.9, "s", give=0.2)
    trial.at_most("seconds from the first overdue answer, 95 %", most, 3.4, "s", give=0.8)
    trial.detected(f"{half:.1f} / {most:.1f} s after the first overdue answer")
    waits = [reply.took for reply in replies]
    trial.at_most("99 % of the calls end within", percentile(waits, 0.99), DEADLINE, "s")
    trial.at_most("requests beyond the adaptive limit, at most", guarded.over, 0)
    trial.at_most("longest wait in the queue", max(guarded.queued, default=0.0), DEADLINE, "s")
    answered = 100 * sum(reply.ok for reply in replies) / len(replies)
    trial.at_least("calls answered", answered, 99, "%")


@IR_03.healthy
async def a_quiet_day(trial: Trial) -> None:
    """One answer in five hundred is slow, as on a good day."""
    provider = Provider(trial, latency=USUAL, slow=lambda _: HEALTHY, connections=CONNECTIONS)
    watch = Watch(trial)
    guarded = _Guarded(trial, provider, watch, name="ask")
    replies = await offer(trial, guarded.ask, rate=RATE, calls=trial.calls, keep=False)
    trial.none("circuits opened", watch.opened)
    trial.none("calls refused", watch.refusals)
    trial.none("calls that failed", len(replies))


def _alone(provider: Provider, *observers: Any, name: str) -> Any:
    """The circuit by itself: what it alone notices."""

    async def ask(question: int) -> str:
        return await provider.answer(question)

    return reliai.reliable(
        reliai.Retry(1),
        reliai.CircuitBreaker(detector=reliai.Cusum()),
        reliai.Timeout(ATTEMPT),
        name=name,
        observers=observers,
    )(ask)
