"""Verdicts on a candidate beside its baseline: margins and ratios."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from reliai._needs import needed
from reliai.evals._drafts import Asked, is_decided, is_partial
from reliai.evals._labels import labels_of_tries
from reliai.evals._paired import ENOUGH, Pairs, evidence_of
from reliai.evals._power import Power, Within, power_for_margin, unit_of
from reliai.evals._quantiles import at_most, quantile_of
from reliai.evals._readings import reading_of
from reliai.evals.rules import quantile_in
from reliai.evals.verdicts import Verdict
from reliai.stats import sign_e_value

if TYPE_CHECKING:
    from reliai.evals._columns import Columns
    from reliai.evals._drafts import Draft
    from reliai.evals._paired import PairedEvidence
    from reliai.evals._quantiles import Quantile
    from reliai.evals.comparison import RunComparison
    from reliai.evals.results import RuleResult
    from reliai.evals.rules import Rule

__all__ = ["means", "quantiles", "verdict_on_margin"]


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict with its reason."""

    verdict: Verdict
    reason: str


def means(draft: Draft, comparison: RunComparison) -> Asked:
    """Non-inferiority, or a ratio, of a mean over cases."""
    rule = draft.rule
    raw = comparison.pairs(rule.metric, draft.part, score_range=rule.score_range)
    if not len(raw):
        return draft.always(Verdict.INCONCLUSIVE, "no case is on both sides")
    pairs, margin = _oriented(raw, rule)
    evidence = evidence_of(pairs, rule.confidence)
    if is_decided(comparison.candidate):
        evidence = _by_sign(evidence, rule.confidence)
    power = power_for_margin(
        evidence,
        margin or 0.05 * pairs.span,
        span=pairs.span,
        confidence=rule.confidence,
        power=rule.power,
        within=_within(rule, comparison),
    )
    power = replace(power, unit=unit_of(rule.metric, raw.low, raw.high))
    if rule.condition == "max_ratio":
        power = Power()
    partial = is_partial(comparison.candidate)

    def decide(p_adjusted: float | None) -> RuleResult:
        fields = _fields(raw, evidence, rule, power, p_adjusted)
        said = _said(fields, rule)
        ruling = verdict_on_margin(
            draft, evidence, margin, p_adjusted, power=power, said=said, partial=partial
        )
        return draft.result(ruling.verdict, ruling.reason, **fields)

    few = draft.too_few(evidence.observed.n, evidence.observed.clusters)
    return Asked(rule, None if few else evidence.p_drop, decide)


def verdict_on_margin(
    draft: Draft,
    evidence: PairedEvidence,
    margin: float,
    p_adjusted: float | None,
    *,
    power: Power | None = None,
    said: str = "",
    partial: bool = False,
) -> Ruling:
    """PASS when the bound is within the margin, FAIL for a significant drop, else neither."""
    rule, seen = draft.rule, evidence.observed
    total = evidence.asked
    over = draft.over_budget(evidence.ours_missing, total)
    if over or partial:
        return Ruling(Verdict.INCOMPLETE, over or "the run is partial")
    few = draft.too_few(seen.n, seen.clusters, "pairs")
    if few:
        return Ruling(Verdict.INCONCLUSIVE, few)
    gone = draft.lost_by_baseline(evidence.theirs_missing, total)
    if gone:
        return Ruling(Verdict.INCONCLUSIVE, gone)
    if evidence.bound is not None and evidence.bound > -margin:
        return Ruling(Verdict.PASS, said)
    alpha = 1.0 - rule.confidence
    if p_adjusted is not None and p_adjusted <= alpha and evidence.differing >= ENOUGH:
        return Ruling(Verdict.FAIL, f"significantly worse: {said}, p = {p_adjusted:.3g}")
    words = str(power) if power is not None else ""
    return Ruling(
        Verdict.INCONCLUSIVE,
        f"underpowered: {said}, so {_worse(rule)} cannot be excluded"
        + (f"; {words}" if words else ""),
    )


def quantiles(draft: Draft, comparison: RunComparison) -> Asked:
    """Non-inferiority, or a ratio, of a percentile of the latency."""
    rule, q = draft.rule, quantile_in(draft.rule.metric) or 0.5
    ours, theirs = (_quantile(each, q, rule) for each in _sides(draft, comparison))
    ratio = rule.limit if rule.condition == "max_ratio" else 1.0
    margin = 0.0 if rule.condition == "max_ratio" else rule.limit
    difference, low, high = at_most(ours, theirs, ratio)
    p_drop = _p_of(difference, low, rule.confidence)
    fields = {
        "estimate": _known(difference),
        "low": _known(low),
        "high": _known(high),
        "candidate": ours.estimate,
        "baseline": theirs.estimate,
        "n": ours.n,
        "missing": float(ours.missing),
        "missing_share": ours.missing / max(1, ours.n + ours.missing),
        "p_drop": p_drop,
    }

    partial = is_partial(comparison.candidate)

    if is_decided(comparison.candidate):
        reason = "the run was stopped by what it showed: percentiles are not compared then"
        return draft.always(Verdict.INCONCLUSIVE, reason, **fields)

    def decide(p_adjusted: float | None) -> RuleResult:
        fields["p_adjusted"] = p_adjusted
        over = draft.over_budget(ours.missing, ours.n + ours.missing).replace("cases", "tries")
        if over or partial:
            return draft.result(Verdict.INCOMPLETE, over or "the run is partial", **fields)
        gone = draft.lost_by_baseline(theirs.missing, theirs.n + theirs.missing)
        if gone:
            return draft.result(Verdict.INCONCLUSIVE, gone.replace("cases", "tries"), **fields)
        said = f"{_seconds(ours.estimate)} against {_seconds(theirs.estimate)}"
        if min(ours.n, theirs.n) < rule.min_cases or np.isnan(high):
            reason = f"{said}: too few tries for bounds of {rule.metric}"
            return draft.result(Verdict.INCONCLUSIVE, reason, **fields)
        if high < margin or (rule.condition == "max_ratio" and high <= 0.0):
            return draft.result(Verdict.PASS, said, **fields)
        if p_adjusted is not None and p_adjusted <= 1.0 - rule.confidence:
            return draft.result(Verdict.FAIL, f"significantly slower: {said}", **fields)
        return draft.result(Verdict.INCONCLUSIVE, f"{said}: the bounds leave it open", **fields)

    return Asked(rule, p_drop, decide)


def _by_sign(evidence: PairedEvidence, confidence: float) -> PairedEvidence:
    """What holds of a run that was stopped by what it showed: e-values of wins and losses."""
    seen = evidence.observed
    better = sign_e_value(seen.wins, seen.losses) >= 1.0 / (1.0 - confidence)
    worse = min(1.0, 1.0 / sign_e_value(seen.losses, seen.wins))
    return replace(evidence, bound=0.0 if better else None, top=None, p_drop=worse)


def _oriented(raw: Pairs, rule: Rule) -> tuple[Pairs, float]:
    """The pairs as numbers of which more is better, and the margin."""
    ratio = rule.limit if rule.condition == "max_ratio" else 1.0
    margin = 0.0 if rule.condition == "max_ratio" else rule.limit
    if rule.better == "higher":
        return raw, margin
    low, high = -raw.high * max(1.0, ratio), -raw.low
    pairs = Pairs(
        *(-raw.ours, -ratio * raw.theirs, raw.our_lost, raw.their_lost, raw.groups, low, high)
    )
    return pairs, margin


def _fields(
    raw: Pairs, evidence: PairedEvidence, rule: Rule, power: Power, p_adjusted: float | None
) -> dict[str, Any]:
    both = ~(np.isnan(raw.ours) | np.isnan(raw.theirs))
    ours = float(raw.ours[both].mean()) if both.any() else None
    theirs = float(raw.theirs[both].mean()) if both.any() else None
    seen, sign = evidence.observed, 1.0 if rule.better == "higher" else -1.0
    ends = [None if each is None else sign * each for each in (evidence.bound, evidence.top)]
    low, high = ends if sign > 0 else reversed(ends)
    better = (seen.wins, seen.losses) if sign > 0 else (seen.losses, seen.wins)
    estimate = None if seen.estimate is None else sign * seen.estimate
    if rule.condition == "max_ratio":
        estimate, low, high = (_ratio(each, rule, theirs) for each in (estimate, low, high))
    return {
        "estimate": estimate,
        "low": low,
        "high": high,
        "candidate": ours,
        "baseline": theirs,
        "n": seen.n,
        "clusters": seen.clusters,
        "wins": better[0],
        "losses": better[1],
        "missing": evidence.ours_missing,
        "missing_share": evidence.ours_missing / len(raw),
        "p_value": seen.p_value,
        "p_drop": evidence.p_drop,
        "p_adjusted": p_adjusted,
        "detectable": power.detectable,
        "cases_needed": power.cases,
        "repeats_needed": power.repeats,
        "unit": power.unit,
        "notes": (seen.note,) if seen.note else (),
    }


def _ratio(difference: float | None, rule: Rule, baseline: float | None) -> float | None:
    """What a difference from `limit` times the baseline is as a ratio to the baseline."""
    return None if difference is None or not baseline else rule.limit + difference / baseline


def _within(rule: Rule, comparison: RunComparison) -> Within | None:
    """How much the tries of one case vary, where there are several of them."""
    found: list[tuple[float, float]] = []
    for columns in (comparison.candidate, comparison.baseline):
        if columns is None:
            return None
        reading = reading_of(columns, rule.metric)
        repeated = reading.within[~np.isnan(reading.within)]
        if not len(repeated):
            return None
        tries = reading.tries[reading.tries > 0]
        found.append((float(repeated.mean()), 1.0 / float((1.0 / tries).mean())))
    (mine, my_tries), (other, other_tries) = found
    return Within((mine, other), (my_tries, other_tries))


def _quantile(side: _Side, q: float, rule: Rule) -> Quantile:
    labels = labels_of_tries(side.columns)
    return quantile_of(side.columns, q, labels, rule.confidence, absent=side.absent)


class _Side(NamedTuple):
    """One side of the cases that are compared, and tries of those that only the other one ran."""

    columns: Columns
    absent: int


def _sides(draft: Draft, comparison: RunComparison) -> tuple[_Side, _Side]:
    """Both sides; of a slice the cases that the candidate has in it."""
    from reliai.evals._excluding import rows_only  # noqa: PLC0415  builds on comparisons

    baseline, matching = comparison.comparable(draft.rule.metric)
    ours, theirs = matching.ours, matching.theirs
    if draft.part is not None:
        wanted = np.isin(ours, comparison.rows_of(draft.part)[draft.part])
        ours, theirs = ours[wanted], theirs[wanted]
    both = (ours >= 0) & (theirs >= 0)
    not_ours = int(np.isin(baseline.case, theirs[ours < 0]).sum())
    not_theirs = int(np.isin(comparison.candidate.case, ours[theirs < 0]).sum())
    return (
        _Side(rows_only(comparison.candidate, ours[both]), not_ours),
        _Side(rows_only(baseline, theirs[both]), not_theirs),
    )


def _p_of(difference: float, low: float, confidence: float) -> float | None:
    """The p-value that goes with a one-sided lower bound, by the normal distribution."""
    special = needed("scipy.special", "stats")
    reach = difference - low
    if np.isnan(reach):
        return None
    if reach <= 0.0:
        return 1.0 if difference <= 0.0 else 0.0
    return float(special.ndtr(-difference / reach * float(special.ndtri(confidence))))


def _worse(rule: Rule) -> str:
    if rule.condition == "max_ratio":
        return f"more than {rule.limit:g} times the baseline"
    return f"being worse by {rule.limit:g}"


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _said(fields: dict[str, Any], rule: Rule) -> str:
    """The difference, or the ratio, with its bounds."""
    ratio = rule.condition == "max_ratio"
    level, low, high = (
        "?" if fields[name] is None else f"{fields[name]:{'' if ratio else '+'}.4g}"
        for name in ("estimate", "low", "high")
    )
    times = " times the baseline" if ratio else ""
    return f"{level} [{low}, {high}]{times} on {fields['n']} pairs"


def _seconds(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g} s"
