"""IR-23: the judge fails on the hard answers, and the average rises."""

from __future__ import annotations

import json
from math import nan
from statistics import fmean
from typing import TYPE_CHECKING, Any

from reliai.incidents.answering import chat, text_of
from reliai.incidents.evaluated import Bench, numbered, verdict_on
from reliai.incidents.registry import incident

if TYPE_CHECKING:
    from reliai.evals import Gate, GateResult, Run
    from reliai.evals.scoring import Scorer
    from reliai.evals.summary import ScoreSummary
    from reliai.incidents.trial import Trial

IR_23 = incident(
    "IR-23",
    title="failures of the judge vanish from the average",
    scenario="of 200 answers 80 % are good; after a change 72 % are, for it answers 30 % of the "
    "questions at length, and mostly wrongly. The judge's own answer to the long ones is cut off",
    evidence="averages over what could be scored, in several tools for evaluations; two systems "
    "that were ranked the wrong way round",
    guard="run.summary(): scored of all, with bounds; Gate(…, max_missing=0.02)",
    needs=("evals",),
)

CASES = 200
LONG = 60
"""Of them, how many the changed product answers at length."""
READS = 100
"""Words of a prompt after which the judge does not come to an end of its answer."""
A_DAY = 1_000
CUT = 0.005
"""The share of answers that a judge has no grade for on an ordinary day."""


async def before(number: int) -> str:
    """What the product said: 160 of 200 answers are good."""
    return _said(good=number < 145 or number >= 185, words=20)


async def after(number: int) -> str:
    """What it says now: of the short answers 132 of 140 are good, of the long ones 12 of 60."""
    if number < CASES - LONG:
        return _said(good=number < 132, words=20)
    return _said(good=number >= CASES - 12, words=200)


def _said(*, good: bool, words: int) -> str:
    return " ".join(["good" if good else "bad", *["word"] * words])


async def judge(prompt: str, reads: int = READS) -> dict[str, Any]:
    """A model that judges an answer, and is cut off when it has read too much."""
    said = json.dumps({"reasoning": "as it is", "grade": int("good word" in prompt)})
    if prompt.count("word") > reads:
        return chat(said[:20], finish="length")
    return chat(said)


def _scorer(reads: int = READS) -> Scorer:
    from reliai.evals import scorers  # noqa: PLC0415  an extra

    async def grader(prompt: str) -> dict[str, Any]:
        return await judge(prompt, reads)

    return scorers.judge(grader, "Is it good?", model="judge-2026-03", name="good")


def _gate() -> Gate:
    from reliai.evals import Gate  # noqa: PLC0415  an extra

    return Gate("good", non_inferior=0.05)


def _percent(values: list[bool]) -> float:
    return 100 * fmean(values)


@IR_23.unguarded
async def the_worse_one_is_ranked_first(trial: Trial) -> None:
    """The average is of what could be read."""
    seen: list[float] = []
    true: list[float] = []
    for product in (before, after):
        answers = [await product(number) for number in range(CASES)]
        grades = [_grade_in(await judge(answer)) for answer in answers]
        seen.append(_percent([grade for grade in grades if grade is not None]))
        true.append(_percent([answer.startswith("good") for answer in answers]))
    trial.made += 2 * CASES
    trial.at_least("points lost by the change", true[0] - true[1], 5)
    trial.at_least("points gained, by the average of what was scored", seen[1] - seen[0], 10)


def _grade_in(answer: Any) -> bool | None:
    """What is in a judge's answer, and nothing where nothing can be read."""
    try:
        return bool(json.loads(text_of(answer))["grade"])
    except ValueError:
        return None


@IR_23.guarded
async def what_is_missing_is_told(trial: Trial) -> None:
    """The first report says of how many it is, and the gate judges nothing of what is left."""
    with Bench(numbered(CASES)) as bench:
        run, result = await _judged(bench, _scorer())
        _reported(trial, run)
        trial.exactly("what the gate says", str(result.verdict), "INCOMPLETE")
        trial.exactly("exit code then", result.exit_code, 4)
        _, result = await _judged(bench, _scorer(reads=1_000))
    trial.made += 4 * CASES
    trial.exactly("what it says once the judge reads all", str(result.verdict), "FAIL")
    trial.detected("first report: 140 of 200 scored")


async def _judged(bench: Bench, scorer: Scorer) -> tuple[Run, GateResult]:
    """The run of the changed product, and what the gate says of the change."""
    baseline = await bench.run("before", before, scorer)
    candidate = await bench.run("after", after, scorer)
    return candidate, _gate().judge(candidate.compare(baseline))


def _reported(trial: Trial, run: Run) -> None:
    summary = run.summary()
    score = summary.scores["good"]
    told = f"{score.n_scored}/{score.n_total} scored"
    trial.exactly("of how many the first report is", told, "140/200 scored")
    trial.exactly("that this is in its text", "yes" if told in str(summary) else "no", "yes")
    trial.exactly("reason given for the others", _reasons(score), "judge_truncated: 60")
    low, high = 100 * (score.low or 0.0), 100 * (score.high or 0.0)
    bounds = f"{low:g} to {high:g} %"
    trial.exactly("bounds of the average, whatever the others are", bounds, "66 to 96 %")
    true = _percent([str(each.output).startswith("good") for each in run.trials()])
    within = "yes" if low <= true <= high else "no"
    trial.exactly("that the truth lies between them", within, "yes")


def _reasons(score: ScoreSummary) -> str:
    return ", ".join(f"{code}: {count}" for code, count in score.unscored.items())


@IR_23.healthy
async def a_judge_that_seldom_fails(trial: Trial) -> None:
    """Releases that change nothing, a thousand cases each; now and then there is no grade."""
    with Bench(numbered(A_DAY)) as bench:
        baseline = await bench.run("before", before, _scorer())
        comparison = (await bench.run("again", before, _scorer())).compare(baseline)
    verdicts: list[str] = []
    for _ in range(max(1, trial.calls // A_DAY)):
        ours, theirs = ([_seldom_missing(trial, number) for number in range(A_DAY)] for _ in "ab")
        verdicts.append(str(verdict_on(_gate(), comparison, ours, theirs).verdict))
    trial.made += trial.calls
    trial.none("releases that are INCOMPLETE", verdicts.count("INCOMPLETE"))
    trial.exactly("releases that pass", verdicts.count("PASS"), len(verdicts))


def _seldom_missing(trial: Trial, number: int) -> float:
    """A score, or none."""
    return nan if trial.random.random() < CUT else float(number % 5 > 0)
