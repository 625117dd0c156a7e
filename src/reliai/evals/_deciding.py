"""What one rule asks of one set of cases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reliai.errors import ConfigurationError
from reliai.evals import _deciding_levels, _deciding_margins
from reliai.evals._drafts import Asked, Draft, percent
from reliai.evals.rules import is_measure, quantile_in
from reliai.evals.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.evals._columns import Columns
    from reliai.evals.comparison import RunComparison
    from reliai.evals.rules import Rule

__all__ = ["asked_of"]


def asked_of(rule: Rule, comparison: RunComparison, part: str | None) -> Asked:
    """Look at what there is.

    Raises:
        ConfigurationError: when the run has no such metric.
    """
    _known(rule, comparison.candidate)
    draft = Draft(rule, part)
    swapped = _swapped(draft, comparison.candidate)
    if swapped is not None:
        return swapped
    if rule.compares:
        found = _no_comparison(draft, comparison)
        if found is not None:
            return found
    return _maker(rule)(draft, comparison)


def _maker(rule: Rule) -> Callable[[Draft, RunComparison], Asked]:
    quantile = quantile_in(rule.metric) is not None
    if rule.compares:
        return _deciding_margins.quantiles if quantile else _deciding_margins.means
    if rule.condition == "case_min":
        return _deciding_levels.cases
    if rule.metric == "throughput":
        return _deciding_levels.throughput
    return _deciding_levels.quantile if quantile else _deciding_levels.mean


def _known(rule: Rule, columns: Columns) -> None:
    metric = rule.metric
    if metric not in columns.scores:
        return  # a measure, or what `reading_of` says is none
    if is_measure(metric):
        raise ConfigurationError(
            f"Gate({metric!r}): is a measure and a scorer of this run; give the scorer another name"
        )
    reasons = columns.scores[metric].reasons
    if reasons.get("label") and sum(reasons.values()) == len(columns.case):
        raise ConfigurationError(
            f"Gate({metric!r}): the scorer gives labels; a gate needs numbers, or passes and fails"
        )


def _swapped(draft: Draft, columns: Columns) -> Asked | None:
    """The result where a judge of pairs prefers a place, so that all of them are ties."""
    column = columns.scores.get(draft.rule.metric)
    if column is None or not column.flips:
        return None
    scored = column.value[~np.isnan(column.value)]
    if not len(scored) or not bool((scored == 0.5).all()):
        return None
    rate = column.flips / len(scored)
    return draft.always(
        Verdict.INCONCLUSIVE,
        f"every pair is a tie: the judge chose otherwise in {percent(rate)} of them when their "
        "order was swapped",
        n=len(scored),
        candidate=0.5,
    )


def _no_comparison(draft: Draft, comparison: RunComparison) -> Asked | None:
    """The result where there is nothing to compare with, or not by this scorer."""
    metric, baseline = draft.rule.metric, comparison.baseline
    fails = Verdict.FAIL if comparison.missing_policy == "fail" else Verdict.INCONCLUSIVE
    if baseline is None:
        return draft.always(fails, f"no baseline: {comparison.no_baseline}")
    if metric in comparison.incomparable:
        return draft.always(Verdict.INCONCLUSIVE, comparison.incomparable[metric])
    if metric in comparison.candidate.scores and metric not in baseline.scores:
        return draft.always(
            Verdict.INCONCLUSIVE, f"no baseline: {baseline.label} has no scores of {metric!r}"
        )
    return None
