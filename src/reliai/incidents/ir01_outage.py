"""IR-01: the provider is down altogether."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.load import offer
from reliai.incidents.onsets import detection
from reliai.incidents.registry import incident
from reliai.incidents.simulated import Provider, Watch

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_01 = incident(
    "IR-01",
    title="provider down",
    scenario="20 calls/s; after a minute every request gets 503, for 300 s",
    evidence="a cloud region's outage of 15 h in October 2025; a model provider's of 4 h in "
    "December 2024",
    guard="CircuitBreaker(detector=Cusum()) inside Fallback",
)

RATE = 20.0
BEGIN, END, DAY = 60.0, 360.0, 420.0
COOLDOWN = 10.0
PROBE = 0.9 + 1 / RATE
"""Seconds a probe takes at the most: the wait for the next call, and its answer."""
HEALTHY = 0.01
"""Share of requests that fail on a good day."""


def _down(now: float) -> float:
    return 1.0 if BEGIN <= now < END else 0.0


def guarded(provider: Provider, *observers: Any, name: str = "ask") -> Any:
    """The function as its users would decorate it."""

    async def ask(question: int) -> str:
        return await provider.answer(question)

    return reliai.reliable(
        reliai.Fallback("We cannot answer just now."),
        reliai.CircuitBreaker(
            detector=reliai.Cusum(), open_for=COOLDOWN, max_open_for=COOLDOWN, window=10.0
        ),
        name=name,
        observers=observers,
    )(ask)


@IR_01.unguarded
async def nobody_answers(trial: Trial) -> None:
    """Everyone waits for a provider that is down, and gets its error."""
    provider = Provider(trial, failing=_down)
    replies = await offer(trial, provider.answer, rate=RATE, seconds=DAY)
    during = [reply for reply in replies if BEGIN <= reply.at < END]
    failed = sum(not reply.ok for reply in during)
    trial.at_least("calls that fail in the outage", 100 * failed / len(during), 99, "%")
    sent = provider.requests_between(BEGIN, END)
    trial.at_least("requests to the dead provider", sent, 5_000)


@IR_01.guarded
async def others_answer(trial: Trial) -> None:
    """The circuit opens within a few calls, probes, and closes when the provider is back."""
    provider, watch = Provider(trial, failing=_down), Watch(trial)
    replies = await offer(trial, guarded(provider, watch), rate=RATE, seconds=DAY)
    opened = watch.first_opened(BEGIN) or END
    probes = provider.requests_between(opened + 1e-9, END)
    answered = 100 * sum(reply.ok for reply in replies) / len(replies)
    await _delays(trial)
    trial.at_most("calls sent before the circuit opened", _leaked(provider, opened), 20)
    trial.at_most(
        "requests to the dead provider afterwards", probes, ceil((END - BEGIN) / COOLDOWN)
    )
    trial.at_most("most probes in one cooldown", _most_within(provider, opened, COOLDOWN), 1)
    trial.at_least("calls answered", answered, 99, "%")
    back = (watch.first_closed(END) or DAY) - END
    trial.at_most("closed again after the provider is back", back, COOLDOWN + 2 * PROBE, "s")


@IR_01.healthy
async def a_quiet_day(trial: Trial) -> None:
    """One request in a hundred fails, as it does on a good day."""
    provider, watch = Provider(trial, failing=lambda _: HEALTHY), Watch(trial)
    await offer(trial, guarded(provider, watch), rate=RATE, calls=trial.calls, keep=False)
    trial.none("circuits opened", watch.opened)
    trial.none("calls refused", watch.refusals)
    trial.none("fallbacks without a failure", watch.counts["fallback"] - provider.failures)


def _leaked(provider: Provider, opened: float) -> int:
    return provider.requests_between(BEGIN, opened + 1e-9)


def _most_within(provider: Provider, since: float, seconds: float) -> int:
    """The most requests in any `seconds` after `since` while the provider was down."""
    times = [at for at in provider.requests if since < at < END]
    return max((sum(at <= each < at + seconds for each in times) for at in times), default=0)


async def _delays(trial: Trial) -> None:
    """How long it takes from the first failing request to the open circuit, many times over."""
    quick = await detection(
        trial, RATE, before=HEALTHY, after=1.0, guard=guarded, times=60, warm=5.0
    )
    trial.at_most("calls to detection, median", quick.calls(0.5), 6)
    trial.at_most("calls to detection, 95 %", quick.calls(0.95), 10)
    trial.at_most("seconds to detection, median", quick.seconds(0.5), 0.3, "s", give=0.05)
    trial.detected(quick.text)
    slow = await detection(trial, RATE, before=HEALTHY, after=1.0, guard=_ratio, times=20)
    trial.at_least("for comparison: seconds of a 50 % ratio, median", slow.seconds(0.5), 4.5, "s")


def _ratio(provider: Provider, *observers: Any, name: str) -> Any:
    """What most circuit breakers do: a share of failures in the last ten seconds."""

    async def ask(question: int) -> str:
        return await provider.answer(question)

    return reliai.reliable(
        reliai.Fallback(""),
        reliai.CircuitBreaker(window=10.0, min_calls=20),
        name=name,
        observers=observers,
    )(ask)
