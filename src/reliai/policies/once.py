"""Makes a call with an effect once for each idempotency key, and gives its result again."""

from __future__ import annotations

import copy
import math
from threading import get_ident
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

from reliai import clock
from reliai._core.complaints import warn_once
from reliai._core.decorator import Policy
from reliai._core.limits import nearest, overrun
from reliai._core.outcome import Outcome
from reliai._core.policy import plain
from reliai._core.settings import settings
from reliai.decisions.once import Held, Known, OnceLedger, Word
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
from reliai.policies._once_book import Book, known_outcome, too_many, under_way
from reliai.policies._sharing import apart, given_state, shown_state, state_in_use

if TYPE_CHECKING:
    from collections.abc import Hashable

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai._core.site import Site
    from reliai.clock import Clock

__all__ = ["Once"]


class Once(Policy):
    """Calls the function once for each idempotency key; later calls get the first result again.

    Calls with the same key that come while the first one runs wait for it. When nobody knows
    whether its effect came about, the key stays in doubt: later calls get `AmbiguousOutcome`, and
    the function is not called. A failure that proves that nothing happened lets the next call run.
    Keys are apart for each function and each tenant.

    With a shared state a key is run once by all processes together. Who runs it holds a lease that
    is prolonged while it does; the others wait for its result, and get it as JSON or as the type of
    `output=` or the return annotation. When a process that ran a key is gone, the key is in doubt.
    While the store is away each process remembers by itself: calls made then have an event
    `once_unshared`, another process may run the same key, and what came of them is told afterwards.

    An asynchronous call that was begun is made to its end although its caller is cancelled: its
    result waits for whoever comes again with the key.

    Args:
        ttl: seconds a key is remembered, above 0.
        key: "arg:NAME", "subject", "tenant", a tuple of these, or a function of the call; by
            default the argument that `reliable(idempotency_key=)` names. A call whose key is None
            or empty has none, and is simply made.
        max_size: keys remembered for each function (>= 1). When there are more, results go first,
            the oldest before the others, and a warning says so once.
        state: where processes share them, a URL or a state; by default what `configure(state=)`
            says. Functions of one name share their keys; "memory" shares none.

    Raises:
        ConfigurationError: for a value out of range; when a function is decorated that has no
            idempotency key, gives a stream, or gives what cannot be shared where a state is set.
    """

    rank = 65

    def __init__(
        self,
        ttl: float = 86_400.0,
        key: Any = None,
        *,
        max_size: int = 100_000,
        state: Any = None,
    ) -> None:
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
        self._effect = self._by_trial = False
        self._state = given_state(state)
        self._site: Site | None = None
        self._books: list[Book] = []
        self._bound: WeakSet[Once] = WeakSet()

    def isolated(self, evaluation: Evaluation) -> Once:
        made = copy.copy(self)
        made._books, made._bound = [], WeakSet()  # noqa: SLF001  the copy is ours
        made._state = apart()  # noqa: SLF001
        made._by_trial = True  # noqa: SLF001
        return made

    def describe(self) -> dict[str, Any]:
        given = {"ttl": self.ttl, "key": plain(self.key), "max_size": self.max_size}
        return {**given, "state": shown_state(self._state)}

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
        bound._site = site  # noqa: SLF001
        bound._book(clock.active(), strict=True)  # noqa: SLF001
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
            Whether anything was known of it in this process.
        """
        found = False
        for once in (self, *self._bound):
            for book in once._books:  # noqa: SLF001  our own
                with book.lock:
                    found = book.ledger.forget((tenant, token(key))) or found
                if book.sharing is not None:
                    book.sharing.forget((tenant, token(key)))
        return found

    def _key_of(self, call: Call) -> Hashable:
        assert self._key is not None  # noqa: S101  bound by the engine
        key = self._key(call)
        if key is None or key == "":
            return None
        try:
            trial = call.ambient.evaluation if self._by_trial else None
            whose = call.ambient.tenant if trial is None else (call.ambient.tenant, trial.number)
            return whose, token(key)
        except Opaque as opaque:
            raise ConfigurationError(
                f"Once: the key of {call.name} is {opaque.what}, whose content cannot be "
                "compared; give text or a number"
            ) from None

    def _book(self, time: Clock, *, strict: bool = False) -> Book:
        """The book for a clock: a test's virtual one knows nothing of the machine's time."""
        for book in self._books:
            if book.clock is time:
                if book.seen is not settings.state:
                    self._share(book, strict=strict)
                return book
        made = Book(time, OnceLedger(self.ttl, self.max_size))
        self._share(made, strict=strict)
        self._books = [*self._books[-1:], made]
        return made

    def _share(self, book: Book, *, strict: bool) -> None:
        state = state_in_use(self._state)
        book.seen = settings.state
        if state is None or self._site is None:
            book.sharing = None
        elif book.sharing is None or book.sharing.state is not state:
            from reliai.policies._once_sharing import OnceSharing  # noqa: PLC0415  fleets only

            book.sharing = OnceSharing(self._site, state, self.ttl, strict=strict)

    async def _enter(
        self, call: Call, proceed: Proceed, book: Book, key: Hashable
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
            return None if known is None else known_outcome(call, known, now)
        if waiter is not None:
            return await self._follow(call, flight, waiter)
        if tasks:
            lead = _task_module().lead
            return await lead(flight, call, self._lead, proceed, book, key)  # type: ignore[no-any-return]
        return await self._lead(call, flight, proceed, book, key)

    async def _lead(
        self, call: Call, flight: Flight, proceed: Proceed, book: Book, key: Hashable
    ) -> Outcome:
        """Make the call, and put down what came of it, for all who wait for it."""
        waiters: list[Waiter] = []
        landing, sharing = AGAIN, book.sharing
        held: Held | None = None
        try:
            if sharing is not None:
                claimed = await sharing.claim(call, key)
                if not isinstance(claimed, Held):
                    outcome = self._elsewhere(call, book, key, claimed)
                    with book.lock:
                        waiters = flight.close()
                    return outcome
                held = claimed
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
            if sharing is not None and held is not None:
                sharing.settle_later(held, book.known(key))
            raise
        finally:
            flight.tell(waiters, landing)
        if sharing is not None and held is not None:
            await sharing.settle(call, held, book.known(key))
        if book.ledger.forgotten:
            warn_once(f"once:{call.name}", too_many(call, self.max_size))
        return outcome

    def _elsewhere(self, call: Call, book: Book, key: Hashable, word: Word | None) -> Outcome:
        """The outcome of a call that another process has made, or makes and takes too long."""
        now = call.clock.monotonic()
        if word is None:
            return Outcome(error=overrun(call, nearest(call, now)))
        assert book.sharing is not None  # noqa: S101  it gave the word
        at = now - book.sharing.age(word)
        with book.lock:
            if word.doubt is None:
                book.ledger.settle(key, word.kept, at)
            else:
                book.ledger.doubt(key, word.doubt, at)
        return known_outcome(call, Known(at, word.kept, word.doubt), now)

    async def _follow(  # noqa: PLR0911  a case each
        self, call: Call, flight: Flight, waiter: Waiter
    ) -> Outcome | None:
        """The result of a call with this key that was under way; None to look again."""
        if flight.task is not None and not _task_module().joinable(flight):
            flight.leave(waiter)
            return Outcome(error=under_way(call, flight, "in an event loop that does not run"))
        began = call.clock.monotonic()
        landing = await flight.await_landing(waiter)
        if landing is None:
            return Outcome(error=flight.overran(call))
        if landing is CIRCULAR:
            return Outcome(error=under_way(call, flight, "around this one"))
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


def _was_attempted(call: Call) -> bool:
    record = call._record  # noqa: SLF001  the call's own
    return record._began is not None or bool(record._attempts)  # noqa: SLF001


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _task_module() -> Any:
    from reliai.policies import _flight_tasks  # noqa: PLC0415  imports asyncio

    return _flight_tasks
