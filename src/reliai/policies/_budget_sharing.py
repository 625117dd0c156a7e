"""One budget that several processes spend, through a shared state.

Each call's reservation is asked of the store, so that no two processes reserve the same money.
What calls really cost is told a moment later, off their path. While the store is away each process
may spend its share of what was left, and tells it afterwards.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Final

from reliai._core.amounts import PICO
from reliai._core.forking import renew_after_fork
from reliai.decisions.fleet_ledger import FleetLedger
from reliai.policies._sharing import digest
from reliai.state import Count, StateUnavailable
from reliai.state.base import PATIENT, PROMPT, StateBusy
from reliai.state.keeper import INTERVAL, keeper_of
from reliai.state.presence import Presence

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from reliai._core.call import Call
    from reliai.clock import Clock
    from reliai.decisions.fleet_ledger import Batch, FleetGrant
    from reliai.decisions.ledger import Amounts, Refusal
    from reliai.state import Counted, Exchanged, State

__all__ = ["BudgetSharing"]

_MOST: Final = 256
"""Keys told or heard of in one exchange."""


class BudgetSharing:
    """One budget in step with other processes; a participant of the store's keeper.

    Args:
        place: the name that all processes know the budget by.
        units: "usd", "tokens" or both, in the order of the caps.
        caps: whole picodollars and tokens.
        per: seconds of the window.
        state: the store.
        time: the clock that calls go by.

    Attributes:
        ledger: what is known here.
    """

    def __init__(  # noqa: PLR0917  what makes a budget, and where it lives
        self,
        place: str,
        units: tuple[str, ...],
        caps: Amounts,
        per: float,
        state: State,
        time: Clock,
    ) -> None:
        self.state = state
        self.ledger = FleetLedger(caps, per)
        self._place = f"budget:{place}:{'+'.join(units)}:{per:g}"
        # The store adds floats, which hold picodollars only up to some thousands of dollars.
        self._scale = tuple(PICO if unit == "usd" else 1 for unit in units)
        self._caps = self._scaled(caps)
        self._clock = time
        self._asked: list[Hashable] = []
        self._keeper = keeper_of(state)
        self._renew()
        self.ledger.ahead = self._keeper.now() - time.monotonic()
        renew_after_fork(self)
        self._keeper.join(self)

    def _renew(self) -> None:
        self._telling = Lock()
        self._presence = Presence(self._place)

    # On the path of a call

    async def reserve(self, call: Call, key: Hashable, wanted: Amounts) -> FleetGrant | Refusal:
        """Hold an amount for a call, if it fits into what all processes have left."""
        ledger, now = self.ledger, call.clock.monotonic()
        known = ledger.refusal(key, wanted, now, younger_than=INTERVAL)
        if known is not None and self._keeper.available:
            return known
        ticket = _Ticket()
        try:
            fits, bucket, counted = await self._keeper.ask(
                call.runtime, self._ask, key, wanted, ticket
            )
        except StateUnavailable:
            ledger.among = self._presence.processes
            call.emit("budget_state_unavailable", processes=ledger.among)
            return ledger.reserve(key, wanted, call.clock.monotonic())
        except BaseException:  # cancelled; the question goes on in its thread
            if ticket.leave():
                ledger.give_back(key, wanted, ticket.bucket)
            raise
        now = call.clock.monotonic()
        if fits:
            return ledger.granted(key, wanted, bucket, counted, now)
        return ledger.refused(key, wanted, counted, now)

    def _ask(
        self, key: Hashable, wanted: Amounts, ticket: _Ticket
    ) -> tuple[bool, int, dict[int, Amounts]]:
        ledger, state = self.ledger, self.state
        bucket = int(self._keeper.now() // ledger.width)
        amounts = self._scaled(ledger.least(wanted))
        count = Count(self._at(key), bucket, ledger.width, ledger.keep, amounts)
        try:
            fits, counted = state.reserve(count, self._caps, within=PROMPT)
        except StateBusy:  # nothing was reserved; once more, before it is spent unasked
            fits, counted = state.reserve(count, self._caps, within=PROMPT)
        if not fits and ledger.owes(key):
            self._tell(PROMPT)
            fits, counted = state.reserve(count, self._caps, within=PROMPT)
        if fits and ticket.reserved(bucket):
            ledger.give_back(key, wanted, bucket)
        return fits, bucket, self._whole(counted)

    # By the keeper's thread

    def offer(self, now: float) -> tuple[Sequence[Count], Sequence[str]]:
        ledger = self.ledger
        ledger.ahead = now - self._clock.monotonic()
        at, self._asked = int(now // ledger.width), [*{None: None, **ledger.in_use(_MOST)}]
        counts = [Count(self._at(key), at, ledger.width, ledger.keep, ()) for key in self._asked]
        return [self._presence.count(now), *counts], ()

    def learn(self, exchanged: Exchanged, state: State) -> None:
        self._presence.hear(exchanged)
        self.ledger.among = 1
        now = self._clock.monotonic()
        for key in self._asked:
            counted = exchanged.counted.get(self._at(key))
            if counted is not None:
                self.ledger.hear(key, self._whole(counted), now)
        self._tell(PATIENT)

    def keep(self, counts: Sequence[Count]) -> None:
        self._presence.unsent()
        self.ledger.among = self._presence.processes

    def _tell(self, within: float) -> None:
        """Tell the store what was spent and what is given back.

        Raises:
            StateUnavailable: when it does not answer.
        """
        if not self._telling.acquire(timeout=within):
            return
        try:
            while batch := self.ledger.hand_over(_MOST):
                self._tell_batch(batch, within)
        finally:
            self._telling.release()

    def _tell_batch(self, batch: Batch, within: float) -> None:
        ledger = self.ledger
        counts = [
            Count(self._at(key), bucket, ledger.width, ledger.keep, self._scaled(amounts))
            for key, buckets in batch.items()
            for bucket, amounts in buckets.items()
        ]
        try:
            exchanged = self.state.exchange(counts, (), within=within)
        except BaseException:
            ledger.untold(batch)
            raise
        now = self._clock.monotonic()
        for key in batch:
            ledger.hear(key, self._whole(exchanged.counted[self._at(key)]), now)
        ledger.told(batch)

    def _at(self, key: Hashable) -> str:
        return self._place if key is None else f"{self._place}:{digest(key)}"

    def _scaled(self, amounts: Iterable[int]) -> tuple[float, ...]:
        return tuple(each / scale for each, scale in zip(amounts, self._scale, strict=True))

    def _whole(self, counted: Counted) -> dict[int, Amounts]:
        return {
            bucket: tuple(
                round(each * scale) for each, scale in zip(amounts, self._scale, strict=True)
            )
            for bucket, amounts in counted.items()
        }


class _Ticket:
    """Sees to it that what the store reserved for a call that is gone is given back, once."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._gone = False
        self._done = False
        self.bucket = 0

    def reserved(self, bucket: int) -> bool:
        """The store has reserved it; whether nobody waits for it any more."""
        with self._lock:
            self._done, self.bucket = True, bucket
            return self._gone

    def leave(self) -> bool:
        """Nobody waits any more; whether the store has reserved it."""
        with self._lock:
            self._gone = True
            return self._done
