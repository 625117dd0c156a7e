"""Where a rollout stands, and what is to be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from reliai.rollout.evidence import Evidence
    from reliai.rollout.plan import Plan

__all__ = ["FINAL", "Decision", "Standing"]

FINAL: Final = frozenset({"promoted", "rolled_back", "killed"})
"""What a version stays in; another try is another version."""


class Standing(NamedTuple):
    """Where a rollout stands.

    Attributes:
        status: "draft" before its gate has passed, "shadow", "ramping", "held", "paused",
            "awaiting_approval", "promoted", "rolled_back" or "killed".
        step: which step is under way, from 0; -1 before the first.
        since: when it began, Unix seconds.
        started: when the rollout began.
        approved: the step after which somebody approved to go on; -1 for none.
        overridden: whether somebody said to go on in this step in spite of a signal.
        gate: what its gate said last; "" for nothing yet.
        gate_why: why, in words.
    """

    status: str
    step: int
    since: float
    started: float
    approved: int = -1
    overridden: bool = False
    gate: str = ""
    gate_why: str = ""

    def under_way(self, plan: Plan) -> str:
        """The status that it has when nothing stops it."""
        if self.step >= 0:
            return "ramping"
        return "draft" if self.is_gated(plan) else "shadow"

    def is_gated(self, plan: Plan) -> bool:
        """Whether its gate still has to pass."""
        return plan.gate and self.gate != "PASS"


class Decision(NamedTuple):
    """What to do, and why.

    Attributes:
        action: "none", "wait", "shadow", "begin", "hold", "pause", "await_approval", "advance",
            "promote" or "rollback".
        reason: in capital letters.
        evidence: what it is based upon.
        missing: what has to come before the next step, in words.
    """

    action: str
    reason: str
    evidence: Evidence
    missing: tuple[str, ...] = ()
