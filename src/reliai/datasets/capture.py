"""Capture: an observer that makes cases of calls once their outcome is known. Floor 5.

It runs on a worker of its own; no call waits for it. What it keeps of a call is scrubbed first.
"""

from __future__ import annotations

import time
from threading import RLock
from typing import TYPE_CHECKING, Any, Final

from reliai import clock
from reliai._core.content import content_of
from reliai._core.delivery import complain, deliver
from reliai._core.forking import renew_after_fork
from reliai._core.hub import hub
from reliai._core.stream import settle_abandoned
from reliai.datasets import _capture_settings as check
from reliai.datasets._capture_calls import EndedCall, Said
from reliai.datasets._capture_content import Scrubber
from reliai.datasets._capture_counts import Captured, Tally
from reliai.datasets._capture_exit import close_at_exit
from reliai.datasets._capture_selection import Selection
from reliai.datasets._capture_spool import Keeper, Spool, checked_folder
from reliai.datasets._capture_stored import Reader, stored_call
from reliai.datasets.rules import checked_rules

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from os import PathLike
    from typing import Literal

    from reliai._core.record import CallRecord
    from reliai._core.scores import Score
    from reliai.datasets._capture_content import Held
    from reliai.datasets.case import Case
    from reliai.datasets.dataset import Dataset
    from reliai.datasets.rules import Judge, Rule
    from reliai.records.revision import Revision
    from reliai.records.store import RecordStore
    from reliai.records.stored import StoredCall

__all__ = ["Capture", "Captured"]

DAY: Final = 86_400.0


class Capture:
    """Makes cases of ended calls that match a rule; an observer.

    Its cases go into the dataset when that is committed, at the end of each day (UTC, by a commit
    of its own), and when the program ends. Until then errors push the rest out where a day has too
    many. Each case says with which chance it was captured; scores of a dataset that is not the
    traffic are weighted with that (`reliai.stats.production_estimate`). The inputs are kept as
    they were given, whole or not at all; the output is in the case's metadata, and is expected of
    nobody, unless somebody corrected it.

    Args:
        dataset: a `Dataset`, or what `Dataset.open` takes.
        rules: such as `[on_error(), below("confidence", .6), on_feedback("thumbs", 0),
            uniform(.01)]`.
        max_per_day: cases of this process a day at most. Errors go first, then feedback, doubts,
            slow and new calls, and the control; see `Rule.rank`.
        only: names of the guarded functions whose calls are looked at; None for all.
        scrub: replaces personal data and secrets before anything is kept: `Tokens(…)`, by default
            with all rules of `Secrets` and `Pii`, such checks, or a function of a text that gives
            the text to keep. What it raises drops the call and is counted. None keeps all as it is.
        expected: "correction": what is expected is what somebody corrected, else nothing;
            "output": else the output, of calls that went well and that nobody complained of.
        wait: seconds for which calls that no rule took wait for what is said of them later.
        waiting: calls that wait at most; the oldest are pushed out.
        waiting_bytes: bytes of their content at most.
        max_bytes: bytes of inputs and output of one call, as JSON, at most; a larger call is no
            case.
        store: a `RecordStore` that is asked for calls of which something is said when they wait no
            more, or were another process's; it must keep content.
        spool: a folder on this machine, where what is held is written every half minute: a process
            that begins later takes over what one that was killed has left. None for no such.
        seed: other calls are drawn with another.

    Attributes:
        dataset: where the cases go.
        rules: in the order in which they go first.

    Raises:
        ConfigurationError: for a setting out of its range.
    """

    inline = False
    reads_content = True

    def __init__(
        self,
        dataset: Dataset | str,
        rules: Iterable[Rule],
        *,
        max_per_day: int = 200,
        only: str | Iterable[str] | None = None,
        scrub: check.Scrub = "tokens",
        expected: Literal["correction", "output"] = "correction",
        wait: float = 14_400.0,
        waiting: int = 10_000,
        waiting_bytes: int = 64_000_000,
        max_bytes: int = 262_144,
        store: RecordStore | None = None,
        spool: str | PathLike[str] | None = None,
        seed: int = 0,
    ) -> None:
        self.rules = checked_rules(rules)
        self._most = check.whole("max_per_day", max_per_day, 1)
        self._only = check.names(only)
        self._scrubber = Scrubber(check.scrub(scrub), check.whole("max_bytes", max_bytes, 64))
        self._answers = check.expected(expected) == "output"
        self._room = (
            check.seconds("wait", wait),
            check.whole("waiting", waiting, 0),
            check.whole("waiting_bytes", waiting_bytes, 0),
        )
        self._store = check.store(store)
        self._seed = check.whole("seed", seed, 0)
        self.dataset = check.dataset(dataset)
        folder = checked_folder(spool)
        self._keeper = Keeper(None if folder is None else Spool(folder, self.dataset.name))
        self._renew()
        renew_after_fork(self)
        self.dataset.fed_by(self)

    def _renew(self) -> None:
        """Begin anew; in a forked child what is held is its parent's to hand over."""
        self._lock = RLock()
        self._keeper = self._keeper.renew()
        self._tally = Tally()
        self._today: int | None = None
        self._selection = self._new_selection(self._tally)

    def _new_selection(self, tally: Tally, judges: list[Judge | None] | None = None) -> Selection:
        return Selection(
            self.rules,
            self._most,
            f"{self.dataset.name}:{self._seed}",
            waiting=self._room,
            answers=self._answers,
            tally=tally,
            judges=judges,
        )

    # --- what it sees -------------------------------------------------------------------------
    def on_end(self, record: CallRecord) -> None:
        """Look at a call that has ended."""
        self._begin_day()
        if self._ignores(record):
            return
        with self._lock:
            call = EndedCall(record, lambda: self._held(record))
            self._selection.look(call, clock.active().time())
        self._keep()

    def _keep(self) -> None:
        """Put what is held on disk, every so often; a full disk stops nothing."""
        now = clock.active().time()
        with self._lock:
            deliver(
                self, self._keeper.keep, now, self._selection.cases, lambda: self.dataset.staged
            )

    def _held(self, record: CallRecord) -> Held | None:
        content = content_of(record)
        if content is None:
            self._tally.without_content += 1
            return None
        output = None if content.output_bytes else content.answer
        return self._scrubbed(content.inputs, output)

    def on_score(self, call_id: str | None, record: CallRecord | None, score: Score) -> None:
        """Take in what an evaluator made of a call."""
        if call_id is not None:
            value = score.label if score.value is None else score.value
            self._told(call_id, Said(score.name, value, clock.active().time(), score.label))

    def on_feedback(self, revision: Revision) -> None:
        """Take in what `reliai.feedback` was told of a call."""
        if revision.call_id is not None and revision.kind in {"value", "correction"}:
            self._told(revision.call_id, Said(revision.name, revision.value, revision.at))

    def feedback(
        self,
        call_id: str,
        name: str,
        value: Any,
        by: str | None = None,
        at: float | None = None,
    ) -> None:
        """Take in what somebody said of a call; returns at once.

        Of a call that matches `on_feedback` only now, a case is made when the call still waits, or
        the store has it; else `counts.feedback_without_record` grows. Feedback named "correction"
        is what the output should have been.

        Args:
            call_id: of the call.
            name: what is judged, for instance "thumbs".
            value: the judgement.
            by: who says so; not kept.
            at: when; Unix seconds, now by default.
        """
        moment = clock.active().time() if at is None else at
        hub.put([self], "_told", (call_id, Said(name, value, moment)))

    def _told(self, call_id: str, said: Said) -> None:
        self._begin_day()
        now = clock.active().time()
        with self._lock:
            if self._selection.told(call_id, said, now, self._cleaned):
                return
        call = self._stored(call_id)
        with self._lock:
            if call is None or not self._selection.adopt(call, now):
                self._tally.feedback_without_record += 1
                return
            self._selection.told(call_id, said, now, self._cleaned)

    def _stored(self, call_id: str) -> EndedCall | None:
        """A call that waits no more, from the store."""
        if self._store is None:
            return None
        try:
            call = self._store.get(call_id)
        except Exception:  # noqa: BLE001  the database is away; the feedback is counted
            complain(self, "could not ask its store for a call; what was said of it is counted")
            return None
        if call is None or self._ignores(call):
            return None
        return stored_call(call, self._tally, self._scrubbed)

    def _ignores(self, record: CallRecord | StoredCall) -> bool:
        if record.environment == "eval":
            return True
        return bool(self._only) and record.name not in self._only

    def _scrubbed(self, inputs: Any, output: Any) -> Held | None:
        return self._tally.scrubbed(self, self._scrubber, inputs, output)

    def _cleaned(self, value: Any, held: Held) -> Any:
        return self._tally.cleaned(self, self._scrubber, value, held)

    # --- what it gives ------------------------------------------------------------------------
    def hand_over(self) -> list[Case]:
        """The cases held by now, which are the dataset's from here on; `Dataset.commit` asks."""
        self._take_in()
        with self._lock:
            cases = self._selection.hand_over()
            cases = self._keeper.hand_over(cases, clock.active().time())
            obsolete = self._selection.take_obsolete()
        if obsolete:
            deliver(self, self._retire, obsolete)  # the cases go over, whatever becomes of these
        return cases

    def _retire(self, obsolete: list[tuple[str, str]]) -> None:
        """Remove cases that a correction has made others of, where no other call has them too."""
        latest = self.dataset.latest
        for key, call_id in obsolete:
            if latest is not None and key in latest:
                case = latest.case(key)
                if all(source.id == call_id for source in case.sources):
                    self.dataset.remove(case.key)

    @property
    def counts(self) -> Captured:
        """What became of the calls of this process that it has seen by now."""
        self._take_in()
        with self._lock:
            return self._tally.captured(self._selection, self._keeper.taken_over)

    def flush(self, timeout: float = 2.0) -> bool:
        """Have it look at all calls that ended so far, within `timeout` seconds.

        The cases stay with it until the dataset is committed, the day ends, or the program.

        Returns:
            Whether it has.
        """
        return self._take_in(timeout)

    def close(self) -> None:
        """Commit what it holds."""
        self._take_in()
        self._commit()

    def on_idle(self) -> None:
        """Begin the next day, when it has come."""
        self._begin_day()
        with self._lock:
            self._selection.waiting.expire(clock.active().time())
        self._keep()

    def _begin_day(self) -> None:
        today = int(clock.active().time() // DAY)
        if today == self._today:
            return
        first, self._today = self._today is None, today
        if first:
            close_at_exit(self)
            with self._lock:
                self._keeper.begin()
        else:
            deliver(self, self._commit)  # what cannot be committed now is staged, for the next one
            with self._lock:
                self._selection.begin_day()

    def _commit(self) -> None:
        # Outside of the lock: whoever commits meanwhile asks for what is held here.
        with self._lock:
            held = self._selection.held + self._keeper.left
        if held or self._handed_over_uncommitted:
            day = time.strftime("%Y-%m-%d", time.gmtime(clock.active().time()))
            self.dataset.commit(f"captured until {day}")
        with self._lock:
            self._keeper.committed()

    @property
    def _handed_over_uncommitted(self) -> bool:
        """Whether a commit that failed has left some staged."""
        return self._tally.handed_over > 0 and bool(self.dataset.staged)

    def _take_in(self, timeout: float = 2.0) -> bool:
        """Wait for what is on its way here; the thread that brings it does not."""
        settle_abandoned()
        lane = hub.lane(self)
        if lane.thread is None and not lane.pending:
            return True
        shown = lane.run(self, _nothing)
        return shown is None or shown.wait(timeout)

    # --- from a store -------------------------------------------------------------------------
    def read(
        self, store: RecordStore, *, since: float | datetime | None = None, **which: Any
    ) -> Captured:
        """Make cases of calls that a store has kept, as if it had seen them when they ended.

        Each day has its own `max_per_day`; the rules see the calls in the order in which they were
        written, with all feedback. Nothing is committed. The same calls, rules and seed give the
        same cases.

        Args:
            store: it must keep content.
            since: when the calls started at the earliest.
            **which: as of `RecordStore.calls`: name, status, subject, where …

        Returns:
            What became of the calls.

        Raises:
            DatasetError: when calls were taken and the store has the content of none.
        """
        return self._read(store, since, which)

    def _read(
        self,
        store: RecordStore,
        since: float | datetime | None,
        which: dict[str, Any],
        *,
        by_day: bool = True,
    ) -> Captured:
        """The same; or with `max_per_day` cases of all days together."""
        reader = Reader(self, self._new_selection, self._scrubber, self._ignores)
        cases, tally = reader.read(store, since, which, by_day=by_day)
        self.dataset.add(cases)
        return tally.captured(None)

    @classmethod
    def from_store(
        cls,
        store: RecordStore,
        dataset: Dataset | str,
        rules: Iterable[Rule],
        *,
        since: float | datetime | None = None,
        which: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Captured:
        """Make cases of calls that a store has kept; `read` in one step.

        Args:
            store: it must keep content.
            dataset: where the cases go; commit it afterwards.
            rules: as of `Capture`.
            since: when the calls started at the earliest.
            which: as of `RecordStore.calls`: `{"name": …, "where": …}`.
            **settings: as of `Capture`.
        """
        return cls(dataset, rules, **settings).read(store, since=since, **(which or {}))

    def __repr__(self) -> str:
        return f"<reliai.datasets.Capture into {self.dataset.name!r} by {len(self.rules)} rules>"


def _nothing() -> None:
    """What is asked of a thread to know that it got so far."""
