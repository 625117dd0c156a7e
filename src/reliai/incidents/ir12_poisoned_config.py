"""IR-12: where the configuration comes from is away, and then gives what nobody should take."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import reliai
from reliai.incidents.monitored import in_turn
from reliai.incidents.registry import incident
from reliai.prompts import Prompt
from reliai.rollout import Rollout
from reliai.state import StateUnavailable
from reliai.state.memory import MemoryState

if TYPE_CHECKING:
    from reliai.incidents.trial import Trial
    from reliai.prompts import PromptVersion

IR_12 = incident(
    "IR-12",
    title="configuration that is away, or poisoned",
    scenario="2 calls/s; the registry of prompts cannot be reached when the program starts, is "
    "there after a minute and away again after 900 s; from 1,100 s on it gives a file of twice the "
    "size with every key twice, from 1,300 s one whose text stands there twice; from 1,500 s on it "
    "is well. Meanwhile the store of a rollout is gone",
    evidence="a feature file of twice its size that took down a large network in November 2025; "
    "prompt registries whose outage kept programs from starting",
    guard="Prompt.load(bundled=…, snapshots=…, check=…), Rollout(snapshot=…)",
)

RATE = 2.0
THERE, AWAY, TWICE, LONG, WELL, END = 60.0, 900.0, 1_100.0, 1_300.0, 1_500.0, 1_800.0
BOOT = 0.05
LOOK = 1.0
GROWN = 1.5
"""How many times as long as the delivered one a text may be."""


def content(version: str, *, keys: int = 1, texts: int = 1) -> str:
    """What the registry gives for a version."""
    settings = keys * f'version = "{version}"\nmodel = "model-1"\n'
    rule = "Answer with what our policy says, and name the paragraph.\n"
    return f"+++\n{settings}+++\n{texts * (3 * rule)}\n{{question}}\n"


DELIVERED, FIRST, SECOND = content("delivered"), content("4"), content("5")
POISONED = content("666", keys=2, texts=2), content("667", texts=2)


class Registry:
    """A folder that is filled from a registry, as sidecars and mounts do.

    Args:
        trial: gives the time.
        folder: where.

    Attributes:
        file: the prompt in it.
    """

    def __init__(self, trial: Trial, folder: Path) -> None:
        self._trial = trial
        self._plan = [
            (THERE, FIRST),
            (AWAY, None),
            (TWICE, POISONED[0]),
            (LONG, POISONED[1]),
            (WELL, SECOND),
        ]
        self.file = folder / "registry" / "answer.md"
        self.file.parent.mkdir()

    def turn(self) -> None:
        """Be as it is by now."""
        while self._plan and self._trial.now >= self._plan[0][0]:
            self.give(self._plan.pop(0)[1])

    def give(self, text: str | None) -> None:
        """Give a text, or nothing."""
        if text is None:
            self.file.unlink()
        else:
            beside = self.file.with_suffix(".new")
            beside.write_text(text, encoding="utf-8")
            beside.replace(self.file)


def no_more_than_grown(version: PromptVersion) -> str | None:
    """What a team knows of its prompt: it does not grow by half overnight."""
    most = GROWN * len(Prompt.parse(DELIVERED, name="answer").text)
    return None if len(version.text) <= most else "it has grown by more than a half"


def load(registry: Registry) -> Prompt:
    """The prompt as its users would load it."""
    folder = registry.file.parents[1]
    (folder / "delivered.md").write_text(DELIVERED, encoding="utf-8")
    return Prompt.load(
        registry.file,
        placeholders=["question"],
        check=no_more_than_grown,
        reload=LOOK,
        bundled=folder / "delivered.md",
        snapshots=folder / "kept",
    )


@IR_12.unguarded
async def it_is_read_when_it_is_needed(trial: Trial) -> None:
    """The file is read for each call, and the last of two keys is taken."""
    poisoned, failed = 0, 0

    async def ask(_number: int) -> None:
        nonlocal poisoned, failed
        registry.turn()
        try:
            text = registry.file.read_text(encoding="utf-8")
        except OSError:
            failed += 1
            return
        settings = dict(line.split(" = ") for line in text.split("+++")[1].strip().splitlines())
        poisoned += settings["version"].startswith('"66')

    with TemporaryDirectory() as folder:
        registry = Registry(trial, Path(folder))
        made = await in_turn(
            trial, ask, rate=RATE, calls=round(RATE * END), until=lambda: trial.now >= END
        )
    trial.at_least("calls that fail", 100 * failed / made, 10, "%")
    trial.at_least("calls with a poisoned prompt", 100 * poisoned / made, 15, "%")


@IR_12.guarded
async def it_goes_on_with_what_is_good(trial: Trial) -> None:
    """What is delivered serves at first; what is no good never does; the age is there to see."""
    with TemporaryDirectory() as folder:
        await _prompts(trial, Path(folder))
        await _rollout(trial, Path(folder))


async def _prompts(trial: Trial, folder: Path) -> None:
    registry = Registry(trial, folder)
    trial.exactly("the program starts within 50 ms without the registry", _boots(registry), "yes")
    prompt = load(registry)
    served: dict[str, int] = {}
    failed = 0
    told: dict[str, float] = {}
    ages: dict[float, float] = {}

    async def answer(question: str) -> str:
        prompt.format(question=question)
        return prompt.version

    ask: Any = reliai.reliable(name="answer")(answer)

    async def call(number: int) -> None:
        nonlocal failed
        registry.turn()
        try:
            version = await ask(f"question {number}")
        except Exception:  # noqa: BLE001  counted, whatever it is
            failed += 1
            return
        served[version] = served.get(version, 0) + 1
        if prompt.problem is not None:
            told.setdefault(prompt.problem, trial.now)
        for moment in (AWAY, TWICE, LONG, WELL, END):
            if trial.now < moment:
                ages[moment] = prompt.age

    await in_turn(trial, call, rate=RATE, calls=10**5, until=lambda: trial.now >= END)
    trial.none("calls that fail", failed)
    trial.exactly("versions that serve", ", ".join(served), "delivered, 4, 5")
    late = max(_delay(told, words, since) for words, since in _WRONG.items())
    trial.at_most("seconds until a health page says what is wrong, at most", late, 5, "s")
    rising = [ages[AWAY], ages[TWICE], ages[LONG], ages[WELL]]
    trial.none("age while the registry is well", rising[0] + ages[END])
    trial.at_least("age before it is well again", rising[-1], WELL - AWAY - 5, "s")
    grows = all(one < other for one, other in pairwise(rising))
    trial.exactly("the age rises all the time", "yes" if grows else "no", "yes")
    registry.give(POISONED[0])
    again = load(registry)
    trial.exactly("what serves after a start with a poisoned file", again.version, "5")
    trial.detected(f"{late:.1f} s")


_WRONG = {"is gone": AWAY, "TOML": TWICE, "grown": LONG}
"""Words of what is wrong with the file, and since when."""


def _delay(told: dict[str, float], words: str, since: float) -> float:
    """Seconds until a reason with these words was there; very many for never."""
    return next((at - since for reason, at in told.items() if words in reason), 1e6)


def _boots(registry: Registry) -> str:
    """Whether the prompt is there in time; really, and the quickest of several starts."""
    took = []
    for _ in range(5):
        began = time.perf_counter()
        load(registry)
        took.append(time.perf_counter() - began)
    return "yes" if min(took) <= BOOT else "no"


class Store(MemoryState):
    """A store that may be gone."""

    alive = True

    def exchange(self, *given: Any, **within: Any) -> Any:
        """Exchange, if it answers."""
        self._answer()
        return super().exchange(*given, **within)

    def put(self, *given: Any, **within: Any) -> Any:
        """Write, if it answers."""
        self._answer()
        return super().put(*given, **within)

    def get(self, *given: Any, **within: Any) -> Any:
        """Read, if it answers."""
        self._answer()
        return super().get(*given, **within)

    def _answer(self) -> None:
        if not self.alive:
            raise StateUnavailable("the store is gone")


async def _rollout(trial: Trial, folder: Path) -> None:
    """A rollout at its second step starts again while its store is gone."""
    store, file = Store(), str(folder / "rollout.json")
    before = _canary(store, file)
    before.sync()
    before.advance(step=1, by="ana")
    store.alive = False
    after = _canary(store, file)
    counts = {"control": 0, "candidate": 0}
    failed = 0
    ask: Any = after.route()

    async def call(number: int) -> None:
        nonlocal failed
        with reliai.context(subject=f"user {number}"):
            try:
                counts[await ask(number)] += 1
            except Exception:  # noqa: BLE001  counted, whatever it is
                failed += 1

    begun = trial.now
    await in_turn(trial, call, rate=RATE, calls=10**4, until=lambda: trial.now - begun >= 250)
    trial.none("calls that fail while the rollout has no store", failed)
    share = 100 * counts["candidate"] / sum(counts.values())
    trial.at_most("share of the candidate, 25 % when it was lost", share, 25, "%", give=6)
    trial.at_least("the same, at least", share, 25, "%", give=6)


def _canary(store: Store, file: str) -> Rollout:
    async def control(question: int) -> str:
        del question
        return "control"

    async def candidate(question: int) -> str:
        del question
        return "candidate"

    return Rollout(
        "answer",
        control,
        candidate,
        steps=(0.05, 0.25, 1.0),
        state=store,
        snapshot=file,
        background=False,
    )


@IR_12.healthy
async def a_quiet_day(trial: Trial) -> None:
    """The registry answers; now and then there is another version, as one wants it."""
    failed = wrong = 0
    with TemporaryDirectory() as folder:
        registry = Registry(trial, Path(folder))
        registry.give(content("0"))
        prompt = load(registry)

        async def answer(question: str) -> str:
            prompt.format(question=question)
            return prompt.version

        ask: Any = reliai.reliable(name="answer")(answer)

        async def call(number: int) -> None:
            nonlocal failed, wrong
            if number % 1_000 == 0:
                registry.give(content(f"{number // 1_000}"))
            version = await ask(f"question {number}")
            wrong += number % 1_000 > 20 and version != f"{number // 1_000}"
            failed += prompt.problem is not None or prompt.age > 0

        await in_turn(trial, call, rate=RATE, calls=trial.calls)
    trial.none("looks that find anything wrong", failed)
    trial.none("calls with another version than the newest", wrong)
    trial.none("warnings", len(trial.warnings))
