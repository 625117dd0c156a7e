"""A scorer of outputs that are one of several labels, with or without a confidence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from reliai.comparisons.answers import text_of
from reliai.errors import ConfigurationError
from reliai.evals.scorers._making import Absent, Place, found_at, made, reference
from reliai.evals.scoring import configurable
from reliai.evals.trial import Score

if TYPE_CHECKING:
    from reliai.datasets.case import Case
    from reliai.evals.scoring import Scorer

__all__ = ["classification"]

_SLACK = 1e-3
"""How far probabilities may be from adding up to 1."""


@configurable
def classification(
    labels: Iterable[Any] | None = None,
    *,
    at: str | None = None,
    confidence: str | None = None,
    probabilities: str | bool = False,
    ignore_case: bool = False,
    name: str = "classification",
) -> Scorer:
    """Whether the output is the expected label; confusion, F1, calibration are read from a run.

    The labels and the confidence are kept with the score, so that `reliai.evals.metrics` can tell
    of a run, also of an old one, what no mean of single cases can.

    Args:
        labels: all that there are; another one is wrong, and is counted as one of its own. None:
            those that are expected or given.
        at: where the label is, in the output and in an expected structure: "topic".
        confidence: where the output has the confidence in its label, a number in [0, 1].
        probabilities: where the output has the probability of each label, a mapping that adds up to
            1; True: the output is this mapping, and its label is the most probable one.
        ignore_case: whether capital letters may differ.
        name: of the score.

    Raises:
        ConfigurationError: for a setting that cannot be it.
    """
    place = Place("classification", at)
    sure = None if confidence is None else Place("classification", confidence)
    shares = _shares_place(probabilities)
    if sure is not None and shares is not None:
        raise ConfigurationError("classification(confidence=, probabilities=): give one of them")
    if probabilities is True and at is not None:
        raise ConfigurationError("classification(at=, probabilities=True): the output has no label")
    known = None if labels is None else _labels(labels, ignore_case)

    def judge(output: Any, case: Case) -> Any:
        expected = _label(reference(case, place), ignore_case)
        if expected is None:
            raise TypeError(f"{type(case.expected).__name__} is expected, where it must be a label")
        chances, wrong = _chances(shares, output, ignore_case)
        if probabilities is True:
            predicted = max(chances, key=lambda each: chances[each]) if chances else None
        else:
            predicted = _label(found_at(place, output), ignore_case)
        if predicted is None:
            raise Absent(wrong or "the output is no label")
        belief = _belief(sure, output) if sure is not None else chances.get(predicted)
        if sure is not None and belief is None:
            wrong = "it has no confidence in [0, 1]"
        if known is not None and predicted not in known:
            wrong = "it is none of the labels"
        told: dict[str, Any] = {"expected": expected, "predicted": predicted, "confidence": belief}
        if chances:
            told["probabilities"] = chances
        right = float(predicted == expected)
        return Score(value=right, kind="assertion", explanation=wrong, metadata=told)

    settings = {
        "labels": None if known is None else sorted(known),
        "at": at,
        "confidence": confidence,
        "probabilities": probabilities,
        "ignore_case": ignore_case,
    }
    return made("classification", 1, judge, name=name, settings=settings, needs_expected=True)


def _shares_place(probabilities: Any) -> Place | None:
    if probabilities is False:
        return None
    return Place("classification", None if probabilities is True else probabilities)


def _labels(given: Iterable[Any], fold: bool) -> frozenset[str]:  # noqa: FBT001  a setting
    several = () if isinstance(given, str) else tuple(given)
    names = [_label(each, fold) for each in several]
    if len(set(names)) < 2 or None in names:
        raise ConfigurationError(f"classification({given!r}): must be two labels or more")
    return frozenset(each for each in names if each is not None)


def _label(value: Any, fold: bool) -> str | None:  # noqa: FBT001  a setting
    """A label as a text: 1 is "1", True is "true"; None for what is no label."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool | int):
        return json.dumps(value)
    text = text_of(value)
    if text is None:
        return None
    text = text.strip()
    return (text.casefold() if fold else text) or None


def _chances(
    place: Place | None,
    output: Any,
    fold: bool,  # noqa: FBT001  a setting
) -> tuple[dict[str, float], str | None]:
    """The probability of each label, or what is wrong with them."""
    if place is None:
        return {}, None
    try:
        found = found_at(place, output)
    except Absent as absent:
        return {}, str(absent)
    if not isinstance(found, Mapping) or not found:
        return {}, "it has no probabilities"
    chances: dict[str, float] = {}
    for key, value in found.items():
        label, share = _label(key, fold), _share(value)
        if label is None or share is None:
            return {}, "a probability is no number in [0, 1]"
        chances[label] = chances.get(label, 0.0) + share
    if abs(sum(chances.values()) - 1.0) > _SLACK:
        return {}, f"the probabilities add up to {sum(chances.values()):.3f}"
    return chances, None


def _belief(place: Place, output: Any) -> float | None:
    try:
        return _share(found_at(place, output))
    except Absent:
        return None


def _share(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and 0.0 <= value <= 1.0 else None
