"""What comes before the first step: a gate that has to pass, and a shadow to compare answers by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai.rollout.evidence import Finding
from reliai.rollout.standing import Decision
from reliai.stats import sign_e_value

if TYPE_CHECKING:
    from reliai.rollout.evidence import Counts, Evidence
    from reliai.rollout.plan import Plan
    from reliai.rollout.standing import Standing

__all__ = ["SHADOW", "begun"]

SHADOW: Final = "shadow"
"""Name of the shadow among the sums of a phase: pairs, and those in which only the candidate's
answer differs, and only the control's."""


def begun(plan: Plan, standing: Standing, here: Counts, evidence: Evidence, now: float) -> Decision:
    """Whether the ramp may begin, and what it waits for."""
    evidence = evidence._replace(findings=())
    if standing.status == "paused":
        return Decision("none", "PAUSED", evidence, ("somebody who resumes it",))
    if standing.is_gated(plan):
        said = standing.gate or "nothing yet"
        if standing.gate_why:
            said += f": {standing.gate_why}"
        reason = f"GATE_{standing.gate}" if standing.gate else "GATE"
        return Decision("wait", reason, evidence, (f"its gate to pass; it says {said}",))
    if not plan.shadow:
        return Decision("begin", "GATE_PASSED", evidence)
    if standing.status == "draft":
        return Decision("shadow", "GATE_PASSED", evidence)
    return _shadowed(plan, standing, here, evidence, now)


def _shadowed(
    plan: Plan, standing: Standing, here: Counts, evidence: Evidence, now: float
) -> Decision:
    pairs, ours, base = map(int, here.sums.get(SHADOW, (0, 0, 0)))
    e_value = sign_e_value(ours, base)
    missing = max(0, plan.shadow_pairs - pairs)
    control, candidate = (base / pairs, ours / pairs) if pairs else (None, None)
    ratio = ours / base if base else None
    evidence = evidence._replace(
        findings=(
            Finding(
                SHADOW,
                SHADOW,
                plan.shadow,
                control,
                candidate,
                ratio,
                e_value,
                1.0,
                missing or None,
            ),
        )
    )
    worse = e_value >= 1.0 / plan.alpha and plan.shadow != "observe" and not standing.overridden
    if worse and plan.shadow == "rollback":
        return Decision("rollback", "SHADOW", evidence)
    if worse:
        word = "somebody who resumes it, though the shadow answers otherwise than by chance"
        return Decision("pause", "SHADOW", evidence, (word,))
    undecided = e_value > 1.0 and plan.shadow != "observe" and not standing.overridden
    if not missing and not undecided:
        return Decision("begin", "SHADOW_PASSED", evidence)
    word = f"{missing} pairs more" if missing else "pairs that show no difference"
    if now - standing.started >= plan.max_duration:
        return Decision("hold", "MAX_DURATION", evidence, (word,))
    return Decision("wait", "PAIRS" if missing else "UNDECIDED", evidence, (word,))
