"""What an evaluation does touches nothing that serves users, however deep the calls go."""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

import reliai
from reliai._core.evaluation import Evaluation
from reliai._core.scores import Score, score
from reliai._core.settings import settings
from reliai.cli.app import app
from reliai.datasets import Case
from reliai.evals import Experiment
from reliai.evals._isolation import isolated
from reliai.policies.fallback import Value
from reliai.records import RecordStore
from reliai.state.memory import MemoryState
from reliai.telemetry import Memory
from reliai.testing import virtual_clock
from tests.policies._guarded import every_kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from reliai._core.call import Proceed


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs are written into the working directory."""
    monkeypatch.chdir(tmp_path)


POLICIES = ["evaluation", "deployed", "bare"]
every_way = pytest.mark.parametrize("policies", POLICIES)


def of_kind(kind: str, function: Callable[[str], Any], *policies: Any, **facts: Any) -> Any:
    """`ask(prompt)` of a kind, guarded, giving what `function` does in a piece or a chunk."""

    def ask(prompt: str) -> Any:
        return function(prompt)

    async def ask_async(prompt: str) -> Any:
        await asyncio.sleep(0)
        return function(prompt)

    def stream(prompt: str) -> Iterator[Any]:
        yield function(prompt)

    async def stream_async(prompt: str) -> AsyncIterator[Any]:
        yield function(prompt)

    kinds: dict[str, Any] = {
        "sync": ask,
        "async": ask_async,
        "generator": stream,
        "async_generator": stream_async,
    }
    return reliai.reliable(*policies, **facts)(kinds[kind])


def failing(_: str) -> str:
    raise ConnectionError("down")


def ask(function: Any, prompt: str = "a") -> Any:
    """What a user gets."""
    try:
        return function(prompt)
    except Exception as error:
        return error


def circuits() -> list[tuple[Any, ...]]:
    """What the circuits of users have learnt; how long they stay open goes on with the clock."""
    return [
        (each.name, each.target, each.key, each.calls, each.failures, each.rejected)
        for each in reliai.circuits()
    ]


# The four kinds, the three ways


@every_way
@every_kind
def test_a_guarded_function_of_any_kind_is_called(kind: str, policies: str) -> None:
    guarded = isolated(of_kind(kind, str.upper, reliai.Retry(2)), policies)
    assert guarded.kind == kind
    assert guarded.call({"prompt": "a"}).value == "A"


@every_way
@every_kind
def test_it_is_called_from_an_event_loop_too(kind: str, policies: str) -> None:
    guarded = isolated(of_kind(kind, str.upper, reliai.Retry(2)), policies)
    assert asyncio.run(guarded.acall({"prompt": "a"})).value == "A"


@every_way
@every_kind
def test_an_error_is_the_outcome_and_its_record_is_of_an_evaluation(
    kind: str, policies: str
) -> None:
    outcome = isolated(of_kind(kind, failing), policies).call({"prompt": "a"})
    assert isinstance(outcome.error, ConnectionError)
    assert outcome.record is not None
    assert (outcome.record.status, outcome.record.environment) == ("error", "eval")


@every_way
def test_a_bare_function_is_called(policies: str) -> None:
    outcome = isolated(lambda prompt: prompt * 2, policies).call({"prompt": "ab"})
    assert outcome.value == "abab"
    assert outcome.record is not None
    assert outcome.record.environment == "eval"


@every_kind
def test_arguments_that_do_not_fit_are_an_outcome(kind: str) -> None:
    outcome = isolated(of_kind(kind, str.upper)).call({"question": "a"})
    assert isinstance(outcome.error, TypeError)


def test_a_method_is_called_with_its_object() -> None:
    class Bot:
        @reliai.reliable(reliai.Retry(2))
        def answer(self, prompt: str) -> tuple[object, str]:
            return self, prompt

    bot = Bot()
    assert isolated(bot.answer).call({"prompt": "a"}).value == (bot, "a")


def test_a_cancellation_passes_through() -> None:
    def stop(_: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        isolated(of_kind("sync", stop)).call({"prompt": "a"})


def test_other_policies_are_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="'evaluation', 'deployed', 'bare'"):
        isolated(str.upper, "production")


def test_what_cannot_be_called_is_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="target="):
        isolated("answer")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_in_an_event_loop_an_asynchronous_function_has_to_be_awaited() -> None:
    guarded = isolated(of_kind("async", str.upper))

    async def wrong() -> reliai.Outcome:
        return guarded.call({"prompt": "a"})

    assert "await acall" in str(asyncio.run(wrong()).error)


# Streams


def test_a_stream_of_text_is_its_text() -> None:
    def words(prompt: str) -> Iterator[str]:
        yield from prompt.split()

    assert isolated(reliai.reliable()(words)).call({"prompt": "a b c"}).value == "abc"


def test_a_stream_of_other_things_is_their_list() -> None:
    def numbers() -> Iterator[int]:
        yield from range(3)

    assert isolated(numbers).call({}).value == [0, 1, 2]


def test_a_stream_that_breaks_off_is_its_error() -> None:
    def words() -> Iterator[str]:
        yield "a"
        raise ConnectionError("cut")

    outcome = isolated(words).call({})
    assert isinstance(outcome.error, ConnectionError)
    assert outcome.value is None
    assert outcome.record is not None
    assert outcome.record.status == "error"


def test_a_stream_that_a_plain_function_returns_is_read() -> None:
    assert isolated(lambda: (letter for letter in "abc")).call({}).value == "abc"


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


def test_the_shared_state_is_not_asked() -> None:
    class Fleet(MemoryState):
        shared = True

        def exchange(self, *_: Any, **__: Any) -> Any:
            raise AssertionError

    answer = of_kind(
        "sync",
        str.upper,
        reliai.Budget(tokens=1000, estimate=1),
        reliai.RateLimit(100),
        reliai.CircuitBreaker("fleet"),
    )
    reliai.configure(state=Fleet())
    assert isolated(answer).call({"prompt": "a"}).value == "A"


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


# The other two ways


def test_deployed_policies_are_those_that_serve_users() -> None:
    seen: list[str] = []
    answer = of_kind("sync", seen.append, reliai.Cache(ttl=60))
    answer("a")
    outcome = isolated(answer, "deployed").call({"prompt": "a"})
    assert seen == ["a"]
    assert outcome.record is not None
    assert outcome.record.environment == "eval"


def test_the_bare_function_is_called_with_no_policy_at_any_depth() -> None:
    deep = of_kind("sync", str.upper, reliai.Guard(reliai.MaxLength(1)))
    answer = of_kind("sync", deep, reliai.Guard(reliai.MaxLength(1)))
    assert isolated(answer, "bare").call({"prompt": "abc"}).value == "ABC"


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


# Who sees it


@every_way
@every_kind
def test_observers_and_the_report_see_only_calls_of_users(kind: str, policies: str) -> None:
    memory, own = Memory(), Memory()
    reliai.configure(observers=[memory])
    guarded = isolated(of_kind(kind, str.upper, observers=[own]), policies)
    guarded.call({"prompt": "a"})
    assert (len(memory), len(own), reliai.report()) == (0, 0, "")


@every_way
@every_kind
def test_an_observer_that_wants_evaluations_sees_them(kind: str, policies: str) -> None:
    memory = Memory()
    memory.evaluations = True
    reliai.configure(observers=[memory])
    isolated(of_kind(kind, str.upper), policies, run_id="r-1").call({"prompt": "a"})
    assert [(each.environment, each.run_id) for each in memory] == [("eval", "r-1")]


def test_an_observer_that_comes_later_sees_what_comes_later() -> None:
    guarded = isolated(of_kind("sync", str.upper))
    guarded.call({"prompt": "a"})
    memory = Memory()
    memory.evaluations = True
    reliai.configure(observers=[memory])
    guarded.call({"prompt": "a"})
    assert len(memory) == 1


def test_starts_and_events_are_not_shown_either() -> None:
    seen: list[str] = []

    class Watcher:
        def on_start(self, call: reliai.Call) -> None:
            seen.append("start")

        def on_event(self, call: reliai.Call, event: object) -> None:
            seen.append("event")

    answer = of_kind("sync", failing, reliai.Retry(2, wait=0), observers=[Watcher()])
    isolated(answer).call({"prompt": "a"})
    reliai.flush()
    assert seen == []


def test_a_score_of_an_evaluated_call_reaches_no_monitor() -> None:
    seen: list[str] = []

    class Judge:
        def on_score(self, call_id: str, record: object, score: Score) -> None:
            seen.append(score.name)

        def on_end(self, record: object) -> None:
            pass

    reliai.configure(observers=[Judge()])
    guarded = isolated(of_kind("sync", str.upper))
    record = guarded.call({"prompt": "a"}).record
    assert record is not None
    score(record, "good", 1.0)
    with guarded.scope():
        score("0" * 32, "good", 1.0)
    reliai.flush()
    assert seen == []


@every_way
def test_a_store_keeps_an_evaluated_call_so_that_it_can_be_explained(
    policies: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    store = RecordStore(url)
    reliai.configure(observers=[store])
    outcome = isolated(of_kind("sync", failing, reliai.Retry(2, wait=0)), policies).call(
        {"prompt": "a"}
    )
    assert outcome.call_id is not None
    kept = store.get(outcome.call_id)
    assert kept is not None
    assert kept.environment == "eval"
    store.close()
    shown = CliRunner().invoke(app, ["show", outcome.call_id, "--store", url])
    assert "ConnectionError" in shown.output


def test_reliai_monitor_over_a_store_leaves_evaluations_out(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/records.db"
    store = RecordStore(url)
    reliai.configure(observers=[store])
    answer = of_kind("sync", str.upper, name="answer")
    answer("a")
    wrong = isolated(of_kind("sync", failing, name="answer"))
    for _ in range(30):
        wrong.call({"prompt": "a"})
    store.close()
    seen = CliRunner().invoke(app, ["monitor", "--store", url, "--json"])
    assert seen.exit_code == 0
    assert json.loads(seen.output)["calls"]["answer"]["count"] == 1


# What surrounds it


def test_a_deadline_around_the_trial_holds() -> None:
    guarded = isolated(reliai.remaining)
    with virtual_clock(), reliai.deadline(3):
        assert guarded.call({}).value == 3


def test_faults_that_a_test_injects_reach_it() -> None:
    from reliai.testing import faults

    guarded = isolated(of_kind("sync", str.upper))
    with faults(error_rate=1.0, seed=1):
        assert not guarded.call({"prompt": "a"}).ok


def test_who_calls_is_none_of_its_business() -> None:
    def parent() -> str | None:
        call = reliai.current_call()
        assert call is not None
        return call.parent_id

    guarded = isolated(parent)

    @reliai.reliable()
    def experiment() -> object:
        return guarded.call({}).value

    assert experiment() is None


def test_other_code_can_run_in_the_same_scope() -> None:
    judge = of_kind("sync", str.upper, reliai.CircuitBreaker("judge", consecutive=1))
    with isolated(str.upper).scope(), reliai.collect() as calls:
        judge("a")
    assert [each.environment for each in calls] == ["eval"]


# Housekeeping


def test_the_record_keeps_the_name_and_the_fingerprint_of_the_function() -> None:
    answer = of_kind("sync", str.upper, reliai.Cache(), reliai.Retry(2), name="answer")
    served = reliai.execute(answer, "a").record
    evaluated = isolated(answer).call({"prompt": "a"}).record
    assert served is not None
    assert evaluated is not None
    assert (served.name, served.fingerprint) == (evaluated.name, evaluated.fingerprint)


def test_the_fingerprint_is_that_of_the_code_the_policies_and_the_way() -> None:
    def fingerprint(*policies: Any, way: str = "evaluation") -> str:
        return isolated(of_kind("sync", str.upper, *policies), way).fingerprint

    assert fingerprint(reliai.Retry(2)) == fingerprint(reliai.Retry(2))
    others = {fingerprint(reliai.Retry(3)), fingerprint(), fingerprint(way="bare")}
    assert len({fingerprint(reliai.Retry(2)), *others}) == 4


def test_a_policy_of_the_users_own_can_say_what_stands_in_for_it() -> None:
    class Counter(reliai.Policy):
        def __init__(self) -> None:
            self.calls = 0

        def isolated(self, evaluation: Evaluation) -> reliai.Policy:
            return Counter()

        async def run(self, call: reliai.Call, proceed: Proceed) -> reliai.Outcome:
            self.calls += 1
            return await proceed(call)

    counter = Counter()
    isolated(of_kind("sync", str.upper, counter)).call({"prompt": "a"})
    assert counter.calls == 0


def test_what_was_said_when_decorating_is_not_said_again(
    recwarn: pytest.WarningsRecorder,
) -> None:
    from reliai.testing import ScriptedModel

    assert isolated(reliai.reliable(reliai.Retry(2))(ScriptedModel(["a"]))).call({}).value == "a"
    assert len(recwarn) == 0


def test_nothing_is_kept_of_an_evaluation_that_has_ended() -> None:
    answer = of_kind("sync", str.upper, reliai.CircuitBreaker("gone"), reliai.Retry(2))
    with isolated(answer) as guarded:
        guarded.call({"prompt": "a"})
    gone = weakref.ref(guarded._evaluation)
    assert (guarded._evaluation._sites, guarded._evaluation._kept) == ({}, {})
    settings.recent.clear()
    del guarded
    gc.collect()
    assert gone() is None


def test_a_store_keeps_none_of_an_evaluation_that_has_ended(tmp_path: Path) -> None:
    store = RecordStore(f"sqlite:///{tmp_path}/records.db")
    reliai.configure(observers=[store])
    with isolated(of_kind("sync", str.upper, reliai.Retry(2))) as guarded:
        guarded.call({"prompt": "a"})
    gone = weakref.ref(guarded._evaluation)
    store.flush()
    del guarded
    gc.collect()
    assert gone() is None
    store.close()


@every_kind
@pytest.mark.parametrize("function", [str.upper, failing])
def test_a_trial_leaves_no_cyclic_garbage(kind: str, function: Any) -> None:
    policies = reliai.Retry(2, wait=0), reliai.Fallback(Value("b")), reliai.CircuitBreaker()
    guarded = isolated(of_kind(kind, function, *policies))
    asynchronous = asyncio.new_event_loop()  # one of asyncio.run for each call is a cycle itself

    def trial() -> None:
        if guarded.asynchronous:
            asynchronous.run_until_complete(guarded.acall({"prompt": "a"}))
        else:
            guarded.call({"prompt": "a"})

    trial()
    gc.collect()
    gc.disable()
    try:
        for _ in range(20):
            trial()
        assert gc.collect() < 20
    finally:
        gc.enable()
        asynchronous.close()


def test_a_forked_child_has_a_lock_of_its_own() -> None:
    evaluation = Evaluation()
    before = evaluation._lock
    evaluation._renew()
    assert evaluation._lock is not before
