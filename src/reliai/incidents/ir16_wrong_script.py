"""IR-16: now and then a model writes words of another alphabet into its answers."""

from __future__ import annotations

from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.monitored import Inline, in_turn, noticed
from reliai.incidents.registry import incident
from reliai.monitoring import Monitor, signals
from reliai.records import RecordStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.incidents.trial import Trial
    from reliai.monitoring import Alert
    from reliai.records import StoredCall

IR_16 = incident(
    "IR-16",
    title="words of another alphabet in few answers",
    scenario="10 calls/s; the share of answers with words of another alphabet rises from 0.01 % "
    "to 0.8 %, another time to 16 %. Here the alarm isolates the deployment's circuit, so that "
    "another one answers, and it is asked known questions until 20 samples are in the store; that "
    "a data set is made of them is left to what manages data sets",
    evidence="a fault of a compiler and one of a chip, each found by users, after weeks",
    guard="Monitor: share of other alphabets; CircuitBreaker.isolate() by an alert route, "
    "Fallback; RecordStore(content='redacted')",
    needs=("monitoring", "records"),
)

RATE = 10.0
HEALTHY, ILL, VERY_ILL = 0.0001, 0.008, 0.16
CALLS = 2_000
SAMPLES = 20

SENTENCE = "The parcel was handed to the carrier on Monday and should arrive within two days."
SPOILT = "The parcel was handed to the ผู้ให้บริการ on Monday and should arrive 两天之内."
FAULTY = "model-2026-01@a"


class Deployments:
    """Two deployments of a model, of which one spoils some answers.

    Args:
        trial: gives chance.

    Attributes:
        spoils: the share of the first one's answers.
        asked: requests that the first one got.
    """

    def __init__(self, trial: Trial) -> None:
        self._chance = trial.random
        self.spoils = HEALTHY
        self.asked = 0

    async def first(self, question: str) -> str:
        """Ask the one that may be faulty."""
        del question
        self.asked += 1
        spoilt = self._chance.random() < self.spoils
        return SPOILT if spoilt else SENTENCE

    async def second(self, question: str) -> str:
        """Ask the other one."""
        del question
        return SENTENCE


class Samples:
    """An observer that has the calls kept whose answers have another alphabet.

    Args:
        store: where they are kept; None to keep none.

    Attributes:
        kept: how many.
    """

    inline = True
    reads_content = True

    def __init__(self, store: RecordStore | None) -> None:
        self._store = store
        self._other = signals.script("LATIN").read
        self.kept = 0

    def on_end(self, record: Any) -> None:
        """Keep it, or do not."""
        if self._store is not None and self._other(record):
            self._store.on_end(record)
            self.kept += 1


class Guarded:
    """The function as its users would decorate it, its monitor, and what the alarm sets going.

    Args:
        trial: gives time and chance.
        ill: what the share of spoilt answers becomes.
        store: where samples are kept.
    """

    def __init__(
        self, trial: Trial, ill: float = ILL, store: RecordStore | None = None, *, acts: bool = True
    ) -> None:
        self.deployments = deployments = Deployments(trial)
        self._ill = ill
        self.samples = Samples(store)
        self._breaker = reliai.CircuitBreaker(f"deployment a, from {trial.now!r} on")
        signal = signals.script("LATIN", reference=HEALTHY, shift=ILL)
        monitor = Monitor(signals=[signal], alerts=[])
        self.watch = Inline(trial, monitor, self._told if acts else None)

        async def ask_first(question: str) -> str:
            answer = await deployments.first(question)
            reliai.usage(model=FAULTY, input_tokens=200, output_tokens=20)
            return answer

        kept = (self.samples,)
        first: Any = reliai.reliable(self._breaker, name="deployment a", observers=kept)(ask_first)

        async def ask(question: str) -> str:
            answer: str = await first(question)
            return answer

        self._ask: Any = reliai.reliable(
            reliai.Fallback(deployments.second), name="ask", observers=(self.watch,)
        )(ask)
        self.probe: Any = reliai.reliable(
            name="probe", tags={"purpose": "diagnosis"}, observers=kept
        )(ask_first)

    def _told(self, _alert: Alert) -> None:
        """What the application makes of the alarm."""
        self._breaker.isolate()

    @property
    def ill(self) -> bool:
        """Whether the first deployment is faulty."""
        return self.deployments.spoils != HEALTHY

    @ill.setter
    def ill(self, ill: bool) -> None:
        self.deployments.spoils = self._ill if ill else HEALTHY

    async def ask(self, number: int) -> str:
        """A call."""
        answer: str = await self._ask(f"Where is parcel {number}?")
        return answer


@IR_16.unguarded
async def users_find_it(trial: Trial) -> None:
    """Every status is 200, and eight in a thousand answers cannot be read."""
    deployments = Deployments(trial)
    deployments.spoils = ILL
    read: list[str] = []

    async def ask(number: int) -> None:
        read.append(await deployments.first(f"Where is parcel {number}?"))

    await in_turn(trial, ask, rate=RATE, calls=20_000)
    trial.at_least("spoilt answers in the first half hour, shown to users", read.count(SPOILT), 100)


@IR_16.guarded
async def the_deployment_is_drained(trial: Trial) -> None:
    """Every answer is looked at, so a handful of spoilt ones is enough."""
    for kept in _stores():
        guarded = Guarded(trial, store=kept)
        guarded.ill = True
        read: list[str] = []

        async def ask(number: int, guarded: Guarded = guarded, read: list[str] = read) -> None:
            read.append(await guarded.ask(number))

        watch = guarded.watch
        await in_turn(trial, ask, rate=RATE, calls=20_000, until=partial(watch.of, "script"))
        trial.at_most("spoilt answers shown to users until the alarm", read.count(SPOILT), 20)
        asked = guarded.deployments.asked
        read.clear()
        await in_turn(trial, ask, rate=RATE, calls=CALLS)
        trial.none("spoilt answers after it", read.count(SPOILT))
        trial.none("requests to the faulty deployment after it", guarded.deployments.asked - asked)
        await _diagnose(trial, guarded)
        _have_provenance(trial, kept.calls(limit=None))
    await _how_soon(trial)


def _stores() -> Iterator[RecordStore]:
    """A store for as long as it is used."""
    with TemporaryDirectory() as folder:
        store = RecordStore(f"sqlite:///{folder}/samples.db", content="redacted")
        try:
            yield store
        finally:
            store.close()


async def _diagnose(trial: Trial, guarded: Guarded) -> None:
    """Ask the isolated deployment what nobody waits for, until there are enough samples."""

    async def probe(number: int) -> None:
        await guarded.probe(f"Where is parcel {number}?")

    enough = SAMPLES
    await in_turn(
        trial, probe, rate=RATE, calls=10_000, until=lambda: guarded.samples.kept >= enough
    )


def _have_provenance(trial: Trial, calls: list[StoredCall]) -> None:
    known = [
        call
        for call in calls
        if call.model_served == FAULTY
        and call.inputs["question"].startswith("Where is parcel")
        and not str(call.output).isascii()
        and call.fingerprint
    ]
    trial.at_least("samples in the store, with question, answer and model", len(known), SAMPLES)
    trial.exactly("of all that are in it", len(known), len(calls))


async def _how_soon(trial: Trial) -> None:
    few = await noticed(trial, lambda: Guarded(trial, acts=False), "script", times=40, rate=RATE)
    trial.at_most("calls to detection at 0.8 %, median", few.calls(0.5), 598, give=100)
    trial.at_most("calls to detection at 0.8 %, 95 %", few.calls(0.95), 1_146, give=350)
    trial.at_most("seconds to detection at 0.8 %, median", few.seconds(0.5), 60, "s", give=10)
    many = await noticed(
        trial, lambda: Guarded(trial, VERY_ILL, acts=False), "script", times=120, rate=RATE
    )
    trial.at_most("calls to detection at 16 %, median", many.calls(0.5), 29, give=4)
    trial.at_most("calls to detection at 16 %, 95 %", many.calls(0.95), 56, give=12)
    trial.detected(f"{few.text}; at 16 %: {many.text}")


@IR_16.healthy
async def a_quiet_day(trial: Trial) -> None:
    """One answer in ten thousand quotes a word of another alphabet."""
    guarded = Guarded(trial)
    await in_turn(trial, guarded.ask, rate=RATE, calls=trial.calls)
    trial.none("alarms", len(guarded.watch.alarms))
    trial.exactly("requests to the first deployment", guarded.deployments.asked, trial.calls)
