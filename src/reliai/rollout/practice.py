"""How rollouts are practised: what their audits show, and a drill of taking one back.

For `reliai score`, which keeps both as evidence.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core import ids
from reliai.errors import ConfigurationError
from reliai.rollout._index import unlist
from reliai.rollout.operating import Operated, rollouts
from reliai.rollout.rollout import Rollout
from reliai.state import shared_state
from reliai.state.base import StateUnavailable

if TYPE_CHECKING:
    from reliai.rollout._book import AuditEntry
    from reliai.rollout.operating import Listed

__all__ = ["Drill", "drill", "practised"]

_NAME: Final = "reliai.drill"
_PATIENCE: Final = 10.0
"""Seconds that a drill waits at most."""
_UNITS: Final = tuple(f"unit-{number}" for number in range(20))
_BACK: Final = frozenset({"rollback", "kill"})


@dataclass(frozen=True, slots=True)
class Drill:
    """How long it took until another holder of the state served the control again.

    Attributes:
        kill: seconds after a kill.
        rollback: seconds after a rollback.
        within: the most that it may take.
    """

    kill: float
    rollback: float
    within: float

    @property
    def passed(self) -> bool:
        """Whether both came within that time."""
        return max(self.kill, self.rollback) <= self.within

    def to_dict(self) -> dict[str, float]:
        """JSON data."""
        return {"kill": self.kill, "rollback": self.rollback, "within": self.within}


def drill(state: Any = None, *, within: float = 1.0) -> Drill:
    """Begin a rollout, take it back, and see how long the candidate is still served elsewhere.

    Two holders of the state act as two processes would. It is a rollout of its own, "reliai.drill",
    which touches no other one, and is in no list afterwards.

    Args:
        state: a URL or a state, as for `Rollout`; None for a file of its own.
        within: seconds that it may take.

    Raises:
        ConfigurationError: for no state, or when the candidate was not served before.
    """
    if type(within) not in {int, float} or not 0 < within < float("inf"):
        raise ConfigurationError(f"drill(within={within!r}): must be seconds above 0")
    if state is not None:
        done = Drill(_until_back(state, "kill"), _until_back(state, "rollback"), float(within))
        with suppress(StateUnavailable):
            unlist(shared_state(state), _NAME)
        return done
    with tempfile.TemporaryDirectory() as folder:
        return drill(f"sqlite:///{Path(folder) / 'state.db'}", within=within)


def _until_back(state: Any, action: str) -> float:
    version = ids.as_text(ids.new(clock.active().time()))
    here, there = (_rollout(state, version) for _ in range(2))
    if not {"candidate"} & _served(here) & _served(there):
        raise ConfigurationError(f"drill(state={state!r}): the state does not answer")
    getattr(here, action)(by="reliai.drill", why="a drill")
    begin = clock.active().monotonic()
    while _served(there) != {"control"}:
        waited = clock.active().monotonic() - begin
        if waited > _PATIENCE:
            return waited
        clock.active().sleep(0.005)
    return clock.active().monotonic() - begin


def _rollout(state: Any, version: str) -> Rollout:
    shares = [0.999, 1.0]
    return Rollout(
        _NAME, "control", "candidate", unit="subject", steps=shares, state=state, version=version
    )


def _served(rollout: Rollout) -> set[str]:
    return {rollout.choose(unit).name for unit in _UNITS}


def practised(state: Any = None, *, since: float = 0.0) -> list[dict[str, Any]]:
    """What the audits in a state show of each rollout, without names of people.

    Args:
        state: a URL or a state, as for `Rollout`; None for the configured one.
        since: only of rollouts that began then or later; Unix seconds.

    Raises:
        ConfigurationError: when there is no such state, or none is configured.
        RolloutConflict: when it does not answer.
    """
    listed = [one for one in rollouts(state) if one.started >= since and one.name != _NAME]
    return [_shown(one, Operated(state, one.name, one.version).audit()) for one in listed]


def _shown(one: Listed, audit: tuple[AuditEntry, ...]) -> dict[str, Any]:
    plan = audit[0].plan
    back = next((each for each in audit if each.action in _BACK), None)
    return {
        "name": one.name,
        "version": one.version,
        "status": one.status,
        "steps": [float(step["share"]) for step in plan["steps"]],
        "observe": bool(plan.get("observe")),
        "guardrails": [str(rule["name"]) for rule in plan["rules"]],
        "decided": sum(each.by == "reliai" and each.action == "advance" for each in audit),
        "by_hand": sum(each.by != "reliai" and each.action == "advance" for each in audit),
        "taken_back": None if back is None else "guardrail" if back.by == "reliai" else "person",
    }
