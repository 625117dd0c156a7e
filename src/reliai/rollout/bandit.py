"""Several variants whose shares follow from how they do: more calls for those that do well."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from threading import Lock, RLock
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from reliai import clock
from reliai._core import ids
from reliai._core.ambient import ambient
from reliai._core.complaints import warn_once
from reliai._core.forking import renew_after_fork
from reliai.decisions.assignment import BUCKETS, Split, unit_text
from reliai.decisions.choice import Choice
from reliai.errors import ReliaiError
from reliai.policies._keys import key_of
from reliai.rollout import _bandit_settings as settings
from reliai.rollout._bandit_book import BanditPlan, Ledger
from reliai.rollout._bandit_tally import BanditTally
from reliai.rollout._minder import minder
from reliai.rollout._receipts import Receipts
from reliai.state import configured_state, shared_state
from reliai.state.base import PATIENT, PROMPT, Count, StateUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reliai._core.record import CallRecord
    from reliai.rollout._bandit_book import Batch, Sums
    from reliai.rollout.guardrails import Guardrail
    from reliai.state import State

__all__ = ["ArmEstimate", "Bandit"]

_FOREVER: Final = 1e10
_LEASE: Final = 5.0


class ArmEstimate(NamedTuple):
    """How a variant does.

    Attributes:
        name: of the variant.
        share: that it gets now, in [0, 1].
        calls: that were counted.
        estimate: what all calls would have come to, had all been its own, each weighted by one over
            the share that it was given with; of a mean the geometric one. None without a call.
        low, high: the 95 % confidence interval, for calls that have nothing to do with one another.
    """

    name: str
    share: float
    calls: int
    estimate: float | None
    low: float | None
    high: float | None


class Bandit:
    """Gives each of several variants a share by its chance to be the best one (Thompson sampling).

    Shares change once a batch, so that within one the hash divides the units; each record tells the
    share that its variant had, and so does the event `route`. No variant falls below its floor, so
    that what is bad now is noticed when it gets better. It is for choosing among variants that are
    all good enough: it tests nothing, and rolls nothing back.

    Use it as a rollout: `Route(bandit)`, `Route(bandit, into="prompt")` or `bandit.choose(unit)`.

    Args:
        name: of the bandit.
        variants: functions or values by name, two or more; the first one is the control, which
            calls without a unit get.
        minimise: what is to be low: `cost()`, `latency()`, `failure_rate()` or `score(…)`, which
            counts low scores.
        unit: who is assigned, as for `Rollout`.
        floor: the least share of each variant, in [0, 1].
        control_floor: the least share of the control; None for `floor`.
        batch: seconds (> 0) between two changes of the shares.
        min_calls: calls of each variant before shares change at all (>= 2).
        discount: what a batch weighs when the next one is over, in (0, 1]; below 1 what was long
            ago is forgotten.
        state: where it is shared, as for other policies.
        version: another one begins anew.
        salt: what units are drawn with; None for name and version.
        background: False to have nothing counted or changed until `sync()` is called.

    Raises:
        ConfigurationError: for a value out of its range.
    """

    def __init__(
        self,
        name: str,
        variants: Mapping[str, Any],
        minimise: Guardrail,
        unit: Any = "subject",
        *,
        floor: float = 0.05,
        control_floor: float | None = None,
        batch: float = 600.0,
        min_calls: int = 100,
        discount: float = 1.0,
        state: Any = None,
        version: str | int = 1,
        salt: str | None = None,
        background: bool = True,
    ) -> None:
        self.name = settings.text("name", name)
        self.version = settings.text("version", str(version))
        self.variants = MappingProxyType(settings.checked_variants(variants))
        self.unit = unit
        key_of(settings.present("unit", unit), "Bandit(unit)")
        self.minimise = settings.checked_metric(minimise)
        self.plan = BanditPlan(
            self.minimise.kind,
            settings.floors(list(self.variants), floor, control_floor),
            settings.seconds("batch", batch),
            settings.at_least_two("min_calls", min_calls),
            settings.discount(discount),
        )
        self.salt = settings.text("salt", f"{self.name}#{self.version}" if salt is None else salt)
        self._control = next(iter(self.variants))
        self._digest = _digest(self.plan, self.minimise)
        self._key = f"bandit:{self.name}#{self.version}"
        self._given = None if state is None else shared_state(state)
        self._own: State | None = None
        self._background = background
        self._tally = BanditTally(list(self.variants), self.minimise.read)
        self._receipts = Receipts(self._tally.put_back)
        self._ledger: Ledger | None = None
        self._ledger_version = 0
        self._split: tuple[int, Split] | None = None
        self._counts: dict[int, Sums] = {}
        self._untold = False  # whether it was killed here and the state was not told
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock, self._beginning = RLock(), Lock()
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{ids.as_text(ids.new(0.0))}"
        self._minded = False
        self._tally.renew()
        self._receipts.renew()

    @property
    def _state(self) -> State:
        state = self._given or configured_state()
        if state is not None:
            return state
        if self._own is None:
            from reliai.state.memory import MemoryState  # noqa: PLC0415  only where it is needed

            self._own = MemoryState()
        return self._own

    # --- calls

    def choose(self, unit: Any = None) -> Choice:
        """The variant for a unit; never raises.

        Args:
            unit: a text, a whole number or a tuple of these; None for the subject (or tenant) that
                the code here runs for. Without any the control, and the reason "NO_UNIT".
        """
        try:
            return self._chosen(unit)
        except Exception as error:  # noqa: BLE001  calls go on, with what they had
            told = f": {error}" if isinstance(error, ReliaiError) else ""
            warn_once(
                f"bandit:{self.name}:choose:{type(error).__name__}",
                f"bandit {self.name}: {type(error).__name__}{told}; the control is chosen",
            )
            return self._made(self._control, "ERROR")

    def _chosen(self, unit: Any) -> Choice:
        if not self._minded:
            self._start()
        ledger = self._ledger
        if ledger is None or ledger.killed is not None:
            return self._made(self._control, "ERROR" if ledger is None else "KILLED")
        if unit is None and self.unit in {"subject", "tenant"}:
            unit = getattr(ambient.get(), self.unit)
        who, batch = unit_text(unit), ledger.batches[-1]
        if who is None:
            return self._made(self._control, "NO_UNIT", batch.number)
        split = self._split
        if split is None or split[0] != batch.number:
            split = self._split = (batch.number, Split(self.salt, batch.shares))
        name = split[1].arm(who)
        assert name is not None  # noqa: S101  all are exposed
        share = batch.shares[name] / BUCKETS
        value = self.variants[name]
        return Choice(name, value, "SPLIT", self.version, share, batch.number, who)

    def _made(self, name: str, reason: str, phase: int = 0) -> Choice:
        return Choice(name, self.variants[name], reason, self.version, None, phase)

    def _start(self) -> None:
        with self._beginning:
            if self._ledger is None:
                self.sync(within=PROMPT)
            self._minded = True
        if self._background:
            minder.mind(self, self._state)

    def ended(self, choice: Choice, record: CallRecord) -> None:
        """Count a call that has ended; `Route` tells of each."""
        if choice.reason == "SPLIT":
            self._tally.note(choice, record)

    def tick(self) -> None:
        """What the thread does five times a second."""
        self.sync()

    # --- keeping in step

    def sync(self, *, within: float = PATIENT) -> bool:
        """Tell what was counted, read what others did, and begin the next batch when it is time.

        Args:
            within: seconds that the state has to answer.

        Returns:
            Whether the state answered.
        """
        with self._lock:
            ledger = self._ledger
            live = () if ledger is None else ledger.live
            try:
                exchanged = self._receipts.exchange(self._state, self._to_tell, [self._key], within)
            except StateUnavailable as error:
                self._lost(error)
                return False
            self._counts = {
                each.number: next(iter(exchanged.counted[self._key_of(each)].values()), ())
                for each in live
            }
            try:  # what was counted is told by now, whatever becomes of the rest
                self._learn(exchanged.entries.get(self._key), exchanged.now, within)
                self._turn(exchanged.now)
            except StateUnavailable as error:
                self._lost(error)
                return False
            return True

    def _lost(self, error: StateUnavailable) -> None:
        warn_once(
            f"{self._key}:away",
            f"the state of bandit {self.name} does not answer ({error}); shares stay as they are",
        )

    @property
    def _counts_here(self) -> bool:
        return self._ledger is not None and self._ledger.digest == self._digest

    def _to_tell(self) -> tuple[Any, list[Count]]:
        """What was counted here since the last time, and the counts to tell and to ask for."""
        live = () if self._ledger is None else self._ledger.live
        taken = self._tally.take({each.number for each in live}) if self._counts_here else {}
        counts = [
            Count(self._key_of(each), 0, _FOREVER, 1, taken.get(each.number, ())) for each in live
        ]
        return taken or None, counts

    def _key_of(self, batch: Batch) -> str:
        return f"{self._key}:{self._digest}:{batch.number}"

    def _learn(self, entry: Any, now: float, within: float) -> None:
        if entry is None:
            first = self._ledger or Ledger.first(self._digest, self.plan, now)
            version = self._state.put(self._key, first.dumped(), expected=0, within=within)
            if version is not None:
                self._ledger, self._ledger_version = first, version
                return
            entry = self._state.get(self._key, within=within)
        killed = None if self._ledger is None else self._ledger.killed
        if entry is None or (entry.version == self._ledger_version and not self._untold):
            return
        try:
            told = Ledger.loaded(entry.value)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            message = f"what it holds cannot be read: {type(error).__name__}"
            raise StateUnavailable(message) from error
        self._ledger, self._ledger_version = (
            told._replace(killed=told.killed or killed),
            entry.version,
        )
        if self._ledger.killed != told.killed:  # ended here while the state was away, or lost it
            self._untold = not self._write(self._ledger)
        if self._ledger.digest != self._digest:
            warn_once(
                f"{self._key}:{self._digest}",
                f"bandit {self.name} version {self.version} was begun with other settings, so this "
                "process gives calls what it says and does not count; give it another version=",
            )

    def _turn(self, now: float) -> None:
        """Begin the next batch, when this one has lasted long enough and it is our turn."""
        ledger = self._ledger
        if ledger is None or ledger.killed is not None or not self._counts_here:
            return
        if now - ledger.batches[-1].since < self.plan.batch:
            return
        if not {each.number for each in ledger.live} <= self._counts.keys():
            return  # we have only just read of these batches: their counts are asked for next time
        state = self._state
        if state.shared and state.lease(f"{self._key}:lease", self._owner, _LEASE) is None:
            return
        self._write(ledger.turned(self.plan, self._counts, now))

    def _write(self, ledger: Ledger) -> bool:
        version = self._state.put(
            self._key, ledger.dumped(), expected=self._ledger_version, within=PATIENT
        )
        if version is not None:
            self._ledger, self._ledger_version = ledger, version
        return version is not None

    # --- looking, and ending it

    def kill(self, by: str, why: str = "") -> bool:
        """Give all calls the control, for good: here at once, elsewhere within 0.2 s.

        Args:
            by: who does it.
            why: for who asks later.

        Returns:
            Whether the state knows it, and so the other processes.
        """
        settings.text("by", by)
        with self._lock:
            for _ in range(20):
                known = self.sync()
                ledger = self._ledger or Ledger.first(
                    self._digest, self.plan, clock.active().time()
                )
                killed = ledger._replace(killed=(by, why))
                if not known:
                    self._ledger, self._untold = killed, True
                    return False
                if self._write(killed):
                    return True
        return False

    @property
    def batches(self) -> tuple[Batch, ...]:
        """The last 200 batches with their shares and counts, the one under way last."""
        self.sync()
        return () if self._ledger is None else self._ledger.batches

    def estimates(self) -> tuple[ArmEstimate, ...]:
        """How each variant does, by all that is known of all processes."""
        self.sync()
        ledger = self._ledger
        if ledger is None:
            return ()
        seen = ledger.seen(self._counts, self.plan.discount)
        shares = ledger.batches[-1].shares
        return tuple(
            ArmEstimate(
                name,
                shares[name] / BUCKETS,
                int(each.calls),
                *settings.interval(self.plan.kind, each),
            )
            for name, each in seen.items()
        )

    def __repr__(self) -> str:
        return f"reliai.rollout.Bandit({self.name!r}, version={self.version!r})"


def _digest(plan: BanditPlan, minimise: Guardrail) -> str:
    text = json.dumps([*plan, minimise.name], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
