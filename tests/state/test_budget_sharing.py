"""Budgets of several processes, each with its own keeper, brought in step by hand."""

from __future__ import annotations

import asyncio
import math
import threading
import warnings
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock
from reliai._core.settings import settings
from reliai.state import StateUnavailable, open_state
from reliai.state.keeper import Keeper, keeper_of
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from reliai.policies._budget_sharing import BudgetSharing
    from reliai.testing import VirtualClock


class Process:
    """One process with a budget on a function."""

    def __init__(self, url: str, cost: float = 1.0, **budget: Any) -> None:
        self.cost = cost
        self.inside: Callable[[], object] = lambda: None
        settings: dict[str, Any] = {"usd": 10.0, "estimate": 2.0, "per": 600.0, **budget}
        self.state = open_state(url)
        self.budget = reliai.Budget(**settings, state=self.state)
        self.ask = reliai.reliable(self.budget, name="ask")(self._ask)

    def _ask(self, prompt: str = "") -> str:
        self.inside()
        reliai.usage(model="m", input_tokens=1, output_tokens=1, cost_usd=self.cost)
        return prompt

    @property
    def sharing(self) -> BudgetSharing:
        found = self.budget._of(clock.active()).sharing
        assert found is not None
        return found

    def exchange(self) -> bool:
        return self.sharing._keeper.step()

    def spends(self, most: int = 100) -> int:
        """Call until it is refused; how many calls went through."""
        for made in range(most):
            outcome = reliai.execute(self.ask)
            if isinstance(outcome.error, reliai.BudgetExceeded):
                return made
            assert outcome.ok
        return most

    def spent(self) -> float:
        return self.budget.snapshot()["usd"].spent


@pytest.fixture
def time() -> Iterator[VirtualClock]:
    with virtual_clock() as clock, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Keeper, "start", lambda _: None)  # the test exchanges by hand
        yield clock


@pytest.fixture
def url(tmp_path: Path, time: VirtualClock) -> str:
    return f"sqlite:///{tmp_path / 'state.db'}"


@pytest.fixture
def pair(url: str) -> tuple[Process, Process]:
    return Process(url), Process(url)


def cut_off(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the store away from a process, which finds it out."""

    def away(*_: object, **__: object) -> None:
        raise StateUnavailable("away")

    for question in ("exchange", "reserve"):
        monkeypatch.setattr(process.state, question, away)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        process.exchange()


def test_what_one_spends_the_other_has_not(pair: tuple[Process, Process]) -> None:
    one, other = pair
    assert one.spends(6) == 6
    one.exchange()
    assert other.spends() == 3  # the fourth would need 2 dollars of the 1 that is left
    assert other.spent() == pytest.approx(9)


def test_the_last_dollars_are_reserved_by_one_process_only(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.spends(7)
    one.exchange()
    left: list[int] = []
    one.inside = lambda: left.append(other.spends())
    assert one.ask("x") == "x"
    assert left == [0]


def test_what_is_given_back_makes_room_here_at_once(pair: tuple[Process, Process]) -> None:
    one, other = pair
    other.exchange()
    assert one.spends() == 9  # each reserved 2 and spent 1, and nothing was exchanged in between
    assert one.spent() == pytest.approx(9)


def test_many_small_amounts_add_up_in_the_store(url: str) -> None:
    one, other = (Process(url, 1e-6, usd=20_000.0, estimate=1e-6) for _ in range(2))
    for _ in range(50):
        one.spends(1)
        other.spends(1)
    one.exchange()
    other.exchange()
    one.exchange()
    assert one.spent() == pytest.approx(100e-6, abs=1e-8)


def test_what_cost_more_than_estimated_is_told(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.cost = 9.0
    one.spends(1)
    one.exchange()
    assert other.spends() == 0


def test_a_window_later_all_may_spend_again(
    pair: tuple[Process, Process], time: VirtualClock
) -> None:
    one, other = pair
    one.spends()
    one.exchange()
    assert other.spends() == 0
    time.advance(611)
    assert other.spends() == 9


def test_a_refusal_says_when_there_is_room(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.spends()
    one.exchange()
    error = reliai.execute(other.ask).error
    assert isinstance(error, reliai.BudgetExceeded)
    assert error.retry_after == pytest.approx(600, abs=11)
    assert error.spent == pytest.approx(9)


def test_a_budget_for_good_is_shared_too(url: str, time: VirtualClock) -> None:
    one, other = (Process(url, per=math.inf) for _ in range(2))
    one.spends()
    one.exchange()
    time.advance(1e8)
    assert other.spends() == 0


def test_each_key_has_a_budget_of_its_own(url: str) -> None:
    one, other = (Process(url, key="tenant") for _ in range(2))
    with reliai.context(tenant="ana"):
        one.spends()
        one.exchange()
        assert other.spends() == 0
    with reliai.context(tenant="bob"):
        assert other.spends() == 9


def test_no_key_leaves_the_process(url: str) -> None:
    one = Process(url, key="tenant")
    with reliai.context(tenant="ana@example.org"):
        one.spends(1)
    counts, _ = one.sharing.offer(clock.active().time())
    assert len(counts) > 1
    assert not any("ana" in count.key for count in counts)


def test_budgets_of_one_name_are_one_on_other_functions_too(url: str) -> None:
    one, other = (Process(url, name="team") for _ in range(2))
    other.ask = reliai.reliable(other.budget, name="other")(other._ask)
    one.spends()
    one.exchange()
    assert other.spends() == 0


def test_with_the_store_away_each_spends_its_share_of_what_is_left(
    pair: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    one.spends(4)
    for _ in range(2):
        one.exchange()
        other.exchange()
    assert one.sharing._presence.processes == 2
    cut_off(one, monkeypatch)
    cut_off(other, monkeypatch)
    assert (one.spends(), other.spends()) == (2, 2)  # 3 dollars each, and 2 for each call at first


def test_with_the_store_away_a_call_says_so(
    pair: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, _ = pair
    one.exchange()
    cut_off(one, monkeypatch)
    record = reliai.execute(one.ask).record
    assert record is not None
    assert [event.kind for event in record.events] == ["budget_state_unavailable"]


def test_what_was_spent_meanwhile_is_told_when_the_store_is_back(
    pair: tuple[Process, Process],
) -> None:
    one, other = pair
    one.exchange()
    with pytest.MonkeyPatch.context() as patch:
        cut_off(one, patch)
        assert one.spends(6) == 6
    one.exchange()
    assert other.spends() == 3


def test_what_nobody_knows_to_have_arrived_is_never_given_back_twice(
    pair: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    one.spends(3)  # reserved 6, spent 3
    told, exchange = [0], one.state.exchange

    def arrives_and_is_lost(counts: Any, *given: Any, **named: Any) -> Any:
        if told[0] == 0 and any(min(count.amounts, default=0) < 0 for count in counts):
            told[0] = 1
            exchange(counts, *given, **named)
            raise StateUnavailable("no answer in time")
        return exchange(counts, *given, **named)

    monkeypatch.setattr(one.state, "exchange", arrives_and_is_lost)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one.exchange()
        one.exchange()
    other.exchange()
    assert told == [1]
    assert other.sharing.ledger.standing(None, 0.0)[0].spent >= 3 * 10**12


def test_a_call_that_is_cancelled_while_it_asks_gives_back_what_it_reserved(
    url: str, time: VirtualClock
) -> None:
    state = open_state(url)
    budget = reliai.Budget(usd=10.0, estimate=6.0, state=state)
    asked, go_on = threading.Event(), threading.Event()
    reserve = state.reserve

    def slow(*given: Any, **named: Any) -> Any:
        asked.set()
        go_on.wait(10)
        return reserve(*given, **named)

    @reliai.reliable(budget)
    async def ask() -> str:
        return "answer"

    async def main() -> None:
        state.reserve = slow  # type: ignore[method-assign]
        task = asyncio.ensure_future(ask())
        await asyncio.to_thread(asked.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        state.reserve = reserve  # type: ignore[method-assign]
        go_on.set()
        assert await ask() == "answer"  # nothing of the 10 is held by the one that is gone

    asyncio.run(main())


@pytest.mark.parametrize("name", ["", 7], ids=repr)
def test_a_name_is_text(name: Any) -> None:
    with pytest.raises(reliai.ConfigurationError, match="name"):
        reliai.Budget(usd=1, name=name)


def test_its_state_is_described_without_its_url(url: str) -> None:
    described = reliai.Budget(usd=1, name="team", state=url).describe()
    assert described["state"] == "SqliteState"
    assert described["name"] == "team"


def test_without_a_state_nothing_is_shared(time: VirtualClock) -> None:
    budget = reliai.Budget(usd=1.0)
    reliai.reliable(budget)(lambda: None)
    assert budget._of(clock.active()).sharing is None


def test_a_forked_child_tells_nothing_of_its_parents(pair: tuple[Process, Process]) -> None:
    one, other = pair
    one.spends(1)  # reserved 2, and 1 is to be given back
    one.sharing.ledger._renew()  # as in a child
    one.exchange()
    other.exchange()
    assert other.spent() == pytest.approx(2)


def test_a_budget_in_observe_mode_tells_what_it_let_through(url: str) -> None:
    one, other = (Process(url, 4.0, estimate=4.0, mode="observe") for _ in range(2))
    assert one.spends(4) == 4
    one.exchange()
    other.exchange()
    assert other.spent() == pytest.approx(16)


def test_a_further_attempt_needs_room_in_what_all_have_left(url: str, time: VirtualClock) -> None:
    state = open_state(url)
    budget = reliai.Budget(usd=10.0, estimate=4.0, state=state)
    other = Process(url, 5.0, estimate=5.0)
    tries: list[int] = []

    def flaky() -> str:
        tries.append(1)
        if len(tries) == 1:
            reliai.usage(model="m", input_tokens=1, output_tokens=1, cost_usd=4.0)
            assert other.spends(1) == 1
            keeper_of(state).step()
        raise ConnectionError("down")

    ask = reliai.reliable(budget, reliai.Retry(3, wait=lambda _: 0.0), name="ask")(flaky)
    assert isinstance(reliai.execute(ask).error, reliai.BudgetExceeded | ConnectionError)
    assert len(tries) == 1


def test_keys_that_hold_nothing_make_place_for_others(url: str) -> None:
    one = Process(url, key="tenant")
    one.sharing.ledger._max_keys = 3
    for number in range(6):
        with reliai.context(tenant=f"t{number}"):
            assert one.spends(1) == 1
        one.exchange()
    assert len(one.sharing.ledger._accounts) <= 4


def test_a_state_that_is_configured_later_is_shared_from_then_on(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Process(url)
    one.spends()
    one.exchange()
    budget = reliai.Budget(usd=10.0, estimate=2.0, per=600.0)
    ask = reliai.reliable(budget, name="ask")(lambda: None)
    ask()
    monkeypatch.setattr(settings, "state", open_state(url))
    assert isinstance(reliai.execute(ask).error, reliai.BudgetExceeded)
    monkeypatch.setattr(settings, "state", None)
    assert reliai.execute(ask).ok


def test_a_refusal_heard_a_moment_ago_is_given_without_asking(
    pair: tuple[Process, Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = pair
    one.spends()
    one.exchange()
    other.spends()
    asked: list[int] = []
    monkeypatch.setattr(other.state, "reserve", lambda *_, **__: asked.append(1))
    assert isinstance(reliai.execute(other.ask).error, reliai.BudgetExceeded)
    assert asked == []
