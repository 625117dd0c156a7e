"""IR-18: the name of a model comes to mean another one, and nobody is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import reliai
from reliai.incidents.monitored import Inline, in_turn, noticed
from reliai.incidents.registry import incident
from reliai.monitoring import Monitor, signals

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial
    from reliai.monitoring import Alert

IR_18 = incident(
    "IR-18",
    title="a model's name means another one",
    scenario="10 calls/s, one in ten judged; at once another model answers: its answers are 35 % "
    "shorter, and 15 % of those judged are bad in place of 8 %. Here the alarm has the application "
    "ask for the old model by its full name; that rollouts stop and the old model is compared with "
    "the new one on known cases is left to what manages rollouts and experiments",
    evidence="a default effort that was lowered for 34 days; studies of models that changed under "
    "their name",
    guard="Monitor: identity, tokens; Monitor(arl=1e5): share of bad answers; an alert route that "
    "pins the model",
    needs=("monitoring",),
)

RATE = 10.0
JUDGED = 0.1
BAD, WORSE = 0.08, 0.15
SHORTER = 0.65
OLD, NEW = "model-2026-01-15", "model-2026-03-04"
ALIAS = "model"
CALLS = 2_000


class Answer(NamedTuple):
    """What the provider says, and what the judge would say of it.

    Attributes:
        model: which gave it.
        tokens: how long it is.
        bad: whether it is.
    """

    model: str
    tokens: int
    bad: bool


class Provider:
    """Answers as the model that a name means now.

    Args:
        trial: gives chance.

    Attributes:
        moved: whether the name means the new model.
        served: how many answers each model gave.
        bad: how many answers of all were bad.
    """

    def __init__(self, trial: Trial) -> None:
        self._chance = trial.random
        self.moved = False
        self.served = {OLD: 0, NEW: 0}
        self.bad = 0

    def length(self) -> float:
        """Tokens of an answer of the old model."""
        return self._chance.lognormvariate(6.0, 0.5)

    async def answer(self, model: str) -> Answer:
        """One request."""
        served = NEW if self.moved and model == ALIAS else OLD
        self.served[served] += 1
        tokens = self.length() * (SHORTER if served == NEW else 1.0)
        bad = self._chance.random() < (WORSE if served == NEW else BAD)
        self.bad += bad
        return Answer(served, max(1, int(tokens)), bad)


class Guarded:
    """The function as its users would decorate it, and its monitor.

    Args:
        trial: gives time and chance.
        pins: whether the application asks for the old model once it is told of the new one.
        judged: the share of calls that somebody judges.

    Attributes:
        model: what is asked for.
        watch: the monitor of identity and lengths.
        judge: the monitor of what is judged.
    """

    def __init__(self, trial: Trial, *, pins: bool = False, judged: float = JUDGED) -> None:
        self.provider = Provider(trial)
        self.model = ALIAS
        usual = [int(self.provider.length()) for _ in range(1_000)]
        lengths = Monitor(signals=[signals.tokens("output", reference=usual)], alerts=[])
        bad = signals.value("bad", kind="share", reference=BAD, shift=WORSE, both=False)
        self.watch = Inline(trial, lengths, self._pin if pins else None)
        self.judge = Inline(trial, Monitor(signals=[bad], arl=1e5, alerts=[]))
        observers = (self.judge,) if judged == 1.0 else (self.watch, self.judge)

        async def ask(question: int) -> str:
            del question
            answer = await self.provider.answer(self.model)
            reliai.usage(model=answer.model, input_tokens=2_000, output_tokens=answer.tokens)
            if trial.random.random() < judged:
                reliai.measure(bad=answer.bad)
            return "the answer"

        self.ask: Any = reliai.reliable(name="ask", observers=observers)(ask)

    def _pin(self, alert: Alert) -> None:
        """What an application makes of the alarm."""
        if alert.signal == "identity":
            self.model = str(alert.evidence["before"])

    @property
    def ill(self) -> bool:
        """Whether the name means the new model."""
        return self.provider.moved

    @ill.setter
    def ill(self, ill: bool) -> None:
        self.provider.moved = ill


@IR_18.unguarded
async def nobody_knows(trial: Trial) -> None:
    """Every answer is well formed, quick and without an error; more of them are bad."""
    provider = Provider(trial)
    provider.moved = True

    async def ask(_number: int) -> None:
        await provider.answer(ALIAS)

    made = await in_turn(trial, ask, rate=RATE, calls=CALLS)
    trial.at_least(
        "answers of a model that nobody chose", 100 * provider.served[NEW] / made, 100, "%"
    )
    trial.at_least("bad answers", 100 * provider.bad / made, 12, "%")


@IR_18.guarded
async def it_is_told_at_once(trial: Trial) -> None:
    """The answer says which model gave it; its length and the judge say so too, a little later."""
    guarded = Guarded(trial, pins=True)
    await in_turn(trial, guarded.ask, rate=RATE, calls=200)
    guarded.ill = True
    await in_turn(trial, guarded.ask, rate=RATE, calls=CALLS)
    told = guarded.watch.of("identity")
    trial.exactly("calls until the change of identity is told", told[0].call - 200, 1)
    changed = told[0].alert.changes[0]
    trial.exactly("what it says", f"{changed.before} became {changed.after}", f"{OLD} became {NEW}")
    trial.at_most("answers of the new model", guarded.provider.served[NEW], 1)
    await _lengths(trial)
    await _judged(trial)


class _Judged(Guarded):
    """One of which all calls are judged, and nothing else is looked at."""

    def __init__(self, trial: Trial) -> None:
        super().__init__(trial, judged=1.0)
        self.watch = self.judge


async def _lengths(trial: Trial) -> None:
    delays = await noticed(trial, lambda: Guarded(trial), "output_tokens", times=120, rate=RATE)
    trial.at_most("calls until the lengths tell, median", delays.calls(0.5), 58, give=6)
    trial.at_most("calls until the lengths tell, 95 %", delays.calls(0.95), 88, give=16)
    trial.detected(f"1 call; by the lengths {delays.text}")


async def _judged(trial: Trial) -> None:
    """One call in ten is judged, so those alone are made, at a tenth of the rate."""
    delays = await noticed(
        trial,
        lambda: _Judged(trial),
        "value:bad",
        times=100,
        rate=RATE * JUDGED,
        most=3_000,
    )
    trial.at_most("judged calls until the judge tells, median", delays.calls(0.5), 420, give=70)
    trial.at_most("judged calls until the judge tells, 95 %", delays.calls(0.95), 711, give=200)
    minutes = delays.seconds(0.5) / 60
    trial.at_most("minutes until the judge tells, median", minutes, 7, "min", give=1.2)


@IR_18.healthy
async def a_quiet_day(trial: Trial) -> None:
    """The name means what it meant."""
    guarded = Guarded(trial, pins=True)
    await in_turn(trial, guarded.ask, rate=RATE, calls=trial.calls)
    trial.none("alarms", len(guarded.watch.alarms) + len(guarded.judge.alarms))
    trial.none("answers of another model", guarded.provider.served[NEW])
