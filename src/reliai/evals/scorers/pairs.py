"""A scorer that asks a model which of two outputs is better, in both orders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from reliai.comparisons import Exact
from reliai.errors import ConfigurationError
from reliai.evals._fingerprints import digest_of
from reliai.evals.scorers._grading import Grader, Reply, Spent, fingerprint_of, scoring_function
from reliai.evals.scorers._prompts import PREFER, Prompt
from reliai.evals.scorers._replies import NoVerdict, object_in, reasoning_in, word_in
from reliai.evals.scoring import Scorer, Unscored, configurable
from reliai.evals.trial import Score
from reliai.stats import swap_verdicts

if TYPE_CHECKING:
    from reliai.datasets.case import Case

__all__ = ["pairwise"]

_VERSION: Final = 1
_FIRST: Final = {"first": "a", "second": "b", "tie": "tie"}
_SECOND: Final = {"first": "b", "second": "a", "tie": "tie"}
_VALUES: Final = {"a": 1.0, "tie": 0.5, "b": 0.0}
_LABELS: Final = {"a": "win", "tie": "tie", "b": "loss"}


@configurable
def pairwise(
    grader: Any,
    criterion: str,
    *,
    against: Any = None,
    model: str | None = None,
    version: str | int | None = None,
    inputs: bool = True,
    reference: bool = False,
    template: str = PREFER,
    name: str = "pairwise",
) -> Scorer:
    """Whether a model finds the output better than another one: 1 for a win, 0.5 tie, 0 loss.

    The grader sees each pair twice, once in each order. A vote that turns with the order is a tie,
    and is counted as a flip; `metrics.preference` gives the rate of them. A pair without a vote in
    each order is unscored. Outputs that are equal are a tie, and are shown to nobody.

    Args:
        grader: a function of a prompt, sync or async, guarded or not, that asks another model than
            the two that are compared.
        criterion: what makes one of them better, in a sentence.
        against: the other outputs: a `Run`, or a mapping from the key of a case; None: what the
            case expects.
        model: name and version of the grader's model, for its identity.
        version: of anything else that its code does not show.
        inputs: whether the judge sees what was asked.
        reference: whether it sees what is expected, where that is not one of the two.
        template: of the prompt, with `$criterion` and `$parts`.
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it.
    """
    asked = Grader("pairwise", grader)
    if not isinstance(criterion, str) or not criterion.strip():
        raise ConfigurationError(f"pairwise(criterion={criterion!r}): must say what is better")
    if reference and against is None:
        raise ConfigurationError(
            "pairwise(reference=True): what is expected is one of the two; give against= too"
        )
    others = None if against is None else _outputs(against)
    prompt = Prompt("pairwise", template, criterion=criterion, low="", high="", anchors="")
    equal = Exact()

    async def ask(output: Any, case: Case) -> Any:
        if others is not None and case.key not in others:
            return Unscored("missing_baseline", "there is no other output of this case")
        other = case.expected if others is None else others[case.key]
        if equal(output, other) is True:
            return _score("tie", None, {"votes": [], "flipped": False})
        orders = ((output, other), (other, output))
        prompts = [
            prompt.fill(
                case,
                {"first answer": first, "second answer": second},
                inputs=inputs,
                reference=reference,
            )
            for first, second in orders
        ]
        replies = await asked.ask(prompts)
        read = [_vote(each, names) for each, names in zip(replies, (_FIRST, _SECOND), strict=True)]
        votes = [None if isinstance(each, Unscored) else each[0] for each in read]
        found = swap_verdicts(votes[:1], votes[1:])
        told = {"votes": votes, "flipped": bool(found.flips), **Spent().add(replies).told()}
        failure = next((each for each in read if isinstance(each, Unscored)), None)
        if failure is not None:
            return Unscored(failure.code, failure.explanation, told)
        [verdict] = found.verdicts
        why = next((each[1] for each in read if not isinstance(each, Unscored)), None)
        return _score(str(verdict), None if found.flips else why, told)

    settings = {
        "criterion": criterion,
        "against": None if others is None else digest_of(dict(others)),
        "model": model,
        "inputs": inputs,
        "reference": reference,
        "template": prompt.text,
        "grader": fingerprint_of(asked),
    }
    return Scorer(
        scoring_function(asked, ask),
        name=name,
        version=version,
        settings=settings,
        needs_expected=others is None,
        blocking=not asked.asynchronous,
        identity=f"reliai.pairwise/{_VERSION}",
        grader=asked.function,
    )


def _score(verdict: str, why: str | None, told: Mapping[str, Any]) -> Score:
    return Score(
        value=_VALUES[verdict], label=_LABELS[verdict], explanation=why, metadata=dict(told)
    )


def _vote(reply: Reply, names: Mapping[str, str]) -> tuple[str, str | None] | Unscored:
    if reply.failure is not None:
        return reply.failure
    try:
        answer = object_in(reply.said)
        return names[word_in(answer, "winner", tuple(names))], reasoning_in(answer)
    except NoVerdict as none:
        return Unscored("judge_parse_failure", str(none))


def _outputs(against: Any) -> Mapping[str, Any]:
    """The other outputs by the key of their case: of a run the first that came back of each."""
    if isinstance(against, Mapping):
        return dict(against)
    if not callable(getattr(against, "trials", None)):
        raise ConfigurationError(
            f"pairwise(against={against!r}): must be a Run, or outputs by the key of their case"
        )
    found: dict[str, Any] = {}
    for trial in against.trials():
        if trial.status == "ok":
            found.setdefault(trial.case, trial.output)
    return found
