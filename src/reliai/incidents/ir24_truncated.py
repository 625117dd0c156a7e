"""IR-24: answers that were cut off, or are empty, pass for answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.answering import chat, text_of
from reliai.incidents.monitored import Inline, in_turn, noticed
from reliai.incidents.registry import incident
from reliai.monitoring import Monitor, signals

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_24 = incident(
    "IR-24",
    title="cut off or empty, and taken for an answer",
    scenario="10 calls/s; the share of answers that reach their length limit rises from 0.2 % to "
    "3 %, and 40 % of those are empty",
    evidence="agents that went on with half an answer; 130,000 tokens paid for an empty one",
    guard="Fallback(ask_with_twice_the_limit), Validate(NotTruncated(), NotEmpty()); Monitor",
    needs=("monitoring",),
)

RATE = 10.0
HEALTHY, ILL, EMPTY = 0.002, 0.03, 0.4
LIMIT = 800
CALLS = 6_000
READ_PRICE, WRITE_PRICE = 2.5e-6, 1e-5
"""US dollars a token."""


class Model:
    """Answers in 500 tokens, as a rule; now and then it wants 950, and is cut off.

    Args:
        trial: gives chance.

    Attributes:
        ill: whether that happens often.
        spent: what it bills, in US dollars.
        requests: how many it got.
    """

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self._longer: set[int] = set()
        self.ill = False
        self.spent = 0.0
        self.requests = 0

    def wants_more(self, question: int) -> bool:
        """Decide how long the answer to a question will be, once for each."""
        more = self._trial.random.random() < (ILL if self.ill else HEALTHY)
        if more:
            self._longer.add(question)
        return more

    async def answer(self, question: int, limit: int) -> Any:
        """One request."""
        wanted = 950 if question in self._longer else 500
        self.requests += 1
        self.spent += 2_000 * READ_PRICE + min(wanted, limit) * WRITE_PRICE
        if wanted <= limit:
            return chat("the whole answer.", tokens=(2_000, wanted))
        text = "" if self._trial.random.random() < EMPTY else "the whole ans"
        return chat(text, finish="length", tokens=(2_000, limit))


def _truncated(record: Any) -> bool:
    """Whether an answer of the call was cut off, though another may have been got since."""
    return any(
        event.kind == "output_invalid" and event.attributes["problem"] == "truncated"
        for event in record.events
    )


class Guarded:
    """The function as its users would decorate it, and its monitor."""

    def __init__(self, trial: Trial) -> None:
        self.model = Model(trial)
        signal = signals.share("cut off", _truncated, reference=HEALTHY, shift=ILL)
        self.watch = Inline(trial, Monitor(signals=[signal], alerts=[]))

        async def ask(question: int) -> Any:
            return await self.model.answer(question, LIMIT)

        async def ask_with_twice_the_limit(question: int) -> Any:
            return await self.model.answer(question, 2 * LIMIT)

        self._ask = reliai.reliable(
            reliai.Fallback(ask_with_twice_the_limit),
            reliai.Validate(reliai.NotTruncated(), reliai.NotEmpty()),
            name="ask",
            observers=(self.watch,),
        )(ask)

    @property
    def ill(self) -> bool:
        """Whether many answers are cut off."""
        return self.model.ill

    @ill.setter
    def ill(self, ill: bool) -> None:
        self.model.ill = ill

    async def ask(self, number: int) -> Any:
        """A call."""
        self.model.wants_more(number)
        return await self._ask(number)


@IR_24.unguarded
async def half_answers_are_delivered(trial: Trial) -> None:
    """They come without an error; and where JSON was wanted, it is nagged for in vain."""
    model = Model(trial)
    model.ill = True
    answers: list[str] = []

    async def ask(question: int) -> None:
        model.wants_more(question)
        answers.append(text_of(await model.answer(question, LIMIT)))

    made = await in_turn(trial, ask, rate=RATE, calls=CALLS)
    halves = sum(not answer.endswith(".") for answer in answers)
    trial.at_least("answers that are cut off or empty", 100 * halves / made, 2, "%")
    trial.at_least("empty ones among them", answers.count(""), 10)
    before = model.requests
    question = CALLS
    while not model.wants_more(question):
        question += 1
    for _ in range(4):  # "Your last answer was no valid JSON", and again
        if text_of(await model.answer(question, LIMIT)).endswith("."):
            break
    trial.exactly(
        "requests for one of them, where its form is nagged about", model.requests - before, 4
    )


@IR_24.guarded
async def whole_answers_are_delivered(trial: Trial) -> None:
    """What is cut off is asked for once more, with twice the limit, and never for its form."""
    guarded = Guarded(trial)
    guarded.ill = True
    model, answers, most = guarded.model, [], 0

    async def ask(question: int) -> None:
        nonlocal most
        before = model.requests
        answers.append(text_of(await guarded.ask(question)))
        most = max(most, model.requests - before)

    made = await in_turn(trial, ask, rate=RATE, calls=CALLS)
    trial.none("answers that are cut off or empty", sum(not a.endswith(".") for a in answers))
    trial.at_most("requests for one call", most, 2)
    further = model.requests - made
    trial.at_least("answers asked for once more, with twice the limit", further, 100)
    plain = model.spent - further * (2_000 * READ_PRICE + 950 * WRITE_PRICE)
    trial.at_most("what that adds to the costs", 100 * (model.spent / plain - 1), 5, "%")
    await _how_soon(trial)


async def _how_soon(trial: Trial) -> None:
    delays = await noticed(trial, lambda: Guarded(trial), "cut off", times=100, rate=RATE)
    trial.at_most("calls to detection, median", delays.calls(0.5), 280, give=40)
    trial.at_most("calls to detection, 95 %", delays.calls(0.95), 509, give=120)
    trial.at_most("seconds to detection, median", delays.seconds(0.5), 28, "s", give=4)
    trial.detected(delays.text)


@IR_24.healthy
async def a_quiet_day(trial: Trial) -> None:
    """One answer in five hundred is long."""
    guarded = Guarded(trial)
    made = await in_turn(trial, guarded.ask, rate=RATE, calls=trial.calls)
    trial.none("alarms", len(guarded.watch.alarms))
    trial.at_most("requests for each call", guarded.model.requests / made, 1.01)
