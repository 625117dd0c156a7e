"""What a cache does with a call, once its key is known: hit, miss, wait for another, pass by."""

from __future__ import annotations

from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, Any

from reliai._core.frames import empty_frames
from reliai._core.outcome import Outcome
from reliai.errors import CallTimeout, ErrorKind
from reliai.policies._cache_answers import (
    cost_nothing,
    is_complete,
    is_transient,
    kept_of,
    outcome_of,
)
from reliai.policies._cache_shelf import Facts
from reliai.policies._cache_switch import BYPASS
from reliai.policies._duplicates import duplicate
from reliai.policies._flight import (
    AGAIN,
    ALONE,
    CIRCULAR,
    Flight,
    Landing,
    ThreadWaiter,
    Waiter,
    timed_out_for_another,
)
from reliai.policies.timeout import Timeout

if TYPE_CHECKING:
    from collections.abc import Awaitable, Hashable

    from reliai._core.call import Call, Proceed
    from reliai._core.site import Site
    from reliai.policies._cache_shared import SharedAnswers
    from reliai.policies._cache_shelf import Entry, Kept, Shelf

__all__ = ["Desk"]


class Desk:
    """Serves the calls of one function.

    Args:
        site: the function.
        ttl: seconds an answer is good for.
        stale_if_error: seconds beyond, for calls that fail.
        degraded: whether answers of stand-ins are kept.
        single_flight: whether equal calls wait for one another.
        shared: the answers that other processes share; None for none.
    """

    def __init__(
        self,
        site: Site,
        *,
        ttl: float,
        stale_if_error: float,
        degraded: bool,
        single_flight: bool,
        shared: SharedAnswers | None,
    ) -> None:
        self._lifetime = ttl + stale_if_error
        self._keeps_stale = stale_if_error > 0
        self._keeps_degraded = degraded
        self._shares = single_flight and not site.streaming
        self._asynchronous = site.asynchronous
        self._total = _total_inside(site)
        self._shared = None if site.streaming else shared
        self._ttl = ttl
        self._tasks: Any = None
        self._waiter: Any = ThreadWaiter
        if site.asynchronous:
            from reliai.policies import _flight_tasks  # noqa: PLC0415  imports asyncio

            self._tasks, self._waiter = _flight_tasks, _flight_tasks.TaskWaiter

    # --- from the shelf -------------------------------------------------------------------
    def hit(self, call: Call, entry: Entry, now: float) -> Awaitable[Outcome]:
        """Answer with an entry."""
        cost_nothing(call)
        born, value, facts = entry
        call.emit("cache_hit", age=now - born)
        if facts is None:
            return Outcome(value)
        outcome = outcome_of(call, value, facts)
        return _given(outcome) if outcome.streaming else outcome

    def _fallen_back_on(
        self, call: Call, shelf: Shelf, key: Hashable, outcome: Outcome, entry: Entry | None
    ) -> Outcome:
        """The outcome, or an older answer in place of a failure that will pass."""
        if not self._keeps_stale or not is_transient(outcome):
            return outcome
        if entry is None:  # another process's, perhaps
            with shelf.lock:
                entry = shelf.entries.get(key)
            if entry is None:
                return outcome
        born, value, facts = entry
        age = call.clock.monotonic() - born
        if age >= self._lifetime:
            return outcome
        with shelf.lock:
            shelf.stale += 1
        failure = outcome.failure
        kind = ErrorKind.UNKNOWN if failure is None else failure.kind
        call.emit("cache_stale", age=age, error=str(kind))
        empty_frames(outcome.error)
        stand_in = outcome_of(call, value, facts)
        stand_in.degraded = True
        return stand_in

    # --- a call of its own ----------------------------------------------------------------
    def missed(  # noqa: PLR0917  on the path of every call
        self,
        call: Call,
        proceed: Proceed,
        enter: Proceed,
        shelf: Shelf,
        key: Hashable,
        entry: Entry | None,
        now: float,
    ) -> Awaitable[Outcome]:
        """What follows a look-up that found nothing good; with the shelf's lock held.

        Args:
            call: the call.
            proceed: the rest of the pipeline.
            enter: what to enter with the call to begin anew.
            shelf: where answers are kept.
            key: the call's.
            entry: one that is past its time.
            now: the time.
        """
        if entry is not None and now - entry[0] >= self._lifetime:
            del shelf.entries[key]
            entry = None
        if not self._shares:
            shelf.misses += 1
            return self._alone(call, proceed, shelf, key, entry, "cache_miss")
        flight = shelf.flights.get(key)
        if flight is not None and self._asynchronous and not self._tasks.joinable(flight):
            flight = None
        if flight is None:
            shelf.misses += 1
            flight = Flight(shelf, key, call, 0 if self._asynchronous else get_ident())
            if self._total is not None:
                flight.limit = (now + self._total, "total", self._total)
            rest = (proceed, shelf, key, entry)
            if self._asynchronous:
                return self._tasks.lead(flight, call, self._lead, *rest)  # type: ignore[no-any-return]
            return self._lead(call, flight, *rest)
        shelf.joined += 1
        waiter: Waiter = self._waiter(call)
        flight.join(waiter)
        return self._follow(call, proceed, enter, shelf, flight, waiter, key, entry)

    async def _alone(  # noqa: PLR0917  as above
        self,
        call: Call,
        proceed: Proceed,
        shelf: Shelf,
        key: Hashable,
        entry: Entry | None,
        event: str,
    ) -> Outcome:
        """Make the call, whoever else makes an equal one."""
        if self._shared is not None and event == "cache_miss":
            found = await self._found(call, shelf, key, self._shared)
            if found is not None:
                return outcome_of(call, *found)
        call.emit(event)
        generation = shelf.generation
        outcome = await proceed(call)
        if outcome.error is not None:
            return self._fallen_back_on(call, shelf, key, outcome, entry)
        if outcome.streaming:
            return await self._recorded(call, outcome, shelf, key)
        kept = self._kept(call, outcome)
        if kept is not None:
            with shelf.lock:
                if shelf.generation == generation:
                    shelf.put(key, kept, call.clock.monotonic())
            if self._shared is not None:
                await self._shared.keep(call, key, kept)
        return outcome

    async def _lead(  # noqa: PLR0917  as above
        self,
        call: Call,
        flight: Flight,
        proceed: Proceed,
        shelf: Shelf,
        key: Hashable,
        entry: Entry | None,
    ) -> Outcome:
        """Make the call for all who wait for it: in this thread, or in this task of its own."""
        try:
            if self._shared is not None:
                found = await self._found(call, shelf, key, self._shared)
                if found is not None:
                    with shelf.lock:
                        waiters = flight.close()
                    flight.tell(waiters, Landing(Outcome(), found))
                    return outcome_of(call, *found)
            call.emit("cache_miss")
            outcome = await proceed(call)
        except BaseException:
            flight.die()
            raise
        if outcome.streaming:
            outcome = await self._recorded(call, outcome, shelf, key)
        kept = self._land(call, outcome, shelf, flight, key)
        if kept is not None and self._shared is not None:
            await self._shared.keep(call, key, kept)
        if outcome.error is None:
            return outcome
        return self._fallen_back_on(call, shelf, key, outcome, entry)

    def _land(
        self,
        call: Call,
        outcome: Outcome,
        shelf: Shelf,
        flight: Flight,
        key: Hashable,
    ) -> Kept | None:
        """Keep the answer, and give it to those who wait for it; what is kept, if anything is."""
        kept: Kept | None = None
        if outcome.error is None and not outcome.streaming:
            kept = self._kept(call, outcome)
        with shelf.lock:
            if shelf.flights.get(key) is flight:
                del shelf.flights[key]
                if kept is not None:
                    shelf.put(key, kept, call.clock.monotonic())
            waiters = flight.waiters and flight.close()
        if waiters:
            flight.tell(waiters, _landing(call, outcome, kept))
        return kept

    async def _found(
        self, call: Call, shelf: Shelf, key: Hashable, shared: SharedAnswers
    ) -> Kept | None:
        """A good answer that another process has kept; from now on it is kept here as well."""
        found = await shared.look(call, key)
        if found is None or found[0] >= self._lifetime:
            return None
        age, kept = found
        good = age < self._ttl
        with shelf.lock:
            shelf.misses -= good
            shelf.hits += good
            shelf.put(key, kept, call.clock.monotonic() - age)
        if not good:  # it may still stand in for a failure
            return None
        cost_nothing(call)
        call.emit("cache_hit", age=age, shared=True)
        return kept

    async def _follow(  # noqa: PLR0917  as above
        self,
        call: Call,
        proceed: Proceed,
        enter: Proceed,
        shelf: Shelf,
        flight: Flight,
        waiter: Waiter,
        key: Hashable,
        entry: Entry | None,
    ) -> Outcome:
        """Take the answer of an equal call under way."""
        began = call.clock.monotonic()
        landing = await flight.await_landing(waiter)
        waited = call.clock.monotonic() - began
        if landing is None:
            call.emit("cache_wait_ended", waited=waited)
            late = Outcome(error=flight.overran(call))
            return self._fallen_back_on(call, shelf, key, late, entry)
        if landing is AGAIN:
            return await enter(call)
        if landing is ALONE or landing is CIRCULAR:
            return await self._alone(call, proceed, shelf, key, entry, "cache_miss")
        outcome = landing.outcome
        assert outcome is not None  # noqa: S101  only the three above have none
        if isinstance(outcome.error, CallTimeout) and timed_out_for_another(flight, call):
            return await enter(call)
        call.emit("cache_joined", waited=waited)
        if outcome.error is None:
            if waiter is not flight.heir:
                cost_nothing(call)
            return outcome_of(call, *landing.kept)
        error = duplicate(outcome.error)
        if landing.exhausted:
            call.exhausted = id(error)
        shared = Outcome(error=error)
        shared._failure = outcome.failure  # noqa: SLF001  classified once for all
        return self._fallen_back_on(call, shelf, key, shared, entry)

    def passed_by(
        self, call: Call, proceed: Proceed, shelf: Shelf, key: Hashable, how: str
    ) -> Awaitable[Outcome]:
        """Make the call, whatever the shelf holds, and keep its answer only for a refresh."""
        if how == BYPASS:
            call.emit("cache_bypass")
            return proceed(call)
        with shelf.lock:
            entry = shelf.entries.get(key)
            shelf.misses += 1
        return self._alone(call, proceed, shelf, key, entry, "cache_refresh")

    # --- onto the shelf -------------------------------------------------------------------
    def _kept(self, call: Call, outcome: Outcome) -> Kept | None:
        """What is kept of an answer; None when it is none to keep."""
        if outcome.degraded and not self._keeps_degraded:
            return None
        if not is_complete(call, outcome.value):
            call.emit("cache_not_kept", reason="incomplete")
            return None
        kept = kept_of(call, outcome)
        if kept is None:
            call.emit("cache_not_kept", reason="cannot be copied")
        return kept

    async def _recorded(self, call: Call, outcome: Outcome, shelf: Shelf, key: Hashable) -> Outcome:
        """The same stream, which is kept once it has been delivered to its end."""
        if outcome.degraded and not self._keeps_degraded:
            return outcome
        from reliai.policies._cache_recording import recorded  # noqa: PLC0415  streams only

        target = call._record._target if outcome.degraded else None  # noqa: SLF001
        facts = Facts(fixed=True, stream=True, degraded=outcome.degraded, target=target)
        keep = partial(_keep, call, shelf, shelf.generation, key, facts)
        made = await recorded(call, outcome.value, keep)
        made.degraded = outcome.degraded
        return made


async def _given(outcome: Outcome) -> Outcome:
    return outcome


def _keep(  # noqa: PLR0917  a callback
    call: Call,
    shelf: Shelf,
    generation: int,
    key: Hashable,
    facts: Facts,
    chunks: tuple[Any, ...],
    fixed: bool,  # noqa: FBT001
) -> None:
    if not is_complete(call, chunks):
        return
    with shelf.lock:
        if shelf.generation == generation:
            shelf.put(key, (chunks, facts._replace(fixed=fixed)), call.clock.monotonic())


def _landing(call: Call, outcome: Outcome, kept: Kept | None) -> Landing:
    error = outcome.error
    if error is not None:
        return Landing(outcome, exhausted=call.exhausted == id(error))
    if outcome.streaming:
        return ALONE
    kept = kept or kept_of(call, outcome)
    return ALONE if kept is None else Landing(outcome, kept)


def _total_inside(site: Site) -> float | None:
    """The time limit of the whole call, when one stands inside."""
    seconds: float | None = None
    for policy in site.inside():
        if getattr(policy, "repeats", False):
            break
        if isinstance(policy, Timeout) and policy.seconds is not None:
            seconds = policy.seconds if seconds is None else min(seconds, policy.seconds)
    return seconds
