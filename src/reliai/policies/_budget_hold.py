"""What one call holds of a budget, and how it is settled against what the call really used."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Any

from reliai._core.amounts import as_usd
from reliai._core.complaints import warn_once
from reliai.decisions.ledger import Grant
from reliai.errors import BudgetExceeded
from reliai.policies._budget_estimate import amount_of

if TYPE_CHECKING:
    from collections.abc import Hashable

    from reliai._core.call import Call
    from reliai._core.outcome import Outcome
    from reliai._core.record import CallRecord
    from reliai.decisions.fleet_ledger import FleetLedger
    from reliai.decisions.ledger import Ledger, Refusal
    from reliai.policies._budget_estimate import Amounts, Estimator
    from reliai.policies._budget_sharing import BudgetSharing
    from reliai.providers import Response

__all__ = ["Books", "Hold", "refused", "shown"]


class Books:
    """What all functions that share a budget share.

    Attributes:
        units: "usd", "tokens" or both, in the order of the caps.
        ledger: what is spent and held, by the clock it belongs to.
        estimator: what calls will probably cost.
        informed: whether the user gave an estimate, so that none has to be learned from usage.
        sharing: what asks the store of a fleet; None when this process is by itself.
    """

    __slots__ = ("estimator", "informed", "ledger", "sharing", "units")

    def __init__(
        self,
        units: tuple[str, ...],
        ledger: Ledger | FleetLedger,
        estimator: Estimator,
        *,
        informed: bool,
        sharing: BudgetSharing | None = None,
    ) -> None:
        self.sharing = sharing
        self.units = units
        self.ledger = ledger
        self.estimator = estimator
        self.informed = informed


class Hold:
    """A meter: adds up what a call and those inside it use, and holds more when it gets short.

    An amount is held for the call before it starts. Each further attempt, by a retry, a fallback
    or a guarded call inside it, needs its own likely cost on top of what is used already: what is
    missing is reserved then, or the attempt is refused.
    """

    __slots__ = (
        "_answers",
        "_books",
        "_call",
        "_force",
        "_grant",
        "_lock",
        "_pending",
        "_settled",
        "_silent",
        "_unpriced",
        "_untouched",
        "_used",
        "_wanted",
        "key",
    )

    def __init__(
        self, books: Books, call: Call, key: Hashable, grant: Grant, *, force: bool
    ) -> None:
        self.key = key
        self._books = books
        self._call = call
        self._grant = grant
        self._wanted = grant.amounts
        self._force = force
        self._lock = Lock()
        self._used = [0] * len(books.units)
        self._answers = 0
        self._silent = 0
        self._unpriced = False
        self._untouched = True
        self._pending: list[tuple[CallRecord, Amounts]] = []
        self._settled = False

    def of(self, books: Books, key: Hashable) -> bool:
        """Whether this holds from that account."""
        return self._books is books and self.key == key

    def add(self, usd: float | None, tokens: int | None, response: Response) -> None:
        """Take in what a response cost; what it does not say counts as estimated."""
        amounts: list[int] = []
        unknown = False
        with self._lock:
            for index, unit in enumerate(self._books.units):
                amount = amount_of(unit, usd if unit == "usd" else tokens)
                if amount is None:
                    unknown = self._unpriced = True
                    amount = self._step()[index]
                amounts.append(amount)
            self._count(tuple(amounts))
        if unknown and usd is None and not self._books.informed:
            _warn_of_no_price(self._books, self._call, response)

    def unknown(self) -> None:
        """Take in an attempt that may have cost something: as much as was estimated."""
        with self._lock:
            self._silent += 1
            self._count(self._step())

    def admit(self, call: Call) -> Exception | None:
        """See that enough is held for one more attempt; the refusal when there is no more."""
        record = call._record  # noqa: SLF001  compared and looked at, not changed
        if self._untouched and record is self._call._record:  # noqa: SLF001
            self._untouched = False
            return None  # the first attempt is what was reserved for
        with self._lock:
            step = self._step()
            if self._settled:
                return self._admit_late(call, step)
            around = _around(call)
            self._pending = [each for each in self._pending if not each[0].ended]
            running = sum(each.status is None for each in record.written_attempts())
            claims = [held for other, held in self._pending if other not in around]
            claims += [step] * (running + 1)
            short = tuple(
                max(0, used + sum(claim[index] for claim in claims) - held)
                for index, (used, held) in enumerate(
                    zip(self._used, self._grant.amounts, strict=True)
                )
            )
            if any(short):
                refusal = self._extend(call, short)
                if refusal is not None:
                    return refusal
            if call.parent is not None and record is not self._call._record:  # noqa: SLF001
                others = [each for each in self._pending if each[0] is not record]
                self._pending = [*others, (record, step)]
            return None

    def settle(self, outcome: Outcome) -> None:
        """The call has ended: what it used is spent, and the rest is free again."""
        books, call = self._books, self._call
        with self._lock:
            if self._settled:
                return
            self._settled = True
            used, answers, silent = tuple(self._used), self._answers, self._silent
            self._pending = []
        books.ledger.settle(self._grant, used, call.clock.monotonic())
        if silent or self._unpriced:
            self._say_estimated(used)
            if silent == answers and outcome.error is None and not books.informed:
                _warn_of_silence(call)
        elif answers:
            books.estimator.learn(call.name, used, answers)

    def _count(self, amounts: Amounts) -> None:
        self._answers += 1
        for index, amount in enumerate(amounts):
            self._used[index] += amount
        ledger, now = self._books.ledger, self._call.clock.monotonic()
        if self._settled:  # a task that outlived the call
            grant = ledger.reserve(self.key, amounts, now, force=True)
            if isinstance(grant, Grant):
                ledger.settle(grant, amounts, now)
            return
        for used, held in zip(self._used, self._grant.amounts, strict=True):
            if used > held:  # it is gone, whether there was room or not; the others must see it
                over = zip(self._used, self._grant.amounts, strict=True)
                ledger.extend(self._grant, tuple(max(0, u - h) for u, h in over), now, force=True)
                return

    def _step(self) -> Amounts:
        """What one answer probably costs: as those of this call, as those of others, or all."""
        answers = self._answers
        if answers:
            return tuple(-(-used // answers) for used in self._used)
        held, known = self._wanted, self._books.estimator.answer(self._call.name)
        return held if known is None else tuple(map(min, known, held))

    def _extend(self, call: Call, short: Amounts) -> Exception | None:
        ledger, now = self._books.ledger, call.clock.monotonic()
        refusal = ledger.extend(self._grant, short, now, force=self._force)
        if refusal is None:
            return None
        return refused(call, self._books.units, refusal, observing=False)

    def _admit_late(self, call: Call, step: Amounts) -> Exception | None:
        ledger, now = self._books.ledger, call.clock.monotonic()
        given = ledger.reserve(self.key, step, now, force=self._force)
        if isinstance(given, Grant):
            ledger.settle(given, (0,) * len(step), now)
            return None
        return refused(call, self._books.units, given, observing=False)

    def _say_estimated(self, used: Amounts) -> None:
        call = self._call
        amounts = {unit: shown(unit, used[n]) for n, unit in enumerate(self._books.units)}
        call.emit("budget_estimated", **amounts)
        record = call._record  # noqa: SLF001  the flag is for who reads the record
        if not record.ended and record.usage_state == "unknown":
            record.usage_state = "estimated"


def _around(call: Call) -> list[CallRecord]:
    """The records of a call and of those it runs in: what one uses is part of the others' use."""
    found: list[CallRecord] = []
    each: Call | None = call
    while each is not None:
        found.append(each._record)  # noqa: SLF001
        each = each.parent
    return found


def refused(
    call: Call, units: tuple[str, ...], refusal: Refusal, *, observing: bool
) -> BudgetExceeded:
    """The error for a refusal, said on the record; while observing, that it would have been."""
    unit, standing = units[refusal.which], refusal.standing
    numbers: dict[str, Any] = {
        "unit": unit,
        "spent": shown(unit, standing.spent),
        "reserved": shown(unit, standing.reserved),
        "wanted": shown(unit, refusal.wanted),
        "cap": shown(unit, standing.cap),
        "retry_after": refusal.retry_after,
    }
    call.emit("budget_would_reject" if observing else "budget_rejected", **numbers)
    return BudgetExceeded(_words(call, numbers), **numbers)


def shown(unit: str, amount: int) -> float:
    """A whole amount as people write it: dollars, or tokens."""
    return as_usd(amount) if unit == "usd" else amount


def _words(call: Call, numbers: dict[str, Any]) -> str:
    unit, cap, wait = numbers["unit"], numbers["cap"], numbers["retry_after"]

    def said(name: str) -> str:
        amount = numbers[name]
        return f"${amount:.6g}" if unit == "usd" else f"{amount} tokens"

    if numbers["wanted"] > cap:
        advice = "It can never find room: raise the cap, or lower estimate="
    elif wait is None:
        advice = "There may be room when calls that hold some have ended"
    else:
        advice = f"There is room in {wait:.1f} s, if nothing else is spent"
    return (
        f"{call.name}: the budget of {said('cap')} has no room for {said('wanted')} more: "
        f"{said('spent')} spent, {said('reserved')} reserved. {advice}"
    )


def _warn_of_silence(call: Call) -> None:
    warn_once(
        f"budget usage:{call.name}",
        f"a Budget sees no usage of {call.name} and settles its calls at an estimate. Return the "
        "provider's response, read it with reliai.read(response), say it with reliai.usage(…), or "
        "wrap the client: reliai.integrations.openai.wrap(client). If that cannot be, give "
        "Budget(estimate=…)",
    )


def _warn_of_no_price(books: Books, call: Call, response: Response) -> None:
    if "usd" not in books.units:
        return
    warn_once(
        f"budget price:{call.name}:{response.model}",
        f"a Budget in dollars knows no price of model {response.model!r}, which {call.name} uses, "
        'and settles its calls at an estimate. Install prices with pip install "reliai[prices]", '
        "say one with reliai.set_price(…) or reliai.usage(cost_usd=…), or give Budget(estimate=…)",
    )
