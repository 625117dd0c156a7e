"""What is written down of a rollout: one document in the state, changed by compare and set.

The document holds where the rollout stands, its phases and its audit, so that a change and what the
audit says of it are written in one step or not at all.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai.rollout.plan import Plan
from reliai.rollout.standing import Standing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.rollout.evidence import Counts
    from reliai.rollout.standing import Decision

__all__ = [
    "AuditEntry",
    "Page",
    "Phase",
    "core_of",
    "digest_of",
    "entry_of",
    "first_page",
    "plan_of",
]

MOST_ENTRIES: Final = 200
"""Entries that the audit keeps; the first is kept, and of the others the last ones."""


class Phase(NamedTuple):
    """A time in which the shares stay as they are.

    Attributes:
        share: of the candidate.
        since: when it began, Unix seconds.
    """

    share: float
    since: float


class AuditEntry(NamedTuple):
    """One thing that happened to a rollout, with all that the decision was made from.

    Attributes:
        number: from 1.
        at: Unix seconds.
        action: "start", "gate", "shadow", "begin", "advance", "promote", "rollback", "hold",
            "pause", "await_approval", "wait" (the ramp goes on), what an operator did ("kill",
            "approve", "resume", …), or in the mode "observe" "would_rollback" and the like.
        reason: in capital letters.
        by: who did it; "reliai" for the controller.
        why: what the operator said.
        before, after: where it stood.
        counts: of each phase.
        quiet: seconds since the last call of the candidate.
        plan: the settings.
        evidence: what the guardrails said.
        epoch: of the lease that the deciding process held; 0 for operators.
    """

    number: int
    at: float
    action: str
    reason: str
    by: str
    why: str
    before: dict[str, Any]
    after: dict[str, Any]
    counts: list[dict[str, Any]]
    quiet: float
    plan: dict[str, Any]
    evidence: dict[str, Any]
    epoch: int = 0


class Page(NamedTuple):
    """The document.

    Attributes:
        standing: where the rollout stands.
        phases: so far, the one under way last.
        digest: of the settings that it was begun with.
        reason: of the last change.
        epoch: of the lease of who decided last.
        said: what "observe" has said already.
        audit: what happened, oldest first.
        entries: how many entries there were in all.
        plan: the settings, where they were changed under way; None for those it was begun with.
        revisions: of the file that it follows, those that were in force, the last one now.
        rest: what a newer reliai wrote and this one does not know; kept as it is.
    """

    standing: Standing
    phases: tuple[Phase, ...]
    digest: str
    reason: str = "START"
    epoch: int = 0
    said: tuple[str, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    entries: int = 0
    plan: dict[str, Any] | None = None
    revisions: tuple[str, ...] = ()
    rest: dict[str, Any] = {}  # noqa: RUF012  a default that nobody changes

    def dumped(self) -> bytes:
        """As bytes."""
        data = {
            **self.rest,
            **{name: getattr(self, name) for name in self._fields if name != "rest"},
            "standing": self.standing._asdict(),
            "phases": [each._asdict() for each in self.phases],
            "audit": [each._asdict() for each in self.audit],
        }
        return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()

    @classmethod
    def loaded(cls, data: bytes) -> Page:
        """From bytes.

        Raises:
            ValueError: when they are no document; so do KeyError and TypeError.
        """
        raw = json.loads(data)
        return cls(
            standing=_made(Standing, raw["standing"]),
            phases=tuple(_made(Phase, each) for each in raw["phases"]),
            digest=str(raw["digest"]),
            reason=str(raw["reason"]),
            epoch=int(raw["epoch"]),
            said=tuple(raw["said"]),
            audit=tuple(_made(AuditEntry, each) for each in raw["audit"]),
            entries=int(raw["entries"]),
            plan=raw.get("plan"),
            revisions=tuple(raw.get("revisions", ())),
            rest={name: raw[name] for name in set(raw) - set(cls._fields)},
        )

    @classmethod
    def read(cls, data: bytes) -> Page | None:
        """From bytes; None when they are no document."""
        try:
            return cls.loaded(data)
        except (ValueError, KeyError, TypeError, IndexError):
            return None

    @property
    def share(self) -> float:
        """Of the units that get the candidate."""
        gone = self.standing.status in {"killed", "rolled_back"}
        return 0.0 if gone or not self.phases else self.phases[-1].share

    def with_entry(self, entry: AuditEntry) -> Page:
        """The document with one more entry in its audit."""
        audit = (*self.audit, entry)
        if len(audit) > MOST_ENTRIES:
            audit = (audit[0], *audit[2:])
        return self._replace(audit=audit, entries=self.entries + 1)


def _made(kind: Any, raw: dict[str, Any]) -> Any:
    """From plain data, without what a newer reliai wrote of it: during a release both are there."""
    return kind(**{name: raw[name] for name in kind._fields if name in raw})


def digest_of(plan: Plan) -> str:
    """What tells two sets of settings apart that must not be mixed; `mode` may change under way."""
    return _digest(_told(plan._replace(observe=False)))


def core_of(plan: Plan) -> str:
    """What tells apart settings whose counts must not be mixed, whatever else changes."""
    names = ("rules", "alpha", "beta", "tuned_for", "gate", "shadow")
    return _digest({name: value for name, value in _told(plan).items() if name in names})


def _told(settings: Any) -> dict[str, Any]:
    """Settings without those at their defaults, so that one more setting changes no digest."""
    defaults = settings._field_defaults
    told = {
        name: value
        for name, value in settings._asdict().items()
        if name not in defaults or value != defaults[name]
    }
    for name in {"steps", "rules"} & set(told):
        told[name] = [_told(each) for each in told[name]]
    return told


def _digest(data: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


def plan_of(page: Page) -> Plan:
    """The settings that are in force."""
    return Plan.from_dict(page.audit[0].plan if page.plan is None else page.plan)


def first_page(plan: Plan, now: float, revision: str | None = None, why: str = "") -> Page:
    """The document of a rollout that begins.

    Args:
        plan: the settings.
        now: Unix seconds.
        revision: of the file that it follows.
        why: for the audit.
    """
    standing, share = Standing("ramping", 0, now, now), plan.steps[0].share
    if plan.gate or plan.shadow:
        standing, share = standing._replace(step=-1), 0.0
    standing = standing._replace(status=standing.under_way(plan))
    revisions = () if revision is None else (revision,)
    page = Page(standing, (Phase(share, now),), digest_of(plan), revisions=revisions)
    after = standing._asdict()
    entry = AuditEntry(
        1, now, "start", "START", "reliai", why, {}, after, [], 0.0, plan.to_dict(), {}
    )
    return page.with_entry(entry)


def entry_of(  # noqa: PLR0917  all that a decision hangs on
    page: Page,
    after: Standing,
    decision: Decision,
    plan: Plan,
    counts: Sequence[Counts],
    now: float,
    quiet: float,
    *,
    action: str | None = None,
    reason: str | None = None,
    by: str = "reliai",
    why: str = "",
    epoch: int = 0,
) -> AuditEntry:
    """The entry of one change."""
    return AuditEntry(
        number=page.entries + 1,
        at=now,
        action=action or decision.action,
        reason=reason or decision.reason,
        by=by,
        why=why,
        before=page.standing._asdict(),
        after=after._asdict(),
        counts=[each.to_dict() for each in counts],
        quiet=quiet,
        plan=plan.to_dict(),
        evidence=decision.evidence.to_dict(),
        epoch=epoch,
    )
