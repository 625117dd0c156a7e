"""Outputs of cases that became worse, for those who asked to see them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reliai.evals.comparison import RunComparison
    from reliai.evals.trial import Trial

__all__ = ["Example", "examples_of"]

_LONGEST: Final = 2_000


@dataclass(frozen=True, slots=True)
class Example:
    """What both sides said of one case.

    Attributes:
        case: its key.
        candidate, baseline: the output as text; None where it is not known.
        scores: of the candidate, by scorer, with what was explained.
        error: what went wrong, of a call that failed.
    """

    case: str
    candidate: str | None
    baseline: str | None
    scores: Mapping[str, str]
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "case": self.case,
            "candidate": self.candidate,
            "baseline": self.baseline,
            "scores": dict(self.scores),
            "error": self.error,
        }


def examples_of(comparison: RunComparison, keys: Iterable[str]) -> tuple[Example, ...]:
    """The first try of each of these cases, read from the runs; one pass over each."""
    wanted = tuple(dict.fromkeys(keys))
    ours, theirs = (_first_tries(run, frozenset(wanted)) for run in comparison.runs)
    return tuple(_example(key, ours.get(key), theirs.get(key)) for key in wanted if key in ours)


def _first_tries(run: Any, keys: frozenset[str]) -> dict[str, Trial]:
    if not callable(getattr(run, "trials", None)) or not keys:
        return {}
    found: dict[str, Trial] = {}
    given: Iterable[Trial] = run.trials()
    for trial in given:
        if trial.case in keys and trial.repeat <= found.get(trial.case, trial).repeat:
            found[trial.case] = trial
    return found


def _example(key: str, ours: Trial | None, theirs: Trial | None) -> Example:
    scores = {} if ours is None else {name: _said(each) for name, each in ours.scores.items()}
    error = None if ours is None or ours.error is None else str(ours.error.type)
    return Example(key, _text(ours), _text(theirs), scores, error)


def _said(score: Any) -> str:
    value = score.unscored or score.label or score.value
    return f"{value}" + (f" ({_cut(score.explanation)})" if score.explanation else "")


def _text(trial: Trial | None) -> str | None:
    if trial is None or trial.output is None:
        return None
    output = trial.output
    return _cut(output if isinstance(output, str) else json.dumps(output, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"
