"""Budget on functions of every kind: what is reserved, refused, settled and given back."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import virtual_clock
from tests.policies._guarded import KINDS, ONE_VALUE, Guarded, every_kind, every_one_value
from tests.policies._spending import answer, silent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from reliai.testing import VirtualClock


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as time:
        yield time


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings that come once come in each test."""
    monkeypatch.setattr("reliai._core.complaints._said", set())


def model(kind: str, give: Callable[[], Any], *policies: Any, name: str = "ask") -> Any:
    """A guarded function whose calls cost what `give` says; of a stream, before its chunks."""

    @reliai.reliable(name="model")
    def asked() -> Any:
        return give()

    def ask(prompt: str = "") -> Any:
        return give()

    async def ask_async(prompt: str = "") -> Any:
        return give()

    def stream(prompt: str = "") -> Iterator[str]:
        asked()
        yield "a"
        yield "b"

    async def stream_async(prompt: str = "") -> AsyncIterator[str]:
        asked()
        yield "a"
        yield "b"

    functions: list[Any] = [ask, ask_async, stream, stream_async]
    return reliai.reliable(*policies, name=name)(functions[KINDS.index(kind)])


def call(function: Any, *args: Any) -> Any:
    """The answer, or the chunks."""
    given = function(*args)
    if hasattr(given, "__await__"):
        return asyncio.run(given)
    if hasattr(given, "__aiter__"):
        return asyncio.run(_chunks(given))
    return list(given) if hasattr(given, "__next__") else given


async def _chunks(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


def usd(budget: reliai.Budget, key: Any = None) -> tuple[float, float]:
    """Dollars spent and reserved."""
    account = budget.snapshot(key)["usd"]
    return account.spent, account.reserved


@every_kind
def test_calls_are_let_through_until_the_cap_and_refused_then(kind: str) -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.4)
    ask = model(kind, answer, budget)
    call(ask)
    call(ask)
    with pytest.raises(reliai.BudgetExceeded):
        call(ask)
    assert usd(budget) == (0.8, 0.0)


@every_kind
def test_a_refusal_carries_its_numbers(kind: str, clock: VirtualClock) -> None:
    ask = model(kind, answer, reliai.Budget(usd=1.0, per=60, estimate=0.7))
    call(ask)
    clock.advance(10)
    with pytest.raises(reliai.BudgetExceeded) as refused:
        call(ask)
    error = refused.value
    assert (error.unit, error.spent, error.reserved, error.wanted, error.cap) == (
        ("usd", 0.4, 0.0, 0.7, 1.0)
    )
    assert error.retry_after == pytest.approx(51, abs=1)
    assert "ask: the budget of $1 has no room for $0.7 more: $0.4 spent, $0 reserved" in str(error)


def test_there_is_room_after_the_time_a_refusal_names(clock: VirtualClock) -> None:
    ask = model("sync", answer, reliai.Budget(usd=0.5, per=60, estimate=0.4))
    call(ask)
    with pytest.raises(reliai.BudgetExceeded) as refused:
        call(ask)
    clock.advance(refused.value.retry_after or 0)
    call(ask)


@every_kind
def test_a_refused_call_reaches_no_model_and_is_rejected_on_its_record(kind: str) -> None:
    ask = Guarded(kind, reliai.Budget(usd=1.0, estimate=2.0))
    with pytest.raises(reliai.BudgetExceeded, match="never find room"):
        ask()
    assert ask.prompts == []
    assert ask.record.status == "rejected"
    assert ask.event("budget_rejected")["wanted"] == 2.0


def test_a_refusal_is_neither_retried_nor_given_to_a_fallback() -> None:
    ask = Guarded(
        "sync", reliai.Fallback("instead"), reliai.Retry(3), reliai.Budget(usd=1.0, estimate=2.0)
    )
    with pytest.raises(reliai.BudgetExceeded):
        ask()
    assert ask.events == ["budget_rejected"]


@every_kind
def test_what_is_reserved_is_seen_while_the_call_runs(kind: str) -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.6)
    seen: list[tuple[float, float]] = []

    def give() -> Any:
        seen.append(usd(budget))
        return answer(0.1)

    call(model(kind, give, budget))
    assert seen == [(0.0, 0.6)]
    assert usd(budget) == (0.1, 0.0)


@every_kind
def test_a_failure_that_cost_nothing_gives_all_back(kind: str) -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.6)

    def give() -> Any:
        raise TypeError("a mistake of the program's")

    with pytest.raises(TypeError):
        call(model(kind, give, budget))
    assert usd(budget) == (0.0, 0.0)


@every_one_value
def test_a_refusal_further_inside_gives_all_back(kind: str) -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.6)

    async def refuse(_call: Any, _proceed: Any) -> Any:
        raise reliai.RateLimited("not now")

    with pytest.raises(reliai.RateLimited):
        call(model(kind, answer, budget, refuse))
    assert usd(budget) == (0.0, 0.0)


def test_tokens_are_capped_too() -> None:
    budget = reliai.Budget(tokens=40, estimate=15)
    ask = model("sync", answer, budget)
    call(ask)
    call(ask)
    with pytest.raises(reliai.BudgetExceeded, match="no room for 15 tokens more: 30 tokens spent"):
        call(ask)
    assert budget.snapshot() == {"tokens": (30, 0, 40, 10)}


@pytest.mark.parametrize(("caps", "short"), [((1.0, 20), "tokens"), ((0.5, 100), "usd")])
def test_of_two_caps_the_first_that_is_short_refuses(caps: tuple[float, int], short: str) -> None:
    dollars, tokens = caps
    budget = reliai.Budget(usd=dollars, tokens=tokens, estimate={"usd": 0.4, "tokens": 15})
    ask = model("sync", answer, budget)
    call(ask)
    with pytest.raises(reliai.BudgetExceeded) as refused:
        call(ask)
    assert refused.value.unit == short


def test_prices_are_those_that_were_set() -> None:
    reliai.set_price("priced-here", input=1_000, output=2_000)
    budget = reliai.Budget(usd=1.0, estimate=0.01)
    call(model("sync", lambda: answer(None, 15, model="priced-here"), budget))
    assert usd(budget) == (0.02, 0.0)


def test_spending_is_forgotten_after_its_time(clock: VirtualClock) -> None:
    budget = reliai.Budget(usd=0.5, per=60, estimate=0.4)
    ask = model("sync", answer, budget)
    call(ask)
    clock.advance(61.1)
    assert usd(budget) == (0.0, 0.0)
    call(ask)


def test_an_endless_budget_never_forgets(clock: VirtualClock) -> None:
    ask = model("sync", answer, reliai.Budget(usd=0.5, per=math.inf, estimate=0.4))
    call(ask)
    clock.advance(1e9)
    with pytest.raises(reliai.BudgetExceeded) as refused:
        call(ask)
    assert refused.value.retry_after is None


@every_kind
def test_one_object_is_one_budget_for_all_its_functions(kind: str) -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.4)
    one, other = model(kind, answer, budget, name="one"), model("sync", answer, budget, name="two")
    call(one)
    call(other)
    with pytest.raises(reliai.BudgetExceeded):
        call(one)


def test_two_objects_are_two_budgets() -> None:
    one = model("sync", answer, reliai.Budget(usd=0.5, estimate=0.4))
    other = model("sync", answer, reliai.Budget(usd=0.5, estimate=0.4))
    call(one)
    call(other)


@every_kind
def test_a_budget_for_each_tenant(kind: str) -> None:
    budget = reliai.Budget(usd=0.5, estimate=0.4, key="tenant")
    ask = model(kind, answer, budget)
    for tenant in ("a", "b"):
        with reliai.context(tenant=tenant):
            call(ask)
    with reliai.context(tenant="a"), pytest.raises(reliai.BudgetExceeded):
        call(ask)
    assert usd(budget, "a") == (0.4, 0.0)


def test_a_budget_for_each_argument_and_subject() -> None:
    budget = reliai.Budget(usd=0.5, estimate=0.4, key=("subject", "arg:prompt"))
    ask = model("sync", answer, budget)
    with reliai.context(subject="u"):
        call(ask, "x")
        call(ask, "y")
        with pytest.raises(reliai.BudgetExceeded):
            call(ask, "x")


def test_a_key_the_function_cannot_give_is_said_when_decorating() -> None:
    with pytest.raises(reliai.ConfigurationError, match="no parameter 'other'"):
        model("sync", answer, reliai.Budget(usd=1, estimate=1, key="arg:other"))


def test_a_key_that_fails_shares_the_account_without_a_key_and_warns_once() -> None:
    def broken(_call: reliai.Call) -> Any:
        raise LookupError

    budget = reliai.Budget(usd=0.5, estimate=0.4, key=broken)
    ask = model("sync", answer, budget)
    with pytest.warns(reliai.ReliaiWarning, match="account without a key"):
        call(ask)
    assert usd(budget) == (0.4, 0.0)


@every_kind
def test_observing_says_what_would_have_been_refused_and_counts_on(kind: str) -> None:
    budget = reliai.Budget(usd=0.5, estimate=0.4, mode="observe")
    ask = Guarded(kind, budget, answer=lambda _: "ab")
    ask()
    ask()
    assert ask.event("budget_would_reject")["cap"] == 0.5
    assert ask.record.status == "success"


def test_an_operators_observe_mode_refuses_nothing() -> None:
    ask = model("sync", answer, reliai.Budget(usd=0.5, estimate=0.4))
    with reliai.mode("observe"):
        for _ in range(3):
            call(ask)


def test_a_function_estimates_each_call() -> None:
    budget = reliai.Budget(usd=1.0, estimate=lambda call: len(call.arguments["prompt"]) / 10)
    ask = model("sync", lambda: answer(0.1), budget)
    call(ask, "12345")
    with pytest.raises(reliai.BudgetExceeded) as refused:
        call(ask, "1234567890")
    assert refused.value.wanted == 1.0


def test_an_estimating_function_that_fails_is_the_outcome() -> None:
    ask = model("sync", answer, reliai.Budget(usd=1.0, estimate=lambda call: call.arguments["x"]))
    with pytest.raises(KeyError):
        call(ask)


@pytest.mark.parametrize("wrong", [math.nan, -1, math.inf, "1", True, None, {"tokens": 1}])
def test_an_estimate_that_is_no_amount_is_the_outcome(wrong: Any) -> None:
    ask = model("sync", answer, reliai.Budget(usd=1.0, estimate=lambda _: wrong))
    with pytest.raises(reliai.ConfigurationError, match="number of dollars"):
        call(ask)


@pytest.mark.parametrize("cost", [math.nan, -1.0, math.inf])
def test_a_cost_that_cannot_be_counts_as_unknown(cost: float) -> None:
    from reliai.providers import Response

    budget = reliai.Budget(usd=1.0, estimate=0.3)

    @reliai.reliable(budget)
    def ask() -> str:
        current = reliai.current_call()
        assert current is not None
        for meter in current.meters:
            meter.add(cost, 5, Response())
        return "a"

    ask()
    assert usd(budget)[0] >= 0.3
    assert usd(budget)[1] == 0.0


def test_the_first_call_is_estimated_by_its_text_and_the_price_of_its_model() -> None:
    reliai.set_price("per-token", input=1_000_000, output=0)
    budget = reliai.Budget(usd=10_000)
    seen: list[float] = []

    @reliai.reliable(budget)
    def ask(messages: list[dict[str, str]], model: str = "per-token") -> Any:
        seen.append(usd(budget)[1])
        return answer(1.0)

    ask([{"content": "x" * 400}])
    assert 100 <= seen[0] <= 103


def test_the_first_call_of_an_unknown_model_holds_a_hundredth() -> None:
    budget = reliai.Budget(usd=10)
    seen: list[float] = []

    def give() -> Any:
        seen.append(usd(budget)[1])
        return answer(0.001)

    call(model("sync", give, budget))
    assert seen == [0.1]


def test_a_first_call_of_tokens_is_estimated_by_its_text_and_the_limit_it_gives() -> None:
    budget = reliai.Budget(tokens=100_000)
    seen: list[float] = []

    @reliai.reliable(budget)
    def ask(prompt: str, **options: Any) -> Any:
        seen.append(budget.snapshot()["tokens"].reserved)
        return answer()

    ask("x" * 4_000, max_tokens=50)
    assert seen == [1_050]


@every_kind
def test_later_calls_hold_what_calls_like_them_have_cost(kind: str) -> None:
    budget = reliai.Budget(usd=10)
    seen: list[float] = []

    def give() -> Any:
        seen.append(usd(budget)[1])
        return answer(0.2)

    ask = model(kind, give, budget)
    for _ in range(12):
        call(ask)
    assert seen[1] == pytest.approx(0.4)
    assert 0.2 <= seen[-1] < 0.22


def test_a_learned_estimate_never_locks_a_budget_up(clock: VirtualClock) -> None:
    budget = reliai.Budget(usd=1.0, per=60)
    ask = model("sync", lambda: answer(0.9), budget)
    call(ask)
    with pytest.raises(reliai.BudgetExceeded):
        call(ask)
    clock.advance(62)
    call(ask)


@every_kind
def test_usage_that_is_never_seen_is_settled_at_the_estimate_and_flagged(kind: str) -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.3)
    ask = Guarded(kind, budget, answer=lambda _: "ab")
    ask()
    assert usd(budget) == (0.3, 0.0)
    assert ask.event("budget_estimated") == {"usd": 0.3}
    assert ask.record.usage_state == "estimated"
    assert ask.record.cost_usd is None


@pytest.mark.parametrize("kind", ONE_VALUE)
def test_a_budget_that_sees_no_usage_warns_once_and_names_the_fix(kind: str) -> None:
    ask = model(kind, silent, reliai.Budget(usd=10))
    with pytest.warns(reliai.ReliaiWarning, match=r"reliai\.read.*reliai\.usage.*wrap"):
        call(ask)
    call(ask)  # a second warning would be an error here


def test_a_budget_that_was_given_an_estimate_needs_no_usage() -> None:
    call(model("sync", silent, reliai.Budget(usd=10, estimate=0.1)))


def test_a_model_without_a_price_is_settled_at_the_estimate_and_warned_of() -> None:
    budget = reliai.Budget(usd=10)
    ask = model("sync", lambda: answer(None, model="nobody-knows"), budget)
    with pytest.warns(reliai.ReliaiWarning, match=r"nobody-knows.*reliai\[prices\].*set_price"):
        call(ask)
    assert usd(budget) == (0.1, 0.0)


def test_a_stand_in_for_a_failed_call_costs_what_the_failure_did() -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.3)

    def give() -> Any:
        raise TimeoutError

    call(model("sync", give, budget, reliai.Fallback("instead")))
    assert usd(budget) == (0.3, 0.0)


def test_a_function_that_calls_guarded_ones_pays_for_them() -> None:
    budget = reliai.Budget(usd=10, estimate=1.0)
    ask = model("sync", lambda: answer(0.2))

    @reliai.reliable(budget)
    def agent() -> None:
        for _ in range(3):
            ask()

    agent()
    assert usd(budget) == (0.6, 0.0)


def test_the_same_budget_on_both_counts_once() -> None:
    budget = reliai.Budget(usd=10, estimate=1.0)
    ask = model("sync", lambda: answer(0.2), budget)

    @reliai.reliable(budget)
    def agent() -> None:
        for _ in range(3):
            ask()

    agent()
    assert usd(budget) == (0.6, 0.0)


def test_an_agent_is_refused_in_the_middle_when_nothing_is_left() -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.1)
    made: list[int] = []

    def give() -> Any:
        made.append(1)
        return answer(0.2)

    ask = model("sync", give)

    @reliai.reliable(budget)
    def agent() -> None:
        for _ in range(50):
            ask()

    with pytest.raises(reliai.BudgetExceeded):
        agent()
    assert len(made) == 5
    assert usd(budget) == (1.0, 0.0)


@every_one_value
def test_a_retry_needs_room_of_its_own(kind: str) -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.4)
    made: list[int] = []

    def give() -> Any:
        made.append(1)
        raise TimeoutError

    ask = model(kind, give, budget, reliai.Retry(5, wait=0, budget=None))
    with pytest.raises(reliai.BudgetExceeded):
        call(ask)
    assert len(made) == 2
    assert usd(budget) == (0.8, 0.0)


def test_retries_that_cost_nothing_need_no_more_room() -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.9)
    made: list[int] = []

    def give() -> Any:
        made.append(1)
        raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        call(model("sync", give, budget, reliai.Retry(4, wait=0, budget=None)))
    assert len(made) == 4
    assert usd(budget) == (0.0, 0.0)


def test_a_task_that_outlives_its_call_still_pays() -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.1)
    ask = model("async", lambda: answer(0.5))
    late: list[asyncio.Task[Any]] = []

    @reliai.reliable(budget)
    async def agent() -> Any:
        late.append(asyncio.ensure_future(_later()))
        return answer(0.1)

    async def _later() -> list[Any]:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return [await reliai.aexecute(ask) for _ in range(4)]

    async def main() -> list[Any]:
        await agent()
        outcomes: list[Any] = await late[0]
        return outcomes

    outcomes = asyncio.run(main())
    assert [outcome.ok for outcome in outcomes] == [True, True, False, False]
    assert usd(budget) == (1.1, 0.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "give usd= or tokens="),
        ({"usd": 0}, r"Budget\(usd=0\): must be US dollars above 0"),
        ({"usd": -1}, "above 0"),
        ({"usd": math.nan}, "above 0"),
        ({"usd": math.inf}, "above 0"),
        ({"usd": "10"}, "above 0"),
        ({"usd": True}, "above 0"),
        ({"tokens": 1.5}, "whole number"),
        ({"tokens": 0}, "above 0"),
        ({"usd": 1, "per": 0}, r"Budget\(per=0\): must be a number of seconds above 0"),
        ({"usd": 1, "per": math.nan}, "per=nan"),
        ({"usd": 1, "per": "day"}, "per='day'"),
        ({"usd": 1, "estimate": math.nan}, "estimate=nan"),
        ({"usd": 1, "estimate": -1}, "estimate=-1"),
        ({"usd": 1, "estimate": "1"}, "number of dollars"),
        ({"tokens": 1, "estimate": {"usd": 1}}, "number of tokens"),
        ({"usd": 1, "tokens": 1, "estimate": 1}, "a mapping"),
        ({"usd": 1, "tokens": 1, "estimate": {"usd": 1}}, "a mapping"),
        ({"usd": 1, "key": 5}, r"Budget\(key\)=5 names no key"),
        ({"usd": 1, "mode": "off"}, "enforce"),
    ],
)
def test_settings_out_of_range_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=message):
        reliai.Budget(**settings)


def test_an_asynchronous_estimate_is_refused() -> None:
    async def estimate(_call: reliai.Call) -> float:
        return 1.0

    for kind in ONE_VALUE:
        with pytest.raises(reliai.ConfigurationError, match="asynchronous"):
            model(kind, answer, reliai.Budget(usd=1.0, estimate=estimate))


def test_its_settings_are_described() -> None:
    budget = reliai.Budget(usd=5, tokens=10, estimate={"usd": 1, "tokens": 2}, key="tenant")
    assert budget.describe() == {
        "usd": 5,
        "tokens": 10,
        "per": 86400.0,
        "estimate": {"usd": 1, "tokens": 2},
        "key": "tenant",
        "name": None,
        "mode": "enforce",
        "state": None,
    }
    assert "reliai.Budget(usd=5" in repr(budget)


def test_a_budget_outside_a_cache_spends_nothing_on_what_is_at_hand() -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.6)

    async def at_hand(_call: Any, _proceed: Any) -> Any:
        return "known"

    ask = model("sync", answer, budget, at_hand)
    assert call(ask) == "known"
    assert usd(budget) == (0.0, 0.0)


def test_another_clock_has_books_of_its_own() -> None:
    budget = reliai.Budget(usd=0.5, estimate=0.4)
    ask = model("sync", answer, budget)
    call(ask)
    with virtual_clock():
        call(ask)
    assert usd(budget) == (0.4, 0.0)


def test_threads_together_never_overspend() -> None:
    budget = reliai.Budget(usd=10, estimate=0.4)
    gate = threading.Barrier(50)
    ask = model("sync", answer, budget)
    outcomes: list[bool] = []

    def work() -> None:
        gate.wait()
        outcomes.append(reliai.execute(ask).ok)

    threads = [threading.Thread(target=work) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(outcomes) == 25
    assert usd(budget) == (10.0, 0.0)


def test_a_reask_needs_room_of_its_own() -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.4)
    made: list[int] = []

    def give() -> Any:
        made.append(1)
        return answer(0.4)

    ask = model("sync", give, budget, reliai.Validate(reliai.Pattern("never"), reask=5))
    with pytest.raises(reliai.BudgetExceeded):
        call(ask, "x")
    assert len(made) == 2
    assert usd(budget) == (0.8, 0.0)


def test_a_fallback_needs_room_of_its_own() -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.6)

    def primary(prompt: str = "") -> Any:
        raise TimeoutError

    def dear(prompt: str = "") -> Any:
        return answer(0.6)

    ask = reliai.reliable(budget, reliai.Fallback(dear))(primary)
    with pytest.raises(reliai.BudgetExceeded, match=r"0\.6 reserved"):
        ask()
    assert usd(budget) == (0.6, 0.0)


def test_a_fallback_there_is_room_for_is_paid_for() -> None:
    budget = reliai.Budget(usd=2.0, estimate=0.6)

    def primary(prompt: str = "") -> Any:
        raise TimeoutError

    def other(prompt: str = "") -> Any:
        return answer(0.2)

    reliai.reliable(budget, reliai.Fallback(other))(primary)()
    assert usd(budget) == (0.8, 0.0)


def test_calls_at_the_same_time_inside_one_call_each_need_room() -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.2)
    gate = asyncio.Event()

    @reliai.reliable(name="part")
    async def part() -> Any:
        await gate.wait()
        return answer(0.2)

    @reliai.reliable(budget, name="whole")
    async def whole() -> list[Any]:
        tasks = [asyncio.ensure_future(reliai.aexecute(part)) for _ in range(10)]
        await asyncio.sleep(0)
        gate.set()
        return await asyncio.gather(*tasks)

    outcomes = asyncio.run(whole())
    assert sum(each.ok for each in outcomes) == 5
    assert usd(budget) == (1.0, 0.0)


def test_an_attempt_left_behind_on_a_thread_costs_the_estimate(clock: VirtualClock) -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.3)
    end = threading.Event()

    def give() -> Any:
        clock.sleep(60)
        end.set()
        return answer(0.1)

    with pytest.raises(reliai.CallTimeout):
        call(model("sync", give, budget, reliai.Timeout(1)))
    assert usd(budget) == (0.3, 0.0)


def test_a_method_has_one_budget_for_all_its_objects() -> None:
    class Asker:
        @reliai.Budget(usd=0.5, estimate=0.4)
        def ask(self) -> Any:
            return answer(0.4)

    Asker().ask()
    with pytest.raises(reliai.BudgetExceeded):
        Asker().ask()


def test_without_any_price_a_budget_in_dollars_warns_when_decorating(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from reliai.providers import prices

    monkeypatch.setattr("reliai.policies.budget.find_spec", lambda _: None)
    monkeypatch.setattr(prices, "_said", {})
    with pytest.warns(reliai.ReliaiWarning, match=r"reliai\[prices\].*set_price.*estimate"):
        model("sync", answer, reliai.Budget(usd=1.0))
    model("sync", answer, reliai.Budget(usd=1.0, estimate=0.1))
    model("sync", answer, reliai.Budget(tokens=10))


def test_calls_well_below_the_cap_are_never_refused() -> None:
    from random import Random

    random = Random(28)
    costs = [random.lognormvariate(-5, 1) for _ in range(2_000)]
    budget = reliai.Budget(usd=2 * sum(costs))
    given = iter(costs)
    ask = model("sync", lambda: answer(next(given)), budget)
    assert all(reliai.execute(ask).ok for _ in costs)
    assert usd(budget)[0] == pytest.approx(sum(costs))
