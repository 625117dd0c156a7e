"""IR-05: every layer retries, and the numbers multiply."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

import reliai
from reliai.incidents.load import offer
from reliai.incidents.registry import incident
from reliai.incidents.simulated import HttpError, Provider, Watch

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reliai.incidents.trial import Trial

    _Ask: TypeAlias = Callable[[int], Awaitable[str]]

IR_05 = incident(
    "IR-05",
    title="retries inside retries",
    scenario="three layers with three attempts each, 10 calls/s; every request gets 503 for 60 s",
    evidence="agents that sent 45 requests for one (3 x 3 x 5); a gateway that tripled each retry",
    guard="Retry(3) knows of a Retry inside, and of clients that retry by themselves",
)

RATE = 10.0
BEGIN, END = 30.0, 90.0
ATTEMPTS = 3


def _down(now: float) -> float:
    return 1.0 if BEGIN <= now < END else 0.0


class AsyncAPIClient:
    """A client made like those of OpenAI and Anthropic, which are known by the name of this class.

    Attributes:
        max_retries: how often it tries again by itself; both SDKs say 2.
    """

    def __init__(self, provider: Provider, max_retries: int = ATTEMPTS - 1) -> None:
        self._provider = provider
        self.max_retries = max_retries
        self.timeout = 600.0

    async def create(self, question: int) -> str:
        """Ask, and ask again."""
        ask = _insisting(self._provider.answer, self.max_retries + 1)
        return await ask(question)


def _insisting(ask: _Ask, attempts: int) -> _Ask:
    """What every layer does that has heard of retries."""

    async def again(question: int) -> str:
        for attempt in range(attempts):
            try:
                return await ask(question)
            except HttpError:
                if attempt == attempts - 1:
                    raise
                await asyncio.sleep(0.5 * 2**attempt)
        raise AssertionError

    return again


def layers(provider: Provider, *observers: Any) -> Any:
    """Three guarded layers, each with the Retry its author thought of."""
    client = AsyncAPIClient(provider, max_retries=0)
    budget = reliai.RetryBudget(0.1, min_per_second=0.0)

    async def model(question: int) -> str:
        return await client.create(question)

    async def service(question: int) -> str:
        answer: str = await guarded_model(question)
        return answer

    async def gateway(question: int) -> str:
        answer: str = await guarded_service(question)
        return answer

    guarded_model = _layer(model, budget, observers)
    guarded_service = _layer(service, "pipeline", observers)
    return _layer(gateway, "pipeline", observers)


def _layer(function: Any, budget: Any, observers: tuple[Any, ...]) -> Any:
    retry = reliai.Retry(ATTEMPTS, budget=budget)
    return reliai.reliable(retry, name=function.__name__, observers=observers)(function)


@IR_05.unguarded
async def they_multiply(trial: Trial) -> None:
    """The gateway, the service and the client try three times each."""
    provider = Provider(trial, failing=_down)
    client = AsyncAPIClient(provider)
    ask = _insisting(_insisting(client.create, ATTEMPTS), ATTEMPTS)
    replies = await offer(trial, ask, rate=RATE, seconds=END)
    during = sum(reply.at >= BEGIN for reply in replies)
    wire = provider.requests_between(BEGIN, END) / during
    trial.at_least("requests for each call of the outage, until its end", wire, 9)
    worst = Provider(trial, failing=lambda _: 1.0)
    ask = _insisting(_insisting(AsyncAPIClient(worst).create, ATTEMPTS), ATTEMPTS)
    await offer(trial, ask, rate=RATE, calls=1)
    trial.exactly("requests for one call that fails", len(worst.requests), ATTEMPTS**3)


@IR_05.guarded
async def they_do_not(trial: Trial) -> None:
    """What was repeated inside is not repeated outside, and a budget bounds the rest."""
    provider = Provider(trial, failing=_down)
    ask = layers(provider)
    replies = await offer(trial, ask, rate=RATE, seconds=END)
    wire = len(provider.requests) / len(replies)
    trial.at_most("requests for each call of all", wire, 1.1)
    alone = Provider(trial, failing=lambda _: 1.0)
    await offer(trial, _three_layers_and_no_budget(alone), rate=RATE, calls=1)
    trial.at_most("requests for one call that fails, without a budget", len(alone.requests), 3)
    _say_who_else_retries(trial)
    trial.detected("when decorated, and at the first nested retry")


@IR_05.healthy
async def a_quiet_day(trial: Trial) -> None:
    """Nothing fails."""
    provider, watch = Provider(trial), Watch(trial)
    replies = await offer(trial, layers(provider, watch), rate=RATE, calls=trial.calls, keep=False)
    trial.none("retries", watch.counts["retry"])
    trial.none("calls that failed", len(replies))
    trial.none("warnings", len(trial.warnings))
    trial.exactly("requests for each call", len(provider.requests) / trial.calls, 1)


def _three_layers_and_no_budget(provider: Provider) -> Any:
    async def model(question: int) -> str:
        return await provider.answer(question)

    inner = _layer(model, None, ())

    async def service(question: int) -> str:
        answer: str = await inner(question)
        return answer

    middle = _layer(service, None, ())

    async def gateway(question: int) -> str:
        answer: str = await middle(question)
        return answer

    return _layer(gateway, None, ())


def _say_who_else_retries(trial: Trial) -> None:
    """Decorate a function whose client retries by itself, and see what is said of it."""
    said = len(trial.warnings)
    client = AsyncAPIClient(Provider(trial))

    async def ask(question: int) -> str:
        return await client.create(question)

    reliai.reliable(reliai.Retry(ATTEMPTS), name="careless")(ask)
    named = [w for w in trial.warnings[said:] if "AsyncAPIClient 'client'" in w and "2 times" in w]
    trial.exactly("warnings that name the client and its two retries", len(named), 1)
    nested = [w for w in trial.warnings if "retries a function that retries by itself" in w]
    trial.at_least("warnings of a Retry inside a Retry", len(nested), 1)
