"""IR-15: the stand-in does not work when it is needed, or stays when it is not needed any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.evaluated import Bench, numbered
from reliai.incidents.load import offer
from reliai.incidents.monitored import Inline, in_turn, noticed
from reliai.incidents.registry import incident
from reliai.incidents.simulated import HttpError, Provider
from reliai.monitoring import Monitor, signals

if TYPE_CHECKING:
    from reliai.incidents.load import Reply
    from reliai.incidents.trial import Trial

IR_15 = incident(
    "IR-15",
    title="a stand-in that is broken, or stays for good",
    scenario="20 calls/s; the stand-in rejects 40 % of the requests by their shape (400), which "
    "nobody knows until the model is down for a minute; and a model that is well again, but for "
    "one in ten calls that go on to the stand-in",
    evidence="a gateway whose fallback failed for a reason of its own and hid the first one; "
    "programs that never went back",
    guard="Fallback(backup) around CircuitBreaker(open_for=10); Shadow(backup, rate=0.01); "
    "Monitor: share of calls answered by a stand-in; an experiment with both",
    needs=("evals", "monitoring"),
)

RATE = 20.0
WARM, OUTAGE, AFTER = 20.0, 60.0, 40.0
REJECTED = 0.4
STUCK = 0.1
NORMAL = 0.005
"""Share of calls that a stand-in answers on an ordinary day, at most."""
PROBE = 10.0
EXERCISE, EXERCISED = 0.01, 600.0
CASES = 200
ONSETS = 60


class Backup:
    """A stand-in, which takes no request with a prefilled answer.

    Args:
        trial: gives chance.
        broken: whether it rejects what it does not take.
    """

    def __init__(self, trial: Trial, *, broken: bool = True) -> None:
        self._chance = trial.random
        self.broken = broken

    async def answer(self, question: int) -> str:
        """One request."""
        if self.broken and self._chance.random() < REJECTED:
            raise HttpError(400) from ValueError("a prefilled answer")  # as SDKs raise it
        return f"stand-in's answer to {question}"


def guarded(provider: Provider, backup: Backup, *policies: Any, observers: Any = ()) -> Any:
    """The function as its users would decorate it."""

    async def ask(question: int) -> str:
        return await provider.answer(question)

    async def instead(question: int) -> str:
        return await backup.answer(question)

    around = (
        *policies,
        reliai.Fallback(reliai.reliable(name="instead")(instead)),
        reliai.CircuitBreaker(detector=reliai.Cusum(), open_for=PROBE, max_open_for=PROBE),
    )
    return reliai.reliable(*around, name="ask", observers=observers)(ask)


def down(begin: float) -> Any:
    """The share of requests that fail, of a model that is down for a minute."""
    return lambda now: 1.0 if begin <= now < begin + OUTAGE else 0.0


@IR_15.unguarded
async def nobody_knows(trial: Trial) -> None:
    """A flag is set at the first failure, for good; the stand-in's own error is all one sees."""
    begin = trial.now + WARM
    provider, backup = Provider(trial, failing=down(begin)), Backup(trial)
    flags = [False] * 10

    async def ask(question: int) -> str:
        worker = question % len(flags)
        if not flags[worker]:
            try:
                return await provider.answer(question)
            except HttpError:
                flags[worker] = True
        try:
            return await backup.answer(question)
        except HttpError as error:
            raise HttpError(error.status_code) from None

    replies = await offer(trial, ask, rate=RATE, seconds=WARM + OUTAGE + AFTER)
    failed = [reply for reply in replies if not reply.ok]
    trial.at_least(
        "calls that fail after the model is well again", _percent_failed(replies), 30, "%"
    )
    hidden = sum(_primary_in(reply.error) for reply in failed)
    trial.none("errors that tell of the model", hidden)
    late = [reply for reply in replies if reply.at > begin + OUTAGE]
    stuck = 100 * sum("stand-in" in str(reply.value) or not reply.ok for reply in late) / len(late)
    trial.at_least("calls that go to the stand-in then", stuck, 99, "%")


def _percent_failed(replies: list[Reply]) -> float:
    late = [reply for reply in replies if reply.at > WARM + OUTAGE]
    return 100 * sum(not reply.ok for reply in late) / len(late)


def _primary_in(error: BaseException | None) -> bool:
    """Whether the model's own failure is behind an error."""
    while error is not None:
        if getattr(error, "status_code", None) == 503 or isinstance(error, reliai.CircuitOpen):
            return True
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


@IR_15.guarded
async def it_is_known_and_left_again(trial: Trial) -> None:
    """It is tried before it is needed; errors tell of both; who stays there is told."""
    await _exercised(trial)
    await _down(trial)
    await _stuck(trial)
    await _scored(trial)


async def _exercised(trial: Trial) -> None:
    """One call in a hundred is also given to the stand-in while all is well."""
    chart = reliai.Cusum(baseline=0.01, shift=0.3)
    told: list[float] = []
    backup = Backup(trial)

    async def instead(question: int) -> str:
        return await backup.answer(question)

    def publish(result: Any) -> None:
        if chart.update(result.status == "candidate_failed") and not told:
            told.append(trial.now)

    shadow = reliai.Shadow(
        instead, rate=EXERCISE, publish=publish, compare=lambda *_: True, name="exercise"
    )
    begin = trial.now
    ask = guarded(Provider(trial), backup, shadow)
    await offer(trial, ask, rate=RATE, seconds=EXERCISED, until=lambda: bool(told), keep=False)
    minutes = ((told or [begin + 1e6])[0] - begin) / 60
    trial.at_most("minutes until the exercise tells that the stand-in rejects", minutes, 5, "min")
    report = shadow.report()
    asked = report.started
    trial.at_most("calls given to it for that", asked, 60)
    trial.exactly("what it fails with", ", ".join(report.failures), "bad_request")


async def _down(trial: Trial) -> None:
    """The model is down for a minute."""
    begin = trial.now + WARM
    ask = guarded(Provider(trial, failing=down(begin)), Backup(trial))
    replies = await offer(trial, ask, rate=RATE, seconds=WARM + OUTAGE + AFTER)
    failed = [reply.error for reply in replies if reply.error is not None]
    trial.at_least("calls that fail as the stand-in rejects them", len(failed), 300)
    told = 100 * sum(_primary_in(error) for error in failed) / len(failed)
    trial.exactly("of these, errors with the model's own behind them", told, 100, "%")
    well = begin + OUTAGE
    last = max(
        reply.at for reply in replies if not reply.ok or str(reply.value).startswith("stand-in")
    )
    trial.at_most("seconds until the model answers all again", last - well, 2 * PROBE, "s")


class Ordinary:
    """A guarded function, some of whose calls find the model out of reach.

    Args:
        trial: gives time and chance.

    Attributes:
        watch: the monitor of who answers.
    """

    def __init__(self, trial: Trial) -> None:
        chance = trial.random.random
        share = signals.share("stand-in", _by_another, reference=NORMAL, shift=STUCK)
        self.watch = Inline(trial, Monitor(signals=[share], alerts=[]))
        self.ill = False

        async def instead(question: int) -> str:
            return f"stand-in's answer to {question}"

        async def ask(question: int) -> str:
            if chance() < (STUCK if self.ill else NORMAL / 2):
                raise HttpError(503)
            return f"answer to {question}"

        policies = (reliai.Fallback(instead),)
        self.ask: Any = reliai.reliable(*policies, name="ask", observers=(self.watch,))(ask)


def _by_another(record: Any) -> bool:
    """Whether a stand-in gave the answer."""
    return bool(record.status == "degraded")


async def _stuck(trial: Trial) -> None:
    """One call in ten goes on to the stand-in."""
    delays = await noticed(trial, lambda: Ordinary(trial), "stand-in", times=ONSETS, rate=RATE)
    trial.at_most(
        "calls until it is told that a stand-in stays, median", delays.calls(0.5), 72, give=10
    )
    trial.at_most("the same, 95 %", delays.calls(0.95), 135, give=50)
    trial.at_most("seconds until then, 95 %", delays.seconds(0.95), 6.8, "s", give=3)
    trial.detected(delays.text)


async def _scored(trial: Trial) -> None:
    """Both are tried on the same cases, and their scores stand side by side."""

    async def primary(number: int) -> str:
        return "right" if number % 20 else "wrong"

    async def backup(number: int) -> str:
        return "right" if number % 5 else "wrong"

    def right(output: Any, case: Any) -> bool:
        return bool(output == case.expected)

    with Bench(numbered(CASES)) as bench:
        ours = await bench.run("primary", primary, right)
        theirs = await bench.run("stand-in", backup, right)
        compared = theirs.compare(ours).difference("right")
        means = [
            100 * (run.summary().scores["right"].mean.estimate or 0.0) for run in (theirs, ours)
        ]
    trial.made += 2 * CASES
    told = f"{means[0]:g} % beside {means[1]:g} %"
    trial.exactly("the stand-in's score beside the model's", told, "80 % beside 95 %")
    low, high = (100 * (bound or 0.0) for bound in (compared.low, compared.high))
    trial.at_most("what it is worth less for sure, in points", high, -5)
    trial.at_least("and at most", low, -25)


@IR_15.healthy
async def a_quiet_day(trial: Trial) -> None:
    """The model fails now and then, and the stand-in answers then."""
    ordinary = Ordinary(trial)
    await in_turn(trial, ordinary.ask, rate=RATE, calls=trial.calls)
    trial.none("alarms", len(ordinary.watch.alarms))
