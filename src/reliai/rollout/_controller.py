"""Decides for a rollout, when this process is the one to do so, and does what operators say."""

from __future__ import annotations

import logging
import os
import socket
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core import ids
from reliai._core.delivery import deliver
from reliai.rollout._book import Page, Phase, entry_of, plan_of
from reliai.rollout._follower import Follower, Traffic, page_of
from reliai.rollout.conflict import RolloutConflict
from reliai.rollout.deciding import FINAL, Decision, Standing, decide
from reliai.rollout.evidence import Evidence
from reliai.state.base import PATIENT, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai.rollout._book import AuditEntry
    from reliai.rollout._gating import Precondition
    from reliai.rollout.guardrails import Guardrail
    from reliai.rollout.plan import Plan

__all__ = ["Controller", "Traffic"]

_LEASE: Final = 5.0
"""Seconds after which another process decides when this one is gone."""
_EVERY: Final = 1.0
"""Seconds between two decisions."""
_TRIES: Final = 20
"""How often an operator's change is tried anew when others change something meanwhile."""
_TELLING: Final = frozenset({"gate", "hold", "pause", "rollback", "await_approval", "promote"})
"""What somebody should hear of."""
_NEXT: Final = {
    "shadow": "shadow",
    "begin": "ramping",
    "advance": "ramping",
    "promote": "promoted",
    "rollback": "rolled_back",
    "hold": "held",
    "pause": "paused",
    "await_approval": "awaiting_approval",
}


class Controller(Follower):
    """One version of one rollout, in this process, which may be the one that decides.

    Args:
        key: of the document in the state.
        plan: the settings.
        guardrails: what is read from each call.
        state: where it is shared.
        notify: is given each entry of the audit that this process writes.
        gate: what has to pass before the ramp begins.
        **following: of `Follower`.
    """

    def __init__(
        self,
        key: str,
        plan: Plan,
        guardrails: Sequence[Guardrail],
        state: Any,
        *,
        notify: Callable[[AuditEntry], Any] | None = None,
        gate: Precondition | None = None,
        **following: Any,
    ) -> None:
        self._notify = notify
        self.gate = gate
        self._decided = -1e300
        super().__init__(key, plan, guardrails, state, **following)

    def _renew(self) -> None:
        super()._renew()
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{ids.as_text(ids.new(0.0))}"

    @property
    def quiet(self) -> float:
        """Seconds since the last call of the candidate was counted, as far as it is known here."""
        return max(0.0, clock.active().monotonic() - max(self._grew, self._began))

    @property
    def _began(self) -> float:
        """When the step under way began, by the monotonic clock."""
        page = self.page
        assert page is not None  # noqa: S101  asked for when it is there
        return clock.active().monotonic() - (self.time.steady - page.standing.since)

    def decision(self, now: float | None = None) -> Decision:
        """What follows from what is known; nothing by settings that it was not begun with."""
        assert self.page is not None  # noqa: S101  asked for when it is there
        if not self._counting or not self.counts:
            return Decision("none", "OTHER_SETTINGS", Evidence((), 1.0, 1.0, 1.0))
        standing, moment = self.page.standing, now
        if moment is None:  # only to be looked at: with what the gate says and nobody wrote yet
            moment = self.time.steady
            standing = self._as_judged(standing)
        return decide(self.plan, standing, self.counts, moment, self.quiet)

    def _as_judged(self, standing: Standing) -> Standing:
        if self.gate is None or standing.step >= 0 or not standing.is_gated(self.plan):
            return standing
        judged = self.gate.judged()
        return standing if judged is None else judged.on(standing)

    def _hear(self, now: float, *, aside: bool) -> None:
        page = self.page
        if page is None or not self._counting or page.standing.status in FINAL:
            return
        if self._listing is None or not self.labels.due:
            return
        try:
            if self._leads() is not None:
                self.labels.look(self.state, self._listing, page.standing.started, now, aside=aside)
        except StateUnavailable as error:
            self._lost(error)

    def _decide_in_turn(self) -> None:
        page, moment, now = self.page, clock.active().monotonic(), self.time.steady
        if page is None or page.digest != self._digest or page.standing.status in FINAL:
            return
        if self.state.shared and moment - self._decided < _EVERY:
            return
        self._decided = moment
        try:
            epoch = self._leads()
            if epoch is not None:
                self._judge_gate(now, epoch)
                self._apply(self.decision(now), now, epoch)
        except StateUnavailable as error:
            self._lost(error)

    def _judge_gate(self, now: float, epoch: int) -> None:
        """Write down what the gate says, where it has to pass and says something else than before.

        A verdict that was written down holds for as long as the gate says nothing: the process that
        decides may be one that was not given it.
        """
        page, gate = self.page, self.gate
        if page is None or gate is None or not page.standing.is_gated(self.plan):
            return
        judged = gate.judged()
        if page.standing.step >= 0 or judged is None or judged.verdict == page.standing.gate:
            return
        after = judged.on(page.standing)
        entry = entry_of(
            *(page, after, self.decision(now), self.plan, self.counts, now, 0.0),
            action="gate",
            reason=f"GATE_{judged.verdict}",
            epoch=epoch,
        )._replace(evidence={"gate": judged.evidence})
        changed = page._replace(standing=after, epoch=epoch, reason=f"GATE_{judged.verdict}")
        self._write(changed.with_entry(entry), entry, now)

    def _leads(self) -> int | None:
        """The epoch of this process's lease; None while another one decides."""
        if not self.state.shared:
            return 0
        return self.state.lease(f"{self.key}:lease", self._owner, _LEASE, within=PATIENT)

    def _apply(self, decision: Decision, now: float, epoch: int) -> None:
        page = self.page
        assert page is not None  # noqa: S101  it was looked at
        if epoch < page.epoch:  # another took over while this process slept
            return
        if self.plan.observe and decision.action != "shadow":
            self._say_only(page, decision, now, epoch)
            return
        before = page.standing
        after, phases = _moved(page, self.plan, decision, now)
        same = (after.status, after.step) == (before.status, before.step)
        if same and (after.status != "held" or decision.reason == page.reason):
            return
        entry = entry_of(
            page, after, decision, self.plan, self.counts, now, self.quiet, epoch=epoch
        )
        changed = page._replace(standing=after, phases=phases, epoch=epoch, reason=decision.reason)
        self._write(changed.with_entry(entry), entry, now)

    def _say_only(self, page: Page, decision: Decision, now: float, epoch: int) -> None:
        if decision.action in {"wait", "none"}:
            return
        said = f"{decision.action}:{decision.reason}:{page.standing.step}"
        if said in page.said:
            return
        entry = entry_of(
            *(page, page.standing, decision, self.plan, self.counts, now, self.quiet),
            action=f"would_{decision.action}",
            epoch=epoch,
        )
        changed = page._replace(epoch=epoch, said=(*page.said, said))
        self._write(changed.with_entry(entry), entry, now)

    def _write(self, page: Page, entry: AuditEntry, now: float) -> bool:
        """Write the document if nobody else did since; whether that was so."""
        version = self.state.put(self.key, page.dumped(), expected=self._version, within=PATIENT)
        if version is None:
            return False
        self._take(page, version, now)
        self._tell(entry)
        return True

    def _tell(self, entry: AuditEntry) -> None:
        action = entry.action.removeprefix("would_")
        if action in _TELLING or entry.by != "reliai":
            logging.getLogger("reliai").warning(
                "%s: %s (%s), by %s", self.key, entry.action, entry.reason, entry.by
            )
        if self._notify is not None:
            deliver(self._notify, self._notify, entry)

    def operate(
        self,
        action: str,
        by: str,
        why: str,
        change: Callable[[Page, Decision, float], tuple[Standing, tuple[Phase, ...]]],
    ) -> None:
        """Change something by hand, in one step with its entry in the audit.

        Args:
            action: its name in the audit.
            by: who does it.
            why: for the audit.
            change: gives where the rollout stands afterwards; raises when that cannot be.

        Raises:
            RolloutConflict: by `change`, or when the state does not answer.
        """
        with self._lock:
            for _ in range(_TRIES):
                if not self.sync(deciding=False):
                    raise RolloutConflict(
                        f"{action}: the state of {self.key} does not answer; try again"
                    )
                if self._operated(action, by, why, change):
                    return
        raise RolloutConflict(f"{action}: others change {self.key} all the time; try again")

    def _operated(
        self,
        action: str,
        by: str,
        why: str,
        change: Callable[[Page, Decision, float], tuple[Standing, tuple[Phase, ...]]],
    ) -> bool:
        page, now = self.page, self.time.steady
        assert page is not None  # noqa: S101  it was read just now
        if not self._counting and action != "rollback":
            raise RolloutConflict(
                f"{action}: {self.key} was begun with other settings; do it from a process that "
                "has these, or kill it or roll it back"
            )
        decision = self.decision(now)
        after, phases = change(page, decision, now)
        if after == page.standing and phases == page.phases:
            return True
        entry = entry_of(
            *(page, after, decision, self.plan, self.counts, now, self.quiet),
            action=action,
            reason="OPERATOR",
            by=by,
            why=why,
        )
        changed = page._replace(standing=after, phases=phases, reason="OPERATOR")
        try:
            return self._write(changed.with_entry(entry), entry, now)
        except StateUnavailable as error:
            message = f"{action}: the state of {self.key} does not answer; try again"
            raise RolloutConflict(message) from error

    def kill(self, by: str, why: str) -> None:
        """Give all calls the control from now on; here at once, and elsewhere with the state."""
        self._killing = (by, why)
        phase = 0 if self.page is None else len(self.page.phases) - 1
        self.traffic = Traffic(0.0, phase, "KILLED")
        self.sync(deciding=False)

    def _confess(self, now: float) -> None:
        """Write down a kill that the state does not know of yet."""
        for _ in range(_TRIES):
            page, killing = self.page, self._killing
            if killing is None or page is None:
                return
            if page.standing.status == "killed":
                self._killing = None
                return
            after = page.standing._replace(status="killed")
            entry = entry_of(
                page,
                after,
                self.decision(now),
                *(self.plan, self.counts, now, 0.0),
                action="kill",
                reason="OPERATOR",
                by=killing[0],
                why=killing[1],
            )
            changed = page._replace(standing=after, reason="OPERATOR").with_entry(entry)
            if self._write(changed, entry, now):
                self._killing = None
                return
            known = self.state.get(self.key, within=PATIENT)
            if known is not None:
                self._take(page_of(known.value), known.version, now)


def _moved(
    page: Page, plan: Plan, decision: Decision, now: float
) -> tuple[Standing, tuple[Phase, ...]]:
    """Where a rollout stands after a decision."""
    before = page.standing
    if decision.action == "none":
        return before, page.phases
    going_on = before.under_way(plan)
    after = before._replace(status=_NEXT.get(decision.action, going_on))
    if decision.action == "shadow":
        return after._replace(since=now, started=now), page.phases
    if decision.action not in {"begin", "advance", "promote"}:
        return after, page.phases
    if decision.action == "begin":
        after = after._replace(started=now)
    steps = page_steps(page)
    share = steps[before.step + 1]
    after = after._replace(step=before.step + 1, since=now, overridden=False)
    return after, (*page.phases, Phase(share, now))


def page_steps(page: Page) -> list[float]:
    """The shares of the steps that are in force."""
    return [step.share for step in plan_of(page).steps]
