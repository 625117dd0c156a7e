"""The keys of one function that `Once` guards, by one clock, and what is said of them."""

from __future__ import annotations

import os
from threading import Lock
from typing import TYPE_CHECKING
from weakref import WeakSet

from reliai._core.outcome import Outcome
from reliai.decisions.once import UNSHARED
from reliai.errors import AmbiguousOutcome
from reliai.policies._cache_answers import cost_nothing, outcome_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from reliai._core.call import Call
    from reliai.clock import Clock
    from reliai.decisions.once import Known, OnceLedger
    from reliai.policies._flight import Flight
    from reliai.policies._once_sharing import OnceSharing

__all__ = ["Book", "known_outcome", "too_many", "under_way"]


class Book:
    """The keys of one function, by one clock; `lock` guards all of it."""

    __slots__ = ("__weakref__", "clock", "flights", "ledger", "lock", "seen", "sharing")

    def __init__(self, time: Clock, ledger: OnceLedger) -> None:
        self.clock = time
        self.sharing: OnceSharing | None = None
        self.seen: object = self
        self.lock = Lock()
        self.ledger = ledger
        self.flights: dict[Hashable, Flight] = {}
        _books.add(self)

    def known(self, key: Hashable) -> Known | None:
        """What is known of a key here."""
        with self.lock:
            return self.ledger.look(key, self.clock.monotonic())


_books: WeakSet[Book] = WeakSet()


def _renew() -> None:
    """In a forked child: what runs in its parent is in doubt here."""
    for book in _books:
        book.lock = Lock()
        now = book.clock.monotonic()
        for key, flight in book.flights.items():
            book.ledger.doubt(key, "a fork of the process", now, _sent_by(flight))
        book.flights = {}


os.register_at_fork(after_in_child=_renew)


def known_outcome(call: Call, known: Known, now: float) -> Outcome:
    if known.doubt is None:
        cost_nothing(call)
        call.emit("once_replayed", age=now - known.at)
        return outcome_of(call, *known.result)
    call.emit("once_in_doubt", age=now - known.at, error=known.doubt)
    if known.doubt == UNSHARED:
        return Outcome(
            error=AmbiguousOutcome(
                f"{call.name} was made with this idempotency key {now - known.at:.3g} s ago in "
                "another process, which could not share its result; it is not called again",
                idempotency_key=call.idempotency_key,
            )
        )
    return Outcome(
        error=AmbiguousOutcome(
            f"{call.name} was called with this idempotency key {now - known.at:.3g} s ago and "
            f"ended in {known.doubt}: nobody knows whether its effect came about, so it is not "
            "called again. Ask the other side, then forget() the key or use another",
            idempotency_key=known.sent or call.idempotency_key,
        )
    )


def under_way(call: Call, flight: Flight, where: str) -> AmbiguousOutcome:
    return AmbiguousOutcome(
        f"{call.name} is being called with this idempotency key {where}; it is not called twice",
        idempotency_key=_sent_by(flight) or call.idempotency_key,
    )


def _sent_by(flight: Flight) -> str | None:
    """The key that a call under way sends; None where an argument is it, equal for all of them."""
    record = flight.record
    named = record._site.idempotency_key  # noqa: SLF001  looked at, not changed
    return record.id if named is None else None


def too_many(call: Call, most: int) -> str:
    return (
        f"Once: {call.name} had more than {most} idempotency keys at a time, so the oldest were "
        "forgotten and may run again; give a larger max_size or a shorter ttl"
    )
