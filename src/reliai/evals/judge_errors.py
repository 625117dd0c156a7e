"""How good a judge is, by what people say of the same outputs, and what its verdicts are worth.

A judge errs, and the share that it passes is off by that. Labels of people on a sample tell how
much, and put the share of all right; they are no luxury before tuning anything on a judge.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from reliai.errors import ConfigurationError
from reliai.evals.scoring import score_in
from reliai.stats import (
    Agreement,
    Interval,
    cohen_kappa,
    corrected_share,
    prediction_powered_mean,
    proportion_interval,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reliai.evals.trial import Trial

__all__ = ["JudgeQuality", "judge_quality"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeQuality:
    """What a judge is worth.

    Attributes:
        name: of its score.
        n_labelled: cases that people have labelled and it has scored.
        n_judged: cases that it has scored, with a label or without.
        n_unscored: cases that it could not score; they are in no number here.
        observed: the mean of its scores over all it has judged, which its errors are still in.
        mean: what people would say on average, from their labels and its scores, with a confidence
            interval that holds however bad it is (prediction-powered).
        agreement: with people, beyond chance (Cohen's kappa) and as it was seen; None for numbers.
        sensitivity: share of what people pass that it passes; None for numbers.
        specificity: share of what people fail that it fails; None for numbers.
        corrected: the share that would pass without its errors (Rogan and Gladen); None for
            numbers, and for a judge that is no better than chance.
        note: what is to be taken with care; "" for nothing.
    """

    name: str
    n_labelled: int
    n_judged: int
    n_unscored: int
    observed: float
    mean: Interval
    agreement: Agreement | None = None
    sensitivity: Interval | None = None
    specificity: Interval | None = None
    corrected: float | None = None
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON data."""
        return asdict(self)


def judge_quality(
    trials: Iterable[Trial],
    name: str,
    labels: Mapping[str, bool | float],
    *,
    confidence: float = 0.95,
) -> JudgeQuality:
    """How good a judge is, and what its scores of a run are worth.

    The cases with labels must be a random sample of all: labels of the doubtful ones alone tell
    nothing of the rest. Of several repeats of a case the mean counts, and half of it passes.

    Args:
        trials: of a run.
        name: of the judge's score.
        labels: what people say, by the key of the case: True and False, or numbers on the scale of
            the score.
        confidence: of the intervals, in (0, 1).

    Raises:
        ConfigurationError: when labels are neither all booleans nor all finite numbers, or no
            labelled case was judged.
    """
    truth, binary = _checked(labels)
    judged, unscored = _by_case(trials, name)
    both = [key for key in judged if key in truth]
    if not both:
        raise ConfigurationError(
            f"judge_quality({name!r}): no case with a label has a score of that name; labels go by "
            "the key of the case, its id or its digest"
        )
    only = [judged[key] for key in judged if key not in truth]
    said, guessed = [truth[key] for key in both], [judged[key] for key in both]
    mean = prediction_powered_mean(said, guessed, only, confidence=confidence)
    observed = fmean(judged.values())
    common: dict[str, Any] = {
        "name": name,
        "n_labelled": len(both),
        "n_judged": len(judged),
        "n_unscored": unscored,
        "observed": observed,
        "mean": mean,
    }
    if not binary:
        return JudgeQuality(**common, note=mean.note)
    people, model = [each == 1.0 for each in said], [each >= 0.5 for each in guessed]
    hits = _share(people, model, of=True, confidence=confidence)
    rejections = _share(people, model, of=False, confidence=confidence)
    agreement = cohen_kappa(people, model)
    corrected, note = _corrected(judged.values(), hits, rejections)
    return JudgeQuality(
        **common,
        agreement=agreement,
        sensitivity=hits,
        specificity=rejections,
        corrected=corrected,
        note="; ".join(each for each in (note, agreement.note, mean.note) if each),
    )


def _checked(labels: Mapping[str, bool | float]) -> tuple[dict[str, float], bool]:
    if not isinstance(labels, Mapping) or not labels:
        raise ConfigurationError("judge_quality(labels=…): must be labels by the key of a case")
    binary = all(isinstance(each, bool) for each in labels.values())
    for key, label in labels.items():
        number = isinstance(label, int | float) and math.isfinite(label)
        if not number or isinstance(label, bool) is not binary:
            raise ConfigurationError(
                f"judge_quality(labels[{key!r}]={label!r}): must all be True or False, or all be "
                "finite numbers"
            )
    return {key: float(label) for key, label in labels.items()}, binary


def _by_case(trials: Iterable[Trial], name: str) -> tuple[dict[str, float], int]:
    """The mean of the planned repeats of each case, and how many cases have none."""
    values: dict[str, list[float]] = {}
    for trial in trials:
        if not trial.extra:
            value = score_in(trial.scores, name).value
            values.setdefault(trial.case, []).extend([] if value is None else [value])
    found = {key: fmean(each) for key, each in values.items() if each}
    return found, len(values) - len(found)


def _share(people: list[bool], model: list[bool], *, of: bool, confidence: float) -> Interval:
    answers = [guess is of for label, guess in zip(people, model, strict=True) if label is of]
    return proportion_interval(sum(answers), len(answers), confidence=confidence)


def _corrected(
    judged: Iterable[float], hits: Interval, rejections: Interval
) -> tuple[float | None, str]:
    passed = [each >= 0.5 for each in judged]
    if hits.estimate is None or rejections.estimate is None:
        return None, "people pass all that they labelled, or none of it: label more"
    if hits.estimate + rejections.estimate <= 1.0:
        return None, "the judge is no better than chance"
    return corrected_share(sum(passed) / len(passed), hits.estimate, rejections.estimate), ""
