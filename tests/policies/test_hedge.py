"""Hedging: who is asked when, who wins, and that nothing of the losers is left."""

from __future__ import annotations

import asyncio
import math
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import clock as time_source
from reliai.testing import virtual_clock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from reliai.testing import VirtualClock

HEDGE: Any = reliai.Hedge


class Overloaded(Exception):
    status_code = 529


class Refused(Exception):
    status_code = 400


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as time:
        yield time


class Model:
    """An asynchronous model whose answers take as long as the script says.

    Attributes:
        calls: when each was asked.
        ended: how each ended: "answered", "failed" or "cancelled".
    """

    def __init__(self, clock: VirtualClock, *script: tuple[float, Any]) -> None:
        self._clock = clock
        self._script = list(script)
        self.calls: list[float] = []
        self.ended: list[str] = []

    async def __call__(self, prompt: str) -> str:
        seconds, answer = self._script[min(len(self.calls), len(self._script) - 1)]
        self.calls.append(self._clock.now)
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            raise
        if isinstance(answer, Exception):
            self.ended.append("failed")
            raise answer
        self.ended.append("answered")
        return f"{answer} to {prompt}"


def ask(model: Model, *policies: Any, **facts: Any) -> reliai.Outcome:
    guarded = reliai.reliable(*policies, name="ask", **facts)(model.__call__)
    return asyncio.run(reliai.aexecute(guarded, "hi"))


def kinds(outcome: reliai.Outcome) -> list[str]:
    assert outcome.record is not None
    return [event.kind for event in outcome.record.events]


def test_a_quick_answer_is_asked_for_once(clock: VirtualClock) -> None:
    model = Model(clock, (1, "one"))
    outcome = ask(model, reliai.Hedge(2))
    assert outcome.value == "one to hi"
    assert model.calls == [0]
    assert kinds(outcome) == []


def test_a_slow_attempt_is_overtaken_cancelled_and_awaited(clock: VirtualClock) -> None:
    model = Model(clock, (5, "one"), (1, "two"))
    outcome = ask(model, reliai.Hedge(2))
    assert outcome.value == "two to hi"
    assert clock.now == 3
    assert model.calls == [0, 2]
    assert sorted(model.ended) == ["answered", "cancelled"]
    assert kinds(outcome) == ["hedge", "hedge_won"]


def test_the_record_tells_both_attempts(clock: VirtualClock) -> None:
    model = Model(clock, (5, "one"), (1, "two"))
    record = ask(model, reliai.Hedge(2)).record
    assert record is not None
    assert record.status == "success"
    told = [(each.number, each.status, each.duration) for each in record.attempts]
    assert told == [(1, "cancelled", 3), (2, "success", 1)]


def test_the_first_attempt_may_still_win(clock: VirtualClock) -> None:
    model = Model(clock, (3, "one"), (5, "two"))
    outcome = ask(model, reliai.Hedge(2))
    assert outcome.value == "one to hi"
    assert model.ended == ["answered", "cancelled"]
    assert kinds(outcome) == ["hedge", "hedge_lost"]


def test_with_no_delay_all_start_at_once(clock: VirtualClock) -> None:
    model = Model(clock, (5, "one"), (4, "two"), (1, "three"))
    outcome = ask(model, reliai.Hedge(0, max_hedges=2, extra_load=1))
    assert outcome.value == "three to hi"
    assert model.calls == [0, 0, 0]


def test_with_an_endless_delay_only_a_failure_starts_the_next(clock: VirtualClock) -> None:
    model = Model(clock, (30, Overloaded()), (1, "two"))
    outcome = ask(model, reliai.Hedge(math.inf))
    assert outcome.value == "two to hi"
    assert model.calls == pytest.approx([0, 30])


def test_a_failure_starts_the_next_at_once(clock: VirtualClock) -> None:
    model = Model(clock, (1, Overloaded()), (1, "two"))
    assert ask(model, reliai.Hedge(10)).value == "two to hi"
    assert model.calls == [0, 1]


def test_while_one_goes_on_a_failure_is_not_the_end(clock: VirtualClock) -> None:
    model = Model(clock, (3, Overloaded()), (5, "two"))
    assert ask(model, reliai.Hedge(2)).value == "two to hi"
    assert clock.now == 7


def test_when_all_fail_the_first_error_is_raised_with_a_note_of_the_others(
    clock: VirtualClock,
) -> None:
    first, second = Overloaded("first"), ConnectionError("second")
    outcome = ask(Model(clock, (1, first), (1, second)), reliai.Hedge(10))
    assert outcome.error is first
    assert "Hedge asked 1 more, which failed: ConnectionError" in str(first.__notes__)


def test_a_failure_for_good_ends_all_at_once(clock: VirtualClock) -> None:
    model = Model(clock, (9, "one"), (1, Refused()))
    outcome = ask(model, reliai.Hedge(2))
    assert isinstance(outcome.error, Refused)
    assert clock.now == 3
    assert sorted(model.ended) == ["cancelled", "failed"]


def test_a_caller_who_goes_away_takes_all_attempts_along(clock: VirtualClock) -> None:
    model = Model(clock, (50, "one"), (50, "two"))

    async def main() -> None:
        guarded = reliai.Hedge(2)(model.__call__)
        before = len(asyncio.all_tasks())
        task = asyncio.ensure_future(guarded("hi"))
        await asyncio.sleep(5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert len(asyncio.all_tasks()) == before

    asyncio.run(main())
    assert model.ended == ["cancelled", "cancelled"]


def test_a_deadline_ends_all_attempts(clock: VirtualClock) -> None:
    model = Model(clock, (50, "one"), (50, "two"))
    outcome = ask(model, reliai.Timeout(10), reliai.Hedge(2))
    assert isinstance(outcome.error, reliai.CallTimeout)
    assert clock.now == 10
    assert model.ended == ["cancelled", "cancelled"]


def test_a_limit_of_an_attempt_holds_for_each(clock: VirtualClock) -> None:
    model = Model(clock, (50, "one"), (1, "two"))
    outcome = ask(model, reliai.Hedge(9), reliai.Timeout(4))
    assert outcome.value == "two to hi"
    assert model.calls == [0, 4]


def test_a_hedge_that_cannot_be_paid_leaves_the_first_attempt_alone(clock: VirtualClock) -> None:
    model = Model(clock, (5, "slow"))
    guarded = reliai.reliable(reliai.Hedge(1, extra_load=0.01))(model.__call__)

    async def main() -> list[reliai.Outcome]:
        return [await reliai.aexecute(guarded, "hi") for _ in range(3)]

    outcomes = asyncio.run(main())
    assert [each.value for each in outcomes] == ["slow to hi"] * 3
    assert [kinds(each)[0] for each in outcomes] == ["hedge", "hedge_refused", "hedge"]


def test_in_the_long_run_hedges_are_a_share_of_the_calls(clock: VirtualClock) -> None:
    model = Model(clock, (0.2, "slow"))
    guarded = reliai.reliable(reliai.Hedge(0.1, extra_load=0.1))(model.__call__)

    async def main() -> None:
        for _ in range(500):
            await reliai.aexecute(guarded, "hi")

    asyncio.run(main())
    assert 500 * 1.08 < len(model.calls) < 500 * 1.14


def test_the_budget_of_a_retry_around_it_pays_too(clock: VirtualClock) -> None:
    budget = reliai.RetryBudget(ratio=0.0, min_per_second=0.1)
    assert budget.withdraw(0.0)  # it is spent
    model = Model(clock, (5, "slow"))
    outcome = ask(model, reliai.Retry(2, budget=budget), reliai.Hedge(1))
    assert outcome.value == "slow to hi"
    assert kinds(outcome) == ["hedge_refused"]


def test_the_delay_is_learned_from_what_calls_take(clock: VirtualClock) -> None:
    script: list[tuple[float, Any]] = [*[(1.0, "quick")] * 94, *[(2.0, "slower")] * 6]
    script += [(60.0, "stuck"), (1.0, "rescued")]
    model = Model(clock, *script)
    guarded = reliai.reliable(reliai.Hedge(quantile=0.95))(model.__call__)

    async def main() -> reliai.Outcome:
        for _ in range(100):
            await reliai.aexecute(guarded, "hi")
        return await reliai.aexecute(guarded, "hi")

    outcome = asyncio.run(main())
    assert outcome.value == "rescued to hi"
    assert outcome.record is not None
    assert outcome.record.duration == 3  # hedged after 2 s


def test_before_it_has_seen_100_calls_none_is_hedged(clock: VirtualClock) -> None:
    model = Model(clock, (1, "quick"))
    guarded = reliai.reliable(reliai.Hedge())(model.__call__)

    async def main() -> None:
        for _ in range(99):
            await guarded("hi")

    asyncio.run(main())
    model._script = [(60.0, "stuck")]
    assert asyncio.run(reliai.aexecute(guarded, "hi")).value == "stuck to hi"
    assert len(model.calls) == 100


def test_hedges_may_go_to_another_target(clock: VirtualClock) -> None:
    model = Model(clock, (50, "one"))

    async def other(prompt: str) -> str:
        await asyncio.sleep(1)
        return f"other to {prompt}"

    outcome = ask(model, reliai.Hedge(2, targets=other))
    assert outcome.value == "other to hi"
    assert outcome.record is not None
    assert [each.target for each in outcome.record.attempts] == ["__call__", "other"]
    assert outcome.record.target == "other"


def test_an_open_circuit_of_one_target_leads_to_the_next(clock: VirtualClock) -> None:
    async def other(prompt: str) -> str:
        return f"other to {prompt}"

    breaker = reliai.CircuitBreaker("first one")
    model = Model(clock, (1, "one"))
    guarded = reliai.reliable(reliai.Hedge(2, targets=[other]), breaker)(model.__call__)
    breaker._groups()[0].default.isolate()
    assert asyncio.run(guarded("hi")) == "other to hi"
    assert model.calls == []


def test_what_the_winner_sets_in_its_context_is_seen_by_the_caller(clock: VirtualClock) -> None:
    seen: ContextVar[str] = ContextVar("seen", default="nothing")
    number = 0

    @reliai.Hedge(2)
    async def model(prompt: str) -> str:
        nonlocal number
        number += 1
        mine = number
        seen.set(f"attempt {mine}")
        await asyncio.sleep(10 / mine**2)
        return prompt

    async def main() -> str:
        await model("hi")
        return seen.get()

    assert asyncio.run(main()) == "attempt 2"


def test_of_streams_the_first_to_yield_a_chunk_wins_and_the_other_is_closed_before(
    clock: VirtualClock,
) -> None:
    happened: list[str] = []

    @reliai.Hedge(2)
    async def stream(prompt: str) -> AsyncIterator[str]:
        mine = "first" if clock.now < 2 else "second"
        try:
            await asyncio.sleep(9 if mine == "first" else 1)
            for each in prompt:
                happened.append(f"{mine} yields {each}")
                yield f"{mine} {each}"
        finally:
            happened.append(f"{mine} ended")

    async def main() -> list[str]:
        return [chunk async for chunk in stream("ab")]

    assert asyncio.run(main()) == ["second a", "second b"]
    assert happened == [
        "second yields a",
        "first ended",
        "second yields b",
        "second ended",
    ]


def test_a_synchronous_call_is_hedged_on_threads_and_the_loser_left_behind(
    clock: VirtualClock,
) -> None:
    calls: list[float] = []

    @reliai.reliable(reliai.Hedge(2), name="ask")
    def model(prompt: str) -> str:
        calls.append(clock.now)
        clock.sleep(50 if len(calls) == 1 else 1)
        return f"{len(calls)} to {prompt}"

    outcome = reliai.execute(model, "hi")
    assert outcome.value == "2 to hi"
    assert calls == [0, 2]
    assert outcome.record is not None
    assert [each.status for each in outcome.record.attempts] == ["cancelled", "success"]
    assert outcome.record.duration == 3


def test_the_record_of_a_synchronous_call_does_not_change_when_the_loser_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(time_source, "_active", time_source.SystemClock())  # a thread that blocks
    go, ended = threading.Event(), threading.Event()
    calls: list[int] = []

    @reliai.reliable(reliai.Hedge(0.01), name="ask")
    def model(prompt: str) -> str:
        calls.append(1)
        if len(calls) == 1:
            go.wait(30)
            ended.set()
        return prompt

    record = reliai.execute(model, "hi").record
    assert record is not None
    before = record.to_dict()
    go.set()
    assert ended.wait(30)
    assert record.to_dict() == before


def test_an_effect_that_must_not_repeat_cannot_be_hedged() -> None:
    with pytest.raises(reliai.ConfigurationError, match="effects='once'"):
        reliai.reliable(reliai.Hedge(1), effects="once")(lambda prompt: prompt)


def test_a_deactivated_call_is_not_hedged(clock: VirtualClock) -> None:
    model = Model(clock, (5, "one"))
    with reliai.deactivated():
        assert ask(model, reliai.Hedge(1)).value == "one to hi"
    assert model.calls == [0]


def test_each_attempt_takes_a_place_of_a_bulkhead_and_gives_it_back(clock: VirtualClock) -> None:
    bulkhead = reliai.Bulkhead(2)
    model = Model(clock, (5, "one"), (1, "two"))
    assert ask(model, reliai.Hedge(2), bulkhead).value == "two to hi"
    assert bulkhead.running == 0


def test_a_loser_teaches_a_circuit_nothing(clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker("raced", consecutive=1)
    model = Model(clock, (5, "one"), (1, "two"))
    ask(model, reliai.Hedge(2), breaker)
    snapshot = breaker.snapshot()
    assert (snapshot.calls, snapshot.failures, snapshot.ignored) == (1, 0, 1)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"after": -1}, "after=-1"),
        ({"after": math.nan}, "after=nan"),
        ({"quantile": 1}, "quantile=1"),
        ({"max_hedges": 0}, "max_hedges=0"),
        ({"extra_load": 0}, "extra_load=0"),
        ({"extra_load": 1.5}, "extra_load=1.5"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=says):
        HEDGE(**settings)
