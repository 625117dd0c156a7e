"""How a rollout stands, for people and programs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reliai.rollout.deciding import Decision, Standing, decide
from reliai.rollout.evidence import Counts, Evidence, Finding
from reliai.rollout.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai.rollout._book import AuditEntry

__all__ = ["Explanation", "RolloutStatus", "replayed"]


@dataclass(frozen=True, slots=True)
class RolloutStatus:
    """How a rollout stands.

    Attributes:
        name, version: of the rollout.
        status: "draft" while its gate has not passed, "shadow", "ramping", "held", "paused",
            "awaiting_approval", "promoted", "rolled_back", "killed", or "unknown" while the state
            was never reached.
        step: which step is under way, from 1; 0 before the first.
        share: of the units that get the candidate now, in [0, 1].
        since: when the step began, Unix seconds.
        reason: why it stands so, in capital letters.
        missing: what has to come before the next step, in words.
        calls: of control and candidate that are analysed, in this phase.
        findings: what the guardrails say.
        harm: the evidence that the candidate is worse; rolled back from 1 / alpha on.
        split: the evidence that the units are not divided as they should be.
        reasons: choices of this process by reason.
        ready: whether the state was reached, and calls get what it says.
        problem: what is wrong with the file that it follows; None when nothing is.
    """

    name: str
    version: str
    status: str
    step: int
    share: float
    since: float
    reason: str
    missing: tuple[str, ...]
    calls: tuple[int, int]
    findings: tuple[Finding, ...]
    harm: float
    split: float
    reasons: Mapping[str, int]
    ready: bool
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON, which has no infinity."""
        fields = {name: getattr(self, name) for name in RolloutStatus.__slots__}
        evidence = Evidence(self.findings, self.harm, 1.0, self.split).to_dict()
        return {**fields, **{name: evidence[name] for name in ("findings", "harm", "split")}}

    def __str__(self) -> str:
        head = (
            f"{self.name} version {self.version}: {self.status} ({self.reason}), step {self.step}, "
            f"{self.share:.4g} of the units get the candidate"
        )
        lines = [
            head,
            f"  calls in this phase: {self.calls[0]} control, {self.calls[1]} candidate",
            *(f"  {_line(each)}" for each in self.findings),
            f"  evidence of harm {self.harm:.4g}, of a wrong split {self.split:.4g}",
        ]
        lines += [f"  still missing: {each}" for each in self.missing]
        if self.problem is not None:
            lines.append(f"  its file is not followed: {self.problem}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Explanation:
    """One entry of the audit, with its decision made again from its counts.

    Attributes:
        entry: the entry.
        decision: what the counts say now, by the same settings; None where an operator decided.
        agrees: whether that is what was done.
    """

    entry: AuditEntry
    decision: Decision | None
    agrees: bool

    def __str__(self) -> str:
        entry = self.entry
        why = f": {entry.why}" if entry.why else ""
        lines = [f"{entry.number}. {entry.action} ({entry.reason}) by {entry.by}{why}"]
        lines += [
            f"  share {phase['share']:.4g}: {phase['calls'][0]} calls of the control, "
            f"{phase['calls'][1]} of the candidate"
            for phase in entry.counts
        ]
        if self.decision is not None:
            plan = Plan.from_dict(entry.plan)
            lines += [f"  {_line(each)}" for each in self.decision.evidence.findings]
            lines.append(
                f"  evidence of harm {self.decision.evidence.harm:.5g}, rolled back from "
                f"{1 / plan.alpha:.5g} on"
            )
            lines.append(
                "  made again from these counts: "
                + ("the same" if self.agrees else f"{self.decision.action}, which is another")
            )
        return "\n".join(lines)


def replayed(entry: AuditEntry) -> Explanation:
    """An entry, with its decision made again."""
    if entry.by != "reliai" or entry.action in {"start", "gate"}:
        return Explanation(entry, None, agrees=True)
    decision = decide(
        Plan.from_dict(entry.plan),
        Standing(**{k: v for k, v in entry.before.items() if k in Standing._fields}),
        [Counts.from_dict(each) for each in entry.counts],
        entry.at,
        entry.quiet,
    )
    done = (entry.action.removeprefix("would_"), entry.reason)
    return Explanation(entry, decision, agrees=(decision.action, decision.reason) == done)


def _line(finding: Finding) -> str:
    def shown(value: float | None) -> str:
        return "-" if value is None else f"{value:.4g}"

    return (
        f"{finding.name}: control {shown(finding.control)}, candidate {shown(finding.candidate)}, "
        f"ratio {shown(finding.ratio)}; evidence of harm {finding.harm:.4g}, "
        f"of no harm {finding.safe:.4g}"
    )
