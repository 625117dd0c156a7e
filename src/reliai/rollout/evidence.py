"""What the counts say: how sure it is that a candidate is worse, or no worse than it may be."""

from __future__ import annotations

from math import erf, exp, inf, log, sqrt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai.stats import event_e_value, sample_ratio_e_value
from reliai.stats.sequences import mean_sequence, stratified_difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reliai.rollout.plan import Plan, Rule

__all__ = ["Counts", "Evidence", "Finding", "weigh"]

_WARM: Final = 100
"""Calls in each arm before a mean says that a candidate is worse."""
_SURE: Final = 300
"""Calls in each arm before it says that it is not: small samples look better than they are."""
_GRAIN: Final = 1e-6
"""The least variance of logarithms, so 0.1 %: calls of one price differ by nothing, or by how their
logarithms were rounded, and neither is the certainty that it looks like."""


class Counts(NamedTuple):
    """What was counted in one phase: while the shares stayed as they are.

    Attributes:
        share: of the candidate.
        calls: of control and candidate.
        units: likewise; each once.
        sums: by guardrail: of an event (calls seen, events) for control, then for candidate; of a
            mean (calls, sum, sum of squares) of the logarithms, likewise.
    """

    share: float
    calls: tuple[int, int]
    units: tuple[int, int]
    sums: Mapping[str, tuple[float, ...]]

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {**self._asdict(), "sums": {name: list(each) for name, each in self.sums.items()}}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Counts:
        """What `to_dict` gave, also by way of JSON."""
        sums = {name: tuple(each) for name, each in data["sums"].items()}
        calls, units = data["calls"], data["units"]
        return cls(data["share"], (calls[0], calls[1]), (units[0], units[1]), sums)


class Finding(NamedTuple):
    """What one guardrail says.

    Attributes:
        name, kind, action: of the guardrail.
        control, candidate: the share of calls with the event, or the geometric mean; None without
            a call.
        ratio: candidate to control; None where it cannot be told.
        harm: e-value that the ratio is above what is tolerated.
        safe: e-value that it is below the largest one.
        needed: about how many more events (or calls, of a mean) `safe` needs if nothing changes;
            None where that cannot be told, 0 when it is there.
    """

    name: str
    kind: str
    action: str
    control: float | None
    candidate: float | None
    ratio: float | None
    harm: float
    safe: float
    needed: int | None


class Evidence(NamedTuple):
    """What all guardrails say together.

    Attributes:
        findings: one for each guardrail.
        harm: the mean of the e-values of those that roll back, an e-value itself.
        signal: the same of those that hold.
        split: e-value that the units are not divided as they should be, in the last phase.
    """

    findings: tuple[Finding, ...]
    harm: float
    signal: float
    split: float

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, which has no infinity."""
        found = [{k: _finite(v) for k, v in each._asdict().items()} for each in self.findings]
        whole = {name: _finite(getattr(self, name)) for name in ("harm", "signal", "split")}
        return {"findings": found, **whole}


def _finite(value: Any) -> Any:
    return 1e300 if value == inf else value


def weigh(plan: Plan, counts: Sequence[Counts]) -> Evidence:
    """What was counted so far, weighed."""
    phases = [each for each in counts if 0.0 < each.share < 1.0]
    findings = tuple(_found(plan, rule, phases) for rule in plan.rules)
    return Evidence(
        findings,
        _mean([each.harm for each in findings if each.action == "rollback"]),
        _mean([each.harm for each in findings if each.action == "hold"]),
        _split(phases[-1]) if phases and phases[-1] is counts[-1] else 1.0,
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 1.0


def _split(phase: Counts) -> float:
    return sample_ratio_e_value(phase.units, (1.0 - phase.share, phase.share))


def _found(plan: Plan, rule: Rule, phases: list[Counts]) -> Finding:
    own = [(each.share, each.sums[rule.name]) for each in phases if rule.name in each.sums]
    return _event(plan, rule, own) if rule.kind == "event" else _means(plan, rule, own)


def _event(plan: Plan, rule: Rule, phases: list[tuple[float, tuple[float, ...]]]) -> Finding:
    events = [(int(sums[1]), int(sums[3])) for _, sums in phases]
    shares = [share for share, _ in phases]
    base, ours = [each for each, _ in events], [each for _, each in events]
    harm = safe = 1.0
    if any(base) or any(ours):
        harm = event_e_value(ours, base, shares, ratio=rule.tolerated)
        safe = event_e_value(ours, base, shares, ratio=rule.max_ratio, harm=False)
    control = _share(sum(base), sum(sums[0] for _, sums in phases))
    candidate = _share(sum(ours), sum(sums[2] for _, sums in phases))
    ratio = _pooled([sums for _, sums in phases])
    needed = _needed(plan, safe, sum(base) + sum(ours))
    return Finding(rule.name, rule.kind, rule.action, control, candidate, ratio, harm, safe, needed)


def _pooled(phases: list[tuple[float, ...]]) -> float | None:
    """The ratio of two risks over phases (Mantel and Haenszel 1959, J. Natl. Cancer Inst. 22)."""
    ours = base = 0.0
    for calls, events, our_calls, our_events in phases:
        if calls and our_calls:
            ours += our_events * calls / (calls + our_calls)
            base += events * our_calls / (calls + our_calls)
    return ours / base if base else None


def _means(plan: Plan, rule: Rule, phases: list[tuple[float, tuple[float, ...]]]) -> Finding:
    found = stratified_difference(_moments(sums) for _, sums in phases)
    n0, n1 = sum(sums[0] for _, sums in phases), sum(sums[3] for _, sums in phases)
    control = exp(sum(sums[1] for _, sums in phases) / n0) if n0 else None
    candidate = exp(sum(sums[4] for _, sums in phases) / n1) if n1 else None
    if found.estimate is None or found.standard_error is None:
        return Finding(rule.name, rule.kind, rule.action, control, candidate, None, 1.0, 1.0, None)
    units, error, least = found.n, found.standard_error, min(n0, n1)
    above = found.estimate - log(rule.tolerated)
    below = log(rule.max_ratio) - found.estimate
    harm = _one_sided(plan, units, above, error) if least >= _WARM else 1.0
    safe = _one_sided(plan, units, below, error) if least >= _SURE else 1.0
    return Finding(
        *(rule.name, rule.kind, rule.action, control, candidate, exp(found.estimate)),
        *(harm, safe, _needed(plan, safe, units)),
    )


def _moments(sums: tuple[float, ...]) -> tuple[int, float, float, int, float, float]:
    """Of a phase: units, mean and variance of the candidate, then of the control."""
    base, ours = _moment(*sums[:3]), _moment(*sums[3:])
    return (*ours, *base)


def _moment(n: float, total: float, squares: float) -> tuple[int, float, float]:
    if n < 1:
        return 0, 0.0, 0.0
    mean = total / n
    variance = max(0.0, squares - n * mean * mean) / (n - 1) if n > 1 else 0.0
    variance = max(variance, _GRAIN)
    return int(n), mean, variance


def _one_sided(plan: Plan, n: int, difference: float, error: float) -> float:
    """Evidence that a difference is above 0: the mixture over differences above 0 only.

    Twice the two-sided one, times the share of the mixture's weight that is above 0 (Robbins 1970,
    Ann. Math. Statist. 41, 1397-1409, with half a normal for the mixture).
    """
    look = mean_sequence(n, difference, error, tuned_for=plan.tuned_for, alpha=plan.alpha)
    known = n * (-2.0 * log(plan.alpha) + log(-2.0 * log(plan.alpha) + 1.0)) / plan.tuned_for
    z = difference / error * sqrt(known / (known + 1.0))
    return look.e_value * (1.0 + erf(z / sqrt(2.0)))


def _share(events: float, calls: float) -> float | None:
    return events / calls if calls else None


def _needed(plan: Plan, safe: float, seen: float) -> int | None:
    """About how many more are needed: evidence grows as a power of their number."""
    if safe >= 1.0 / plan.beta:
        return 0
    if safe <= 1.05 or not seen:
        return None
    return max(1, round(seen * (log(1.0 / plan.beta) / log(safe) - 1.0)))
