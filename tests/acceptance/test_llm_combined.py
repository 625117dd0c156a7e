"""Caches, budgets, runs, tools and streams at once, as agents use them."""

from __future__ import annotations

import asyncio
import contextvars
import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

import reliai
from reliai import clock as time_source
from reliai.testing import sdk_answer, virtual_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from reliai.testing import VirtualClock


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as made:
        yield made


class Answer(BaseModel):
    number: int


class Bill:
    """What a model was really asked to do, and what that cost."""

    def __init__(self) -> None:
        self.calls = 0
        self.usd = 0.0
        self._lock = threading.Lock()

    def pay(self, usd: float) -> None:
        with self._lock:
            self.calls += 1
            self.usd += usd
        reliai.usage(cost_usd=usd)


def echo(prompt: str) -> str:
    return prompt


async def echo_later(prompt: str) -> str:
    return prompt


# --- budgets -------------------------------------------------------------------------------
class Slow:
    """A model whose first answer takes five seconds, and whose others take one."""

    def __init__(self, *policies: Any, first: Any = "slow") -> None:
        self.first = first
        self.calls = 0
        self.function = reliai.reliable(*policies, name="ask")(self._ask)

    async def _ask(self, prompt: str) -> str:
        self.calls += 1
        if self.calls > 1:
            await asyncio.sleep(1)
            reliai.usage(cost_usd=1.0)
            return "quick"
        await asyncio.sleep(5)
        if isinstance(self.first, Exception):
            raise self.first
        reliai.usage(cost_usd=1.0)
        return str(self.first)

    def ask(self) -> reliai.Outcome:
        return asyncio.run(reliai.aexecute(self.function, "x"))


HEDGE = reliai.Hedge(1.0, extra_load=1.0)

NO_ROOM: dict[str, list[Any]] = {
    "budget": [reliai.Budget(usd=1.5, estimate=1.0), HEDGE],
    "budget inside": [HEDGE, reliai.Budget(usd=1.5, estimate=1.0)],
    "rate limit": [HEDGE, reliai.RateLimit(1, per=1000)],
    "bulkhead": [HEDGE, reliai.Bulkhead(1)],
    "adaptive limit": [HEDGE, reliai.AdaptiveLimit(1, maximum=1)],
}


@pytest.mark.parametrize("layers", NO_ROOM)
def test_a_hedge_there_is_no_room_for_leaves_the_first_attempt_alone(
    layers: str, clock: VirtualClock
) -> None:
    """A50"""
    model = Slow(*NO_ROOM[layers])
    outcome = model.ask()
    assert (outcome.value, outcome.error, model.calls) == ("slow", None, 1)
    assert outcome.record is not None
    assert [attempt.status for attempt in outcome.record.attempts] == ["success"]
    events = [event.kind for event in outcome.record.events]
    assert events.count("hedge") == 1


@pytest.mark.parametrize("layers", ["rate limit", "bulkhead"])
def test_when_the_first_attempt_fails_after_all_that_is_what_is_told(
    layers: str, clock: VirtualClock
) -> None:
    outcome = Slow(*NO_ROOM[layers], first=ConnectionError("down")).ask()
    assert type(outcome.error) is ConnectionError


def test_a_hedge_there_is_room_for_costs_twice(clock: VirtualClock) -> None:
    """41: two attempts side by side each need their own."""
    budget = reliai.Budget(usd=2.5, estimate=1.0)
    model = Slow(budget, HEDGE)
    assert model.ask().value == "quick"
    account = budget.snapshot()["usd"]
    assert (model.calls, account.reserved, account.spent) == (2, 0, 2)


def test_a_run_refuses_a_hedge_and_not_the_call(clock: VirtualClock) -> None:
    known = reliai.reliable(name="known")(lambda: reliai.usage(cost_usd=1.0))
    with reliai.run(max_usd=2.5):
        known()
        model = Slow(HEDGE)
        assert (model.ask().value, model.calls) == ("slow", 1)


@pytest.mark.parametrize("form", ["response", "text"])
def test_the_answer_of_a_first_attempt_that_wins_is_judged_by_what_it_said(
    form: str, clock: VirtualClock
) -> None:
    """27, 40: not by what the one beside it said."""
    asked: list[str] = []

    @reliai.reliable(reliai.Cache(), reliai.Validate(reliai.NotTruncated()), HEDGE)
    async def ask(prompt: str) -> Any:
        asked.append(prompt)
        first = len(asked) == 1
        await asyncio.sleep(3 if first else 0)
        answer = sdk_answer("half an ans", api="chat").model_dump()
        answer["choices"][0]["finish_reason"] = "length" if first else "stop"
        reliai.read(answer)
        await asyncio.sleep(0 if first else 50)
        return answer if form == "response" else "half an ans"

    outcome = asyncio.run(reliai.aexecute(ask, "x"))
    assert isinstance(outcome.error, reliai.OutputTruncated)
    assert outcome.record is not None
    first, beside = outcome.record.attempts
    assert (first.status, beside.status) == ("error", "cancelled")
    assert first.error is not None
    assert first.error.kind == "invalid_output"


def test_an_attempt_left_behind_is_told_as_that_whatever_its_policies_changed(
    clock: VirtualClock,
) -> None:
    """A guard inside a hedge makes another call of it; its attempt is the hedge's all the same."""
    asked: list[str] = []

    @reliai.reliable(HEDGE, reliai.Guard(reliai.Pii("redact")))
    def ask(prompt: str) -> str:
        asked.append(prompt)
        time = time_source.active()
        time.sleep(50 if len(asked) == 1 else 1)
        return prompt

    outcome = reliai.execute(ask, "to bob@example.com")
    assert outcome.value == "to [EMAIL]"
    assert outcome.record is not None
    assert [each.status for each in outcome.record.attempts] == ["cancelled", "success"]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_a_refusal_at_hand_within_a_hedge_is_that_refusal(kind: str) -> None:
    breaker = reliai.CircuitBreaker(f"isolated for {kind}")
    decorate = reliai.reliable(HEDGE, breaker)
    ask = decorate(echo)
    ask_later = decorate(echo_later)
    breaker.isolate()
    if kind == "sync":
        outcome = reliai.execute(ask, "x")
    else:
        outcome = asyncio.run(reliai.aexecute(ask_later, "x"))
    assert type(outcome.error) is reliai.CircuitOpen


def test_a_policy_that_waits_for_a_loop_within_a_hedge_is_named() -> None:
    async def sleepy(call: reliai.Call, proceed: Any) -> Any:
        await asyncio.sleep(0)
        return await proceed(call)

    outcome = reliai.execute(reliai.reliable(HEDGE, sleepy)(echo), "x")
    assert isinstance(outcome.error, reliai.ConfigurationError)
    assert "sleepy" in str(outcome.error)


@pytest.mark.parametrize("seed", range(3))
def test_fifty_calls_with_everything_spend_no_more_than_the_cap(
    seed: int, clock: VirtualClock
) -> None:
    """41: retries, reasks, fallbacks, timeouts and cancellations included."""
    chance = random.Random(seed)
    bill = Bill()
    budget = reliai.Budget(usd=5.0, estimate=0.2)

    async def small(prompt: str) -> str:
        await asyncio.sleep(chance.random())
        bill.pay(0.05)
        return '{"number": 1}'

    @reliai.reliable(
        budget,
        reliai.Timeout(20),
        reliai.Fallback(small),
        reliai.Validate(output=Answer, reask=2),
        reliai.Retry(3, budget=None),
        reliai.Timeout(3),
    )
    async def ask(prompt: str) -> str:
        await asyncio.sleep(chance.random() * 4)
        if chance.random() < 0.2:
            raise ConnectionError("down")
        bill.pay(0.2)
        return '{"number": "none"}' if chance.random() < 0.3 else '{"number": 2}'

    async def one() -> None:
        asking = asyncio.ensure_future(ask("hello"))
        if chance.random() < 0.3:
            await asyncio.sleep(chance.random() * 6)
            asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(50)))

    asyncio.run(all_of_them())
    account = budget.snapshot()["usd"]
    assert account.reserved == 0
    assert bill.usd <= account.spent <= 5.0 + 0.2


# --- caches --------------------------------------------------------------------------------
def test_an_answer_that_grew_too_old_during_the_call_stands_in_for_nothing(
    clock: VirtualClock,
) -> None:
    script: list[Any] = ["fresh", ConnectionError("down"), ConnectionError("down")]

    @reliai.Cache(ttl=10, stale_if_error=10, key="arg:prompt")
    def ask(prompt: str, seconds: float) -> str:
        clock.advance(seconds)
        given = script.pop(0)
        if isinstance(given, Exception):
            raise given
        return str(given)

    assert ask("x", 0) == "fresh"
    clock.advance(19)
    with pytest.raises(ConnectionError):
        ask("x", 2)


def test_work_whose_first_caller_left_is_paid_for_once_and_counted_once(
    clock: VirtualClock,
) -> None:
    """8, 39, 41: by the budget, by the run, and on one record."""
    bill = Bill()
    budget = reliai.Budget(usd=10, estimate=1)

    @reliai.reliable(reliai.Cache(), budget, reliai.Retry(2))
    async def ask(prompt: str) -> str:
        await asyncio.sleep(1)
        bill.pay(0.5)
        return prompt

    async def asking() -> list[str]:
        first = asyncio.create_task(ask("x"))
        await asyncio.sleep(0.1)
        others = [asyncio.create_task(ask("x")) for _ in range(5)]
        await asyncio.sleep(0.1)
        first.cancel()
        return await asyncio.gather(*others)

    with reliai.run("r", max_calls=10) as run, reliai.collect() as calls:
        assert asyncio.run(asking()) == ["x"] * 5
    assert (bill.calls, run.calls, run.usd) == (1, 1, 0.5)
    assert budget.snapshot()["usd"] == (0.5, 0, 10, 9.5)
    assert [call.status for call in calls] == ["cancelled"] + ["success"] * 5
    assert [call.cost_usd for call in calls] == [None, 0.5, 0, 0, 0, 0]


def test_work_that_everybody_left_is_given_up(clock: VirtualClock) -> None:
    bill = Bill()
    budget = reliai.Budget(usd=10, estimate=1)

    @reliai.reliable(reliai.Cache(), budget)
    async def ask(prompt: str) -> str:
        await asyncio.sleep(1)
        bill.pay(0.5)
        return prompt

    async def asking() -> int:
        tasks = [asyncio.create_task(ask("x")) for _ in range(5)]
        await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(5):
            await asyncio.sleep(0)
        return len(asyncio.all_tasks())

    assert asyncio.run(asking()) == 1
    assert bill.calls == 0
    assert budget.snapshot()["usd"].reserved == 0


def test_a_hundred_threads_agree_on_what_was_asked_and_paid() -> None:
    """39, 41, A71"""
    bill = Bill()
    budget, cache = reliai.Budget(usd=1000, estimate=0.01), reliai.Cache()

    @reliai.reliable(cache, budget, reliai.Retry(2, wait=0))
    def ask(prompt: int) -> int:
        bill.pay(0.01)
        return prompt

    def work(_: int) -> list[int]:
        return [ask(prompt) for prompt in range(20)]

    with ThreadPoolExecutor(100) as threads:
        assert list(threads.map(work, range(100))) == [list(range(20))] * 100
    info = cache.info()
    assert bill.calls == info.misses == 20
    assert info.hits + info.joined + info.misses == 2000
    account = budget.snapshot()["usd"]
    assert account.reserved == 0
    assert account.spent == pytest.approx(0.2)


# --- runs, tools and streams ------------------------------------------------------------------
@reliai.tool
def step(number: int) -> int:
    """Go one further."""
    return number + 1


def agent(prompt: str) -> Iterator[int]:
    with reliai.run("agent", max_calls=3):
        for number in range(5):
            yield reliai.tool.call_json(step, json.dumps({"number": number}))


async def agent_later(prompt: str) -> AsyncIterator[int]:
    async with reliai.run("agent", max_calls=3):
        for number in range(5):
            yield reliai.tool.call_json(step, json.dumps({"number": number}))


def test_a_run_within_a_stream_caps_its_tools_and_leaves_its_consumer_alone() -> None:
    """45: what the stream's function set is set for it alone."""
    got: list[int] = []
    with reliai.collect() as calls:
        stream = reliai.reliable(name="agent")(agent)("x")
        got.append(next(stream))
        step(100)
        with pytest.raises(reliai.BudgetExceeded):
            got.extend(stream)
    assert got == [1, 2, 3]
    agents = [call for call in calls if call.name != "agent" and call.run_id == "agent"]
    assert len(agents) == 4
    assert calls[2].run_id is None


def test_a_run_within_an_asynchronous_stream_may_be_read_by_several_tasks() -> None:
    """43, 45"""

    async def read() -> list[int]:
        stream: Any = reliai.reliable()(agent_later)("x")
        got = [await asyncio.create_task(anext(stream)) for _ in range(3)]
        with pytest.raises(reliai.BudgetExceeded):
            await asyncio.create_task(anext(stream))
        early: Any = reliai.reliable()(agent_later)("x")
        await asyncio.create_task(anext(early))
        await early.aclose()
        return got

    assert asyncio.run(read()) == [1, 2, 3]


def test_a_run_counts_in_threads_and_tasks_that_have_its_context() -> None:
    """44"""

    @reliai.reliable()
    def ask(number: int) -> int:
        reliai.usage(cost_usd=0.1)
        return number

    async def gathered() -> int:
        tasks = (asyncio.to_thread(ask, number) for number in range(20))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        return sum(isinstance(each, reliai.BudgetExceeded) for each in results)

    with reliai.run(max_calls=7) as run:
        assert asyncio.run(gathered()) == 13
    assert run.calls == 7
    assert run.usd == pytest.approx(0.7)
    with reliai.run(max_calls=5) as run, ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(contextvars.copy_context().run, ask, n) for n in range(10)]
        assert sum(each.exception() is not None for each in asked) == 5
    assert run.calls == 5


def test_a_stream_of_a_run_counts_for_it_after_its_block_has_ended() -> None:
    @reliai.reliable()
    def ask(number: int) -> int:
        return number

    @reliai.reliable()
    def several(_: str) -> Iterator[int]:
        for number in range(5):
            yield ask(number)

    with reliai.run("r", max_calls=3):
        stream = several("x")
    with pytest.raises(reliai.BudgetExceeded):
        list(stream)


def test_a_response_is_counted_on_the_innermost_call_that_read_it() -> None:
    """15: however often it is read and returned on the way out."""
    budget = reliai.Budget(tokens=1000, estimate=10)

    @reliai.reliable(name="inner")
    def inner(prompt: str) -> Any:
        return reliai.read(sdk_answer(prompt, api="chat"))

    @reliai.reliable(name="middle")
    def middle(prompt: str) -> Any:
        return reliai.read(inner(prompt))

    @reliai.reliable(budget, reliai.Validate(reliai.NoRefusal(), reliai.NotTruncated()))
    def outer(prompt: str) -> Any:
        middle(prompt)
        return reliai.read(middle(prompt))

    with reliai.collect() as calls:
        outer("hello there")
    told = {call.name: call.input_tokens for call in calls if call.usage_state == "measured"}
    assert set(told) == {"inner"}
    tokens = sum((call.input_tokens or 0) + (call.output_tokens or 0) for call in calls)
    assert budget.snapshot()["tokens"].spent == tokens > 0


# --- execute --------------------------------------------------------------------------------
def texts(prompt: str) -> Iterator[str]:
    yield from (prompt, "!")


async def texts_later(prompt: str) -> AsyncIterator[str]:
    for text in (prompt, "!"):
        yield text


POLICIES: list[Any] = [
    reliai.Guard(reliai.Pii("pseudonymize")),
    reliai.Cache(),
    reliai.Budget(tokens=1000, estimate=1),
    reliai.Validate(reliai.Pattern("forbidden", forbid=True)),
    reliai.Retry(2),
]


def test_execute_opens_a_stream_that_is_made_and_one_that_is_replayed() -> None:
    ask = reliai.reliable(*POLICIES)(texts)
    for attempts in (1, 0):
        outcome = reliai.execute(ask, "bob@example.com")
        assert outcome.ok
        assert outcome.record is None
        assert "".join(outcome.value) == "bob@example.com!"
        assert outcome.value.record is not None
        assert outcome.value.record.id == outcome.call_id
        assert len(outcome.value.record.attempts) == attempts


def test_aexecute_opens_a_stream_that_is_made_and_one_that_is_replayed() -> None:
    ask = reliai.reliable(*POLICIES)(texts_later)

    async def opened() -> None:
        for attempts in (1, 0):
            outcome = await reliai.aexecute(ask, "bob@example.com")
            assert "".join([text async for text in outcome.value]) == "bob@example.com!"
            assert len(outcome.value.record.attempts) == attempts

    asyncio.run(opened())
