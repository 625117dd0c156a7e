"""IR-27: users come whom nobody had in mind, and no test covers them."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.monitored import Inline, in_turn, noticed
from reliai.incidents.registry import incident
from reliai.monitoring import Monitor, signals

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial
    from reliai.monitoring import Alert

IR_27 = incident(
    "IR-27",
    title="questions in languages nobody tested",
    scenario="10 calls/s; the share of questions that are not in English rises from 2 %, which the "
    "evaluation set has too, to 15 %. Here the alarm opens a slice for each language and has ten "
    "times as many calls kept for people to look at; a queue for their reviews is left to what "
    "manages feedback",
    evidence="assistants launched in one language that were used in ten",
    guard="Monitor: share of other languages than the evaluation set's; an alert route",
    needs=("monitoring",),
)

RATE = 10.0
HEALTHY, ILL = 0.02, 0.15
USUAL, BOOSTED = 0.01, 0.1
CALLS = 3_000
FEWEST = 5
"""Cases of a language that make it covered."""

QUESTIONS = {
    "en": ("Where is the parcel that I have sent?", "How do I return the shoes that do not fit?"),
    "de": ("Wo ist das Paket, das ich geschickt habe?", "Wie kann ich die Schuhe zurückgeben?"),
    "es": ("¿Dónde está el paquete que he enviado?", "¿Cómo puedo devolver los zapatos?"),
    "fr": ("Où est le colis que j'ai envoyé ?", "Comment est-ce que je rends les chaussures ?"),
}
OTHERS = ("de", "es", "fr")

CASES = ["en"] * 196 + ["de", "de", "es", "fr"]
"""The languages of the evaluation set."""

_COMMON = {
    "en": {"where", "is", "the", "that", "i", "have", "how", "do", "not"},
    "de": {"wo", "ist", "das", "ich", "habe", "wie", "kann", "die"},
    "es": {"dónde", "está", "el", "que", "he", "cómo", "puedo", "los"},
    "fr": {"où", "est", "le", "que", "j", "ai", "comment", "je", "les"},
}


@cache
def language_of(question: str) -> str:
    """The language with the most of its common words in a question: enough for this one."""
    words = set("".join(x if x.isalpha() else " " for x in question.lower()).split())
    return max(_COMMON, key=lambda language: len(words & _COMMON[language]))


def _other(record: Any) -> bool:
    """Whether a question was in another language than nearly all of the evaluation set."""
    return bool(record.values["language"] != "en")


class Guarded:
    """The function as its users would decorate it, its monitor, and what the alarm sets going.

    Attributes:
        ill: whether the new users are there.
        kept: languages of the questions that were kept for people to look at.
        opened: the monitor with a slice for each language; None until the alarm.
    """

    inline = True

    def __init__(self, trial: Trial) -> None:
        self._chance = trial.random
        self.ill = False
        self.share_kept = USUAL
        self.kept: list[str] = []
        self.opened: Monitor | None = None
        covered = 1 - CASES.count("en") / len(CASES)
        signal = signals.share("other language", _other, reference=covered, shift=ILL)
        self.watch = Inline(trial, Monitor(signals=[signal], alerts=[]), self._told)

        async def ask(question: str) -> str:
            reliai.measure(language=language_of(question))
            return "the answer"

        self._ask = reliai.reliable(name="ask", observers=(self.watch, self))(ask)

    def _told(self, _alert: Alert) -> None:
        """What the application makes of the alarm."""
        self.share_kept = BOOSTED
        watched = [signals.errors(), signals.validation_failures()]
        self.opened = Monitor(signals=watched, slices=["value:language"], alerts=[])

    def on_end(self, record: Any) -> None:
        """Keep some calls for people, and show those of the new slices."""
        if self._chance.random() < self.share_kept:
            self.kept.append(record.values["language"])
        if self.opened is not None:
            self.opened.on_end(record)

    async def ask(self, _number: int) -> None:
        """A question of somebody."""
        other = self._chance.random() < (ILL if self.ill else HEALTHY)
        language = self._chance.choice(OTHERS) if other else "en"
        await self._ask(self._chance.choice(QUESTIONS[language]))


@IR_27.unguarded
async def the_tests_say_nothing(trial: Trial) -> None:
    """Nothing fails; what the evaluation set says is of other users."""
    asked = Counter[str]()
    trial.made += CALLS
    for _ in range(CALLS):
        other = trial.random.random() < ILL
        asked[trial.random.choice(OTHERS) if other else "en"] += 1
    covered = {language for language, cases in Counter(CASES).items() if cases >= FEWEST}
    beyond = sum(n for language, n in asked.items() if language not in covered)
    trial.at_least(
        "questions that the evaluation set does not cover", 100 * beyond / CALLS, 12, "%"
    )


@IR_27.guarded
async def the_new_users_are_seen(trial: Trial) -> None:
    """The share of languages is compared with that of the evaluation set."""
    guarded = Guarded(trial)
    await in_turn(trial, guarded.ask, rate=RATE, calls=CALLS)
    before = len(guarded.kept) / CALLS
    guarded.ill = True
    await in_turn(trial, guarded.ask, rate=RATE, calls=CALLS, until=lambda: guarded.opened)
    guarded.kept.clear()
    await in_turn(trial, guarded.ask, rate=RATE, calls=CALLS)
    trial.at_least(
        "calls kept to be looked at, times as many as before", _times(guarded, before), 7
    )
    others = sum(language != "en" for language in guarded.kept)
    trial.at_least("of them in other languages", others, 20)
    trial.exactly("slices opened", _slices(guarded), "de, en, es, fr")
    poor = sorted(each for each in set(guarded.kept) if CASES.count(each) < FEWEST)
    trial.exactly("languages that the evaluation set lacks", ", ".join(poor), "de, es, fr")
    delays = await noticed(trial, lambda: Guarded(trial), "other language", times=150, rate=RATE)
    trial.at_most("calls to detection, median", delays.calls(0.5), 85, give=8)
    trial.at_most("calls to detection, 95 %", delays.calls(0.95), 151, give=25)
    trial.at_most("seconds to detection, median", delays.seconds(0.5), 8.5, "s", give=0.8)
    trial.detected(delays.text)


def _times(guarded: Guarded, before: float) -> float:
    return len(guarded.kept) / CALLS / before


def _slices(guarded: Guarded) -> str:
    states = [] if guarded.opened is None else guarded.opened.snapshot()["signals"]
    slices = {state["slice"] for state in states if state["slice"]}
    return ", ".join(sorted(each.removeprefix("value:language=") for each in slices))


@IR_27.healthy
async def a_quiet_day(trial: Trial) -> None:
    """Two questions in a hundred are in another language."""
    guarded = Guarded(trial)
    await in_turn(trial, guarded.ask, rate=RATE, calls=trial.calls)
    trial.none("alarms", len(guarded.watch.alarms))
    trial.at_most("calls kept to be looked at", 100 * len(guarded.kept) / trial.calls, 1.3, "%")
