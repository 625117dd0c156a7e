"""Verdicts on a candidate by itself: floors, ceilings, and what each case must reach."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from reliai.errors import ConfigurationError
from reliai.evals._drafts import Asked, is_decided, is_partial, percent
from reliai.evals._labels import labels_of_cases, labels_of_tries
from reliai.evals._levels import Level, level_evidence
from reliai.evals._names import short_case
from reliai.evals._power import power_for_level, unit_of
from reliai.evals._quantiles import quantile_of
from reliai.evals._readings import AMOUNTS, Reading, reading_of, share_above
from reliai.evals._slices import range_of
from reliai.evals._throughput import rates
from reliai.evals.rules import quantile_in
from reliai.evals.verdicts import Verdict

if TYPE_CHECKING:
    from reliai.evals._columns import Codes, Columns
    from reliai.evals._drafts import Draft
    from reliai.evals._levels import LevelEvidence
    from reliai.evals.comparison import RunComparison
    from reliai.evals.results import RuleResult
    from reliai.evals.rules import Rule

__all__ = ["cases", "mean", "quantile", "throughput"]

_SAME: Final = 1e-12


def mean(draft: Draft, comparison: RunComparison) -> Asked:
    """A floor or a ceiling of a mean over cases."""
    rule, columns = draft.rule, comparison.candidate
    reading, rows = _asked(reading_of(columns, rule.metric), draft, comparison)
    if not len(rows):
        return draft.always(Verdict.INCONCLUSIVE, f"no case has anything for {rule.metric!r}")
    if rule.metric in AMOUNTS and bool(np.isnan(reading.mean).all()):
        return _unknown(draft, float(reading.lost.sum()), len(rows))
    low, high = range_of([reading], rule.score_range, rule.metric)
    level = Level(
        reading.mean,
        reading.lost,
        labels_of_cases(columns, rows),
        low,
        high,
        _weights(columns, rows, rule),
    )
    sign = 1.0 if rule.condition == "min" else -1.0
    early = is_decided(columns)
    evidence = level_evidence(
        _turned(level, sign), sign * rule.limit, rule.confidence, stopped=early
    )
    if early and not _is_ranged(rule, low, high):
        reason = f"the run was stopped by what it showed; that needs score_range= of {rule.metric}"
        return draft.always(Verdict.INCONCLUSIVE, reason)
    fields = _fields(evidence, sign, rule, len(rows), int((~np.isnan(reading.mean)).sum()))
    if evidence.missing and not _is_ranged(rule, low, high):
        fields["notes"] += ("what is missing is counted as the least, and the most, that was seen",)
    return _judged(draft, evidence, sign, fields, partial=is_partial(columns))


def _unknown(draft: Draft, missing: float, asked: int) -> Asked:
    """The result where nobody knows any amount: there is no range in which it would be."""
    over = draft.over_budget(missing, asked)
    verdict = Verdict.INCOMPLETE if over else Verdict.INCONCLUSIVE
    reason = over or f"no case has a known {draft.rule.metric}"
    return draft.always(verdict, reason, missing=missing, missing_share=missing / asked)


def _is_ranged(rule: Rule, low: float, high: float) -> bool:
    """Whether it is known what the least and the most can be."""
    whole = rule.metric not in AMOUNTS and (low, high) == (0.0, 1.0)
    return whole or rule.score_range is not None


def quantile(draft: Draft, comparison: RunComparison) -> Asked:
    """A ceiling of a percentile: of how many tries take longer, as few as that are allowed to."""
    rule, columns = draft.rule, _part(comparison, draft)
    q = quantile_in(rule.metric) or 0.5
    reading = share_above(columns, rule.limit)
    level = Level(reading.mean, reading.lost, labels_of_cases(columns), 0.0, 1.0)
    early = is_decided(columns)
    evidence = level_evidence(_turned(level, -1.0), q - 1.0, rule.confidence, stopped=early)
    found = quantile_of(columns, q, labels_of_tries(columns), rule.confidence)
    scored = int((~np.isnan(reading.mean)).sum())
    fields = _fields(evidence, -1.0, rule, len(columns), scored)
    above = None if evidence.estimate is None else -evidence.estimate
    fields.update(estimate=found.estimate, low=found.low, high=found.high, bounds=None)
    fields.update(candidate=found.estimate, detectable=None, cases_needed=None, unit="")
    if above is not None:
        fields["notes"] = (f"{percent(above)} of the tries take longer than {rule.limit:g} s",)
    # What is shown is what passes: the bound of the percentile, and not that of the share.
    within = found.high is not None and found.high <= rule.limit
    if early:  # bounds of order statistics hold only for a number of tries that was planned
        fields.update(low=None, high=None)
        if evidence.low is not None:
            fields["notes"] += (f"at most {percent(-evidence.low)} of all do, whenever one stops",)
    else:
        evidence = replace(evidence, low=q - 1.0 if within else None)
    return _judged(draft, evidence, -1.0, fields, partial=is_partial(columns))


def throughput(draft: Draft, comparison: RunComparison) -> Asked:
    """A floor, or a ceiling, of the calls a second."""
    rule, columns = draft.rule, comparison.candidate
    seen = rates(columns)
    if len(seen) < 2:
        return draft.always(Verdict.INCONCLUSIVE, "it is not known when the calls ended")
    sign = 1.0 if rule.condition == "min" else -1.0
    level = Level(seen, np.zeros(len(seen)), None, 0.0, float(seen.max()))
    evidence = level_evidence(_turned(level, sign), sign * rule.limit, rule.confidence)
    fields = _fields(evidence, sign, rule, len(columns), len(columns))
    fields["notes"] = (f"from {len(seen)} windows of the time in which calls were running",)
    return _judged(draft, evidence, sign, fields, partial=is_partial(columns))


def cases(draft: Draft, comparison: RunComparison) -> Asked:
    """What each case must reach: a count of those that do not."""
    rule, columns = draft.rule, comparison.candidate
    reading, rows = _asked(reading_of(columns, rule.metric), draft, comparison)
    if not len(rows):
        return draft.always(Verdict.INCONCLUSIVE, f"no case has anything for {rule.metric!r}")
    low, high = range_of([reading], rule.score_range, rule.metric)
    sign = 1.0 if rule.better == "higher" else -1.0
    level = _turned(Level(reading.mean, reading.lost, None, low, high), sign)
    best, worst = level.filled(level.high), level.filled(level.low)
    below = np.flatnonzero(best < sign * rule.limit - _SAME)
    unsure = int((worst < sign * rule.limit - _SAME).sum()) - len(below)
    keys = tuple(columns.keys[row] for row in rows[below].tolist())
    missing = float(reading.lost.sum())
    fields: dict[str, Any] = {
        "candidate": float(len(rows) - len(below)) / len(rows),
        "n": len(rows),
        "missing": missing,
        "missing_share": missing / len(rows),
        "cases": keys[:100],
    }
    said = f"{len(below)} of {len(rows)} cases do not reach {rule.limit:g}"
    if len(below) > rule.failing_cases:
        named = ", ".join(map(short_case, keys[:5])) + (", …" if len(keys) > 5 else "")
        return draft.always(Verdict.FAIL, f"{said}: {named}", **fields)
    over = draft.over_budget(missing, len(rows)) or ("the run is partial" * is_partial(columns))
    if over:
        return draft.always(Verdict.INCOMPLETE, over, **fields)
    if is_decided(columns):
        reason = f"{said}; the run was stopped before it had run all"
        return draft.always(Verdict.INCONCLUSIVE, reason, **fields)
    if len(below) + unsure > rule.failing_cases:
        reason = f"{said}, and of {unsure} too much is missing to tell"
        return draft.always(Verdict.INCONCLUSIVE, reason, **fields)
    return draft.always(Verdict.PASS, said, **fields)


def _judged(
    draft: Draft, evidence: LevelEvidence, sign: float, fields: dict[str, Any], *, partial: bool
) -> Asked:
    rule = draft.rule

    def decide(p_adjusted: float | None) -> RuleResult:
        verdict, reason = _ruling(draft, evidence, sign, fields, p_adjusted, partial=partial)
        return draft.result(verdict, reason, **fields, p_adjusted=p_adjusted)

    few = draft.too_few(fields["n"], fields["clusters"])
    return Asked(rule, None if few or rule.by == "estimate" else evidence.p_below, decide)


def _ruling(
    draft: Draft,
    evidence: LevelEvidence,
    sign: float,
    fields: dict[str, Any],
    p_adjusted: float | None,
    *,
    partial: bool,
) -> tuple[Verdict, str]:
    rule, limit = draft.rule, sign * draft.rule.limit
    if quantile_in(rule.metric) is not None:
        limit = (quantile_in(rule.metric) or 0.0) - 1.0
    over = draft.over_budget(evidence.missing, evidence.n)
    if over or partial:
        return Verdict.INCOMPLETE, f"{_said(fields)}: {over}" if over else "the run is partial"
    by_number = rule.by == "estimate"
    few = draft.too_few(fields["n"], None if by_number else fields["clusters"])
    said = _said(fields)
    if few:
        return Verdict.INCONCLUSIVE, f"{said}: {few}" if fields["n"] else few
    if by_number:
        return _by_estimate(evidence, limit, said)
    if evidence.low is not None and evidence.low >= limit - _SAME:
        return Verdict.PASS, said
    if p_adjusted is not None and p_adjusted <= 1.0 - rule.confidence:
        return Verdict.FAIL, said
    needs = fields.get("cases_needed") or 0
    more = f"; needs about {needs:,} cases" if needs > fields["n"] else ""
    return Verdict.INCONCLUSIVE, f"{said}: the bounds leave {rule.limit:g} open{more}"


def _by_estimate(evidence: LevelEvidence, limit: float, said: str) -> tuple[Verdict, str]:
    if evidence.least is not None and evidence.least >= limit - _SAME:
        return Verdict.PASS, said
    if evidence.most is not None and evidence.most < limit - _SAME:
        return Verdict.FAIL, said
    return Verdict.INCONCLUSIVE, f"{said}: it depends on what is missing"


def _fields(
    evidence: LevelEvidence, sign: float, rule: Rule, asked: int, scored: int
) -> dict[str, Any]:
    power = power_for_level(
        evidence,
        sign * rule.limit,
        alpha=1.0 - rule.confidence,
        power=rule.power,
    )
    ends = [_times(sign, evidence.low), _times(sign, evidence.high)]
    bounds = [_times(sign, evidence.least), _times(sign, evidence.most)]
    low, high = ends if sign > 0 else reversed(ends)
    least, most = bounds if sign > 0 else reversed(bounds)
    level = _times(sign, evidence.estimate)
    return {
        "estimate": level,
        "low": low,
        "high": high,
        "candidate": level,
        "n": scored,
        "clusters": None if evidence.units == evidence.n else evidence.units,
        "missing": evidence.missing,
        "missing_share": evidence.missing / asked if asked else 0.0,
        "bounds": None if least is None or most is None else (least, most),
        "p_drop": evidence.p_below,
        "detectable": power.detectable,
        "cases_needed": power.cases,
        "unit": unit_of(rule.metric, evidence.least, evidence.most),
        "notes": (evidence.note,) if evidence.note else (),
    }


def _said(fields: dict[str, Any]) -> str:
    """The level with its bounds, and what is missing."""
    level, low, high = (
        "?" if fields[name] is None else f"{fields[name]:.4g}"
        for name in ("estimate", "low", "high")
    )
    said = f"{level} [{low}, {high}] on {fields['n']} cases"
    if fields["missing"] and fields["bounds"] is not None:
        least, most = fields["bounds"]
        said += f", between {least:.4g} and {most:.4g} with the {fields['missing']:.4g} missing"
    return said


def _asked(reading: Reading, draft: Draft, comparison: RunComparison) -> tuple[Reading, Codes]:
    """The cases that the metric has something to say of, and their rows."""
    rows = np.flatnonzero(reading.asked)
    if draft.part is not None:
        rows = np.intersect1d(rows, comparison.rows_of(draft.part)[draft.part])
    return (
        Reading(
            reading.mean[rows],
            reading.lost[rows],
            reading.asked[rows],
            reading.tries[rows],
            reading.within[rows],
        ),
        rows,
    )


def _part(comparison: RunComparison, draft: Draft) -> Columns:
    from reliai.evals._excluding import rows_only  # noqa: PLC0415  builds on comparisons

    if draft.part is None:
        return comparison.candidate
    return rows_only(comparison.candidate, comparison.rows_of(draft.part)[draft.part])


def _weights(columns: Columns, rows: Codes, rule: Rule) -> Any:
    if not rule.weighted:
        return None
    chances = [columns.probabilities[row] for row in rows.tolist()]
    unknown = sum(each is None for each in chances)
    if unknown:
        raise ConfigurationError(
            f"Gate({rule.metric!r}, weighted=True): {unknown} of {len(rows)} cases have no "
            "inclusion probability"
        )
    return np.asarray(chances, dtype=np.float64)


def _turned(level: Level, sign: float) -> Level:
    """As a number of which more is better."""
    if sign > 0:
        return level
    return replace(level, mean=-level.mean, low=-level.high, high=-level.low)


def _times(sign: float, value: float | None) -> float | None:
    return None if value is None else sign * value + 0.0
