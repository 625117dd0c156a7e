"""What can be done with a rollout as it stands, in words for its button and for asking again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from reliai.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from reliai.rollout import RolloutStatus
    from reliai.rollout.operating import Operated

    class _Stepped(Protocol):
        @property
        def approval(self) -> bool: ...


__all__ = ["Action", "action_named", "actions_for", "done"]


class Action(NamedTuple):
    """Something that can be done.

    Attributes:
        name: of it.
        label: of the button.
        key: that leads there.
        means: what it does, in a sentence.
        danger: whether it is hard to undo.
        needs_why: whether a reason must be given.
    """

    name: str
    label: str
    key: str
    means: str
    danger: bool = False
    needs_why: bool = False


_APPROVE: Final = Action(
    "approve", "Approve", "a", "The next step begins: nothing else is missing."
)
_PAUSE: Final = Action(
    "pause", "Hold", "h", "The ramp stops where it is; a guardrail still rolls back."
)
_RESUME: Final = Action("resume", "Resume", "r", "The ramp goes on.")
_ADVANCE: Final = Action(
    "advance", "Advance", "v", "The next step begins, whatever is missing.", needs_why=True
)
_ROLLBACK: Final = Action(
    "rollback", "Roll back", "b", "All units get the control, for good.", danger=True
)
_KILL: Final = Action(
    "kill",
    "Kill",
    "x",
    "All calls get the control at once, in every process, forced ones too, for good.",
    danger=True,
)
_ALL: Final = {each.name: each for each in (_APPROVE, _PAUSE, _RESUME, _ADVANCE, _ROLLBACK, _KILL)}


def action_named(name: str) -> Action | None:
    """An action by its name; None where there is none."""
    return _ALL.get(name)


def actions_for(status: RolloutStatus, steps: Sequence[_Stepped]) -> list[Action]:
    """What can be done as it stands, the likeliest first."""
    if status.status in {"rolled_back", "killed"}:
        return []
    if status.status == "promoted":
        return [_ROLLBACK, _KILL]
    asks = 0 < status.step <= len(steps) and steps[status.step - 1].approval
    found = [_APPROVE] if asks and status.status == "awaiting_approval" else []
    found.append(_RESUME if status.status == "paused" else _PAUSE)
    return [*found, _ADVANCE, _ROLLBACK, _KILL]


def done(rollout: Operated, action: Action, *, step: int, by: str, why: str) -> None:
    """Do it.

    Args:
        rollout: with which.
        action: what.
        step: that the visitor saw under way, from 1: of two who go on from one step, one loses.
        by: who does it.
        why: for the audit.

    Raises:
        RolloutConflict: when it cannot be done now.
        ConfigurationError: without a reason, where one is needed.
    """
    if action.needs_why and not why:
        raise ConfigurationError(f"{action.label}: say why, for whoever reads the audit")
    if action.name in {"approve", "advance"}:
        getattr(rollout, action.name)(step, by, why)
    else:
        getattr(rollout, action.name)(by, why)
