"""A cap on money or tokens: reserved before a call, settled after it."""

from __future__ import annotations

import copy
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from reliai import clock
from reliai._core.amounts import checked_amount
from reliai._core.complaints import warn, warn_once
from reliai._core.decorator import Policy
from reliai._core.outcome import Outcome
from reliai._core.policy import plain
from reliai._core.settings import settings
from reliai.decisions.ledger import Grant, Ledger
from reliai.errors import ConfigurationError
from reliai.policies._budget_estimate import Estimator, amount_of
from reliai.policies._budget_hold import Books, Hold, refused, shown
from reliai.policies._callbacks import checked_function, checked_mode
from reliai.policies._keys import check_key_fits, key_of
from reliai.policies._sharing import (
    apart,
    checked_name,
    given_state,
    name_at,
    shown_state,
    state_in_use,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Mapping

    from reliai._core.call import Call, Proceed
    from reliai._core.evaluation import Evaluation
    from reliai._core.site import Site
    from reliai.clock import Clock
    from reliai.decisions.ledger import Refusal
    from reliai.policies._budget_estimate import Amounts
    from reliai.state import State

__all__ = ["Account", "Budget"]


class Account(NamedTuple):
    """How one cap of a budget stands, in dollars or tokens."""

    spent: float
    """Settled in the last `per` seconds."""
    reserved: float
    """Held for calls that have not ended."""
    cap: float
    remaining: float
    """What can still be reserved; never below 0."""


class Budget(Policy):
    """Refuses calls with `BudgetExceeded` that would spend more than a cap in any `per` seconds.

    What a call will probably cost is reserved before it starts, and what it and all calls inside it
    really used is spent when it ends; so calls that run at the same time cannot overspend together.
    A further attempt, by a retry, a reask, a fallback or a call inside, is let through only while
    there is room for it too. What provably cost nothing is given back: a refusal, an answer from a
    cache, an error status. What may have cost something unknown, such as a timeout or a stream that
    was closed early, is spent as estimated, with an event `budget_estimated`.

    One object is one budget, however many functions it guards.

    With a shared state it is one budget for all processes together: each reservation is asked of
    the store, which has 50 ms to answer, and what a call really cost is told a moment later.
    Further attempts of a call are let through by what was known of the others up to 0.2 s before.
    While the store is away each process may spend an equal share of what was left, by the number of
    processes seen of late, and tells it afterwards. What a process that was killed had reserved
    stays spent until `per` has passed.

    Args:
        usd: cap in US dollars (> 0). Prices come from answers, `reliai[prices]` or `set_price`.
        tokens: cap in tokens of requests and answers together (> 0).
        per: seconds each payment counts, and up to a sixtieth longer; `math.inf`: for good.
        estimate: what one call will cost: a number of dollars, or of tokens where there is no
            `usd`; a mapping {"usd": …, "tokens": …}; or a function of the call that gives one of
            these. By default learned for each function (mean and two mean deviations of late); its
            first call by the length of its text, with the price of its argument `model`, or else
            as a hundredth of the cap.
        key: keeps budgets apart: "subject", "tenant", "arg:NAME", a tuple of these, or a function
            of the call. The 10,000 used last are kept.
        name: what processes that share it know it by; by default the name of the function that it
            was put on first. Budgets of one name, `per` and units are one budget in the fleet.
        state: where processes share it, a URL or a state; by default what `configure(state=)` says.
        mode: "enforce", or "observe" to only say what it would have refused.

    Raises:
        ConfigurationError: for a value out of its range, or neither `usd` nor `tokens`.
    """

    rank = 30

    def __init__(
        self,
        *,
        usd: float | None = None,
        tokens: int | None = None,
        per: float = 86400.0,
        estimate: float | Mapping[str, float] | Callable[[Call], Any] | None = None,
        key: Any = None,
        name: str | None = None,
        state: Any = None,
        mode: str = "enforce",
    ) -> None:
        self.usd = usd
        self.tokens = tokens
        self.per = _checked_per(per)
        self.estimate = estimate
        self.key = key
        self.name = checked_name("Budget", name)
        self.mode = checked_mode(mode, "Budget")
        given = {"usd": usd, "tokens": tokens}
        self._units = tuple(unit for unit, cap in given.items() if cap is not None)
        self._caps: Amounts = tuple(_checked_cap(unit, given[unit]) for unit in self._units)
        if not self._units:
            raise ConfigurationError("Budget() caps nothing; give usd= or tokens=")
        self._key = key_of(key, "Budget(key)")
        # Times of two clocks cannot be compared, so what was spent belongs to its clock.
        self._books: WeakKeyDictionary[Clock, Books] = WeakKeyDictionary()
        self._last: tuple[Clock, Books, object] | None = None
        self._state = given_state(state)
        self._place = self.name
        self._estimator = Estimator(self._units, self._caps, estimate)

    def bind(self, site: Site) -> Budget:
        check_key_fits(self.key, site, "Budget(key)")
        if callable(self.estimate):
            checked_function(self.estimate, site, "Budget(estimate)")
            if site.asynchronous:
                _refuse_asynchronous(self.estimate)
        if self.usd is not None and self.estimate is None:
            _see_to_prices(site)
        if self._place is None:
            self._place, self._last = name_at(site, Budget), None
        self._of(clock.active())
        return self

    def isolated(self, evaluation: Evaluation) -> Budget:
        made = copy.copy(self)
        made._books, made._last = WeakKeyDictionary(), None  # noqa: SLF001  the copy is ours
        made._state = apart()  # noqa: SLF001
        made._estimator = Estimator(self._units, self._caps, self.estimate)  # noqa: SLF001
        return made

    def describe(self) -> dict[str, Any]:
        names = ("usd", "tokens", "per", "estimate", "key", "name", "mode")
        given = {name: plain(getattr(self, name)) for name in names}
        return {**given, "state": shown_state(self._state)}

    def snapshot(self, key: Hashable = None) -> dict[str, Account]:
        """How the budget stands now: an `Account` for "usd", "tokens" or both.

        Args:
            key: whose, where the budget has a `key`.
        """
        time = clock.active()
        standings = self._of(time).ledger.standing(key, time.monotonic())
        found: dict[str, Account] = {}
        for unit, each in zip(self._units, standings, strict=True):
            amounts = (each.spent, each.reserved, each.cap, each.left)
            found[unit] = Account(*(shown(unit, amount) for amount in amounts))
        return found

    async def run(self, call: Call, proceed: Proceed) -> Outcome:
        books = self._of(call.clock)
        key = None if self._key is None else self._key_of(call)
        for meter in call.meters:
            if type(meter) is Hold and meter.of(books, key):
                return await proceed(call)  # a part of what a call around it holds
        try:
            wanted = books.estimator.call(call)
        except Exception as error:  # noqa: BLE001  a user's function; its mistake is the outcome
            return Outcome(error=error)
        observing = call.observes(self)
        sharing, now = books.sharing, call.clock.monotonic()
        given: Grant | Refusal
        if sharing is None:
            given = books.ledger.reserve(key, wanted, now)
        else:
            given = await sharing.reserve(call, key, wanted)
        if not isinstance(given, Grant):
            refusal = refused(call, books.units, given, observing=observing)
            if not observing:
                return Outcome(error=refusal)
            given = books.ledger.reserve(key, wanted, now, force=True)
            assert isinstance(given, Grant)  # noqa: S101  it was forced
        hold = Hold(books, call, key, given, force=observing)
        return await call.metered(hold).settle(proceed, hold.settle)

    def _of(self, time: Clock) -> Books:
        last = self._last  # read once: another thread may replace it
        if last is not None and last[0] is time and last[2] is settings.state:
            return last[1]
        state = state_in_use(self._state) if self._place is not None else None
        books = self._books.get(time)
        if books is None:
            books = self._books.setdefault(time, self._books_by(time, state))
        elif state is not (books.sharing and books.sharing.state):
            books = self._books[time] = self._books_by(time, state)
        self._last = (time, books, settings.state)
        return books

    def _books_by(self, time: Clock, state: State | None) -> Books:
        informed = self.estimate is not None
        if state is None:
            ledger = Ledger(self._caps, self.per)
            return Books(self._units, ledger, self._estimator, informed=informed)
        from reliai.policies._budget_sharing import BudgetSharing  # noqa: PLC0415  fleets only

        assert self._place is not None  # noqa: S101  none is shared without
        sharing = BudgetSharing(self._place, self._units, self._caps, self.per, state, time)
        return Books(
            self._units, sharing.ledger, self._estimator, informed=informed, sharing=sharing
        )

    def _key_of(self, call: Call) -> Hashable:
        assert self._key is not None  # noqa: S101  asked of budgets that have one
        try:
            key = self._key(call)
            hash(key)
        except Exception as error:  # noqa: BLE001  a user's function, or what it gave, unhashable
            warn_once(
                f"budget key:{call.name}",
                f"Budget(key={self.key!r}) gave none for a call of {call.name} "
                f"({type(error).__name__}); such calls share the account without a key",
            )
            return None
        return key


def _checked_per(per: Any) -> float:
    if isinstance(per, bool) or not isinstance(per, int | float) or not per > 0:
        message = f"Budget(per={per!r}): must be a number of seconds above 0, or math.inf"
        raise ConfigurationError(message)
    return float(per)


def _checked_cap(unit: str, cap: Any) -> int:
    amount = amount_of(unit, cap) if checked_amount(cap) else None
    if not amount or (unit == "tokens" and amount != cap):
        what = "US dollars" if unit == "usd" else "tokens, a whole number"
        message = f"Budget({unit}={cap!r}): must be {what} above 0"
        raise ConfigurationError(message)
    return amount


def _refuse_asynchronous(function: Any) -> None:
    import inspect  # noqa: PLC0415  decorating only

    if inspect.iscoroutinefunction(function):
        name = getattr(function, "__name__", repr(function))
        message = f"Budget(estimate={name}): must be a plain function of the call, not asynchronous"
        raise ConfigurationError(message)


def _see_to_prices(site: Site) -> None:
    """Have the table of prices at hand before the first call, which would have to wait for it."""
    from reliai.providers.prices import any_price_set, prices_installed  # noqa: PLC0415

    if find_spec("genai_prices") is not None:
        prices_installed()
    elif not any_price_set():
        warn(
            f"Budget(usd=…) of {site.name} knows no price of any model, so it counts only what "
            'answers say they cost. Install prices with pip install "reliai[prices]", say them '
            "with reliai.set_price(…), or give Budget(estimate=…)"
        )
