"""What a report tells, before it is said in any format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reliai.evals._readings import reading_of
from reliai.evals._summaries import comparison_dict, stabilities, unlike
from reliai.evals.reports.examples import examples_of
from reliai.stats import adjust

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.evals._columns import Columns
    from reliai.evals.comparison import RunComparison
    from reliai.evals.reports.examples import Example
    from reliai.evals.results import GateResult, RuleResult
    from reliai.stats import Comparison, ProductionEstimate

__all__ = ["Changed", "Facts", "ScorerFacts", "SliceFacts", "facts_of"]

_MOST_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class ScorerFacts:
    """A scorer's mean on both sides.

    Attributes:
        name: of the scorer.
        scored, asked: cases with a score, and cases that should have one.
        candidate, baseline: means; None for unknown.
        difference: of the pairs; None where there is no baseline.
        p_adjusted: its p-value, adjusted for the number of scorers (Benjamini and Hochberg).
        production: what the mean is likely to be on production traffic.
        reasons: how often each code is the reason for no score.
    """

    name: str
    scored: int
    asked: int
    candidate: float | None
    baseline: float | None
    difference: Comparison | None
    p_adjusted: float | None
    production: ProductionEstimate | None
    reasons: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SliceFacts:
    """A rule on a slice, with its p-value adjusted for reading (Benjamini and Hochberg)."""

    rule: str
    result: RuleResult
    p_reported: float | None


@dataclass(frozen=True, slots=True)
class Changed:
    """Cases whose score changed, by scorer: those that became worse, and better."""

    scorer: str
    worse: tuple[str, ...]
    better: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a report tells.

    Attributes:
        title: of the report.
        result: of the gate.
        scorers: their means.
        slices: of all rules.
        changed: cases that became worse or better.
        flaky: by scorer, cases that passed some of their tries, with passed and scored tries.
        stability: by scorer, how many cases are how stable.
        latencies: seconds of each try, of the candidate and of the baseline.
        examples: outputs of cases that became worse; empty unless asked for.
        comparison: plain data of the comparison; None without one.
    """

    title: str
    result: GateResult
    scorers: tuple[ScorerFacts, ...] = ()
    slices: tuple[SliceFacts, ...] = ()
    changed: tuple[Changed, ...] = ()
    flaky: Mapping[str, Mapping[str, tuple[int, int]]] | None = None
    stability: Mapping[str, Mapping[str, int]] | None = None
    latencies: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    examples: tuple[Example, ...] = ()
    comparison: Mapping[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "title": self.title,
            "result": self.result.to_dict(),
            "comparison": None if self.comparison is None else dict(self.comparison),
            "slices": [
                {"rule": each.rule, "slice": each.result.slice, "p_reported": each.p_reported}
                for each in self.slices
            ],
            "changed": {
                each.scorer: {"worse": list(each.worse), "better": list(each.better)}
                for each in self.changed
            },
            "flaky": {name: dict(cases) for name, cases in (self.flaky or {}).items()},
            "stability": {name: dict(counts) for name, counts in (self.stability or {}).items()},
            "examples": [each.to_dict() for each in self.examples],
        }


def facts_of(
    result: GateResult, comparison: RunComparison | None, *, title: str | None, content: bool
) -> Facts:
    """Gather what there is to tell."""
    named = title or str(result.about.get("experiment") or "Evaluation gate")
    slices = _slices(result)
    if comparison is None:
        return Facts(named, result, slices=slices)
    changed = _changed(result, comparison)
    stable = {name: stabilities(comparison.candidate, name) for name in comparison.candidate.scores}
    worse = [key for each in changed for key in each.worse]
    return Facts(
        title=named,
        result=result,
        scorers=_scorers(comparison),
        slices=slices,
        changed=changed,
        flaky={
            name: {
                key: (each.passed, each.passed + each.failed)
                for key, each in found.items()
                if each.verdict == "flaky"
            }
            for name, found in stable.items()
            if any(each.verdict == "flaky" for each in found.values())
        },
        stability={name: _counted(found) for name, found in stable.items() if found},
        latencies=(_latencies(comparison.candidate), _latencies(comparison.baseline)),
        examples=examples_of(comparison, worse[:_MOST_SHOWN]) if content else (),
        comparison=comparison_dict(comparison),
    )


def _counted(found: Mapping[str, Any]) -> dict[str, int]:
    counts: dict[str, int] = dict.fromkeys(("stable_pass", "flaky", "stable_fail", "error"), 0)
    for each in found.values():
        counts[each.verdict] += 1
    return counts


def _scorers(comparison: RunComparison) -> tuple[ScorerFacts, ...]:
    names = list(comparison.candidate.scores)
    found = [unlike(comparison, name) for name in names]
    adjusted = adjust([None if each is None else each.p_value for each in found], "bh").p_values
    made: list[ScorerFacts] = []
    for name, difference, p_value in zip(names, found, adjusted, strict=True):
        reading = reading_of(comparison.candidate, name)
        baseline = comparison.baseline
        made.append(
            ScorerFacts(
                name=name,
                scored=int((~np.isnan(reading.mean)).sum()),
                asked=int(reading.asked.sum()),
                candidate=_mean(comparison.candidate, name),
                baseline=None if baseline is None else _mean(baseline, name),
                difference=difference,
                p_adjusted=p_value,
                production=comparison.production(name),
                reasons=comparison.candidate.scores[name].reasons,
            )
        )
    return tuple(made)


def _mean(columns: Columns, name: str) -> float | None:
    if name not in columns.scores:
        return None
    mean = reading_of(columns, name).mean
    known = mean[~np.isnan(mean)]
    return float(known.mean()) if len(known) else None


def _slices(result: GateResult) -> tuple[SliceFacts, ...]:
    parts = [(rule.rule, part) for rule in result.rules for part in rule.slices]
    p_values = [part.p_value if part.p_value is not None else part.p_drop for _, part in parts]
    adjusted = adjust(p_values, "bh").p_values
    return tuple(
        SliceFacts(rule, part, p_value)
        for (rule, part), p_value in zip(parts, adjusted, strict=True)
    )


def _changed(result: GateResult, comparison: RunComparison) -> tuple[Changed, ...]:
    if comparison.baseline is None:
        return ()
    asked = {rule.metric for rule in result.rules}
    names = [name for name in comparison.scorers if name in asked] or list(comparison.scorers)
    return tuple(Changed(name, *comparison.changed(name)) for name in names)


def _latencies(columns: Columns | None) -> tuple[float, ...]:
    if columns is None:
        return ()
    known = ~(columns.failed & ~columns.late) & (columns.duration > 0)
    values: list[float] = np.sort(columns.duration[known]).tolist()
    return tuple(values)
