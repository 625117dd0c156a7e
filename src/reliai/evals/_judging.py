"""From a gate and what was measured to a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reliai.errors import ConfigurationError
from reliai.evals._deciding import asked_of
from reliai.evals._excluding import without
from reliai.evals.comparison import RunComparison, compare
from reliai.evals.results import GateResult, RuleResult, verdict_of
from reliai.evals.verdicts import Verdict
from reliai.stats import adjust

if TYPE_CHECKING:
    from reliai.evals._drafts import Asked
    from reliai.evals.gate import Gate
    from reliai.evals.quarantine import Quarantine
    from reliai.evals.rules import Rule

__all__ = ["judged"]

_NO_CASES: Final = "no case was evaluated"


def judged(gate: Gate, given: Any, quarantine: Quarantine | None) -> GateResult:
    """The verdict on a comparison, or on a run."""
    comparison = given if isinstance(given, RunComparison) else compare(given)
    alone = not isinstance(given, RunComparison)
    if alone and any(rule.compares for rule in gate.rules):
        raise ConfigurationError(
            f"Gate {str(gate)!r} compares: give it run.compare(baseline), not a run"
        )
    excluded, notes = _quarantined(comparison, quarantine)
    if excluded:
        comparison = without(comparison, excluded)
    notes = (*comparison.notes, *notes)
    if not len(comparison.candidate):
        rules = tuple(_nothing(rule) for rule in gate.rules)
        return GateResult(
            gate=str(gate),
            verdict=Verdict.INCONCLUSIVE,
            rules=rules,
            n=0,
            statuses=dict(comparison.candidate.statuses),
            quarantined=excluded,
            notes=(*notes, _NO_CASES),
        )
    asked = [_asked(rule, comparison) for rule in gate.rules]
    rules = _with_adjusted(asked)
    return GateResult(
        gate=str(gate),
        verdict=verdict_of(rules),
        rules=rules,
        n=len(comparison.candidate),
        missing=max(each.missing for each in rules),
        statuses=dict(comparison.candidate.statuses),
        quarantined=excluded,
        notes=(*notes, *_said_of_rules(rules)),
        about=_about(comparison),
    )


def _asked(rule: Rule, comparison: RunComparison) -> tuple[Asked, list[Asked]]:
    whole = asked_of(rule, comparison, None)
    parts = [
        asked_of(rule, comparison, name) for tag in rule.slices for name in comparison.rows_of(tag)
    ]
    return whole, parts


def _with_adjusted(asked: list[tuple[Asked, list[Asked]]]) -> tuple[RuleResult, ...]:
    """The verdicts, with Holm's adjustment over the rules that block, and over their slices."""
    rules = _adjusted([whole for whole, _ in asked])
    slices = _adjusted([part for _, parts in asked for part in parts])
    results: list[RuleResult] = []
    rest = iter(slices)
    for (whole, parts), result in zip(asked, rules, strict=True):
        found = tuple(next(rest) for _ in parts)
        results.append(_joined(whole.rule, result, found))
    return tuple(results)


def _adjusted(asked: list[Asked]) -> list[RuleResult]:
    family = [each for each in asked if each.rule.blocking and each.p_drop is not None]
    p_values = iter(adjust([each.p_drop for each in family]).p_values)
    chosen = {id(each): next(p_values) for each in family}
    return [each.decide(chosen.get(id(each), each.p_drop)) for each in asked]


def _joined(rule: Rule, result: RuleResult, slices: tuple[RuleResult, ...]) -> RuleResult:
    """A rule's result, with what its slices do to it."""
    if not slices:
        return result
    must = rule.slices_must == "pass"
    bad = [
        each
        for each in slices
        if each.verdict is Verdict.FAIL or (must and each.verdict is not Verdict.PASS)
    ]
    small = [each.slice for each in slices if each.verdict is Verdict.INCONCLUSIVE]
    notes = result.notes
    if small and not must:
        notes = (*notes, f"{len(small)} of {len(slices)} slices are too small to tell a drop")
    if not bad:
        return replace(result, slices=slices, notes=notes)
    verdict = verdict_of(
        [replace(result, blocking=True), *(replace(b, blocking=True) for b in bad)]
    )
    if verdict is result.verdict:
        return replace(result, slices=slices, notes=notes)
    named = ", ".join(str(each.slice) for each in bad if each.verdict is verdict)
    reason = f"{result.reason}; but {verdict} on {named}"
    return replace(result, slices=slices, notes=notes, verdict=verdict, reason=reason)


def _quarantined(
    comparison: RunComparison, quarantine: Quarantine | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if quarantine is None:
        return (), ()
    keys = tuple(key for key in comparison.candidate.keys if quarantine.holds(key))
    notes = list(quarantine.notes)
    if keys:
        notes.append(f"{len(keys)} cases are quarantined in {quarantine.source}, and left out")
    return keys, tuple(notes)


def _nothing(rule: Rule) -> RuleResult:
    return RuleResult(
        rule=rule.text,
        metric=rule.metric,
        condition=rule.condition,
        limit=rule.limit,
        verdict=Verdict.INCONCLUSIVE,
        reason=_NO_CASES,
        blocking=rule.blocking,
    )


def _said_of_rules(rules: tuple[RuleResult, ...]) -> tuple[str, ...]:
    """Once for the gate: a baseline that is not there."""
    if any(each.reason.startswith("no baseline") for each in rules):
        return ("NO BASELINE: nothing was compared",)
    return ()


def _about(comparison: RunComparison) -> dict[str, Any]:
    """What was judged, for a report."""
    keep = ("experiment", "dataset", "version", "root", "target", "git", "repeats", "started_at")
    about: dict[str, Any] = {
        "candidate": comparison.candidate.label,
        "baseline": None if comparison.baseline is None else comparison.baseline.label,
        "cases": len(comparison.candidate),
        "tries": len(comparison.candidate.case),
        "compared": comparison.common,
        "groups": _groups(comparison),
    }
    about.update(
        (name, comparison.candidate.manifest[name])
        for name in keep
        if name in comparison.candidate.manifest
    )
    return about


def _groups(comparison: RunComparison) -> int | None:
    named = [each for each in comparison.candidate.groups if each is not None]
    return int(np.unique(np.asarray(named, dtype=np.str_)).size) if named else None
