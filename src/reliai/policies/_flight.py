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
    from collections.abc import Hashable

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
    """A call under way that others may wait for.

    Attributes:
        record: the record of the call that makes it.
        limit: the last moment that anybody waits for it.
        deadline: when the call that makes it had to be done, by its caller; None for no limit.
        task: the work, in an event loop.
        left: whether its first caller went away.
        heir: who took the work over when its first caller went away.
        abandons: whether work that nobody waits for is cancelled.
    """

    __slots__ = (
        "_blocked",
        "_key",
        "_place",
        "_thread",
        "abandons",
        "deadline",
        "heir",
        "left",
        "limit",
        "record",
        "task",
        "waiters",
    )

    def __init__(self, place: Place, key: Hashable, call: Call, total: float | None = None) -> None:
        """Take off; with the place's lock held."""
        self._place = place
        self._key = key
        self._thread = 0 if call.runtime.asynchronous else threading.get_ident()
        self._blocked: list[Flight] = []
        self.record: CallRecord = call._record  # noqa: SLF001  the engine's own
        self.deadline = call.until
        self.limit = None if total is None else (call.clock.monotonic() + total, "total", total)
        self.task: Any = None
        self.left = False
        self.heir: Waiter | None = None
        self.abandons = True
        self.waiters: list[Waiter] = []
        place.flights[key] = self
        _led[id(self.record)] = self

    def close(self) -> list[Waiter]:
        """Land; with the place's lock held. Gives those who are to be woken then."""
        flights = self._place.flights
        if flights.get(self._key) is self:
            del flights[self._key]
        _led.pop(id(self.record), None)
        waiters, self.waiters = self.waiters, []
        return waiters

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
        """Wait for it, as one of `waiters`; None when the time of that call is up."""
        blocking = self._block(waiter.call)
        if blocking is None:
            self.leave(waiter)
            return CIRCULAR
        try:
            landed = await waiter.wait(self._limit_of(waiter.call))
        except BaseException:
            self.leave(waiter)
            raise
        finally:
            self._unblock(blocking)
        if not landed:
            self.leave(waiter)
        return waiter.landing

    def _limit_of(self, call: Call) -> Limit | None:
        own = None if call.deadline is None else (call.deadline, call.layer, call.limit)
        return sooner(sooner(own, call.cut), self.limit)

    def leave(self, waiter: Waiter) -> None:
        """Wait no longer. Work in an event loop is cancelled when nobody waits for it."""
        with self._place.lock:
            if waiter not in self.waiters:  # it has landed
                return
            self.waiters.remove(waiter)
            if self.waiters or self.task is None:
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

    def _block(self, call: Call) -> list[Flight] | None:
        """Put down that the flights around `call` wait for this one.

        None when this one waits for one of them, or is one of them: it would never end. What cannot
        be seen is a call from a thread that its starter gave no context.
        """
        if self._thread and self._thread == threading.get_ident():
            return None
        parent, ours = call.parent, []
        while parent is not None:
            record = parent._record  # noqa: SLF001  the engine's own
            led = _led.get(id(record))
            if led is not None and led.record is record:
                ours.append(led)
            parent = parent.parent
        if not ours:
            return ours
        with _graph:
            if any(_reaches(self, each) for each in ours):
                return None
            for each in ours:
                each._blocked.append(self)  # noqa: SLF001  another flight's
        return ours

    def _unblock(self, ours: list[Flight]) -> None:
        if ours:
            with _graph:
                for each in ours:
                    each._blocked.remove(self)  # noqa: SLF001  another flight's


def timed_out_for_another(flight: Flight, call: Call) -> bool:
    """Whether the time of a flight's first caller was up, and that of `call` is not."""
    now = call.clock.monotonic()
    if flight.deadline is None or flight.deadline - 0.001 > now:
        return False
    return call.until is None or call.until > now


# --- who waits for whom -------------------------------------------------------------------
_led: dict[int, Flight] = {}
"""The flights under way, by the identity of the record of the call that makes each."""

_graph = threading.RLock()


def _renew() -> None:
    """In a forked child: the threads that held it, and waited, are not here."""
    global _graph  # noqa: PLW0603  a lock that is held there is never released here
    _graph = threading.RLock()
    _led.clear()


os.register_at_fork(after_in_child=_renew)


def _reaches(flight: Flight, goal: Flight) -> bool:
    """Whether `flight` waits for `goal`, directly or through others."""
    seen: set[int] = set()
    ahead = [flight]
    while ahead:
        each = ahead.pop()
        if each is goal:
            return True
        if id(each) not in seen:
            seen.add(id(each))
            ahead += each._blocked  # noqa: SLF001  this module's own
    return False
