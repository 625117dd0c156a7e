"""What follows from what was counted: pure, so that the audit can make each decision again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai.rollout.beginning import begun
from reliai.rollout.evidence import weigh
from reliai.rollout.standing import FINAL, Decision, Standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.rollout.evidence import Counts, Evidence
    from reliai.rollout.plan import Plan

__all__ = ["FINAL", "SPLIT_ALARM", "Decision", "Standing", "decide"]

SPLIT_ALARM: Final = 1_000.0
"""Evidence of a wrong division of the units that stops the ramp."""

_MEASURED: Final = {"event": "such events", "mean": "calls"}
"""What a guardrail's evidence grows with, by its kind."""


def decide(
    plan: Plan, standing: Standing, counts: Sequence[Counts], now: float, quiet: float = 0.0
) -> Decision:
    """What follows.

    In this order: a rollback comes before all else and in every state that is not final; then
    whether the units are divided as they should be, no calls at all, stale ones, too few, signals,
    what is not yet proven, and approval last.

    Args:
        plan: the settings.
        standing: where it stands.
        counts: one for each phase, the one under way last.
        now: Unix seconds.
        quiet: seconds since the last call of the candidate was counted.
    """
    evidence = weigh(plan, counts)
    if standing.status in FINAL:
        return Decision("none", standing.status.upper(), evidence)
    if standing.step < 0:
        return begun(plan, standing, counts[-1], evidence, now)
    if evidence.harm >= 1.0 / plan.alpha:
        return Decision("rollback", "GUARDRAIL", evidence)
    stop = _stopped(plan, standing, counts[-1], evidence, now, quiet)
    if stop is not None:
        return stop
    return _further(plan, standing, counts[-1], evidence, now)


def _stopped(  # noqa: PLR0917  as `decide` has them
    plan: Plan, standing: Standing, here: Counts, evidence: Evidence, now: float, quiet: float
) -> Decision | None:
    """What stops the ramp, whatever is proven; None when nothing does."""
    if evidence.split >= SPLIT_ALARM:
        return Decision("hold", "SAMPLE_RATIO", evidence, ("units divided as they should be",))
    if standing.status == "paused":
        return Decision("none", "PAUSED", evidence, ("somebody who resumes it",))
    step, waited = plan.steps[standing.step], now - standing.since
    dwell = step.dwell or 0.0
    if here.calls[1] == 0 and waited >= dwell:
        if plan.on_no_data == "rollback" and waited >= dwell + plan.grace:
            return Decision("rollback", "NO_DATA", evidence)
        return Decision("hold", "NO_DATA", evidence, (f"{step.min_calls} calls",))
    if here.calls[1] and waited >= dwell and quiet > plan.stale_after:
        return Decision("hold", "STALE", evidence, ("new calls of the candidate",))
    return None


def _further(
    plan: Plan, standing: Standing, here: Counts, evidence: Evidence, now: float
) -> Decision:
    """Whether the next step may begin."""
    step = plan.steps[standing.step]
    last = standing.step == len(plan.steps) - 2
    missing = dict(_missing(plan, standing, here, evidence, now))
    if missing:
        reason, words = next(iter(missing)), tuple(missing.values())
        if now - standing.started >= plan.max_duration:
            return Decision("hold", "MAX_DURATION", evidence, words)
        if reason == "SIGNAL":
            return Decision("pause", reason, evidence, words)
        return Decision("wait", reason, evidence, words)
    if step.approval and standing.approved != standing.step:
        return Decision("await_approval", "APPROVAL", evidence, ("approval",))
    return Decision("promote" if last else "advance", "GATES_PASSED", evidence)


def _missing(
    plan: Plan, standing: Standing, here: Counts, evidence: Evidence, now: float
) -> list[tuple[str, str]]:
    step, waited = plan.steps[standing.step], now - standing.since
    dwell, least = step.dwell or 0.0, step.min_calls or 1
    found: list[tuple[str, str]] = []
    if waited < dwell:
        found.append(("DWELL", f"{dwell - waited:.0f} s more"))
    if here.calls[1] < least:
        found.append(("SAMPLES", f"{least - here.calls[1]} calls more"))
    if evidence.signal >= 1.0 / plan.alpha and not standing.overridden:
        found.append(("SIGNAL", "somebody who resumes it in spite of a signal"))
    if standing.step == len(plan.steps) - 2:
        short = [
            f"{each.name} to be shown no worse than it may be"
            + (f" (about {each.needed} more {_MEASURED[each.kind]})" if each.needed else "")
            for each in evidence.findings
            if each.action == "rollback" and each.safe < 1.0 / plan.beta
        ]
        if short:
            found.append(("EVIDENCE", "; ".join(short)))
    return found
