"""A rule on all cases, or on a slice, on its way to a result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reliai.evals._paired import ENOUGH
from reliai.evals.results import RuleResult
from reliai.evals.rules import is_measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.evals._columns import Columns
    from reliai.evals.rules import Rule
    from reliai.evals.verdicts import Verdict

__all__ = ["Asked", "Draft", "is_decided", "is_partial", "percent"]


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

    def _what(self) -> str:
        """What is missing: a score, or a measurement."""
        rule = self.rule
        return f"known {rule.metric}" if is_measure(rule.metric) else "score"

    def too_few(self, n: int, clusters: int | None, what: str = "cases") -> str:
        """Why nothing is concluded from so few; "" where they are enough."""
        rule = self.rule
        if n < rule.min_cases:
            return f"only {n} scored {what}; nothing is concluded from fewer than {rule.min_cases}"
        if clusters is not None and clusters < ENOUGH:
            return f"only {clusters} groups; nothing is concluded from fewer than {ENOUGH}"
        return ""

    def lost_by_baseline(self, missing: float, asked: int) -> str:
        """Why there is too little of the baseline; "" where there is not."""
        if not self._is_over(missing, asked):
            return ""
        return f"the baseline has no {self._what()} of {missing:.4g} of {asked} cases: run it again"

    def _is_over(self, missing: float, asked: int) -> bool:
        share = missing / asked if asked else 0.0
        return self.part is None and share > self.rule.max_missing + 1e-12

    def over_budget(self, missing: float, asked: int) -> str:
        """Why more is missing than may be; "" where it is not, and for slices."""
        if not self._is_over(missing, asked):
            return ""
        return (
            f"{missing:.4g} of {asked} cases have no {self._what()} ({percent(missing / asked)}; "
            f"the error budget is {percent(self.rule.max_missing)})"
        )


def is_partial(columns: Columns) -> bool:
    """Whether cases were left out that nobody meant to; a shard leaves those of the others."""
    manifest = columns.manifest
    cut = manifest.get("state") == "partial" or manifest.get("shard") is not None
    return cut and not is_decided(columns)


def is_decided(columns: Columns) -> bool:
    """Whether the run was ended as soon as it showed who is better."""
    return columns.manifest.get("stopped") == "decided"


def percent(share: float) -> str:
    """A share in percent, for people."""
    return f"{100.0 * share:.3g} %"
