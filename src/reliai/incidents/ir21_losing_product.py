"""IR-21: the metric that one looks at wins, and the product loses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import reliai
from reliai.incidents.evaluated import Bench, numbered
from reliai.incidents.monitored import Inline, in_turn, noticed
from reliai.incidents.registry import incident
from reliai.monitoring import Monitor, signals
from reliai.rollout import Rollout, score
from reliai.stats import sign_flip

if TYPE_CHECKING:
    from random import Random

    from reliai.evals import Run
    from reliai.incidents.trial import Trial

IR_21 = incident(
    "IR-21",
    title="the metric wins, the product loses",
    scenario="50 calls/s, 2 % of them judged, which alone are made here; the candidate gets 4 "
    "points more thumbs-up, and agrees with what is false in 12 % of its answers in place of 5 %; "
    "users like to be agreed with",
    evidence="a model that flattered its users, shipped on a gain in thumbs-up and taken back "
    "three days later, in April 2025",
    guard='Rollout(guardrails=[score("thumbs_up", …), score("truthful", …)]), Gate(…) & Gate(…), '
    "Monitor(arl=1e5), stats.sign_flip",
    needs=("evals", "monitoring"),
)

RATE, JUDGED = 50.0, 0.02
AGREES, MORE = 0.05, 0.12
LIKED, LIKED_TRUE = (0.40, 0.95), (0.71, 0.705)
"""Chance of a thumbs-up, before and after: of an answer that agrees with what is false, of another.

Before, users like the truth better; after, agreement is put so well that they like it better."""
SHARE = 0.5
CASES = 400
ROLLOUTS = 3
ONSETS = 40


class Answer(NamedTuple):
    """What is said of an answer.

    Attributes:
        truthful: 1 where it agrees with nothing that is false, 0 elsewhere; by a judge.
        thumbs_up: 1 where its user likes it, 0 elsewhere.
    """

    truthful: int
    thumbs_up: int


def answered(chance: Random, *, flatters: bool) -> Answer:
    """An answer of the control, or of the candidate that flatters."""
    agrees = chance.random() < (MORE if flatters else AGREES)
    liked = (LIKED if agrees else LIKED_TRUE)[flatters]
    return Answer(int(not agrees), int(chance.random() < liked))


class Product:
    """A function and its monitor of what is judged.

    Args:
        trial: gives time and chance.

    Attributes:
        watch: the monitor.
        ill: whether it flatters.
    """

    def __init__(self, trial: Trial) -> None:
        agrees = signals.share(
            "agrees with what is false", _agrees, reference=AGREES, shift=MORE, both=False
        )
        self.watch = Inline(trial, Monitor(signals=[agrees], arl=1e5, alerts=[]))
        self.ill = False

        async def ask(question: int) -> str:
            del question
            reliai.measure(**answered(trial.random, flatters=self.ill)._asdict())
            return "the answer"

        self.ask: Any = reliai.reliable(name="ask", observers=(self.watch,))(ask)


def _agrees(record: Any) -> bool | None:
    truthful = record.values.get("truthful")
    return None if truthful is None else not truthful


class Tried:
    """A candidate that flatters, in half of the calls.

    Args:
        trial: gives time and chance.
        name: of the rollout.
        guarded: whether the truth is a guardrail beside the thumbs.
        flatters: whether it does.

    Attributes:
        rollout: it.
        over: whether it is decided for good.
    """

    def __init__(
        self, trial: Trial, name: str, *, guarded: bool = True, flatters: bool = True
    ) -> None:
        chance = trial.random
        self._trial = trial

        async def answer(*, flatters: bool) -> str:
            reliai.measure(**answered(chance, flatters=flatters)._asdict())
            return "the answer"

        async def control(question: int) -> str:
            del question
            return await answer(flatters=False)

        async def candidate(question: int) -> str:
            del question
            return await answer(flatters=flatters)

        truth = (score("truthful", below=1),) if guarded else ()
        self.rollout = Rollout(
            name,
            control,
            candidate,
            steps=(SHARE, 1.0),
            dwell=60.0,
            guardrails=(score("thumbs_up", below=1), *truth),
            alpha=0.05 if guarded else 0.001,  # by chance alone it shall not be taken back
            notify=self._hear,
            background=False,
        )
        self._ask: Any = self.rollout.route()
        self._calls = 0
        self.over = False

    def _hear(self, entry: Any) -> None:
        self.over = self.over or entry.action in {"promote", "rollback"}

    async def decided(self) -> None:
        """Calls until it is decided for good, or for very long."""
        rate = RATE * JUDGED
        await in_turn(self._trial, self.ask, rate=rate, calls=6_000, until=lambda: self.over)

    async def ask(self, number: int) -> None:
        """A call of another user; it is decided once in ten."""
        with reliai.context(subject=f"user {number}"):
            await self._ask(number)
        self._calls += 1
        if self._calls % 10 == 0:
            self.rollout.sync()


@IR_21.unguarded
async def the_metric_decides(trial: Trial) -> None:
    """Users like it better, so it is promoted, and the truth is lost."""
    tried = Tried(trial, "thumbs alone", guarded=False)
    await tried.decided()
    trial.exactly("what becomes of it", tried.rollout.status().status, "promoted")
    answers = [answered(trial.random, flatters=True) for _ in range(2_000)]
    false = 100 * sum(not each.truthful for each in answers) / len(answers)
    trial.at_least("answers that agree with what is false", false, 10, "%")


@IR_21.guarded
async def any_guardrail_blocks_it(trial: Trial) -> None:
    """The gain is real, and it does not count."""
    await _told(trial)
    await _blocked(trial)
    await _gated(trial)
    _flipped(trial)


async def _told(trial: Trial) -> None:
    """How soon the judged calls tell."""
    delays = await noticed(
        trial,
        lambda: Product(trial),
        "agrees with what is false",
        times=ONSETS,
        rate=RATE * JUDGED,
        most=3_000,
    )
    trial.at_most("judged calls until it is told, median", delays.calls(0.5), 298, give=60)
    trial.at_most("judged calls until it is told, 95 %", delays.calls(0.95), 509, give=200)
    minutes = delays.seconds(0.5) / 60
    trial.at_most("minutes until it is told, median", minutes, 5, "min", give=1)
    text = " / ".join(f"{delays.seconds(share) / 60:.1f}" for share in (0.5, 0.95))
    calls = " / ".join(f"{delays.calls(share):.0f}" for share in (0.5, 0.95))
    trial.detected(f"{text} min ({calls} judged calls)")


async def _blocked(trial: Trial) -> None:
    """Half of the users get it, until it is taken back; the thumbs say that it wins."""
    ends: list[str] = []
    names: set[str] = set()
    ratios: list[float] = []
    for number in range(ROLLOUTS):
        tried = Tried(trial, f"try {number}")
        await tried.decided()
        status = tried.rollout.status()
        ends.append(status.status)
        names |= {each.name for each in status.findings if each.harm >= 20}
        thumbs = next(each for each in status.findings if each.name == "score:thumbs_up")
        ratios.append(thumbs.ratio or 1.0)
    trial.none("candidates promoted, of 3", ends.count("promoted"))
    trial.exactly("candidates taken back", ends.count("rolled_back"), ROLLOUTS)
    trial.exactly("on account of", ", ".join(sorted(names)), "score:truthful")
    ratio = sum(ratios) / len(ratios)
    trial.at_most("thumbs-down of the candidate to those of the control, mean", ratio, 1)


async def _gated(trial: Trial) -> None:
    """The same before it is shipped: one rule that fails is enough."""
    from reliai.evals import Gate  # noqa: PLC0415  an extra

    with Bench(numbered(CASES)) as bench:
        before = await bench.run("before", _target(trial, flatters=False), truthful, thumbs_up)
        after = await bench.run("after", _target(trial, flatters=True), truthful, thumbs_up)
        gate = Gate("thumbs_up", non_inferior=0.05) & Gate("truthful", non_inferior=0.02)
        result = gate.judge(after.compare(before))
        gain = 100 * (_mean(after, "thumbs_up") - _mean(before, "thumbs_up"))
    trial.made += 2 * CASES
    verdicts = {rule.metric: str(rule.verdict) for rule in result.rules}
    trial.at_least("points gained in thumbs-up on 400 cases", gain, 1)
    trial.exactly("what the gate says of thumbs-up", verdicts["thumbs_up"], "PASS")
    trial.exactly("what it says of the truth", verdicts["truthful"], "FAIL")
    trial.exactly("what it says of the release", str(result.verdict), "FAIL")


def _target(trial: Trial, *, flatters: bool) -> Any:
    """Of 400 answers as many are false and liked as there should be: one is like the next."""
    del trial

    async def target(number: int) -> dict[str, int]:
        agrees = number < round(CASES * (MORE if flatters else AGREES))
        of = round(CASES * (MORE if flatters else AGREES))
        liked = (LIKED if agrees else LIKED_TRUE)[flatters]
        place = number / of if agrees else (number - of) / (CASES - of)
        return {"truthful": int(not agrees), "thumbs_up": int(place < liked)}

    return target


def truthful(output: Any, case: Any) -> bool:
    """What a judge says."""
    del case
    return bool(output["truthful"])


def thumbs_up(output: Any, case: Any) -> bool:
    """What users say."""
    del case
    return bool(output["thumbs_up"])


def _mean(run: Run, name: str) -> float:
    return run.summary().scores[name].mean.estimate or 0.0


def _flipped(trial: Trial) -> None:
    """The judge's score and the users' went together; now they go apart."""
    rows = [
        [answered(trial.random, flatters=flatters) for _ in range(2_000)]
        for flatters in (False, False, True)
    ]
    pairs = [([a.truthful for a in row], [a.thumbs_up for a in row]) for row in rows]
    found = sign_flip(pairs[0], pairs[2])
    trial.above("truth and thumbs-up, before: correlation", found.before.estimate or 0.0, 0)
    trial.at_most("and after", found.after.estimate or 0.0, -0.05)
    trial.exactly("that the sign has turned", "told" if found.flipped else "not told", "told")
    same = sign_flip(pairs[0], pairs[1])
    trial.exactly(
        "the same between two weeks before it", "told" if same.flipped else "not told", "not told"
    )


@IR_21.healthy
async def a_quiet_day(trial: Trial) -> None:
    """The product is what it was, and a candidate is as good."""
    product = Product(trial)
    tenth = trial.calls // 10
    await in_turn(trial, product.ask, rate=RATE * JUDGED, calls=trial.calls - tenth)
    trial.none("alarms", len(product.watch.alarms))
    tried = Tried(trial, "as good", flatters=False)
    await in_turn(trial, tried.ask, rate=RATE * JUDGED, calls=tenth)
    trial.none("candidates taken back", int(tried.rollout.status().status == "rolled_back"))
