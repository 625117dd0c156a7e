"""What a gate and its rules came to, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reliai.evals.verdicts import NOTHING_EVALUATED, Verdict, worst

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["GateResult", "RuleResult", "verdict_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleResult:
    """What one rule came to, on all cases or on a slice.

    Attributes:
        rule: its text.
        metric, condition, limit: of the rule.
        slice: as "locale=de"; None for all cases.
        verdict: of this rule.
        reason: in a sentence, with the numbers.
        blocking: whether it counts.
        estimate: the difference (candidate less baseline), ratio or level that was seen.
        low, high: its one-sided confidence bounds; what is missing is counted at its worst for the
            one, and at its best for the other.
        candidate, baseline: the levels of the two.
        n: cases, or pairs, with a score.
        clusters: groups that they came in; None where each stands for itself.
        wins, losses: pairs in which the candidate has the higher value, or the lower one.
        missing: cases of the candidate without a score, in parts where some tries have one.
        missing_share: of the cases that should have one.
        bounds: the level if all that is missing were the least, or the most; None without any.
        p_value: two-sided, of a difference, as chance alone would give it.
        p_drop: one-sided, of being worse than allowed: what FAIL goes by.
        p_adjusted: the same, adjusted for all that is asked (Holm); None where not asked.
        detectable: the smallest difference that is found with the wanted power.
        cases_needed, repeats_needed: what it would take to decide; None for unknown.
        unit: of `detectable`: "points" for hundredths, "" for that of the metric.
        slices: what the slices came to.
        cases: keys of cases that are below `case_min`, the first hundred.
        notes: what else there is to say.
    """

    rule: str
    metric: str
    condition: str
    limit: float
    verdict: Verdict
    reason: str
    slice: str | None = None
    blocking: bool = True
    estimate: float | None = None
    low: float | None = None
    high: float | None = None
    candidate: float | None = None
    baseline: float | None = None
    n: int = 0
    clusters: int | None = None
    wins: int | None = None
    losses: int | None = None
    missing: float = 0.0
    missing_share: float = 0.0
    bounds: tuple[float, float] | None = None
    p_value: float | None = None
    p_drop: float | None = None
    p_adjusted: float | None = None
    detectable: float | None = None
    cases_needed: int | None = None
    repeats_needed: int | None = None
    unit: str = "points"
    slices: tuple[RuleResult, ...] = ()
    cases: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def power(self) -> str:
        """What it can detect and what it would take, in words; "" for nothing to say."""
        from reliai.evals._power import Power  # noqa: PLC0415  loads numbers' packages

        return str(
            Power(self.detectable, self.cases_needed, self.repeats_needed, self.n, self.unit)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields["verdict"] = str(self.verdict)
        fields["slices"] = [each.to_dict() for each in self.slices]
        for name in ("cases", "notes", "bounds"):
            fields[name] = None if fields[name] is None else list(fields[name])
        return fields


@dataclass(frozen=True, slots=True, kw_only=True)
class GateResult:
    """What a gate came to.

    Attributes:
        gate: its text.
        verdict: of all blocking rules together.
        rules: what each came to.
        n: cases of the candidate that were run.
        missing: of them, those without a score of some rule: the most of any.
        statuses: tries of the candidate by status.
        quarantined: keys of cases that were left out of all numbers here.
        notes: what a reader has to know: cases that were left out, a missing baseline, …
        comparison: of what; None where that was a run alone.
    """

    gate: str
    verdict: Verdict
    rules: tuple[RuleResult, ...]
    n: int
    missing: float = 0.0
    statuses: dict[str, int] = field(default_factory=dict)
    quarantined: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """Of a command that ends so: 0 pass, 1 fail, 3 inconclusive, 4 incomplete, 5 no case."""
        return self.verdict.exit_code if self.n else NOTHING_EVALUATED

    @property
    def power(self) -> str:
        """What the rules that compare can detect, in words."""
        said = [f"{each.rule}: {each.power}" for each in self.rules if each.power]
        return "\n".join(said)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "gate": self.gate,
            "verdict": str(self.verdict),
            "exit_code": self.exit_code,
            "n": self.n,
            "missing": self.missing,
            "statuses": dict(self.statuses),
            "quarantined": list(self.quarantined),
            "notes": list(self.notes),
            "rules": [each.to_dict() for each in self.rules],
            "about": dict(self.about),
        }

    def __str__(self) -> str:
        lines = [f"{self.verdict}: {self.gate}"]
        for each in self.rules:
            mark = "" if each.blocking else " (not blocking)"
            lines.append(f"  {each.verdict}{mark}  {each.rule}: {each.reason}")
            lines.extend(
                f"    {part.verdict}  {part.slice}: {part.reason}"
                for part in each.slices
                if part.verdict is not Verdict.PASS
            )
        lines.extend(f"  note: {note}" for note in self.notes)
        return "\n".join(lines)


def verdict_of(rules: Iterable[RuleResult]) -> Verdict:
    """The verdict of the blocking rules."""
    return worst(each.verdict for each in rules if each.blocking)
