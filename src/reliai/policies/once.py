"""Makes a call with an effect once for each idempotency key, and gives its result again."""

from __future__ import annotations

import copy
import math
import os
from threading import Lock, get_ident
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from reliai._core.complaints import warn_once
from reliai._core.decorator import Policy
from reliai._core.outcome import Outcome
from reliai._core.policy import plain
from reliai.decisions.once import Known, OnceLedger
from reliai.errors import AmbiguousOutcome, CallTimeout, ConfigurationError, ErrorKind
from reliai.policies._cache_answers import cost_nothing, kept_of, outcome_of
from reliai.policies._cache_shelf import Facts
from reliai.policies._cache_tokens import Opaque, token
from reliai.policies._duplicates import duplicate
from reliai.policies._flight import (
    AGAIN,
    CIRCULAR,
    Flight,
    Landing,
    ThreadWaiter,
    Waiter,
    timed_out_for_another,
)
from reliai.policies._keys import check_key_fits, key_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from reliai._core.call import Call, Proceed
    from reliai._core.site import Site
    from reliai.clock import Clock

__all__ = ["Once"]


class Once(Policy):
    """Calls the function once for each idempotency key; later calls get the first result again.

    Calls with the same key that come while the first one runs wait for it. When nobody knows
    whether its effect came about, the key stays in doubt: later calls get `AmbiguousOutcome`, and
    the function is not called. A failure that proves that nothing happened lets the next call run.
    Keys are apart for each function and each tenant, and are remembered in this process.

    An asynchronous call that was begun is made to its end although its caller is cancelled: its
    result waits for whoever comes again with the key.

    Args:
        ttl: seconds a key is remembered, above 0.
        key: "arg:NAME", "subject", "tenant", a tuple of these, or a function of the call; by
            default the argument that `reliable(idempotency_key=)` names. A call whose key is None
            or empty has none, and is simply made.
        max_size: keys remembered for each function (>= 1). When there are more, results go first,
            the oldest before the others, and a warning says so once.

    Raises:
        ConfigurationError: for a value out of range; when a function is decorated that has no
            idempotency key, or gives a stream.
    """

    rank = 65

    def __init__(self, ttl: float = 86_400.0, key: Any = None, *, max_size: int = 100_000) -> None:
        if not _is_number(ttl) or not 0 < ttl < math.inf:
            raise ConfigurationError(f"Once(ttl={ttl!r}): must be a number of seconds above 0")
        if not isinstance(max_size, int) or isinstance(max_size, bool) or max_size < 1:
            raise ConfigurationError(
                f"Once(max_size={max_size!r}): must be a whole number of at least 1"
            )
        self.ttl = float(ttl)
        self.key = key
        self.max_size = max_size
        self._key = key_of(key, "Once(key)")
        self._effect = False
        self._books: list[_Book] = []
        self._bound: WeakSet[Once] = WeakSet()

    def describe(self) -> dict[str, Any]:
        return {"ttl": self.ttl, "key": plain(self.key), "max_size": self.max_size}

    def bind(self, site: Site) -> Once:
        if site.streaming:
            raise ConfigurationError(
                f"Once: {site.name} gives a stream, of which no result can be given again; return "
                "its text, or leave Once out"
            )
        bound = copy.copy(self)
        if self.key is not None:
            check_key_fits(self.key, site, "Once(key=…)")
        elif site.idempotency_key is not None:
            bound._key = key_of(f"arg:{site.idempotency_key}", "Once(key)")  # noqa: SLF001
        else:
            raise ConfigurationError(
                f"Once: {site.name} has no idempotency key, so no two of its calls would have the "
                "same; name the parameter that holds it: reliable(Once(), "
                'idempotency_key="NAME") or Once(key="arg:NAME")'
            )
        bound._effect = site.effects == "once"  # noqa: SLF001  the copy is ours
        bound._bound = WeakSet()  # noqa: SLF001
        bound._books = []  # noqa: SLF001
        self._bound.add(bound)
        return bound

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        try:
            key = self._key_of(call)
        except Exception as error:  # noqa: BLE001  by a key function, or ours
            return Outcome(error=error)
        if key is None:
            call.emit("once_without_key")
            return await proceed(call)
        while True:
            outcome = await self._enter(call, proceed, self._book(call.clock), key)
            if outcome is not None:
                return outcome

    def forget(self, key: Any, *, tenant: str | None = None) -> bool:
        """Let a key run again, say after the other side told what became of it.

        Args:
            key: as calls have it.
            tenant: whose key it is; None for calls without one.

        Returns:
            Whether anything was known of it.
        """
        found = False
        for once in (self, *self._bound):
            for book in once._books:  # noqa: SLF001  our own
                with book.lock:
                    found = book.ledger.forget((tenant, token(key))) or found
        return found

    def _key_of(self, call: Call) -> Hashable:
        assert self._key is not None  # noqa: S101  bound by the engine
        key = self._key(call)
        if key is None or key == "":
            return None
        try:
            return call.ambient.tenant, token(key)
        except Opaque as opaque:
            raise ConfigurationError(
                f"Once: the key of {call.name} is {opaque.what}, whose content cannot be "
                "compared; give text or a number"
            ) from None

    def _book(self, time: Clock) -> _Book:
        """The book for a clock: a test's virtual one knows nothing of the machine's time."""
        for book in self._books:
            if book.clock is time:
                return book
        made = _Book(time, OnceLedger(self.ttl, self.max_size))
        self._books = [*self._books[-1:], made]
        return made

    async def _enter(
        self, call: Call, proceed: Proceed, book: _Book, key: Hashable
    ) -> Outcome | None:
        """The outcome of a call with a key; None to look again."""
        now = call.clock.monotonic()
        tasks = call.runtime.asynchronous
        waiter: Waiter | None = None
        with book.lock:
            known = book.ledger.look(key, now)
            flight = book.flights.get(key)
            if known is None and flight is not None:
                joined: Waiter = _task_module().TaskWaiter(call) if tasks else ThreadWaiter(call)
                flight.join(joined)
                waiter = joined
            elif known is None:
                flight = Flight(book, key, call, 0 if tasks else get_ident())
                flight.abandons = False
        if known is not None or flight is None:
            return None if known is None else _known(call, known, now)
        if waiter is not None:
            return await self._follow(call, flight, waiter)
        if tasks:
            lead = _task_module().lead
            return await lead(flight, call, self._lead, proceed, book, key)  # type: ignore[no-any-return]
        return await self._lead(call, flight, proceed, book, key)

    async def _lead(
        self, call: Call, flight: Flight, proceed: Proceed, book: _Book, key: Hashable
    ) -> Outcome:
        """Make the call, and put down what came of it, for all who wait for it."""
        waiters: list[Waiter] = []
        landing = AGAIN
        try:
            outcome = await proceed(call)
            landing = self._landing(call, outcome)
            with book.lock:
                self._settle(call, book.ledger, key, outcome, landing)
                waiters = flight.close()
        except BaseException as error:
            with book.lock:
                if _was_attempted(call):
                    now, sent = call.clock.monotonic(), call.idempotency_key
                    book.ledger.doubt(key, type(error).__name__, now, sent)
                waiters = flight.close()
            raise
        finally:
            flight.tell(waiters, landing)
        if book.ledger.forgotten:
            warn_once(f"once:{call.name}", _too_many(call, self.max_size))
        return outcome

    async def _follow(  # noqa: PLR0911  a case each
        self, call: Call, flight: Flight, waiter: Waiter
    ) -> Outcome | None:
        """The result of a call with this key that was under way; None to look again."""
        if flight.task is not None and not _task_module().joinable(flight):
            flight.leave(waiter)
            return Outcome(error=_under_way(call, flight, "in an event loop that does not run"))
        began = call.clock.monotonic()
        landing = await flight.await_landing(waiter)
        if landing is None:
            return Outcome(error=flight.overran(call))
        if landing is CIRCULAR:
            return Outcome(error=_under_way(call, flight, "around this one"))
        outcome = landing.outcome
        if outcome is None:
            return None
        if isinstance(outcome.error, CallTimeout) and timed_out_for_another(flight, call):
            return None
        call.emit("once_joined", waited=call.clock.monotonic() - began)
        if outcome.error is None:
            if waiter is not flight.heir:
                cost_nothing(call)
            return outcome_of(call, *landing.kept)
        return Outcome(error=duplicate(outcome.error))

    def _landing(self, call: Call, outcome: Outcome) -> Landing:
        """What those who wait get, and the book keeps."""
        if outcome.error is not None:
            return Landing(outcome)
        if outcome.streaming:
            return _IN_DOUBT
        # What cannot be copied is given as it is: there is no second one.
        return Landing(outcome, kept_of(call, outcome) or (outcome.value, Facts(fixed=True)))

    def _settle(
        self, call: Call, ledger: OnceLedger, key: Hashable, outcome: Outcome, landing: Landing
    ) -> None:
        now = call.clock.monotonic()
        error = outcome.error
        if error is not None:
            if self._is_in_doubt(outcome):
                cause = error.__cause__ if isinstance(error, AmbiguousOutcome) else error
                ledger.doubt(key, type(cause or error).__name__, now, call.idempotency_key)
        elif outcome.streaming:
            what = "a stream, which cannot be given again"
            ledger.doubt(key, what, now, call.idempotency_key)
        else:
            ledger.settle(key, landing.kept, now)

    def _is_in_doubt(self, outcome: Outcome) -> bool:
        """Whether an effect may have come about. The leaf has judged those that will pass."""
        if isinstance(outcome.error, AmbiguousOutcome):
            return True
        failure = outcome.failure
        if not self._effect or failure is None or failure.sent is False:
            return False
        return failure.kind in _MAY_HAVE_HAPPENED


_IN_DOUBT = Landing(None)
"""There is a result, but none to be given twice: who waits looks again, and finds it in doubt."""

_MAY_HAVE_HAPPENED = {ErrorKind.UNKNOWN, ErrorKind.INVALID_OUTPUT, ErrorKind.CANCELLED}
"""Kinds of failures after which nobody knows whether an effect came about."""


class _Book:
    """The keys of one function, by one clock; `lock` guards all of it."""

    __slots__ = ("__weakref__", "clock", "flights", "ledger", "lock")

    def __init__(self, time: Clock, ledger: OnceLedger) -> None:
        self.clock = time
        self.lock = Lock()
        self.ledger = ledger
        self.flights: dict[Hashable, Flight] = {}
        _books.add(self)


_books: WeakSet[_Book] = WeakSet()


def _renew() -> None:
    """In a forked child: what runs in its parent is in doubt here."""
    for book in _books:
        book.lock = Lock()
        now = book.clock.monotonic()
        for key, flight in book.flights.items():
            book.ledger.doubt(key, "a fork of the process", now, _sent_by(flight))
        book.flights = {}


os.register_at_fork(after_in_child=_renew)


def _known(call: Call, known: Known, now: float) -> Outcome:
    if known.doubt is None:
        cost_nothing(call)
        call.emit("once_replayed", age=now - known.at)
        return outcome_of(call, *known.result)
    call.emit("once_in_doubt", age=now - known.at, error=known.doubt)
    return Outcome(
        error=AmbiguousOutcome(
            f"{call.name} was called with this idempotency key {now - known.at:.3g} s ago and "
            f"ended in {known.doubt}: nobody knows whether its effect came about, so it is not "
            "called again. Ask the other side, then forget() the key or use another",
            idempotency_key=known.sent or call.idempotency_key,
        )
    )


def _under_way(call: Call, flight: Flight, where: str) -> AmbiguousOutcome:
    return AmbiguousOutcome(
        f"{call.name} is being called with this idempotency key {where}; it is not called twice",
        idempotency_key=_sent_by(flight) or call.idempotency_key,
    )


def _sent_by(flight: Flight) -> str | None:
    """The key that a call under way sends; None where an argument is it, equal for all of them."""
    record = flight.record
    named = record._site.idempotency_key  # noqa: SLF001  looked at, not changed
    return record.id if named is None else None


def _too_many(call: Call, most: int) -> str:
    return (
        f"Once: {call.name} had more than {most} idempotency keys at a time, so the oldest were "
        "forgotten and may run again; give a larger max_size or a shorter ttl"
    )


def _was_attempted(call: Call) -> bool:
    record = call._record  # noqa: SLF001  the call's own
    return record._began is not None or bool(record._attempts)  # noqa: SLF001


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _task_module() -> Any:
    from reliai.policies import _flight_tasks  # noqa: PLC0415  imports asyncio

    return _flight_tasks
