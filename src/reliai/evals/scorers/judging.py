"""A scorer that asks a model for its judgement: an instrument with a scale, a version and errors.

The grader is always given; there is none by default, and never the model under test. What it
answers is read strictly: without a grade on the scale there is no score, and no zero either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.evals.scorers._grading import Grader, Reply, Spent, fingerprint_of, scoring_function
from reliai.evals.scorers._prompts import GRADE, Prompt
from reliai.evals.scorers._replies import NoVerdict, grade_in, object_in, reasoning_in
from reliai.evals.scoring import Scorer, Unscored, configurable
from reliai.evals.trial import Score

if TYPE_CHECKING:
    from reliai.datasets.case import Case

__all__ = ["judge"]

_VERSION: Final = 1
_YES_NO: Final = {1: "It is met.", 0: "It is not met, or only in part."}


@configurable
def judge(
    grader: Any,
    criterion: str,
    *,
    rubric: Mapping[int, str] | None = None,
    passes: int | None = None,
    model: str | None = None,
    version: str | int | None = None,
    inputs: bool = True,
    reference: bool | None = None,
    votes: int = 1,
    template: str = GRADE,
    name: str = "judge",
) -> Scorer:
    """How good a model finds the output, on a scale whose grades are described.

    With `passes` the score is an assertion, else the grade as a share of the scale: 0 for its
    lowest, 1 for its highest grade. The verdict is derived from the grade, whatever else the grader
    says. Where it gives no grade the score is unscored: "judge_parse_failure", "judge_refused",
    "judge_truncated", "judge_error", "judge_timeout", "judge_rate_limited" (an experiment asks
    again, and more slowly), or "judge_degraded" when a guarded grader answered by its fallback,
    which is another judge.

    What the judge is made of is its identity, in the digest of the scorer: scores of two versions
    are never compared. See `reliai.evals.Anchors` for whether a new version judges alike.

    Args:
        grader: a function of a prompt, sync or async, guarded or not, that asks another model than
            the one under test, and gives its text, its provider's response or a mapping.
        criterion: what is judged, in a sentence or a question.
        rubric: what grades mean, by whole numbers; those between two described ones may be given
            too. None: 1 for met, 0 for not met, of which 1 passes.
        passes: the grade from which the output passes; None: the grade is the score.
        model: name and version of the grader's model, for its identity: say all that changes it.
        version: of anything else that its code does not show.
        inputs: whether the judge sees what was asked.
        reference: whether it sees what is expected; a case without it is then unscored. None: where
            there is a reference.
        votes: how often it is asked; the median grade counts, the lower of two, and more than half
            of the votes must be grades.
        template: of the prompt, with `$criterion`, `$low`, `$high`, `$anchors` and `$parts`.
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it.
    """
    asked = Grader("judge", grader)
    if not isinstance(criterion, str) or not criterion.strip():
        raise ConfigurationError(f"judge(criterion={criterion!r}): must say what is judged")
    scale = _scale(_YES_NO if rubric is None else rubric)
    least = 1 if rubric is None and passes is None else passes
    low, high = min(scale), max(scale)
    if least is not None and (
        isinstance(least, bool) or not isinstance(least, int) or not low < least <= high
    ):
        raise ConfigurationError(
            f"judge(passes={passes!r}): must be a grade above {low}, up to {high}"
        )
    count = _votes(votes)
    anchors = "\n".join(f"{grade}: {scale[grade]}" for grade in sorted(scale, reverse=True))
    prompt = Prompt("judge", template, criterion=criterion, low=low, high=high, anchors=anchors)

    async def ask(output: Any, case: Case) -> Any:
        text = prompt.fill(
            case, {"answer": output}, inputs=inputs, reference=reference is not False
        )
        replies = await asked.ask([text] * count)
        grades: list[tuple[int, str | None]] = []
        failures: list[Unscored] = []
        for reply in replies:
            found = _graded(reply, low, high)
            if isinstance(found, Unscored):
                failures.append(found)
            else:
                grades.append(found)
        told = Spent().add(replies).told()
        if 2 * len(grades) <= count:
            return Unscored(failures[0].code, failures[0].explanation, told or None)
        grades.sort(key=lambda each: each[0])
        grade, why = grades[(len(grades) - 1) // 2]
        told = {"grade": grade, **told}
        if count > 1:
            told["grades"] = [each for each, _ in grades]
        share = (grade - low) / (high - low)
        return Score(
            value=share if least is None else float(grade >= least),
            kind="number" if least is None else "assertion",
            explanation=why,
            metadata=told,
        )

    settings = {
        "criterion": criterion,
        "rubric": {str(grade): text for grade, text in scale.items()},
        "passes": least,
        "model": model,
        "inputs": inputs,
        "reference": reference,
        "votes": count,
        "template": prompt.text,
        "grader": fingerprint_of(asked),
    }
    return Scorer(
        scoring_function(asked, ask),
        name=name,
        version=version,
        settings=settings,
        needs_expected=reference is True,
        blocking=not asked.asynchronous,
        identity=f"reliai.judge/{_VERSION}",
        grader=asked.function,
    )


def _graded(reply: Reply, low: int, high: int) -> tuple[int, str | None] | Unscored:
    if reply.failure is not None:
        return reply.failure
    try:
        answer = object_in(reply.said)
        return grade_in(answer, low, high), reasoning_in(answer)
    except NoVerdict as none:
        return Unscored("judge_parse_failure", str(none))


def _scale(rubric: Any) -> dict[int, str]:
    good = isinstance(rubric, Mapping) and len(rubric) >= 2
    for grade, text in rubric.items() if good else ():
        good &= isinstance(grade, int) and not isinstance(grade, bool)
        good &= isinstance(text, str) and bool(text.strip())
    if not good:
        raise ConfigurationError(
            f"judge(rubric={rubric!r}): must describe two grades or more, as {{1: 'wrong', "
            "5: 'right'}}"
        )
    return dict(rubric)


def _votes(votes: Any) -> int:
    if isinstance(votes, bool) or not isinstance(votes, int) or not 1 <= votes <= 99:
        raise ConfigurationError(f"judge(votes={votes!r}): must be a whole number from 1 to 99")
    return votes
