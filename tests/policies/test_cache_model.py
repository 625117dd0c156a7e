"""A cache, and the ledger of Once, against the simplest thing that does the same."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import reliai
from reliai.decisions.once import OnceLedger
from reliai.testing import virtual_clock

KEYS = st.sampled_from("abcde")
SECONDS = st.sampled_from([0.0, 1.0, 4.0, 5.0, 9.0, 10.0, 11.0, 30.0])


class CacheAndModel(RuleBasedStateMachine):
    """Asks a cache of three answers, good for 10 s and as stand-ins for 10 s more."""

    def __init__(self) -> None:
        super().__init__()
        self._time = virtual_clock()
        self.clock = self._time.__enter__()
        self.serial = 0
        self.down = False
        self.kept: dict[str, tuple[float, int]] = {}  # the one used longest ago first
        self.cache = reliai.Cache(10, max_size=3, stale_if_error=10)
        self.ask = self.cache(self._answer)

    def _answer(self, prompt: str) -> int:
        if self.down:
            raise ConnectionError(prompt)
        self.serial += 1
        return self.serial

    def teardown(self) -> None:
        self._time.__exit__(None, None, None)

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def the_provider_goes_down(self) -> None:
        self.down = True

    @rule()
    def the_provider_is_back(self) -> None:
        self.down = False

    @rule()
    def it_is_cleared(self) -> None:
        self.cache.clear()
        self.kept.clear()

    @rule(key=KEYS)
    def somebody_asks(self, key: str) -> None:
        assert self._asked(key) == self._expected(key, fresh=False)

    @rule(key=KEYS)
    def somebody_refreshes(self, key: str) -> None:
        with self.cache.refresh():
            asked = self._asked(key)
        assert asked == self._expected(key, fresh=True)

    @rule(key=KEYS)
    def somebody_bypasses(self, key: str) -> None:
        with self.cache.bypass():
            asked = self._asked(key)
        assert asked == (None if self.down else (self.serial, False))

    def _asked(self, key: str) -> tuple[int, bool] | None:
        outcome = reliai.execute(self.ask, key)
        return None if outcome.error is not None else (outcome.value, outcome.degraded)

    def _expected(self, key: str, *, fresh: bool) -> tuple[int, bool] | None:
        """What the model says; it is told after the cache was asked."""
        now = self.clock.now
        born, value = self.kept.get(key, (-1e9, 0))
        if now - born < 10 and not fresh:
            self.kept[key] = self.kept.pop(key)
            return value, False
        if self.down:
            return (value, True) if now - born < 20 else None
        self.kept.pop(key, None)
        self.kept[key] = (now, self.serial)
        if len(self.kept) > 3:
            del self.kept[next(iter(self.kept))]
        return self.serial, False


class LedgerAndModel(RuleBasedStateMachine):
    """A ledger of keys that are remembered for 10 s, with place for all."""

    @initialize()
    def begin(self) -> None:
        self.ledger = OnceLedger(10, 100)
        self.now = 0.0
        self.known: dict[str, tuple[float, Any]] = {}

    def _free(self, key: str) -> bool:
        return key not in self.known or self.now - self.known[key][0] >= 10

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=KEYS, doubt=st.booleans())
    @precondition(lambda self: self.known is not None)
    def a_call_ends(self, key: str, doubt: bool) -> None:
        if not self._free(key):
            return
        assert self.ledger.look(key, self.now) is None
        if doubt:
            self.ledger.doubt(key, "TimeoutError", self.now)
        else:
            self.ledger.settle(key, "result", self.now)
        self.known[key] = self.now, "doubt" if doubt else "result"

    @rule(key=KEYS)
    def somebody_looks(self, key: str) -> None:
        found = self.ledger.look(key, self.now)
        if self._free(key):
            assert found is None
        else:
            assert found is not None
            assert (found.doubt is not None) == (self.known[key][1] == "doubt")

    @rule(key=KEYS)
    def somebody_forgets(self, key: str) -> None:
        self.ledger.forget(key)
        self.known.pop(key, None)


TestCacheAndModel = CacheAndModel.TestCase
TestCacheAndModel.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)
TestLedgerAndModel = LedgerAndModel.TestCase
TestLedgerAndModel.settings = settings(deadline=None, max_examples=60)


def test_results_go_before_doubts_when_there_are_too_many() -> None:
    ledger = OnceLedger(10, 2)
    ledger.doubt("a", "TimeoutError", 0.0)
    ledger.settle("b", 1, 1.0)
    ledger.settle("c", 2, 2.0)
    assert [ledger.look(key, 3.0) is not None for key in "abc"] == [True, False, True]
    assert ledger.forgotten == 1
    ledger.doubt("d", "TimeoutError", 3.0)
    ledger.doubt("e", "TimeoutError", 4.0)
    assert [ledger.look(key, 4.0) is not None for key in "acde"] == [False, False, True, True]


def test_what_has_expired_leaves_place_for_others() -> None:
    ledger = OnceLedger(10, 2)
    for number in range(10):
        ledger.settle(number, number, number * 10.0)
    assert len(ledger) == 1
    assert ledger.forgotten == 0
