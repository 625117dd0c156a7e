"""Keeps a rollout in step with its state; knows nothing of calls, of variants or of deciding."""

from __future__ import annotations

from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai import clock
from reliai._core.complaints import warn_once
from reliai._core.forking import renew_after_fork
from reliai.rollout._book import Page, core_of, digest_of, first_page, plan_of
from reliai.rollout._index import list_in
from reliai.rollout._labels import Labels
from reliai.rollout._receipts import Receipts
from reliai.rollout._snapshot import Snapshot, bundled_with
from reliai.rollout._store_clock import StoreClock
from reliai.rollout._tally import Tally
from reliai.rollout.standing import FINAL
from reliai.state import configured_state, shared_state
from reliai.state.base import PATIENT, PROMPT, Count, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.rollout.evidence import Counts
    from reliai.rollout.guardrails import Guardrail
    from reliai.rollout.plan import Plan
    from reliai.rollout.standing import Standing
    from reliai.state import State
    from reliai.state.base import Exchanged

__all__ = ["Follower", "Traffic", "page_of"]

_FOREVER: Final = 1e10
"""Width of the one bucket that a phase is counted in: seconds, some three hundred years."""
_REASONS: Final = {"killed": "KILLED", "rolled_back": "ROLLED_BACK", "promoted": "PROMOTED"}


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


class Follower:
    """One version of one rollout, in this process.

    Args:
        key: of the document in the state.
        plan: the settings.
        guardrails: what is read from each call.
        state: where it is shared.
        snapshot: a file to keep what was known last.
        max_staleness: seconds for which what was known last is good.
        bundled: a file with a document that is good until the state answers, whatever its age.
        listing: the name and version that the state lists it by; None to leave the list alone.
        begun: the document, where it is operated from outside: its settings are not others.

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
        bundled: str | None = None,
        listing: tuple[str, str] | None = None,
        begun: Page | None = None,
    ) -> None:
        self.key = key
        self.plan = plan
        self._digest = digest_of(plan) if begun is None else begun.digest
        self._core = core_of(plan)
        self.revision: str | None = None
        self._why = ""
        self._follows = begun is not None
        self._listing = listing
        self._listed = listing is None
        self._given = None if state is None else shared_state(state)
        self._own: State | None = None
        self._snapshot = None if snapshot is None else Snapshot(snapshot, key, max_staleness)
        self._bundled = bundled_with(bundled, key)
        self._by_bundle = False
        self._max_staleness = max_staleness
        self.tally = Tally(guardrails, shadowed=bool(plan.shadow))
        self.receipts = Receipts(self._put_back)
        self.labels = Labels(self._prefix, guardrails)
        self.traffic: Traffic | None = None
        self.page: Page | None = begun
        self.counts: tuple[Counts, ...] = ()
        self.time = StoreClock()
        self._version = 0
        self._candidates = -1
        self._grew = self._reached = -1e300
        self._killing: tuple[str, str] | None = None
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = RLock()
        self._beginning = Lock()
        self.tally.renew()
        self.receipts.renew()
        self.labels.renew()

    @property
    def state(self) -> State:
        """Where it is written down: the one given, the configured one, or this process's own."""
        return self._given or configured_state() or self._memory()

    def _memory(self) -> State:
        if self._own is None:
            from reliai.state.memory import MemoryState  # noqa: PLC0415  only where it is needed

            self._own = MemoryState()
        return self._own

    def share(self, former: Follower) -> None:
        """Keep what this process remembers where another version does: a kill is for good."""
        self._own = former._memory()

    def follow(self, revision: str, why: str = "") -> None:
        """Follow a file: take on what the document says was changed under way.

        Args:
            revision: of the file.
            why: it is begun, for the audit.
        """
        self.revision, self._why, self._follows = revision, why, True

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
        now = clock.active().time()
        page = None if self._snapshot is None else self._snapshot.read(now)
        if page is None and self._bundled is not None:
            page = self._bundled.read(now)
            self._by_bundle = page is not None
        if page is None:
            return None
        self.page = page
        self.time.begin(clock.active().time())
        self._reached = clock.active().monotonic()
        return self._traffic_of(page)

    def sync(self, *, within: float = PATIENT, deciding: bool = True, aside: bool = False) -> bool:
        """Tell what was counted, read what the others did, and decide when it is time.

        Args:
            within: seconds that the state has to answer.
            deciding: whether to decide.
            aside: whether what takes long is done on another thread.

        Returns:
            Whether the state answered.
        """
        with self._lock:
            exchanged = self._exchanged(within)
            if exchanged is None:
                return False
            now = exchanged.now
            self.time.hear(now)
            try:  # what was counted is told by now, whatever becomes of the rest
                self._learn(exchanged.entries.get(self.key), now, within)
                self._confess(now)
            except StateUnavailable as error:
                self._lost(error)
                return False
            self._reached = clock.active().monotonic()
            self.labels.learn(exchanged.entries)
            if deciding:
                self._hear(now, aside=aside)
            self._total(exchanged)
            if deciding:
                self._decide_in_turn()
            if self._listing and not self._listed and within > PROMPT:
                self._listed = list_in(self.state, *self._listing)
            return True

    def _exchanged(self, within: float) -> Exchanged | None:
        """Tell what was counted, and read what others did; None when the state is away."""
        keys = [self.key, *self.labels.keys]
        try:
            return self.receipts.exchange(self.state, self._to_tell, keys, within)
        except StateUnavailable as error:
            self._lost(error)
            return None

    def _to_tell(self) -> tuple[Any, list[Count]]:
        """What was counted here since the last time, and the counts to tell and to ask for."""
        taken: Any = {}
        young: Any = {}
        if self._counting:
            taken, young = self.tally.take(), self.tally.young.take()
        phases = () if self.page is None else self.page.phases
        counts = [
            Count(self._phase_key(phase), 0, _FOREVER, 1, taken.get(phase, ()))
            for phase in range(max(1, len(phases)))
        ]
        now = clock.active().time()
        counts += self.tally.young.asked(self._prefix, phases, young, now)
        return (taken, young) if taken or young else None, counts

    def _put_back(self, counted: Any) -> None:
        taken, young = counted
        self.tally.put_back(taken)
        self.tally.young.put_back(young)

    def _hear(self, now: float, *, aside: bool) -> None:
        """Read what people said of the calls, when it is this process's turn."""

    def _confess(self, now: float) -> None:
        """Tell the state what was done here while it was away."""

    def _decide_in_turn(self) -> None:
        """What is known is up to date: decide, when it is time and this process's turn."""

    @property
    def _counting(self) -> bool:
        return self.page is not None and self.page.digest == self._digest

    @property
    def _prefix(self) -> str:
        return f"{self.key}:{self._core}"

    def _phase_key(self, phase: int) -> str:
        return f"{self._prefix}:{phase}"

    def _learn(self, entry: Any, now: float, within: float) -> None:
        """Read the document; where there is none, write the one that is known, or the first."""
        if entry is None:
            self._listed = False  # a state that lost the document has lost the list too
            page = self.page or first_page(self.plan, now, self.revision, self._why)
            version = self.state.put(self.key, page.dumped(), expected=0, within=within)
            if version is None:  # another was first
                entry = self.state.get(self.key, within=within)
                if entry is None:
                    return
            else:
                self._take(page, version, now)
                return
        if entry.version != self._version or self.page is None:
            told = page_of(entry.value)
            known = self.page
            if known and known.standing.status in FINAL and told.standing.status not in FINAL:
                # The state lost the end, and somebody who had not heard of it told what was before.
                self._write_again(known, entry.version, now, within)
            else:
                self._take(told, entry.version, now)
        elif self._snapshot is not None:
            self._snapshot.confirm(self.page, now)
        if self.traffic is not None and self.traffic.reason in {"STALE", "ERROR"} and self.page:
            self.traffic = self._traffic_of(self.page)

    def _write_again(self, page: Page, expected: int, now: float, within: float) -> None:
        version = self.state.put(self.key, page.dumped(), expected=expected, within=within)
        if version is not None:
            self._take(page, version, now)

    def _take(self, page: Page, version: int, now: float) -> None:
        if self.page is None or self.page.standing.since != page.standing.since:
            self.time.begin(now)
        self.page, self._version, self._by_bundle = page, version, False
        if self._follows and page.plan is not None and core_of(plan_of(page)) == self._core:
            self.plan, self._digest = plan_of(page), page.digest
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
        return Traffic(share, phase, _REASONS.get(status) or self._not_begun(page.standing))

    @staticmethod
    def _not_begun(standing: Standing) -> str | None:
        """Why all calls get the control before the first step; None when it has begun."""
        if standing.step >= 0:
            return None
        return "SHADOW" if standing.status in {"shadow", "held"} else "NOT_BEGUN"

    def _total(self, exchanged: Exchanged) -> None:
        page = self.page
        if page is None:
            return
        self.counts = tuple(
            self._counts_of(number, phase.share, exchanged)
            for number, phase in enumerate(page.phases)
        )
        candidates = sum(each.calls[1] for each in self.counts)
        if candidates != self._candidates:
            self._candidates, self._grew = candidates, clock.active().monotonic()

    def _counts_of(self, number: int, share: float, exchanged: Exchanged) -> Counts:
        """What all processes counted in a phase, with what people said of it."""
        kept = exchanged.counted.get(self._phase_key(number), {})
        counts = self.tally.counts(share, next(iter(kept.values()), ()))
        if not self.labels.keys:
            return counts
        sums = dict(counts.sums)
        for rule in self.plan.rules:
            if rule.mature is not None:
                base, ours = self.tally.young.counted(
                    self._prefix, number, rule.mature, exchanged.counted, exchanged.now
                )
                bad = self.labels.bad(rule.name, number)
                whole = (max(0.0, counts.calls[0] - base), max(0.0, counts.calls[1] - ours))
                sums[rule.name] = (whole[0], float(bad[0]), whole[1], float(bad[1]))
        return counts._replace(sums=sums)

    def _lost(self, error: StateUnavailable) -> None:
        warn_once(
            f"rollout:{self.key}:away",
            f"the state of {self.key} does not answer ({error}); calls get what was known last, "
            f"for {self._max_staleness:g} s, and then the control",
        )
        page = self.page
        if page is None or page.standing.status in FINAL or self._killing is not None:
            return
        quiet = clock.active().monotonic() - self._reached
        if quiet > self._max_staleness and not self._by_bundle:
            self.traffic = Traffic(0.0, len(page.phases) - 1, "STALE")


def page_of(data: bytes) -> Page:
    """The document; one that cannot be read is as good as none that can be reached."""
    try:
        return Page.loaded(data)
    except (ValueError, KeyError, TypeError, IndexError) as error:
        message = f"what it holds cannot be read: {type(error).__name__}"
        raise StateUnavailable(message) from error
