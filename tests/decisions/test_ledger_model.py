"""The ledger against a model that keeps every payment in a list and sums it anew each time."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
)

from reliai.decisions.ledger import Grant, Ledger

CAPS = (100, 40)
PER = 60
KEYS = st.sampled_from(["a", "b", None])
AMOUNTS = st.tuples(st.integers(0, 60), st.integers(0, 30))


@dataclass
class Payment:
    key: str | None
    at: int
    amounts: tuple[int, int]


@dataclass
class Held:
    key: str | None
    amounts: tuple[int, int]
    grant: Grant


@dataclass
class Model:
    """Whole seconds only, so that a window of 60 seconds in 60 parts is 61 seconds exactly."""

    payments: list[Payment] = field(default_factory=list[Payment])
    held: list[Held] = field(default_factory=list[Held])

    def spent(self, key: str | None, which: int, now: int) -> int:
        lately = [p for p in self.payments if p.key == key and now - p.at <= PER]
        return sum(p.amounts[which] for p in lately)

    def reserved(self, key: str | None, which: int) -> int:
        return sum(h.amounts[which] for h in self.held if h.key == key)

    def has_room(self, key: str | None, amounts: tuple[int, int], now: int) -> bool:
        return all(
            self.spent(key, which, now) + self.reserved(key, which) + max(1, amounts[which]) <= cap
            for which, cap in enumerate(CAPS)
        )


class LedgerMachine(RuleBasedStateMachine):
    grants = Bundle[Held]("grants")

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger(CAPS, float(PER))
        self.model = Model()
        self.now = 0

    @rule(seconds=st.integers(0, 70))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @rule(target=grants, key=KEYS, amounts=AMOUNTS)
    def reserve(self, key: str | None, amounts: tuple[int, int]) -> Held | MultipleResults[Held]:
        given = self.ledger.reserve(key, amounts, float(self.now))
        assert isinstance(given, Grant) == self.model.has_room(key, amounts, self.now)
        if not isinstance(given, Grant):
            self.check_wait(key, amounts, given.retry_after)
            return multiple()
        held = Held(key, amounts, given)
        self.model.held.append(held)
        return held

    def check_wait(
        self, key: str | None, amounts: tuple[int, int], retry_after: float | None
    ) -> None:
        """After the wait there is room, if nothing else happens; a second before there is not."""
        if retry_after is None:
            assert not self.model.has_room(key, amounts, self.now + 1_000)
            return
        assert self.model.has_room(key, amounts, self.now + int(retry_after))
        assert not self.model.has_room(key, amounts, self.now + int(retry_after) - 1)

    @rule(held=grants, amounts=AMOUNTS)
    def extend(self, held: Held, amounts: tuple[int, int]) -> None:
        if held not in self.model.held:
            return
        refusal = self.ledger.extend(held.grant, amounts, float(self.now))
        assert (refusal is None) == self.model.has_room(held.key, amounts, self.now)
        if refusal is None:
            held.amounts = (held.amounts[0] + amounts[0], held.amounts[1] + amounts[1])

    @rule(held=consumes(grants), share=st.sampled_from([0.0, 0.3, 1.0]))
    def settle_within(self, held: Held, share: float) -> None:
        first, second = (int(each * share) for each in held.amounts)
        self.ledger.settle(held.grant, (first, second), float(self.now))
        self.model.held.remove(held)
        self.model.payments.append(Payment(held.key, self.now, (first, second)))

    @invariant()
    def never_more_than_the_cap(self) -> None:
        for key in ("a", "b", None):
            for standing in self.ledger.standing(key, float(self.now)):
                assert standing.spent + standing.reserved <= standing.cap

    @invariant()
    def the_books_agree(self) -> None:
        for key in ("a", "b", None):
            for which, standing in enumerate(self.ledger.standing(key, float(self.now))):
                assert standing.spent == self.model.spent(key, which, self.now)
                assert standing.reserved == self.model.reserved(key, which)


TestLedgerAgainstItsModel = LedgerMachine.TestCase
