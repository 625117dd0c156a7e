"""What an evaluation does touches no policy that serves users, however deep the calls go."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai._core.evaluation import Evaluation
from reliai.datasets import Case
from reliai.evals import Experiment
from reliai.evals._isolation import isolated
from reliai.state.memory import MemoryState
from reliai.telemetry import Memory
from reliai.testing import virtual_clock
from tests.evals.isolating import ask, circuits, failing, of_kind
from tests.policies._guarded import every_kind

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are written into the working directory."""
    monkeypatch.chdir(tmp_path)


# State of users' policies


@every_kind
def test_a_circuit_of_users_learns_nothing_and_one_of_theirs_that_is_open_does_not_refuse(
    kind: str,
) -> None:
    breaker = reliai.CircuitBreaker("provider", consecutive=1)
    breaker.isolate()
    before = circuits()
    guarded = isolated(of_kind(kind, failing, breaker))
    errors = [type(guarded.call({"prompt": "a"}).error) for _ in range(2)]
    assert errors == [ConnectionError, reliai.CircuitOpen]  # its own opened
    assert circuits() == before


def test_a_circuit_without_a_name_is_apart_too() -> None:
    answer = of_kind("sync", failing, reliai.CircuitBreaker(consecutive=1))
    before = circuits()
    isolated(answer).call({"prompt": "a"})
    assert circuits() == before
    assert isinstance(ask(answer), ConnectionError)


def test_two_functions_with_one_circuit_have_one_in_the_evaluation() -> None:
    first = of_kind("sync", failing, reliai.CircuitBreaker("shared", consecutive=1))
    second = of_kind("sync", str.upper, reliai.CircuitBreaker("shared", consecutive=1))

    def both(prompt: str) -> Any:
        return ask(first, prompt), ask(second, prompt)

    given = isolated(both).call({"prompt": "a"}).value
    assert [type(each) for each in given] == [ConnectionError, reliai.CircuitOpen]


def test_two_evaluations_have_no_circuit_in_common() -> None:
    answer = of_kind("sync", failing, reliai.CircuitBreaker("mine", consecutive=1))
    one, other = isolated(answer), isolated(answer)
    one.call({"prompt": "a"})
    assert isinstance(one.call({"prompt": "a"}).error, reliai.CircuitOpen)
    assert isinstance(other.call({"prompt": "a"}).error, ConnectionError)


def test_a_budget_of_users_is_neither_asked_nor_spent() -> None:
    budget = reliai.Budget(tokens=10, estimate=10, per=60)
    answer = of_kind("sync", str.upper, budget)
    answer("a")
    left = budget.snapshot()
    guarded = isolated(answer)
    assert guarded.call({"prompt": "a"}).value == "A"
    assert budget.snapshot() == left


def test_a_budget_around_the_experiment_is_not_spent() -> None:
    budget = reliai.Budget(usd=1, estimate=0.1, per=60)
    guarded = isolated(of_kind("sync", lambda _: reliai.usage(cost_usd=5.0)))

    @reliai.reliable(budget)
    def experiment() -> object:
        return guarded.call({"prompt": "a"}).ok

    assert experiment() is True
    assert budget.snapshot()["usd"].spent < 1


def test_a_rate_limit_of_users_is_not_used_up() -> None:
    limit = reliai.RateLimit(1, per=3600)
    answer = of_kind("sync", str.upper, limit)
    assert isolated(answer).call({"prompt": "a"}).ok
    assert answer("a") == "A"
    assert isinstance(ask(answer), reliai.RateLimited)
    assert isolated(answer).call({"prompt": "a"}).ok


def test_a_retry_budget_that_functions_share_is_apart() -> None:
    budget = reliai.RetryBudget(ratio=0.1, min_per_second=0.1, ttl=10)
    answer = of_kind("sync", failing, reliai.Retry(2, wait=0, budget=budget))
    isolated(answer).call({"prompt": "a"})
    record = reliai.execute(answer, "a").record
    assert record is not None
    assert len(record.attempts) == 2  # the one retry that there is was not spent


@pytest.mark.parametrize("policy", [reliai.Bulkhead(1), reliai.AdaptiveLimit(1, maximum=1)])
def test_places_of_users_are_not_taken(policy: Any) -> None:
    answer = of_kind("sync", lambda _: inner.call({"prompt": "b"}).value, policy)
    inner = isolated(of_kind("sync", str.upper, policy))
    assert answer("a") == "B"


def test_a_throttle_of_users_learns_nothing() -> None:
    answer = of_kind("sync", failing, reliai.AdaptiveThrottle())
    guarded = isolated(answer)
    for _ in range(50):
        guarded.call({"prompt": "a"})
    assert isinstance(ask(answer), ConnectionError)


def test_a_cache_is_left_out() -> None:
    seen: list[str] = []
    answer = of_kind("sync", seen.append, reliai.Cache(ttl=60))
    guarded = isolated(answer)
    for _ in range(3):
        guarded.call({"prompt": "a"})
    assert seen == ["a", "a", "a"]
    answer("a")
    assert seen == ["a", "a", "a", "a"]  # and it kept nothing for users


def test_a_hedge_is_left_out() -> None:
    with virtual_clock() as clock:
        seen: list[str] = []

        def slow(prompt: str) -> None:
            seen.append(prompt)
            clock.advance(5)

        isolated(of_kind("sync", slow, reliai.Hedge(after=0.01))).call({"prompt": "a"})
        assert seen == ["a"]


def test_a_shadow_is_left_out() -> None:
    seen: list[str] = []
    answer = of_kind("sync", str.upper, reliai.Shadow(seen.append, rate=1.0))
    assert isolated(answer).call({"prompt": "a"}).value == "A"
    assert seen == []


class Fleet(MemoryState):
    """A store that others share; an evaluation must not ask it."""

    shared = True

    def exchange(self, *_: Any, **__: Any) -> Any:
        raise AssertionError


def test_the_shared_state_is_not_asked() -> None:
    answer = of_kind(
        "sync",
        str.upper,
        reliai.Budget(tokens=1000, estimate=1),
        reliai.RateLimit(100),
        reliai.CircuitBreaker("fleet"),
    )
    reliai.configure(state=Fleet())
    assert isolated(answer).call({"prompt": "a"}).value == "A"


@pytest.mark.parametrize(
    "policy",
    [
        lambda state: reliai.Budget(tokens=1000, name="own", state=state),
        lambda state: reliai.RateLimit(100, name="own", state=state),
        lambda state: reliai.Once(key="arg:prompt", state=state),
    ],
    ids=["budget", "rate limit", "once"],
)
def test_nor_is_one_that_a_policy_was_given(policy: Any) -> None:
    stands_in: Any = Evaluation().policy_of(policy(Fleet()))
    assert not stands_in._state.shared


def test_nor_that_of_a_circuit() -> None:
    with virtual_clock():
        stands_in: Any = Evaluation().policy_of(reliai.CircuitBreaker("fleet", state=Fleet()))
        assert stands_in._home.sharing is None


def test_nor_that_of_a_retry_budget() -> None:
    shared = reliai.RetryBudget(name="fleet", state=Fleet())
    stands_in = Evaluation().policy_of(reliai.Retry(2, budget=shared))
    assert isinstance(stands_in, reliai.Retry)
    assert stands_in.spends is not None
    assert stands_in.spends.name is None


def test_of_each_policy_it_is_known_what_stands_in_for_it() -> None:
    left_out = {"Cache", "Hedge", "Route", "Shadow"}
    remember_nothing = {"Fallback", "Guard", "Timeout", "Validate"}
    apart = {
        *("AdaptiveLimit", "AdaptiveThrottle", "Budget", "Bulkhead", "CircuitBreaker"),
        *("Once", "RateLimit", "Retry"),
    }
    assert left_out | remember_nothing | apart == _policies()
    say_so = {name for name in _policies() if "isolated" in vars(getattr(reliai, name))}
    assert say_so == left_out | apart


def _policies() -> set[str]:
    names = (name for name in dir(reliai) if name[0].isupper() and name != "Policy")
    kinds = {name: getattr(reliai, name) for name in names}
    return {
        n for n, kind in kinds.items() if isinstance(kind, type) and issubclass(kind, reliai.Policy)
    }


def test_an_effect_is_made_once_within_a_trial_and_again_in_the_next() -> None:
    paid: list[str] = []

    @reliai.reliable(reliai.Once(), effects="once", idempotency_key="order")
    def pay(order: str) -> str:
        paid.append(order)
        return "paid"

    def agent(order: str) -> list[str]:
        return [pay(order), pay(order)]

    pay("o-1")
    guarded = isolated(agent)
    for _ in range(2):
        assert guarded.call({"order": "o-1"}).value == ["paid", "paid"]
    assert paid == ["o-1"] * 3
    pay("o-1")
    assert paid == ["o-1"] * 3


# Depth


def test_functions_called_at_any_depth_are_apart() -> None:
    breaker = reliai.CircuitBreaker("deep", consecutive=1)
    breaker.isolate()
    deep = of_kind("sync", str.upper, breaker, reliai.Cache())

    @reliai.reliable()
    def middle(prompt: str) -> str:
        return str(deep(prompt))

    with reliai.collect() as calls:
        assert isolated(middle).call({"prompt": "a"}).value == "A"
    assert [each.environment for each in calls] == ["eval"] * 2


def test_a_guarded_fallback_is_apart() -> None:
    breaker = reliai.CircuitBreaker("stand-in", consecutive=1)
    breaker.isolate()
    stand_in = of_kind("sync", str.upper, breaker)
    outcome = isolated(of_kind("sync", failing, reliai.Fallback(stand_in))).call({"prompt": "a"})
    assert outcome.value == "A"
    assert outcome.record is not None
    assert outcome.record.status == "degraded"


def test_tasks_that_the_function_starts_are_apart() -> None:
    breaker = reliai.CircuitBreaker("tasks", consecutive=1)
    breaker.isolate()
    deep = of_kind("async", str.upper, breaker)

    async def many(prompt: str) -> list[str]:
        return list(await asyncio.gather(deep(prompt), deep("b")))

    assert isolated(many).call({"prompt": "a"}).value == ["A", "B"]


def test_threads_that_carry_the_context_are_apart() -> None:
    breaker = reliai.CircuitBreaker("threads", consecutive=1)
    breaker.isolate()
    deep = of_kind("sync", str.upper, breaker)

    def many(prompt: str) -> str:
        with ThreadPoolExecutor(1) as pool:
            return str(pool.submit(copy_context().run, deep, prompt).result())

    assert isolated(many).call({"prompt": "a"}).value == "A"


def test_a_function_that_a_timeout_runs_in_a_thread_is_apart() -> None:
    breaker = reliai.CircuitBreaker("worker", consecutive=1)
    breaker.isolate()
    deep = of_kind("sync", str.upper, breaker)
    answer = of_kind("sync", deep, reliai.Timeout(5, enforce="thread"))
    assert isolated(answer).call({"prompt": "a"}).value == "A"


def test_a_stream_that_is_read_inside_is_apart() -> None:
    breaker = reliai.CircuitBreaker("stream", consecutive=1)
    breaker.isolate()
    deep = of_kind("generator", str.upper, breaker)
    assert isolated(lambda prompt: "".join(deep(prompt))).call({"prompt": "a"}).value == "A"


def test_users_are_served_as_before_while_an_evaluation_runs() -> None:
    breaker = reliai.CircuitBreaker("both", consecutive=1)
    started, go_on = threading.Event(), threading.Event()

    def slow(prompt: str) -> str:
        if prompt == "evaluate":
            started.set()
            go_on.wait(5)
            raise ConnectionError
        return prompt

    answer = of_kind("sync", slow, breaker)
    guarded = isolated(answer)
    thread = threading.Thread(target=guarded.call, args=({"prompt": "evaluate"},))
    thread.start()
    started.wait(5)
    assert answer("user") == "user"
    record = reliai.execute(answer, "user").record
    go_on.set()
    thread.join()
    assert record is not None
    assert record.environment != "eval"
    assert breaker.snapshot().failures == 0


# Whole experiments


def test_an_experiment_leaves_everything_that_serves_users_as_it_was() -> None:
    breaker = reliai.CircuitBreaker("provider", consecutive=1)
    budget = reliai.Budget(tokens=1000, estimate=10)
    watched = Memory()
    reliai.configure(observers=[watched])
    deep = of_kind("sync", failing, breaker, budget, reliai.Retry(2, wait=0))
    target = of_kind("sync", deep, reliai.Cache(), reliai.Fallback("sorry"))
    before = circuits(), budget.snapshot()
    cases = [Case(inputs={"prompt": str(number)}) for number in range(3)]
    run = Experiment(target, cases, name="isolation", max_error_rate=1, retries=0).run()
    assert {trial.status for trial in run.trials()} == {"degraded"}
    assert (circuits(), budget.snapshot()) == before
    assert (len(watched), reliai.report()) == (0, "")


def test_experiments_at_the_same_time_have_no_circuit_in_common() -> None:
    opened = threading.Event()

    def answer(prompt: str) -> str:
        if prompt == "bad":
            raise ConnectionError
        opened.wait(5)
        return prompt

    target = of_kind("sync", answer, reliai.CircuitBreaker("both", consecutive=1))

    def experiment(name: str) -> list[str]:
        given: dict[str, Any] = {"max_error_rate": 1, "retries": 0, "repeats": 1}
        run = Experiment(target, [Case(inputs={"prompt": name})], name=name, **given).run()
        if name == "bad":
            opened.set()
        return [trial.status for trial in run.trials()]

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(experiment, ["good", "bad"])) == [["ok"], ["error"]]


def test_a_judge_is_a_call_of_the_evaluation_too() -> None:
    breaker = reliai.CircuitBreaker("judge", consecutive=1)
    breaker.isolate()
    judge = of_kind("sync", lambda _: True, breaker)

    def good(output: str, case: Case) -> bool:
        return bool(judge(output))

    run = Experiment(str.upper, [Case(inputs={"prompt": "a"})], [good], name="judged")
    with reliai.collect() as calls:
        run.run()
    assert all(each.environment == "eval" for each in calls)


def test_the_limits_of_an_agents_run_around_it_are_not_its_own() -> None:
    guarded = isolated(of_kind("sync", str.upper))
    with reliai.run("outer", max_calls=1):
        assert [guarded.call({"prompt": "a"}).ok for _ in range(3)] == [True] * 3


def test_the_limits_of_an_agents_run_inside_hold() -> None:
    deep = of_kind("sync", str.upper)

    def agent(prompt: str) -> list[Any]:
        with reliai.run("inner", max_calls=1):
            return [type(ask(deep, prompt)) for _ in range(2)]

    assert isolated(agent).call({"prompt": "a"}).value == [str, reliai.BudgetExceeded]
