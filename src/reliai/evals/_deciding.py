"""What one rule asks of one set of cases, and its verdict once p-values are adjusted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reliai.errors import ConfigurationError
from reliai.evals._readings import MEANS
from reliai.evals.gate import RuleResult
from reliai.evals.rules import quantile_in
from reliai.evals.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.evals._columns import Columns
    from reliai.evals.comparison import RunComparison
    from reliai.evals.rules import Rule

__all__ = ["Asked", "Draft", "decided", "is_partial", "percent"]

_MEASURES: Final = MEANS | {"throughput"}


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A rule on all cases, or on a slice, with its evidence.

    Attributes:
        rule: what is asked.
        p_drop: of being worse than allowed, before any adjustment; None where there is none.
        decide: the result, given the adjusted p-value.
    """

    rule: Rule
    p_drop: float | None
    decide: Callable[[float | None], RuleResult]

    @classmethod
    def of(cls, rule: Rule, comparison: RunComparison, part: str | None) -> Asked:
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


@dataclass(frozen=True, slots=True)
class Draft:
    """Makes results of one rule."""

    rule: Rule
    part: str | None

    def result(self, verdict: Verdict, reason: str, **fields: Any) -> RuleResult:
        """A result with what all of the rule have in common."""
        rule = self.rule
        return RuleResult(
            rule=rule.text,
            metric=rule.metric,
            condition=rule.condition,
            limit=rule.limit,
            slice=self.part,
            verdict=verdict,
            reason=reason,
            blocking=rule.blocking,
            **fields,
        )

    def always(self, verdict: Verdict, reason: str, **fields: Any) -> Asked:
        """What no p-value changes."""
        made = self.result(verdict, reason, **fields)
        return Asked(self.rule, None, lambda _: made)

    def over_budget(self, missing: float, asked: int) -> str:
        """Why more is missing than may be; "" where it is not, and for slices."""
        share = missing / asked if asked else 0.0
        if self.part is not None or share <= self.rule.max_missing + 1e-12:
            return ""
        return (
            f"{missing:.4g} of {asked} cases have no score ({percent(share)}; the error budget is "
            f"{percent(self.rule.max_missing)})"
        )


def decided(asked: Asked, p_adjusted: float | None) -> RuleResult:
    """The result, once it is known what the p-value is worth."""
    return asked.decide(p_adjusted)


def is_partial(columns: Columns) -> bool:
    """Whether cases were left out that nobody meant to leave out."""
    manifest = columns.manifest
    return manifest.get("state") == "partial" and manifest.get("stopped") != "decided"


def percent(share: float) -> str:
    """A share in percent, for people."""
    return f"{100.0 * share:.3g} %"


def _maker(rule: Rule) -> Callable[[Draft, RunComparison], Asked]:
    # Both build on `Asked`, so they are loaded when there is one to make.
    from reliai.evals import _deciding_levels, _deciding_margins  # noqa: PLC0415

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
    if metric in _MEASURES or quantile_in(metric) is not None:
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
