"""IR-02: part of the requests fail, too few for a ratio to notice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.load import offer
from reliai.incidents.onsets import detection
from reliai.incidents.registry import incident
from reliai.incidents.simulated import Provider, Watch

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_02 = incident(
    "IR-02",
    title="brownout: 30 % of requests fail",
    scenario="20 calls/s; the share of 5xx rises from 1 % to 30 % for 180 s",
    evidence="one span in twenty of a large sample of model calls ended in an error in early 2026",
    guard="CircuitBreaker(detector=Cusum()) inside Retry(2) inside Fallback",
)

RATE = 20.0
BEGIN, END, DAY = 60.0, 240.0, 300.0
HEALTHY, ILL = 0.01, 0.3


def _brownout(now: float) -> float:
    return ILL if BEGIN <= now < END else HEALTHY


def guarded(provider: Provider, *observers: Any, name: str = "ask") -> Any:
    """The function as its users would decorate it."""

    async def ask(question: int) -> str:
        return await provider.answer(question)

    return reliai.reliable(
        reliai.Fallback("We cannot answer just now."),
        reliai.Retry(2),
        reliai.CircuitBreaker(detector=reliai.Cusum(), open_for=10.0, max_open_for=10.0),
        name=name,
        observers=observers,
    )(ask)


@IR_02.unguarded
async def three_in_ten_fail(trial: Trial) -> None:
    """What fails is shown to people; the usual circuit breaker would not have helped."""
    provider = Provider(trial, failing=_brownout)
    replies = await offer(trial, provider.answer, rate=RATE, seconds=DAY)
    during = [reply for reply in replies if BEGIN <= reply.at < END]
    failed = sum(not reply.ok for reply in during)
    trial.at_least("calls that fail in the brownout", 100 * failed / len(during), 25, "%")
    provider, watch = Provider(trial, failing=lambda now: _brownout(now - START)), Watch(trial)
    await offer(trial, _ratio(provider, watch), rate=RATE, seconds=DAY)
    trial.none("times a circuit with a ratio of 50 % opened", watch.opened)


START = DAY + 10.0
"""When the second run of the unguarded part begins; the first has ended by then."""


@IR_02.guarded
async def nobody_notices(trial: Trial) -> None:
    """The sum of what is known of each call tells after a second or two."""
    provider, watch = Provider(trial, failing=_brownout), Watch(trial)
    replies = await offer(trial, guarded(provider, watch), rate=RATE, seconds=DAY)
    answered = 100 * sum(reply.ok for reply in replies) / len(replies)
    quick = await detection(
        trial, RATE, before=HEALTHY, after=ILL, guard=_alone, times=150, warm=5.0
    )
    trial.at_most("calls to detection, median", quick.calls(0.5), 22, give=2)
    trial.at_most("calls to detection, 95 %", quick.calls(0.95), 38, give=6)
    trial.at_most("seconds to detection, median", quick.seconds(0.5), 1.1, "s", give=0.1)
    trial.at_most("seconds to detection, 95 %", quick.seconds(0.95), 1.9, "s", give=0.3)
    trial.detected(quick.text)
    trial.at_least("calls answered", answered, 99, "%")
    trial.at_most("requests for each call", len(provider.requests) / len(replies), 1.1)


@IR_02.healthy
async def a_quiet_day(trial: Trial) -> None:
    """One request in a hundred fails, as it does on a good day."""
    provider, watch = Provider(trial, failing=lambda _: HEALTHY), Watch(trial)
    ask = guarded(provider, watch)
    replies = await offer(trial, ask, rate=RATE, calls=trial.calls, keep=False)
    trial.none("circuits opened", watch.opened)
    trial.none("calls refused", watch.refusals)
    trial.none("calls that failed", len(replies))
    trial.at_most("requests for each call", len(provider.requests) / trial.calls, 1.02)


def _alone(provider: Provider, *observers: Any, name: str) -> Any:
    """The circuit by itself: what it alone notices, without further attempts to learn from."""

    async def ask(question: int) -> str:
        return await provider.answer(question)

    breaker = reliai.CircuitBreaker(detector=reliai.Cusum())
    return reliai.reliable(breaker, name=name, observers=observers)(ask)


def _ratio(provider: Provider, *observers: Any) -> Any:
    async def ask(question: int) -> str:
        return await provider.answer(question)

    breaker = reliai.CircuitBreaker(failure_rate=0.5, window=10.0, min_calls=20)
    return reliai.reliable(breaker, observers=observers)(ask)
