"""A run groups an agent's calls, caps what they use together, and sees its loops."""

from __future__ import annotations

import asyncio
import contextvars
import math
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import virtual_clock
from tests.policies._guarded import Guarded, every_kind
from tests.policies._spending import answer, silent
from tests.programs import printed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.testing import VirtualClock


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as time:
        yield time


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings that come once come in each test."""
    monkeypatch.setattr("reliai._core.complaints._said", set())


def asked(give: Callable[[], Any] = answer, *policies: Any, name: str = "ask") -> Callable[[], Any]:
    @reliai.reliable(*policies, name=name)
    def ask() -> Any:
        return give()

    return ask


def until_refused(function: Callable[..., Any], *arguments: Any) -> reliai.BudgetExceeded:
    """Call again and again, with one of the arguments after the other, until it is refused."""
    for turn in range(1_000):
        outcome = reliai.execute(function, *arguments[turn % max(1, len(arguments)) :][:1])
        if isinstance(outcome.error, reliai.BudgetExceeded):
            return outcome.error
    raise AssertionError("it was never refused")


@every_kind
def test_the_calls_inside_carry_its_name(kind: str) -> None:
    ask = Guarded(kind)
    with reliai.run("ticket-42"):
        ask()
    assert ask.record.run_id == "ticket-42"
    ask()
    assert ask.record.run_id is None


def test_a_run_without_a_name_has_one_of_its_own() -> None:
    first, second = reliai.run(), reliai.run()
    assert first.name != second.name
    with first, reliai.collect() as calls:
        asked()()
    assert calls[0].run_id == first.name


@every_kind
def test_calls_are_refused_when_their_number_is_reached(kind: str) -> None:
    ask = Guarded(kind)
    with reliai.run("r", max_calls=2) as run:
        ask()
        ask()
        with pytest.raises(reliai.BudgetExceeded, match="may use 2 calls and has used 2 calls"):
            ask()
    assert (run.calls, len(ask.prompts)) == (2, 2)
    assert ask.record.status == "rejected"
    assert ask.event("run_rejected") == {
        "run": "r",
        "unit": "calls",
        "spent": 2,
        "wanted": 1,
        "cap": 2,
    }


def test_a_refusal_is_neither_retried_nor_given_to_a_fallback() -> None:
    ask = Guarded("sync", reliai.Fallback("instead"), reliai.Retry(3))
    with reliai.run(max_calls=1):
        ask()
        with pytest.raises(reliai.BudgetExceeded):
            ask()
    assert ask.events == ["run_rejected"]


def test_attempts_of_one_call_are_one_call() -> None:
    def give() -> Any:
        raise ConnectionRefusedError

    ask = asked(give, reliai.Retry(3, wait=0, budget=None))
    with reliai.run(max_calls=1) as run, pytest.raises(ConnectionRefusedError):
        ask()
    assert run.calls == 1


def test_calls_inside_calls_are_counted_too() -> None:
    ask = asked()

    @reliai.reliable()
    def agent() -> None:
        ask()
        ask()

    with reliai.run() as run:
        agent()
    assert run.calls == 3


def test_dollars_and_tokens_are_summed() -> None:
    ask = asked()
    with reliai.run("r") as run:
        ask()
        ask()
    assert (run.usd, run.tokens, run.unmeasured) == (0.8, 30, 0)
    assert run.remaining == (None, None, None, None)


def test_a_runaway_agent_stops_within_its_dollars() -> None:
    """A ping-pong of calls at 4.5 cents never gets beyond two dollars."""
    ask = asked(lambda: answer(0.045))
    with reliai.run("ticket-42", max_usd=2.0) as run:
        end = until_refused(ask)
    assert run.calls == 44
    assert run.usd == 1.98
    assert (end.unit, end.spent, end.cap) == ("usd", 1.98, 2.0)


def test_a_run_stops_within_its_tokens() -> None:
    ask = asked()
    with reliai.run(max_tokens=100) as run:
        assert "90 tokens" in str(until_refused(ask))
    assert run.tokens == 90


def test_what_is_left_can_be_read(clock: VirtualClock) -> None:
    with reliai.run(max_calls=5, max_usd=1.0, max_tokens=100, deadline=60) as run:
        asked()()
        clock.advance(10)
        left = run.remaining
        assert (left.calls, left.usd, left.tokens, left.seconds) == (4, 0.6, 85, 50.0)


def test_calls_at_the_same_time_hold_what_one_costs() -> None:
    gate = asyncio.Event()

    @reliai.reliable()
    async def ask(*, wait: bool) -> Any:
        if wait:
            await gate.wait()
        return answer(0.4)

    async def main() -> list[reliai.Outcome]:
        with reliai.run(max_usd=10.0) as run:
            await ask(wait=False)
            tasks = [asyncio.ensure_future(reliai.aexecute(ask, wait=True)) for _ in range(50)]
            await asyncio.sleep(0)
            gate.set()
            outcomes = await asyncio.gather(*tasks)
            assert run.usd == 10.0
            return outcomes

    assert sum(each.ok for each in asyncio.run(main())) == 24


def test_a_deadline_holds_for_all_calls_together(clock: VirtualClock) -> None:
    ask = Guarded("sync")
    with reliai.run(deadline=30):
        ask()
        assert reliai.remaining() == 30
        clock.advance(31)
        with pytest.raises(reliai.CallTimeout) as late:
            ask()
    assert late.value.layer == "inherited"
    assert reliai.remaining() is None


def test_the_nearest_deadline_counts() -> None:
    with reliai.deadline(10), reliai.run(deadline=30):
        assert reliai.remaining() == 10
    with reliai.run(deadline=30), reliai.run(deadline=5):
        assert reliai.remaining() == 5


def test_nested_runs_both_count_and_both_cap() -> None:
    ask = asked()
    with reliai.run("outer", max_calls=3) as outer:
        ask()
        with reliai.run("inner", max_calls=1) as inner, reliai.collect() as calls:
            ask()
            with pytest.raises(reliai.BudgetExceeded, match="'inner'"):
                ask()
        ask()
        with pytest.raises(reliai.BudgetExceeded, match="'outer'"):
            ask()
    assert [each.run_id for each in calls] == ["inner", "inner"]
    assert (outer.calls, inner.calls) == (3, 1)
    assert (outer.usd, inner.usd) == (1.2, 0.4)


def test_async_with_works_alike() -> None:
    ask = asked()

    async def main() -> float | None:
        async with reliai.run(max_calls=1) as run:
            await asyncio.to_thread(ask)
            with pytest.raises(reliai.BudgetExceeded):
                ask()
            return run.usd

    assert asyncio.run(main()) == 0.4


def test_threads_that_carry_the_context_count_together() -> None:
    ask = asked()
    with reliai.run(max_calls=20) as run:
        contexts = [contextvars.copy_context() for _ in range(40)]
        outcomes: list[bool] = []

        def work(context: contextvars.Context) -> None:
            outcomes.append(context.run(reliai.execute, ask).ok)

        threads = [threading.Thread(target=work, args=(each,)) for each in contexts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sum(outcomes) == run.calls == 20


def test_a_run_is_entered_once_at_a_time() -> None:
    run = reliai.run("r")
    with run, pytest.raises(reliai.ConfigurationError, match="entered already"), run:
        pass


def test_an_operators_observe_mode_refuses_nothing_and_says_so() -> None:
    ask = Guarded("sync")
    with reliai.run(max_calls=1) as run, reliai.mode("observe"):
        ask()
        ask()
    assert ask.events == ["run_would_reject"]
    assert run.calls == 2


def test_switched_off_it_refuses_nothing() -> None:
    ask = asked()
    with reliai.run(max_calls=1), reliai.mode("off"):
        ask()
        ask()


def test_what_tells_no_usage_counts_as_the_largest_where_usage_is_told_otherwise() -> None:
    answers = [answer(0.4), answer(0.4), TimeoutError(), TimeoutError()]

    def give() -> Any:
        given = answers.pop(0)
        if isinstance(given, Exception):
            raise given
        return given

    ask = asked(give)
    with reliai.run(max_usd=1.6) as run:
        for _ in range(4):
            reliai.execute(ask)
        assert isinstance(reliai.execute(ask).error, reliai.BudgetExceeded)
    assert (run.calls, run.unmeasured, run.remaining.usd) == (4, 2, 0.0)


def test_functions_that_are_no_models_take_nothing_of_a_cap() -> None:
    ask, search = asked(), asked(silent, name="search")
    with reliai.run(max_usd=1.0) as run:
        ask()
        for _ in range(10):
            search()
    assert run.remaining.usd == 0.6
    assert run.unmeasured == 10


def test_a_cap_that_nothing_tells_usage_to_warns_once() -> None:
    ask = asked(silent)
    with pytest.warns(reliai.ReliaiWarning, match=r"reliai\.read"), reliai.run(max_usd=1.0) as run:
        ask()
    assert run.usd is None
    with reliai.run(max_usd=1.0):
        ask()


@reliai.tool
def look_up(word: str, page: int = 1) -> str:
    return f"{word} {page}"


def test_equal_tool_calls_are_said_and_refused_then() -> None:
    with reliai.run("r") as run, reliai.collect() as calls:
        for _ in range(3):
            look_up("a")
        with pytest.raises(reliai.BudgetExceeded, match="equal arguments 3 times") as refused:
            look_up("a")
    assert refused.value.unit == "repeats"
    assert [[each.kind for each in record.events] for record in calls] == [
        [],
        [],
        ["tool_repeated"],
        ["run_rejected"],
    ]
    assert run.calls == 3


def test_equal_is_what_is_equal_once_converted() -> None:
    page: Any = "1"
    with reliai.run(max_repeats=1):
        look_up("a", page=1)
        with pytest.raises(reliai.BudgetExceeded):
            look_up("a", page=page)


def test_a_ping_pong_of_tools_stops_at_its_thirteenth_step() -> None:
    with reliai.run() as run:
        until_refused(look_up, "a", "b", "c", "d")
    assert run.calls == 12


def test_other_arguments_are_no_loop() -> None:
    with reliai.run():
        for page in range(20):
            look_up("a", page)


def test_loops_may_be_allowed() -> None:
    with reliai.run(max_repeats=None):
        for _ in range(20):
            look_up("a")


def test_outside_a_run_there_are_no_loops() -> None:
    for _ in range(5):
        look_up("a")


def test_an_attempt_that_is_tried_again_is_one_tool_call() -> None:
    tries = 0

    @reliai.Retry(5, wait=0, budget=None)
    @reliai.tool(effects="idempotent")
    def shaky() -> str:
        nonlocal tries
        tries += 1
        if tries < 5:
            raise ConnectionRefusedError
        return "done"

    with reliai.run():
        assert shaky() == "done"


def test_nothing_of_the_arguments_is_in_a_refusal() -> None:
    with reliai.run(max_repeats=1), reliai.collect() as calls:
        look_up("secret")
        with pytest.raises(reliai.BudgetExceeded) as refused:
            look_up("secret")
    assert "secret" not in str(refused.value)
    assert "secret" not in str([record.to_dict() for record in calls])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": ""}, "must be a text"),
        ({"name": 5}, "must be a text"),
        ({"max_calls": 0}, r"run\(max_calls=0\): must be a whole number from 1 up"),
        ({"max_calls": 1.5}, "max_calls=1.5"),
        ({"max_calls": True}, "max_calls=True"),
        ({"max_repeats": 0}, "max_repeats=0"),
        ({"max_usd": 0}, "max_usd=0"),
        ({"max_usd": math.nan}, "max_usd=nan"),
        ({"max_usd": math.inf}, "max_usd=inf"),
        ({"max_tokens": -1}, "max_tokens=-1"),
        ({"deadline": 0}, "deadline=0"),
        ({"deadline": "1"}, "deadline='1'"),
    ],
)
def test_settings_out_of_range_are_refused(settings: Any, message: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=message):
        reliai.run(**settings)


def test_a_run_says_what_it_is() -> None:
    assert repr(reliai.run("ticket-42")) == "<reliai.Run 'ticket-42': 0 calls>"


def test_a_forked_child_goes_on_with_the_run() -> None:
    program = """
        import os
        import reliai

        ask = reliai.reliable()(lambda: "a")
        with reliai.run(max_calls=2) as run:
            ask()
            run._lock.acquire()
            child = os.fork()
            if not child:
                ask()
                print(run.calls, reliai.execute(ask).ok, flush=True)
                os._exit(0)
            os.waitpid(child, 0)
            run._lock.release()
            print(run.calls, flush=True)
    """
    assert printed(program) == ["2 False", "1"]
