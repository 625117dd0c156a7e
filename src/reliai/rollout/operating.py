"""Rollouts from outside the application: found in their state, looked at and taken in hand.

Needs the state alone, not the application's code. Nothing here decides or begins a rollout.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

from reliai.errors import ConfigurationError
from reliai.rollout._book import Page, plan_of
from reliai.rollout._controller import Controller
from reliai.rollout._index import key_of_rollout, listed_in
from reliai.rollout._operable import Operable
from reliai.rollout._settings import text
from reliai.rollout._snapshot import snapshot_of
from reliai.rollout.conflict import RolloutConflict
from reliai.rollout.guardrails import Guardrail
from reliai.state import configured_state, shared_state
from reliai.state.base import PATIENT, StateUnavailable

if TYPE_CHECKING:
    from reliai.rollout._book import AuditEntry
    from reliai.rollout.plan import Rule
    from reliai.rollout.status import RolloutStatus
    from reliai.state import State

__all__ = ["Listed", "Operated", "rollouts"]


class Listed(NamedTuple):
    """A rollout that a state holds.

    Attributes:
        name, version: of it.
        status: as `RolloutStatus.status`.
        step: which step is under way, from 1.
        steps: how many there are, the last one being everybody.
        share: of the units that get the candidate now, in [0, 1].
        since: when the step began, Unix seconds.
        started: when the rollout began.
        reason: of the last change, in capital letters.
    """

    name: str
    version: str
    status: str
    step: int
    steps: int
    share: float
    since: float
    started: float
    reason: str


def rollouts(state: Any = None) -> list[Listed]:
    """The rollouts that a state holds, by name and then in the order in which they were begun.

    Args:
        state: a URL or a state, as for `Rollout`; None for the configured one.

    Raises:
        ConfigurationError: when there is no such state, or none is configured.
        RolloutConflict: when it does not answer.
    """
    found = [_listed(name, version, page) for name, version, page in _pages(_state(state))]
    return sorted(found, key=lambda each: (each.name, each.started))


class Operated(Operable):
    """A rollout that is operated from outside its application.

    Status and audit are what all processes of the application know together. What is changed here
    reaches them within 0.2 s.

    Args:
        state: a URL or a state, as for `Rollout`; None for the configured one.
        name: of the rollout.
        version: of it; None for the one that was begun last.

    Raises:
        ConfigurationError: when there is no such state, or none is configured.
        RolloutConflict: when it holds no such rollout, or does not answer.
    """

    def __init__(self, state: Any, name: str, version: str | int | None = None) -> None:
        opened = _state(state)
        self.name, self.version, page = _found(opened, name, version)
        plan = plan_of(page)
        self._controller = Controller(
            key_of_rollout(self.name, self.version),
            plan,
            [_unread(rule) for rule in plan.rules],
            opened,
            snapshot=None,
            max_staleness=PATIENT,
            notify=None,
            begun=page,
        )
        self._reasons: Counter[str] = Counter()  # choices are made elsewhere

    def status(self) -> RolloutStatus:
        """How it stands, by all that is known of all processes.

        Raises:
            RolloutConflict: when the state does not answer.
        """
        self._reach("status")
        return super().status()

    def audit(self) -> tuple[AuditEntry, ...]:
        """What happened, oldest first, with what each decision was made from.

        Raises:
            RolloutConflict: when the state does not answer.
        """
        self._reach("audit")
        return super().audit()

    def snapshot(self) -> str:
        """How it stands, as text for a file that is delivered with the application.

        `Rollout(bundled=)` takes it: a process that starts and never reaches the state gives calls
        what it says.

        Raises:
            RolloutConflict: when the state does not answer.
        """
        self._reach("snapshot")
        page = self._controller.page
        assert page is not None  # noqa: S101  it was reached
        return snapshot_of(self._controller.key, page, self._controller.time.now)

    def kill(self, by: str, why: str = "") -> None:
        """Give all calls the control, forced ones too, in all processes within 0.2 s, for good.

        Raises:
            RolloutConflict: when the state does not answer: nothing is killed then.
        """
        self._controller.operate(
            "kill",
            text("by", by),
            why,
            lambda page, _, __: (page.standing._replace(status="killed"), page.phases),
        )

    def _reach(self, action: str) -> None:
        if not self._controller.sync(deciding=False):
            raise RolloutConflict(f"{action}: the state of {self.name} does not answer; try again")

    def __repr__(self) -> str:
        return f"reliai.rollout.Operated({self.name!r}, version={self.version!r})"


def _state(given: Any) -> State:
    state = configured_state() if given is None else shared_state(given)
    if state is None:
        raise ConfigurationError(
            "state=None: no state is configured; give the one that the application uses, such as "
            "'sqlite:///state.db', or set RELIAI_STATE"
        )
    return state


def _pages(state: State) -> list[tuple[str, str, Page]]:
    """The documents in a state; those that cannot be read are left out.

    Raises:
        RolloutConflict: when the state does not answer.
    """
    try:
        pairs = listed_in(state)
        entries = state.exchange([], [key_of_rollout(*pair) for pair in pairs], within=PATIENT)
    except StateUnavailable as error:
        raise RolloutConflict(f"the state does not answer ({error}); try again") from error
    found: list[tuple[str, str, Page]] = []
    for name, version in pairs:
        entry = entries.entries.get(key_of_rollout(name, version))
        page = None if entry is None else Page.read(entry.value)
        if page is not None:
            found.append((name, version, page))
    return found


def _found(state: State, name: str, version: str | int | None) -> tuple[str, str, Page]:
    pages = _pages(state)
    ours = [each for each in pages if each[0] == name]
    wanted = [each for each in ours if version is None or each[1] == str(version)]
    if wanted:
        return max(wanted, key=lambda each: each[2].standing.started)
    if ours:
        known = ", ".join(repr(each[1]) for each in ours)
        raise RolloutConflict(f"there is no version {version!r} of {name}; there are {known}")
    names = ", ".join(dict.fromkeys(repr(each[0]) for each in pages))
    there_are = f"there are {names}" if names else "the state holds none"
    raise RolloutConflict(f"there is no rollout {name!r}; {there_are}")


def _listed(name: str, version: str, page: Page) -> Listed:
    here = page.standing
    return Listed(
        *(name, version, here.status, here.step + 1, len(plan_of(page).steps)),
        share=page.share,
        since=here.since,
        started=here.started,
        reason=page.reason,
    )


def _unread(rule: Rule) -> Guardrail:
    """A guardrail that shows what the application counted, and reads no calls itself."""
    return Guardrail(**rule._asdict(), read=lambda _: None)
