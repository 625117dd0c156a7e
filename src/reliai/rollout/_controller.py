"""Keeps a rollout in step with its state, and decides; knows nothing of calls or variants."""

from __future__ import annotations

import logging
import os
import socket
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai import clock
from reliai._core import ids
from reliai._core.complaints import warn_once
from reliai._core.delivery import deliver
from reliai._core.forking import renew_after_fork
from reliai.rollout._book import Page, Phase, digest_of, entry_of, first_page
from reliai.rollout._snapshot import Snapshot
from reliai.rollout._tally import Tally
from reliai.rollout.conflict import RolloutConflict
from reliai.rollout.deciding import FINAL, Decision, Standing, decide
from reliai.rollout.evidence import Evidence
from reliai.state import configured_state, shared_state
from reliai.state.base import PATIENT, PROMPT, Count, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reliai.rollout._book import AuditEntry
    from reliai.rollout.evidence import Counts
    from reliai.rollout.guardrails import Guardrail
    from reliai.rollout.plan import Plan
    from reliai.state import State

__all__ = ["Controller", "Traffic"]

_FOREVER: Final = 1e10
"""Width of the one bucket that a phase is counted in: seconds, some three hundred years."""
_LEASE: Final = 5.0
"""Seconds after which another process decides when this one is gone."""
_EVERY: Final = 1.0
"""Seconds between two decisions."""
_TRIES: Final = 20
"""How often an operator's change is tried anew when others change something meanwhile."""
_TELLING: Final = frozenset({"hold", "pause", "rollback", "await_approval", "promote"})
"""What somebody should hear of."""


class Traffic(NamedTuple):
    """What calls are to get now.

    Attributes:
        share: of the candidate.
        phase: number of the phase.
        reason: why the hash is not asked; None when it is.
    """

    share: float
    phase: int
    reason: str | None = None


_NEXT: Final = {
    "wait": "ramping",
    "advance": "ramping",
    "promote": "promoted",
    "rollback": "rolled_back",
    "hold": "held",
    "pause": "paused",
    "await_approval": "awaiting_approval",
}
_REASONS: Final = {"killed": "KILLED", "rolled_back": "ROLLED_BACK", "promoted": "PROMOTED"}


class Controller:
    """One version of one rollout, in this process.

    Attributes:
        traffic: what calls are to get; None before the first look at the state.
        page: the document, as it was read last.
        counts: of all processes, by phase.
    """

    def __init__(
        self,
        key: str,
        plan: Plan,
        guardrails: Sequence[Guardrail],
        state: Any,
        *,
        snapshot: str | None,
        max_staleness: float,
        notify: Callable[[AuditEntry], Any] | None,
    ) -> None:
        self.key = key
        self.plan = plan
        self._digest = digest_of(plan)
        self._given = None if state is None else shared_state(state)
        self._own: State | None = None
        self._snapshot = None if snapshot is None else Snapshot(snapshot, key, max_staleness)
        self._max_staleness = max_staleness
        self._notify = notify
        self.tally = Tally(guardrails)
        self.traffic: Traffic | None = None
        self.page: Page | None = None
        self.counts: tuple[Counts, ...] = ()
        self._version = 0
        self._candidates = -1
        self._grew = self._decided = self._reached = -1e300
        self._killing: tuple[str, str] | None = None
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{ids.as_text(ids.new(0.0))}"
        self._lock = RLock()
        self._beginning = Lock()
        self.tally.renew()

    @property
    def state(self) -> State:
        """Where it is written down: the one given, the configured one, or this process's own."""
        state = self._given or configured_state()
        if state is not None:
            return state
        if self._own is None:
            from reliai.state.memory import MemoryState  # noqa: PLC0415  only where it is needed

            self._own = MemoryState()
        return self._own

    def begin(self) -> Traffic:
        """The first look at the state, once; it may take the 50 ms of a question in a call."""
        with self._beginning:
            if self.traffic is None:
                self.sync(within=PROMPT, deciding=False)
            traffic = self.traffic
            if traffic is None:
                traffic = self.traffic = self._from_snapshot() or Traffic(0.0, 0, "ERROR")
            return traffic

    def _from_snapshot(self) -> Traffic | None:
        page = None if self._snapshot is None else self._snapshot.read(clock.active().time())
        if page is None:
            return None
        self.page = page
        self._reached = clock.active().monotonic()
        return self._traffic_of(page)

    def sync(self, *, within: float = PATIENT, deciding: bool = True) -> bool:
        """Tell what was counted, read what the others did, and decide when it is time.

        Returns:
            Whether the state answered.
        """
        with self._lock:
            taken = self.tally.take() if self._counting else {}
            known = 1 if self.page is None else len(self.page.phases)
            counts = [
                Count(self._phase_key(phase), 0, _FOREVER, 1, taken.get(phase, ()))
                for phase in range(known)
            ]
            try:
                exchanged = self.state.exchange(counts, [self.key], within=within)
                now = exchanged.now
                self._learn(exchanged.entries.get(self.key), now, within)
                self._confess(now)
            except StateUnavailable as error:
                self.tally.put_back(taken)
                self._lost(error)
                return False
            self._reached = clock.active().monotonic()
            sums = [exchanged.counted.get(count.key, {}) for count in counts]
            self._total([next(iter(each.values()), ()) for each in sums])
            if deciding:
                self._decide_in_turn(now)
            return True

    @property
    def _counting(self) -> bool:
        return self.page is not None and self.page.digest == self._digest

    def _phase_key(self, phase: int) -> str:
        return f"{self.key}:{self._digest}:{phase}"

    def _learn(self, entry: Any, now: float, within: float) -> None:
        """Read the document; where there is none, write the one that is known, or the first."""
        if entry is None:
            page = self.page or first_page(self.plan, now)
            version = self.state.put(self.key, page.dumped(), expected=0, within=within)
            if version is None:  # another was first
                entry = self.state.get(self.key, within=within)
                if entry is None:
                    return
            else:
                self._take(page, version, now)
                return
        if entry.version != self._version or self.page is None:
            self._take(_read(entry.value), entry.version, now)
        elif self._snapshot is not None:
            self._snapshot.confirm(self.page, now)
        if self.traffic is not None and self.traffic.reason in {"STALE", "ERROR"} and self.page:
            self.traffic = self._traffic_of(self.page)

    def _take(self, page: Page, version: int, now: float) -> None:
        self.page, self._version = page, version
        if page.digest != self._digest:
            warn_once(
                f"rollout:{self.key}:{self._digest}",
                f"{self.key} was begun with other settings, so this process gives calls what it "
                "says and neither counts nor decides; give the rollout another version=",
            )
        self.traffic = self._traffic_of(page)
        if self._snapshot is not None:
            self._snapshot.write(page, now)

    def _traffic_of(self, page: Page) -> Traffic:
        status, phase = page.standing.status, len(page.phases) - 1
        if self._killing is not None:
            return Traffic(0.0, phase, "KILLED")
        share = 0.0 if status in {"killed", "rolled_back"} else page.phases[-1].share
        return Traffic(share, phase, _REASONS.get(status))

    def _total(self, sums: list[tuple[float, ...]]) -> None:
        page = self.page
        if page is None:
            return
        sums += [()] * (len(page.phases) - len(sums))
        self.counts = tuple(
            self.tally.counts(phase.share, each)
            for phase, each in zip(page.phases, sums, strict=False)
        )
        candidates = sum(each.calls[1] for each in self.counts)
        if candidates != self._candidates:
            self._candidates, self._grew = candidates, clock.active().monotonic()

    def _lost(self, error: StateUnavailable) -> None:
        warn_once(
            f"rollout:{self.key}:away",
            f"the state of {self.key} does not answer ({error}); calls get what was known last, "
            f"for {self._max_staleness:g} s, and then the control",
        )
        page = self.page
        if page is None or page.standing.status in FINAL or self._killing is not None:
            return
        if clock.active().monotonic() - self._reached > self._max_staleness:
            self.traffic = Traffic(0.0, len(page.phases) - 1, "STALE")

    # --- deciding

    @property
    def quiet(self) -> float:
        """Seconds since the last call of the candidate was counted, as far as it is known here."""
        return max(0.0, clock.active().monotonic() - max(self._grew, self._began))

    @property
    def _began(self) -> float:
        """When the step under way began, by the monotonic clock."""
        page = self.page
        assert page is not None  # noqa: S101  asked for when it is there
        return clock.active().monotonic() - (clock.active().time() - page.standing.since)

    def decision(self, now: float | None = None) -> Decision:
        """What follows from what is known; nothing by settings that it was not begun with."""
        assert self.page is not None  # noqa: S101  asked for when it is there
        if not self._counting or not self.counts:
            return Decision("none", "OTHER_SETTINGS", Evidence((), 1.0, 1.0, 1.0))
        moment = clock.active().time() if now is None else now
        return decide(self.plan, self.page.standing, self.counts, moment, self.quiet)

    def _decide_in_turn(self, now: float) -> None:
        page, moment = self.page, clock.active().monotonic()
        if page is None or page.digest != self._digest or page.standing.status in FINAL:
            return
        if self.state.shared and moment - self._decided < _EVERY:
            return
        self._decided = moment
        try:
            epoch = self._leads()
            if epoch is not None:
                self._apply(self.decision(now), now, epoch)
        except StateUnavailable as error:
            self._lost(error)

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
        if self.plan.observe:
            self._say_only(page, decision, now, epoch)
            return
        before = page.standing
        after, phases = _moved(page, decision, now)
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

    # --- what operators do

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
        page, now = self.page, clock.active().time()
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
                self._take(_read(known.value), known.version, now)


def _read(data: bytes) -> Page:
    """The document; one that cannot be read is as good as none that can be reached."""
    try:
        return Page.loaded(data)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        message = f"what it holds cannot be read: {type(error).__name__}"
        raise StateUnavailable(message) from error


def _moved(page: Page, decision: Decision, now: float) -> tuple[Standing, tuple[Phase, ...]]:
    """Where a rollout stands after a decision."""
    before = page.standing
    if decision.action == "none":
        return before, page.phases
    after = before._replace(status=_NEXT[decision.action])
    if decision.action not in {"advance", "promote"}:
        return after, page.phases
    steps = page_steps(page)
    share = steps[before.step + 1]
    after = after._replace(step=before.step + 1, since=now, overridden=False)
    return after, (*page.phases, Phase(share, now))


def page_steps(page: Page) -> list[float]:
    """The shares of the steps, as the rollout was begun with them."""
    return [each["share"] for each in page.audit[0].plan["steps"]]
