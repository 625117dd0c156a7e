"""IR-22: the judge has become stricter, and the product is blamed."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from reliai.incidents.answering import chat
from reliai.incidents.evaluated import Bench, numbered
from reliai.incidents.registry import incident

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.evals import Run
    from reliai.evals.anchor_checks import AnchorCheck
    from reliai.evals.anchors import Anchors
    from reliai.evals.scoring import Scorer
    from reliai.incidents.trial import Trial

IR_22 = incident(
    "IR-22",
    title="the judge changed, the product did not",
    scenario="a model judges 200 answers, of which 90 % pass; then the judge's name comes to mean "
    "a stricter model, and of the very same answers 82 % pass",
    evidence="reports of quality that fell by several points in a week in which nothing was "
    "released, in spring 2026",
    guard="scorers.judge(model=…), Anchors of 200 frozen outputs, run.rescore",
    needs=("evals",),
)

CASES = 200
LENIENT, STRICT = 0.10, 0.18
"""The share of the answers that either judge fails: those of the least quality."""
OLD, NEW = "judge-2026-03", "judge-2026-05"
NOISE = 0.01


class Judge:
    """A model that says whether an answer is helpful, by what it is worth.

    Args:
        trial: gives chance.
        noise: the share of judgements that fall the other way.

    Attributes:
        moved: whether its name means the stricter model now.
    """

    digest = "a model behind its name"

    def __init__(self, trial: Trial, *, noise: float = 0.0) -> None:
        self._chance = trial.random
        self._noise = noise
        self.moved = False

    def passes(self, text: str) -> bool:
        """Whether the answer in a text is helpful."""
        found = re.search(r"worth (0\.\d+)", text)
        worth = float(found[1]) if found else 0.0
        wavers = bool(self._noise) and self._chance.random() < self._noise
        return wavers != (worth >= (STRICT if self.moved else LENIENT))

    async def ask(self, prompt: str) -> dict[str, Any]:
        """Judge the answer in the prompt."""
        said = json.dumps({"reasoning": "as it is", "grade": int(self.passes(prompt))})
        return chat(said, model=NEW if self.moved else OLD)

    def scorer(self, model: str | None = None) -> Scorer:
        """The judge as a scorer; with the name of its model, or without."""
        from reliai.evals.scorers import judge  # noqa: PLC0415  an extra

        async def grader(prompt: str) -> dict[str, Any]:
            return await self.ask(prompt)

        return judge(grader, "Is it helpful?", model=model, name="helpful")


async def answer(number: int) -> str:
    """What the product says; the two hundred answers are of every worth."""
    worth = (number * 77 % CASES + 0.5) / CASES
    return f"An answer worth {worth:.4f}."


def _gate() -> Any:
    from reliai.evals import Gate  # noqa: PLC0415  an extra

    return Gate("helpful", non_inferior=0.03)


@IR_22.unguarded
async def the_product_is_blamed(trial: Trial) -> None:
    """The same release, judged in March and in May."""
    judge = Judge(trial)

    async def helpful(output: Any, case: Any) -> bool:
        del case
        return judge.passes(output)

    with Bench(numbered(CASES)) as bench:
        march, may = await _march_and_may(bench, judge, helpful, helpful)
        verdict = str(_gate().judge(may.compare(march)).verdict)
        trial.none("answers that changed", _changed(march, may))
        lost = 100 * (_passed(march) - _passed(may)) / CASES
    trial.made += 2 * CASES
    trial.at_least("points lost, by the look of it", lost, 5)
    trial.exactly("what a gate says that is told nothing of judges", verdict, "FAIL")


async def _march_and_may(bench: Bench, judge: Judge, first: Any, then: Any) -> tuple[Run, Run]:
    """The product scored before and after the judge changes."""
    march = await bench.run("march", answer, first)
    judge.moved = True
    return march, await bench.run("may", answer, then)


def _passed(run: Run) -> int:
    return sum(trial.scores["helpful"].value == 1.0 for trial in run.trials())


def _changed(one: Run, other: Run) -> int:
    pair = [{trial.case: trial.output for trial in run.trials()} for run in (one, other)]
    return sum(pair[0][case] != pair[1][case] for case in pair[0])


@IR_22.guarded
async def the_judge_is_asked_about_what_it_has_judged(trial: Trial) -> None:
    """Two hundred outputs are frozen with what the judge said of them."""
    from reliai.evals.anchors import served_models  # noqa: PLC0415  an extra

    judge = Judge(trial)
    anchors = await _frozen(judge, range(CASES))
    few = await _frozen(judge, range(0, CASES, 10), range(1, CASES, 5))
    with Bench(numbered(CASES)) as bench:
        march, may = await _march_and_may(bench, judge, judge.scorer(), judge.scorer())
        served = served_models(may.trials(), "helpful")
        check = await anchors.acheck(judge.scorer(), served=served)
        verdict = str(_gate().judge(may.compare(march)).verdict)
    trial.made += 2 * CASES
    trial.exactly("what the anchors say at the first run", check.verdict, "judge_drift")
    trial.exactly("anchors judged more strictly, of 200", check.stricter, 16)
    trial.none("anchors judged more laxly", check.laxer)
    trial.at_most("chance of that without a change", check.p_value, 1e-4)
    trial.exactly("what a gate says of runs that two judges scored", verdict, "INCONCLUSIVE")
    trial.none("releases taken back", _decide(verdict, check).count("roll back"))
    found = await few.acheck(judge.scorer(), served=served)
    trial.exactly("what 60 anchors say", found.verdict, "inconclusive")
    await _one_judge_for_both(trial)
    trial.detected("first run: 16 of 200 anchors are judged more strictly")


async def _frozen(judge: Judge, *numbers: Iterable[int]) -> Anchors:
    from reliai.evals.anchors import Anchors  # noqa: PLC0415  an extra

    chosen = [number for each in numbers for number in each]
    cases = numbered(CASES)
    items = [(cases[number], await answer(number)) for number in chosen]
    return await Anchors.afreeze(judge.scorer(), items)


def _decide(verdict: str, check: AnchorCheck) -> list[str]:
    """What a team makes of the two: a judge that is another one is no evidence."""
    blames = verdict == "FAIL" and check.verdict in {"unchanged", "agrees"}
    return ["roll back"] if blames else []


async def _one_judge_for_both(trial: Trial) -> None:
    """With the model in its identity, scores of two judges are not compared at all."""
    judge = Judge(trial)
    with Bench(numbered(CASES)) as bench:
        scorers = judge.scorer(OLD), judge.scorer(NEW)
        march, may = await _march_and_may(bench, judge, *scorers)
        compared = may.compare(march)
        trial.none("scores compared across the two judges", len(compared.scorers))
        trial.exactly(
            "what the gate says then", str(_gate().judge(compared).verdict), "INCONCLUSIVE"
        )
        again = march.rescore([judge.scorer(NEW)])
        same = may.compare(again).difference("helpful")
        trial.exactly("points between the two, by one judge", 100 * (same.estimate or 0.0), 0)


@IR_22.healthy
async def a_judge_that_wavers(trial: Trial) -> None:
    """Now and then the same judge says otherwise, one way as often as the other."""
    judge = Judge(trial, noise=NOISE)
    anchors = await _frozen(judge, range(CASES))
    verdicts = [
        (await anchors.acheck(judge.scorer(), force=True)).verdict
        for _ in range(max(1, trial.calls // CASES))
    ]
    trial.made += trial.calls
    trial.none("checks that see another judge", verdicts.count("judge_drift"))
