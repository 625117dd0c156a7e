"""One call that others wait for: equal calls made while it runs get its answer.

A synchronous call works in the thread of its first caller; when that dies of an interrupt, one of
those who wait begins anew. In an event loop the work is a task of its own, see `_flight_tasks`.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Protocol

from reliai._core.limits import overrun, sooner

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from reliai._core.call import Call, Limit
    from reliai._core.outcome import Outcome
    from reliai._core.record import CallRecord
    from reliai.errors import CallTimeout

__all__ = [
    "AGAIN",
    "ALONE",
    "CIRCULAR",
    "Flight",
    "Landing",
    "Place",
    "ThreadWaiter",
    "Waiter",
    "timed_out_for_another",
]


class Place(Protocol):
    """Where flights are found by key; the lock guards them."""

    lock: threading.Lock
    flights: dict[Hashable, Flight]


class Landing:
    """What a flight came to.

    Attributes:
        outcome: the outcome.
        kept: a snapshot of its value, for copies; None when it failed.
        exhausted: whether a Retry gave up on its error.
    """

    __slots__ = ("exhausted", "kept", "outcome")

    def __init__(
        self, outcome: Outcome | None, kept: Any = None, *, exhausted: bool = False
    ) -> None:
        self.outcome = outcome
        self.kept = kept
        self.exhausted = exhausted


AGAIN = Landing(None)
"""The work died: one of those who wait begins anew."""

ALONE = Landing(None)
"""There is an answer that cannot be shared: each makes a call of its own."""

CIRCULAR = Landing(None)
"""The flight waits for the very call that would wait for it."""


class Waiter(Protocol):
    """One who waits for a flight; `landing` is None while it is under way."""

    call: Call
    landing: Landing | None

    def wake(self, landing: Landing) -> None:
        """Tell it what the flight came to, from any thread."""

    async def wait(self, limit: Limit | None) -> bool:
        """Wait; False when the limit came first."""
        ...


class ThreadWaiter:
    """Waits by blocking its thread."""

    __slots__ = ("_lock", "call", "landing")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.landing: Landing | None = None
        self._lock = threading.Lock()
        self._lock.acquire()

    def wake(self, landing: Landing) -> None:
        """Tell it what the flight came to."""
        self.landing = landing
        self._lock.release()

    async def wait(self, limit: Limit | None) -> bool:
        """Wait; False when the limit came first."""
        clock = self.call.clock
        seconds = None if limit is None else limit[0] - clock.monotonic()
        return clock.wait(self._lock, seconds) or self.landing is not None


class Flight:
    """A call under way that others may wait for. Nearly always nobody does, so it holds little.

    Attributes:
        record: the record of the call that makes it.
        deadline: when the call that makes it had to be done, by its caller; None for no limit.
        limit: the last moment that anybody waits for it.
        waiters: those who wait.
        task: the work, in an event loop.
        left: whether its first caller, who is none of `waiters` in an event loop, went away.
        dead: whether the work ended in an interrupt.
        heir: who took the work over then.
        abandons: whether work that nobody waits for is cancelled.
    """

    limit: Limit | None = None
    waiters: list[Waiter] | tuple[()] = ()
    task: Any = None
    left = False
    dead = False
    heir: Waiter | None = None
    abandons = True

    def __init__(self, place: Place, key: Hashable, call: Call, thread: int) -> None:
        """Take off; with the place's lock held. `thread` makes the call; 0 for an event loop."""
        self._place = place
        self._key = key
        self._thread = thread
        self.record: CallRecord = call._record  # noqa: SLF001  the engine's own
        deadline = call.deadline
        self.deadline = deadline if call.cut is None else call.until
        place.flights[key] = self

    def join(self, waiter: Waiter) -> None:
        """Wait for it from now on; with the place's lock held."""
        self.waiters = [*self.waiters, waiter]

    def close(self) -> list[Waiter]:
        """Land; with the place's lock held. Gives those who are to be woken then."""
        flights = self._place.flights
        if flights.get(self._key) is self:
            del flights[self._key]
        waiters, self.waiters = self.waiters, ()
        return list(waiters)

    def die(self) -> None:
        """Let one of those who wait begin anew."""
        with self._place.lock:
            waiters = self.close()
        for waiter in waiters:
            waiter.wake(AGAIN)

    def tell(self, waiters: list[Waiter], landing: Landing) -> None:
        """Wake those who wait. When the first caller went away, another one gets its attempts."""
        if self.left and waiters and landing.outcome is not None:
            from reliai.policies._flight_tasks import adopt  # noqa: PLC0415  imports asyncio

            self.heir = waiters[0]
            adopt(self.heir.call, self)
        for waiter in waiters:
            waiter.wake(landing)

    async def await_landing(self, waiter: Waiter) -> Landing | None:
        """Wait for it, as one who has joined; None when the time of that call is up."""
        call = waiter.call
        if not self._block(call):
            self.leave(waiter)
            return CIRCULAR
        try:
            landed = await waiter.wait(self._limit_of(call))
        except BaseException:
            self.leave(waiter)
            raise
        finally:
            _unblock(call, self)
        if not landed:
            self.leave(waiter)
        return waiter.landing

    def _limit_of(self, call: Call) -> Limit | None:
        own = None if call.deadline is None else (call.deadline, call.layer, call.limit)
        return sooner(sooner(own, call.cut), self.limit)

    def leave(self, waiter: Waiter) -> None:
        """Wait no longer."""
        with self._place.lock:
            if waiter not in self.waiters:  # it has landed
                return
            self.waiters = [each for each in self.waiters if each is not waiter]
        self._abandon()

    def part(self) -> None:
        """Its first caller goes away, from work in an event loop."""
        self.left = True
        self._abandon()

    def _abandon(self) -> None:
        if not self.left:
            return
        with self._place.lock:
            if self.waiters:
                return
            if self.abandons:
                self.close()  # who comes now begins anew
        from reliai.policies._flight_tasks import abandon  # noqa: PLC0415  imports asyncio

        abandon(self)

    def overran(self, call: Call) -> CallTimeout:
        """The error of a call whose time is up."""
        limit = self._limit_of(call)
        assert limit is not None  # noqa: S101  only a limit ends the waiting
        return overrun(call, limit)

    def _block(self, call: Call) -> bool:
        """Put down that what is around `call` waits for this flight.

        False when that would never end: it is made inside this flight, or inside one that this one
        waits for. What cannot be seen is a call from a thread that its starter gave no context.
        """
        if self._thread and self._thread == threading.get_ident():
            return False
        if call.parent is None:
            return True
        with _graph:
            if _waits_for_one_of(self.record, {id(record) for record in _around(call)}):
                return False
            for record in _around(call):
                _blocked.setdefault(id(record), []).append(self)
        return True


def timed_out_for_another(flight: Flight, call: Call) -> bool:
    """Whether the time of a flight's first caller was up, and that of `call` is not."""
    now = call.clock.monotonic()
    if flight.deadline is None or flight.deadline - 0.001 > now:
        return False
    return call.until is None or call.until > now


# --- who waits for whom -------------------------------------------------------------------
_blocked: dict[int, list[Flight]] = {}
"""The flights that are waited for inside a call, by the identity of that call's record."""

_graph = threading.Lock()


def _renew() -> None:
    """In a forked child: the threads that held it, and waited, are not here."""
    global _graph  # noqa: PLW0603  a lock that is held there is never released here
    _graph = threading.Lock()
    _blocked.clear()


os.register_at_fork(after_in_child=_renew)


def _around(call: Call) -> Iterator[CallRecord]:
    parent = call.parent
    while parent is not None:
        yield parent._record  # noqa: SLF001  the engine's own
        parent = parent.parent


def _waits_for_one_of(record: CallRecord, goals: set[int]) -> bool:
    """Whether a call is one of those, or waits inside for one, directly or through others."""
    seen: set[int] = set()
    ahead = [id(record)]
    while ahead:
        each = ahead.pop()
        if each in goals:
            return True
        if each not in seen:
            seen.add(each)
            ahead += [id(flight.record) for flight in _blocked.get(each, ())]
    return False


def _unblock(call: Call, flight: Flight) -> None:
    if call.parent is None:
        return
    with _graph:
        for record in _around(call):
            waited_for = _blocked.get(id(record), [])
            if flight in waited_for:
                waited_for.remove(flight)
            if not waited_for:
                _blocked.pop(id(record), None)
