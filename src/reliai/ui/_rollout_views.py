"""What the pages of rollouts show: where each stands, its evidence, and what can be done."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any

from reliai.rollout.operating import Operated, rollouts
from reliai.ui._rollout_actions import Action, actions_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reliai.rollout import AuditEntry, RolloutStatus
    from reliai.rollout.operating import Listed
    from reliai.state import State

__all__ = ["Shown", "Step", "Weight", "listed_in", "operated", "shown_of", "tone_of", "weight_of"]

_TONES = {
    "ramping": "info",
    "shadow": "info",
    "promoted": "good",
    "held": "warn",
    "paused": "warn",
    "awaiting_approval": "warn",
    "draft": "plain",
    "rolled_back": "bad",
    "killed": "bad",
    "unknown": "odd",
}


@dataclass(frozen=True, slots=True)
class Step:
    """A step of the ramp.

    Attributes:
        number: from 1.
        share: of the units that get the candidate.
        dwell: seconds that it lasts at least.
        min_calls: calls of the candidate that it needs at least.
        approval: whether somebody has to approve before the next one.
        place: "done", "now", "later", or "stopped" where it was taken back in.
    """

    number: int
    share: float
    dwell: float
    min_calls: int
    approval: bool
    place: str


@dataclass(frozen=True, slots=True)
class Weight:
    """Evidence beside what it takes to act upon it.

    Attributes:
        value: the e-value.
        limit: what it takes.
        share: how far it is, in [0, 1], by logarithms.
    """

    value: float
    limit: float
    share: float

    @property
    def reached(self) -> bool:
        """Whether it is enough."""
        return self.value >= self.limit


@dataclass(frozen=True, slots=True)
class Shown:
    """A rollout as its page shows it.

    Attributes:
        status: of it.
        steps: of the ramp.
        harm, split: the evidence of harm, and of a wrong division.
        safe: what it takes for a guardrail to be shown to be no worse than it may be.
        audit: what happened, the latest first.
        actions: what can be done now.
        observe: whether decisions are only written down.
    """

    status: RolloutStatus
    steps: list[Step]
    harm: Weight
    split: Weight
    safe: float
    audit: list[AuditEntry]
    actions: list[Action]
    observe: bool


def tone_of(status: str) -> str:
    """The tone of a badge."""
    return _TONES.get(status, "plain")


def listed_in(state: State) -> list[Listed]:
    """All rollouts, those that are under way first."""
    final = {"promoted", "rolled_back", "killed"}
    return sorted(rollouts(state), key=lambda each: (each.status in final, -each.started))


def operated(state: State, name: str, version: str | None) -> Operated:
    """A rollout; the version that was begun last, where none is named."""
    return Operated(state, name, version)


def shown_of(rollout: Operated) -> Shown:
    """All there is to show of a rollout."""
    status, audit = rollout.status(), rollout.audit()
    plan: Mapping[str, Any] = audit[-1].plan if audit else {}
    alpha = float(plan.get("alpha", 0.05))
    steps = steps_of(plan.get("steps", ()), status)
    return Shown(
        status=status,
        steps=steps,
        harm=weight_of(status.harm, 1.0 / alpha),
        split=weight_of(status.split, 1_000.0),
        safe=1.0 / float(plan.get("beta", 0.05)),
        audit=list(reversed(audit)),
        actions=actions_for(status, steps),
        observe=bool(plan.get("observe")),
    )


def steps_of(steps: Sequence[Mapping[str, Any]], status: RolloutStatus) -> list[Step]:
    """The steps of the ramp, with the one under way."""
    through = status.status == "promoted"
    return [
        Step(
            number,
            float(each["share"]),
            float(each.get("dwell") or 0.0),
            int(each.get("min_calls") or 1),
            bool(each.get("approval")),
            "done" if number < status.step or through else _now_or_later(number, status),
        )
        for number, each in enumerate(steps, 1)
    ]


def _now_or_later(number: int, status: RolloutStatus) -> str:
    if number != status.step:
        return "later"
    return "stopped" if status.status in {"rolled_back", "killed"} else "now"


def weight_of(value: float, limit: float) -> Weight:
    """Evidence beside what it takes; 1 is none either way."""
    share = log(max(value, 1.0)) / log(limit) if limit > 1.0 else 0.0
    return Weight(value, limit, min(1.0, share))
