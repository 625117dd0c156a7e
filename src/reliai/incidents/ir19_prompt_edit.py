"""IR-19: a line more in a prompt makes three answers in a hundred worse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.errors import GateFailed
from reliai.incidents.evaluated import Bench, numbered, verdict_on
from reliai.incidents.registry import incident

if TYPE_CHECKING:
    from reliai.evals import GateResult, RunComparison
    from reliai.incidents.trial import Trial

IR_19 = incident(
    "IR-19",
    title="an edit of a prompt costs three points",
    scenario="nine answers in ten are right; after the edit 5 % of those cases are wrong that were "
    "right, and 2 % right that were wrong. Both prompts are tried on the same cases, 100 to 1,000. "
    "That a prompt which nobody has reviewed cannot serve is left to what manages releases",
    evidence="a line of 25 words in April 2026; edits of prompts that were taken back after 16 h "
    "in 2025",
    guard="Experiment, run.compare(baseline), Gate('correct', non_inferior=0.02)",
    needs=("evals",),
)

RIGHT, WORSE, BETTER = 0.90, 0.05, 0.02
MARGIN = 0.02
FLOOR = 0.85
EDITS = 1_000
AN_HOUR = 36_000
SIZES = {100: 16, 200: 37, 500: 80, 1_000: 97}
"""Of so many cases: the percentage of such edits that can be told."""


class Changed(NamedTuple):
    """What an edit did to the cases of a set.

    Attributes:
        better: how many are right that were wrong.
        worse: how many are wrong that were right.
    """

    better: int
    worse: int

    @classmethod
    def by_chance(cls, trial: Trial, cases: int, better: float, worse: float) -> Changed:
        """An edit with these shares, on cases that were drawn."""
        drawn = [trial.random.random() for _ in range(cases)]
        return cls(sum(each < better for each in drawn), sum(each > 1.0 - worse for each in drawn))


async def before(number: int) -> str:
    """What the old prompt gives."""
    return "right" if number % 100 >= 10 else "wrong"


async def after(number: int) -> str:
    """What the new one gives."""
    place = number % 100
    return "right" if place < 2 or place >= 15 else "wrong"


def correct(output: Any, case: Any) -> bool:
    """Whether an answer is what was expected."""
    return bool(output == case.expected)


class Judged:
    """The verdicts of the gate on edits of which the counts are known.

    Args:
        comparison: of two runs with as many cases.
    """

    def __init__(self, comparison: RunComparison) -> None:
        self._comparison = comparison
        self._cases = comparison.common
        self._known: dict[Changed, str] = {}

    def __call__(self, changed: Changed) -> str:
        """PASS, FAIL or INCONCLUSIVE: of rights and wrongs the counts say all."""
        if changed not in self._known:
            rest = self._cases - changed.better - changed.worse
            ours = [1.0] * (changed.better + rest) + [0.0] * changed.worse
            theirs = [0.0] * changed.better + [1.0] * (rest + changed.worse)
            found = verdict_on(_gate(), self._comparison, ours, theirs)
            self._known[changed] = str(found.verdict)
        return self._known[changed]


def _gate() -> Any:
    from reliai.evals import Gate  # noqa: PLC0415  an extra

    return Gate("correct", non_inferior=MARGIN)


async def _compared(cases: int, candidate: Any = after) -> tuple[RunComparison, GateResult]:
    """Try both prompts on as many cases."""
    with Bench(numbered(cases)) as bench:
        baseline = await bench.run("before", before, correct)
        comparison = (await bench.run("after", candidate, correct)).compare(baseline)
    return comparison, _gate().judge(comparison)


@IR_19.unguarded
async def a_floor_lets_it_pass(trial: Trial) -> None:
    """87 % of 200 answers are above the floor of 85 %, and nobody looks at each pair."""
    level = RIGHT + BETTER - WORSE
    passed = 0
    for _ in range(EDITS):
        right = sum(trial.random.random() < level for _ in range(200))
        passed += right >= FLOOR * 200
    trial.made += EDITS
    trial.at_least(
        "such edits that pass a floor of 85 % on 200 cases", 100 * passed / EDITS, 70, "%"
    )
    hour = Changed.by_chance(trial, AN_HOUR, BETTER, WORSE)
    beyond = hour.worse - hour.better
    trial.at_least("wrong answers in an hour at 10/s, beyond those before", beyond, 800)


@IR_19.guarded
async def it_is_told_or_said_to_be_open(trial: Trial) -> None:
    """The gate fails what it can tell, and passes nothing that it cannot."""
    comparison, result = await _compared(200)
    rule = result.rules[0]
    detectable = 100 * (rule.detectable or 0.0)
    trial.exactly("what the gate says of 200 cases", str(result.verdict), "INCONCLUSIVE")
    trial.exactly("exit code then", result.exit_code, 3)
    trial.exactly("that it is underpowered, is said", _yes("underpowered" in rule.reason), "yes")
    trial.at_most("the drop that 200 cases can show, as it says, points", detectable, 5)
    trial.at_least("cases that it asks for", rule.cases_needed or 0, 900)
    told = f"can detect ≥ {detectable:.3g} points"
    trial.exactly("that this is in its reason", _yes(told in rule.reason), "yes")
    for cases, found in SIZES.items():
        comparison, result = await _compared(cases)
        _power(trial, comparison, cases, found)
    trial.exactly("what it says of 1,000 cases", str(result.verdict), "FAIL")
    trial.exactly("that Gate.require stops a release then", _stopped(comparison), "yes")
    trial.detected(f"{SIZES[1_000]} % of such edits on 1,000 cases; on 200 it says what is open")


def _power(trial: Trial, comparison: RunComparison, cases: int, found: int) -> None:
    """How many of such edits are found, and that none is passed that was not."""
    judged = Judged(comparison)
    verdicts = [judged(Changed.by_chance(trial, cases, BETTER, WORSE)) for _ in range(EDITS)]
    trial.made += EDITS
    share = 100 * verdicts.count("FAIL") / EDITS
    trial.at_least(f"such edits that fail on {cases:,} cases", share, found, "%", give=4)
    passed = 100 * verdicts.count("PASS") / EDITS
    trial.at_most(f"such edits that pass on {cases:,} cases", passed, 5, "%")


def _stopped(comparison: RunComparison) -> str:
    try:
        _gate().require(comparison)
    except GateFailed:
        return "yes"
    return "no"


def _yes(fact: bool) -> str:  # noqa: FBT001  a word for it
    return "yes" if fact else "no"


@IR_19.healthy
async def edits_that_cost_nothing(trial: Trial) -> None:
    """An edit changes no answer, or as many for the better as for the worse; 200 cases each."""
    comparison, _ = await _compared(200, before)
    judged = Judged(comparison)
    edits = max(500, trial.calls // 200)  # a share of few says little
    same = [judged(Changed(0, 0)) for _ in range(edits)]
    both = [judged(Changed.by_chance(trial, 200, BETTER, BETTER)) for _ in range(edits)]
    trial.made += 200 * edits
    trial.exactly("edits that change no answer and pass", same.count("PASS"), edits)
    failed = 100 * both.count("FAIL") / edits
    trial.at_most("edits that change as many for the better, and fail", failed, 5, "%")
