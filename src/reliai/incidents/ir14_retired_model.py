"""IR-14: a model is retired, a key is revoked, a prompt is too long: no retry will ever help."""

from __future__ import annotations

import asyncio
import json
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import reliai
from reliai.incidents.load import offer
from reliai.incidents.monitored import Inline, in_turn
from reliai.incidents.registry import incident
from reliai.incidents.simulated import HttpError, Watch
from reliai.monitoring import Monitor, signals
from reliai.providers.retirements import read_retirements, retiring

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_14 = incident(
    "IR-14",
    title="a model is retired, and is asked again and again",
    scenario="10 places in the code call one model, 20 calls/s; after half a minute every request "
    "gets 404; the same with a key that is refused (401) and prompts that are too long (400)",
    evidence="agents that went on retrying a model that was gone; ten places that named it",
    guard='Retry(3) inside Fallback(on={"not_found": …, "auth": …, "context_length": …}), '
    "Monitor: share of calls with a permanent failure, reliai doctor --retirements",
    needs=("monitoring",),
)

RATE, WARM, SECONDS = 20.0, 30.0, 60.0
SITES = 10
FLAKY = 0.003
AHEAD = 30
OLD = "model-1"
PERMANENT = {"not_found": "model-2", "auth": "other-provider", "context_length": "long-model"}
"""Which model answers in place of the one that cannot, by the kind of its failure."""


class Refused(HttpError):
    """What a provider answers for good."""

    def __init__(self, status: int, code: str) -> None:
        super().__init__(status)
        self.body = {"error": {"type": code, "code": code, "message": f"HTTP {status}"}}


def refused(kind: str) -> Exception:
    """The failure of a kind, as providers write it."""
    status, code = {
        "not_found": (404, "not_found_error"),
        "auth": (401, "authentication_error"),
        "context_length": (400, "context_length_exceeded"),
    }[kind]
    return Refused(status, code)


class Models:
    """Models of which the first may be gone.

    Args:
        trial: gives chance.
        kind: how it is refused then.
        gone: whether it is.

    Attributes:
        asked: requests of each.
        refused: how many were.
    """

    def __init__(self, trial: Trial, kind: str, *, gone: bool = False) -> None:
        self._chance = trial.random
        self._kind = kind
        self.gone = gone
        self.asked = dict.fromkeys((OLD, *PERMANENT.values()), 0)
        self.refused = 0

    async def answer(self, model: str, question: int) -> str:
        """One request."""
        self.asked[model] += 1
        if model == OLD and self.gone:
            self.refused += 1
            raise refused(self._kind)
        if model == OLD and self._chance.random() < FLAKY:
            raise HttpError(503)
        return f"{model} answers {question}"


class Guarded:
    """The function as its users would decorate it, called from ten places.

    Args:
        trial: gives time and chance.
        models: what it asks.

    Attributes:
        watch: the monitor.
        events: what policies did.
        sent: alerts that went out.
    """

    def __init__(self, trial: Trial, models: Models) -> None:
        self.sent: list[Any] = []
        permanent = signals.share("permanent", is_permanent, reference=1e-6, shift=0.5)
        self.watch = Inline(trial, Monitor(signals=[permanent], alerts=[]), self.sent.append)
        self.events = Watch(trial)

        def instead(model: str) -> Any:
            async def ask(question: int) -> str:
                return await models.answer(model, question)

            return ask

        policies = (
            reliai.Fallback(on={kind: instead(name) for kind, name in PERMANENT.items()}),
            reliai.Retry(3),
        )

        async def ask(question: int) -> str:
            return await models.answer(OLD, question)

        guarded: Any = reliai.reliable(*policies, name="ask", observers=(self.watch, self.events))
        self._ask = guarded(ask)

        def place() -> Any:
            async def site(question: int) -> str:
                answer: str = await self._ask(question)
                return answer

            return site

        self._sites = [place() for _ in range(SITES)]

    async def ask(self, question: int) -> str:
        """A call from one of the ten places."""
        answer: str = await self._sites[question % SITES](question)
        return answer


def is_permanent(record: Any) -> bool:
    """Whether an attempt failed in a way that no other attempt will mend."""
    return any(
        attempt.error is not None and attempt.error.kind in PERMANENT for attempt in record.attempts
    )


@IR_14.unguarded
async def it_is_asked_again_and_again(trial: Trial) -> None:
    """Whatever was raised is tried three times, and each call that fails rings."""
    models = Models(trial, "not_found", gone=True)
    rung = 0

    async def ask(question: int) -> str:
        nonlocal rung
        for attempt in range(3):
            try:
                return await models.answer(OLD, question)
            except HttpError:
                await asyncio.sleep(2.0**attempt)
        rung += 1
        raise HttpError(404)

    replies = await offer(trial, ask, rate=RATE, seconds=SECONDS)
    failed = 100 * sum(not reply.ok for reply in replies) / len(replies)
    trial.at_least("calls that fail", failed, 99, "%")
    trial.at_least("requests a call", models.refused / len(replies), 3)
    trial.at_least("alerts", rung, 1_000)


@IR_14.guarded
async def it_is_asked_once_and_replaced(trial: Trial) -> None:
    """The first answer says that there is no use; the stand-in of that kind answers."""
    told = []
    for kind, instead in PERMANENT.items():
        found = await _refusing(trial, kind)
        told.append(found.alarm_after)
        trial.exactly(f"{kind}: calls until it is known to be that", found.known_after, 1)
        trial.at_most(f"{kind}: calls until the alert", found.alarm_after, 2)
        trial.exactly(f"{kind}: alerts for {SITES} places and all calls", found.alerts, 1)
        trial.exactly(f"{kind}: retries", found.retries, 0)
        trial.exactly(f"{kind}: calls answered by {instead}", found.replaced, 100, "%")
    _ahead(trial)
    trial.detected(f"1 call, alert {max(told)} calls; 60 days before where the date is known")


class _Found(NamedTuple):
    known_after: int
    alarm_after: int
    alerts: int
    retries: int
    replaced: float


async def _refusing(trial: Trial, kind: str) -> _Found:
    """One kind of refusal from half a minute on."""
    models = Models(trial, kind)
    guarded = Guarded(trial, models)
    await in_turn(trial, guarded.ask, rate=RATE, calls=round(RATE * WARM))
    models.gone = True
    before, well = guarded.watch.seen, guarded.events.counts["retry"]
    answers: list[str] = []

    async def ask(number: int) -> None:
        answers.append(await guarded.ask(number))

    calls = await in_turn(trial, ask, rate=RATE, calls=round(RATE * SECONDS))
    alarms = guarded.watch.alarms
    return _Found(
        1
        + next((at for at, each in enumerate(answers) if each.startswith(PERMANENT[kind])), calls),
        alarms[0].call - before if alarms else calls,
        len(guarded.sent),
        guarded.events.counts["retry"] - well + models.refused - calls,
        100 * sum(each.startswith(PERMANENT[kind]) for each in answers) / calls,
    )


def _ahead(trial: Trial) -> None:
    """On which day it begins to be told that a model will go."""
    gone = date(2027, 6, 30)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "models.json"
        file.write_text(json.dumps({OLD: {"date": f"{gone}", "replacement": "model-2"}}))
        known = read_retirements(file)
    days = [
        ahead
        for ahead in range(400)
        if retiring([f"provider:{OLD}"], known, today=gone - timedelta(days=ahead))
    ]
    trial.at_least("days before that a retirement is told", max(days, default=-1), AHEAD, "d")
    trial.exactly("days on which it is told, of these", len(days), max(days, default=-1) + 1)
    told = retiring([OLD], known, today=gone - timedelta(days=AHEAD))
    instead = [str(each.replacement) for each in told]
    trial.exactly("what is told to be used instead", ", ".join(instead), "model-2")
    others = retiring(PERMANENT.values(), known, today=gone)
    trial.none("models told of that nobody has a date for", len(others))


@IR_14.healthy
async def a_quiet_day(trial: Trial) -> None:
    """Three requests in a thousand get 503, which a retry mends."""
    models = Models(trial, "not_found")
    guarded = Guarded(trial, models)
    await in_turn(trial, guarded.ask, rate=RATE, calls=trial.calls)
    trial.none("alerts", len(guarded.sent))
    trial.none("calls answered by another model", sum(models.asked.values()) - models.asked[OLD])
