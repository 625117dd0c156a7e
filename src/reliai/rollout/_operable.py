"""What people do with a rollout: look at it, and take it in hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.rollout._book import Phase
from reliai.rollout._controller import page_steps
from reliai.rollout._settings import text
from reliai.rollout.conflict import RolloutConflict
from reliai.rollout.deciding import FINAL
from reliai.rollout.status import Explanation, RolloutStatus, replayed

if TYPE_CHECKING:
    from collections import Counter

    from reliai.rollout._book import AuditEntry, Page
    from reliai.rollout._controller import Controller
    from reliai.rollout.deciding import Decision, Standing

__all__ = ["Operable"]


class Operable:
    """What a rollout in an application and one that is operated from outside have in common.

    Attributes:
        name: of the rollout.
        version: of it.
    """

    name: str
    version: str
    _controller: Controller
    _reasons: Counter[str]

    @property
    def ready(self) -> bool:
        """Whether the state was reached, and calls get what it says; for a health page."""
        traffic = self._controller.traffic
        return traffic is not None and traffic.reason not in {"ERROR", "STALE"}

    def status(self) -> RolloutStatus:
        """How it stands, by all that is known of all processes."""
        control = self._controller
        reached = control.sync(deciding=False)
        page = control.page
        if page is None or not control.counts:
            return self._unknown()
        decision = control.decision()
        evidence, here = decision.evidence, page.standing
        held = here.status in {"held", "paused", *FINAL}
        return RolloutStatus(
            *(self.name, self.version, here.status, here.step + 1),
            share=0.0 if control.traffic is None else control.traffic.share,
            since=here.since,
            reason=page.reason if held else decision.reason,
            missing=decision.missing,
            calls=control.counts[-1].calls,
            findings=evidence.findings,
            harm=evidence.harm,
            split=evidence.split,
            reasons=dict(self._reasons),
            ready=reached and self.ready,
        )

    def _unknown(self) -> RolloutStatus:
        """What calls get is known, from a snapshot maybe; what was counted is not."""
        traffic, page = self._controller.begin(), self._controller.page
        step = 1 if page is None else page.standing.step + 1
        status = "unknown" if page is None or traffic.reason is None else page.standing.status
        return RolloutStatus(
            *(self.name, self.version, status, step, traffic.share, 0.0),
            *(traffic.reason or "ERROR", ("the state",), (0, 0), (), 1.0, 1.0),
            reasons=dict(self._reasons),
            ready=False,
        )

    def audit(self) -> tuple[AuditEntry, ...]:
        """What happened, oldest first, with what each decision was made from."""
        self._controller.sync(deciding=False)
        page = self._controller.page
        return () if page is None else page.audit

    def explain(self, number: int | None = None) -> Explanation:
        """One entry of the audit, with its decision made again from its counts.

        Args:
            number: of the entry; None for the last decision that the controller made.

        Raises:
            RolloutConflict: when there is no such entry.
        """
        entries = self.audit()
        ours = [each for each in entries if each.by == "reliai"]
        for entry in entries if number is not None else ours[-1:]:
            if number in {None, entry.number}:
                return replayed(entry)
        raise RolloutConflict(f"{self.name}: the audit has no entry {number}")

    def rollback(self, by: str, why: str = "") -> None:
        """Give all units the control, for good; another try is another version.

        Raises:
            RolloutConflict: when it has ended otherwise, or the state does not answer.
        """

        def change(page: Page, _: Decision, __: float) -> tuple[Standing, tuple[Phase, ...]]:
            self._check_open(page, "rollback", but="promoted")
            return page.standing._replace(status="rolled_back"), page.phases

        self._controller.operate("rollback", text("by", by), why, change)

    def approve(self, step: int, by: str, why: str = "") -> None:
        """Let the next step begin, in one that asks for it and has nothing else missing.

        Args:
            step: the step under way, from 1.
            by: who approves.
            why: for the audit.

        Raises:
            RolloutConflict: when another step is under way, or something else is missing, which it
                names; or the state does not answer.
        """

        def change(page: Page, decision: Decision, _: float) -> tuple[Standing, tuple[Phase, ...]]:
            self._check_step(page, "approve", step)
            if step < 1 or not self._controller.plan.steps[step - 1].approval:
                raise RolloutConflict(f"approve: step {step} of {self.name} asks for no approval")
            if decision.action not in {"await_approval", "advance", "promote"}:
                raise RolloutConflict(
                    f"approve: step {step} of {self.name} is not through; still missing: "
                    f"{'; '.join(decision.missing) or decision.reason}"
                )
            return page.standing._replace(approved=page.standing.step), page.phases

        self._controller.operate("approve", text("by", by), why, change)

    def pause(self, by: str, why: str = "") -> None:
        """Stop the ramp where it is; a guardrail still rolls back.

        Raises:
            RolloutConflict: when it has ended, or the state does not answer.
        """

        def change(page: Page, _: Decision, __: float) -> tuple[Standing, tuple[Phase, ...]]:
            self._check_open(page, "pause")
            return page.standing._replace(status="paused"), page.phases

        self._controller.operate("pause", text("by", by), why, change)

    def resume(self, by: str, why: str = "") -> None:
        """Let the ramp go on after a pause; in this step signals do not pause it again.

        Raises:
            RolloutConflict: when it is not paused, or the state does not answer.
        """

        def change(page: Page, _: Decision, __: float) -> tuple[Standing, tuple[Phase, ...]]:
            if page.standing.status != "paused":
                raise RolloutConflict(
                    f"resume: {self.name} is {page.standing.status} and not paused"
                )
            status = page.standing.under_way(self._controller.plan)
            return page.standing._replace(status=status, overridden=True), page.phases

        self._controller.operate("resume", text("by", by), why, change)

    def advance(self, step: int, by: str, why: str = "") -> None:
        """Begin the next step, whatever is missing; the last one promotes.

        Args:
            step: the step under way, from 1: of two who advance it one gets `RolloutConflict`; 0
                to begin without its gate or its shadow.
            by: who does it.
            why: for the audit.

        Raises:
            RolloutConflict: when another step is under way, it has ended, or the state does not
                answer.
        """

        def change(page: Page, _: Decision, now: float) -> tuple[Standing, tuple[Phase, ...]]:
            self._check_step(page, "advance", step)
            shares = page_steps(page)
            status = "promoted" if step == len(shares) - 1 else "ramping"
            after = page.standing._replace(status=status, step=step, since=now, overridden=False)
            after = after if step else after._replace(started=now)
            return after, (*page.phases, Phase(shares[step], now))

        self._controller.operate("advance", text("by", by), why, change)

    def _check_open(self, page: Page, action: str, but: str | None = None) -> None:
        status = page.standing.status
        if status in FINAL and status != but:
            raise RolloutConflict(
                f"{action}: {self.name} version {self.version} is {status}, for good; give "
                "another try another version="
            )

    def _check_step(self, page: Page, action: str, step: int) -> None:
        self._check_open(page, action)
        if step != page.standing.step + 1:
            raise RolloutConflict(
                f"{action}: step {step} of {self.name} is not under way, step "
                f"{page.standing.step + 1} is"
            )
