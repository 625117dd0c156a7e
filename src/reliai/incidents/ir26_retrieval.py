"""IR-26: nothing is found, or something old, and the model makes up a policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import reliai
from reliai.checks import Grounded
from reliai.incidents.monitored import Inline, in_turn, noticed
from reliai.incidents.registry import incident
from reliai.monitoring import Monitor, signals

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial

IR_26 = incident(
    "IR-26",
    title="empty or stale retrieval, invented policy",
    scenario="10 calls/s; the share of questions for which nothing is found, or only what is older "
    "than 180 days, rises from 3 % to 25 %; one answer in two hundred is invented all the same",
    evidence="airlines and editors whose bots promised what no policy says; a shop that was run by "
    "an old page of its wiki",
    guard="Guard(sources=recent), Validate(Grounded(…)), both otherwise=hand over; Monitor",
    needs=("monitoring",),
)

RATE = 10.0
HEALTHY, ILL, INVENTS = 0.03, 0.25, 0.005
CALLS = 3_000
OLDEST = 180
"""Days after which a page does not count."""

POLICY = "Refunds are granted within 30 days."
OLD_POLICY = "Refunds are granted within 14 days."
INVENTED = "You may return anything for a whole year."
HANDED_OVER = "I would rather ask a colleague; you will hear from us."


class Page(NamedTuple):
    """What retrieval finds.

    Attributes:
        text: what it says.
        age: days since it was written.
    """

    text: str
    age: int


class Library:
    """The index that pages are looked up in, and the model that answers from them.

    Args:
        trial: gives chance.

    Attributes:
        ill: whether the index has lost pages, and kept old ones.
    """

    def __init__(self, trial: Trial) -> None:
        self._chance = trial.random
        self.ill = False

    def find(self) -> list[Page]:
        """Look something up."""
        if self._chance.random() >= (ILL if self.ill else HEALTHY):
            return [Page(POLICY, self._chance.randrange(OLDEST))]
        return [] if self._chance.random() < 0.5 else [Page(OLD_POLICY, OLDEST + 100)]

    async def answer(self, sources: list[Page]) -> str:
        """Say what the sources say; without any, or now and then, something of its own."""
        if not sources or self._chance.random() < INVENTS:
            return INVENTED
        return sources[0].text


def recent(sources: list[Page]) -> str | None:
    """A check: whether there is something to answer from. Puts on the record what there was."""
    reliai.measure(sources=len(sources))
    if not sources:
        return "nothing was found"
    age = max(page.age for page in sources)
    reliai.measure(source_age=age)
    return None if age <= OLDEST else f"a source is {age} days old"


def _poor(record: Any) -> bool:
    """Whether a call had nothing, or something old, to answer from."""
    values = record.values
    return bool(values["sources"] == 0 or values["source_age"] > OLDEST)


class Guarded:
    """The function as its users would decorate it, and its monitor.

    Attributes:
        records: how many records had the number of sources, and the age of those there were.
    """

    def __init__(self, trial: Trial) -> None:
        self.library = Library(trial)
        signal = signals.share("poor sources", _poor, reference=HEALTHY, shift=ILL)
        self.watch = Inline(trial, Monitor(signals=[signal], alerts=[]))
        self.records = 0

        async def answer(question: int, sources: list[Page]) -> str:
            del question
            return await self.library.answer(sources)

        self._answer = reliai.reliable(
            reliai.Guard(sources=recent, otherwise=lambda _call, _error: HANDED_OVER),
            reliai.Validate(
                Grounded(lambda arguments: [page.text for page in arguments["sources"]]),
                otherwise=lambda _call, _error: HANDED_OVER,
            ),
            name="answer",
            observers=(self.watch, self),
        )(answer)

    inline = True

    def on_end(self, record: Any) -> None:
        """See whether the record says what the answer rests on."""
        values = record.values
        self.records += values.get("sources") == 0 or "source_age" in values

    @property
    def ill(self) -> bool:
        """Whether the index is ill."""
        return self.library.ill

    @ill.setter
    def ill(self, ill: bool) -> None:
        self.library.ill = ill

    async def ask(self, number: int) -> str:
        """Look something up and answer."""
        answer: str = await self._answer(number, self.library.find())
        return answer


@IR_26.unguarded
async def policies_are_invented(trial: Trial) -> None:
    """Without a source, the model says something that sounds like one."""
    library = Library(trial)
    library.ill = True
    answers: list[str] = []

    async def ask(_number: int) -> None:
        answers.append(await library.answer(library.find()))

    made = await in_turn(trial, ask, rate=RATE, calls=CALLS)
    wrong = made - answers.count(POLICY)
    trial.at_least("answers that no valid policy says", 100 * wrong / made, 20, "%")
    trial.at_least("invented ones", answers.count(INVENTED), 200)


@IR_26.guarded
async def it_says_that_it_does_not_know(trial: Trial) -> None:
    """Without a recent source the model is not asked; what no source says is not delivered."""
    guarded = Guarded(trial)
    guarded.ill = True
    answers: list[str] = []

    async def ask(number: int) -> None:
        answers.append(await guarded.ask(number))

    made = await in_turn(trial, ask, rate=RATE, calls=CALLS)
    trial.none("answers that are invented", answers.count(INVENTED))
    trial.none("answers from a page older than 180 days", answers.count(OLD_POLICY))
    handed = 100 * answers.count(HANDED_OVER) / made
    trial.at_least("questions handed to people", handed, 20, "%")
    trial.at_most("no more than had to be", handed, 28, "%")
    trial.exactly("records that say what the answer rests on", guarded.records, made)
    delays = await noticed(trial, lambda: Guarded(trial), "poor sources", times=120, rate=RATE)
    trial.at_most("calls to detection, median", delays.calls(0.5), 54, give=6)
    trial.at_most("calls to detection, 95 %", delays.calls(0.95), 87, give=16)
    trial.at_most("seconds to detection, median", delays.seconds(0.5), 5, "s", give=0.6)
    trial.detected(delays.text)


@IR_26.healthy
async def a_quiet_day(trial: Trial) -> None:
    """For three questions in a hundred there is no recent page; a colleague has to answer them."""
    guarded = Guarded(trial)
    handed = 0

    async def ask(number: int) -> None:
        nonlocal handed
        handed += await guarded.ask(number) == HANDED_OVER

    made = await in_turn(trial, ask, rate=RATE, calls=trial.calls)
    trial.none("alarms", len(guarded.watch.alarms))
    trial.at_most("questions handed to people", 100 * handed / made, 5, "%")
