"""Nothing a shadow does reaches the call it shadows (acceptance cases 30, 33, 43 and 44)."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import virtual_clock
from tests.policies._guarded import every_kind, every_one_value
from tests.policies._shadowing import LONG, Shadowed, candidate_of
from tests.policies._spending import answer as costly

if TYPE_CHECKING:
    from collections.abc import Callable


def same(prompt: str) -> str:
    return prompt


def noting(seen: list[Any], what: Callable[[Any], Any] = lambda given: given) -> Any:
    """A candidate that notes something of what it is given."""

    def candidate(given: Any) -> str:
        seen.append(what(given))
        return "hello"

    return candidate


class Rude(BaseException):
    """What no `except Exception` catches."""


RUDE: list[Any] = [ValueError, SystemExit, KeyboardInterrupt, Rude, GeneratorExit]


@every_kind
@pytest.mark.parametrize("error", [*RUDE, asyncio.CancelledError])
def test_whatever_a_candidate_raises_is_counted_and_seen_by_nobody(kind: str, error: Any) -> None:
    def fail(prompt: str) -> str:
        raise error("no")

    ask = Shadowed(kind, fail)
    assert "".join(ask("hello")) == "hello"
    assert (ask.report.failed, ask.report.pending, ask.record.status) == (1, 0, "success")
    assert "".join(ask("again")) == "again"
    assert ask.report.failed == 2


@every_kind
@pytest.mark.parametrize("error", RUDE)
def test_a_comparator_that_raises_is_an_outcome_of_its_own(kind: str, error: Any) -> None:
    def compare(primary: Any, candidate: Any) -> bool:
        raise error("no")

    results: list[Any] = []
    ask = Shadowed(kind, str, compare=compare, publish=results.append)
    assert "".join(ask("hello")) == "hello"
    report = ask.report
    assert (report.compare_errors, report.matched, report.mismatched) == (1, 0, 0)
    assert results[0].status == "compare_error"
    assert type(results[0].compare_error) is error


@every_one_value
@pytest.mark.parametrize("given", [2.0, -0.1, float("nan"), b"bytes", object()])
def test_a_comparator_that_gives_no_verdict_is_one_too(kind: str, given: Any) -> None:
    ask = Shadowed(kind, str, compare=lambda primary, candidate: given)
    ask("hello")
    assert ask.report.compare_errors == 1


@every_one_value
@pytest.mark.parametrize("error", RUDE)
def test_what_publish_raises_is_counted(kind: str, error: Any) -> None:
    def publish(result: Any) -> None:
        raise error("no")

    ask = Shadowed(kind, str, publish=publish)
    assert ask("hello") == "hello"
    assert (ask.report.publish_errors, ask.report.matched) == (1, 1)


# --- the request and the answer -----------------------------------------------------------
@every_kind
def test_a_candidate_that_changes_the_request_changes_its_own_copy(kind: str) -> None:
    messages: Any = [{"role": "user", "content": [{"text": "hello"}]}]

    def spoil(given: Any) -> str:
        given[0]["content"][0]["text"] = "spoilt"
        given.append("more")
        return "x"

    ask = Shadowed(kind, spoil, answer=lambda given: "x", noise_baseline=1)
    ask(messages)
    assert messages == [{"role": "user", "content": [{"text": "hello"}]}]
    assert ask.prompts[-1] == messages


@every_kind
def test_a_function_that_changes_the_request_does_not_change_the_candidates(kind: str) -> None:
    seen: list[Any] = []

    def spoil(given: Any) -> str:
        given["prompt"] = "spoilt"
        return "x"

    ask = Shadowed(kind, noting(seen, dict), answer=spoil)
    ask({"prompt": "hello"})
    assert seen == [{"prompt": "hello"}]


def test_a_caller_who_changes_the_answer_does_not_change_what_is_compared() -> None:
    gate = threading.Event()

    def candidate(prompt: str) -> list[Any]:
        gate.wait(LONG)
        return ["a", ["b"]]

    shadow = reliai.Shadow(candidate, rate=1)

    @shadow
    def ask(prompt: str) -> list[Any]:
        return ["a", ["b"]]

    answer = ask("hello")
    answer[1].append("changed")
    gate.set()
    assert shadow.drain(LONG)
    assert shadow.report().matched == 1


def test_the_caller_gets_the_very_object_that_the_function_returned() -> None:
    value: dict[str, Any] = {"a": [1]}
    ask = Shadowed("sync", candidate_of("sync", lambda prompt: {}), answer=lambda prompt: value)
    assert ask("hello") is value


def test_objects_are_shared_and_containers_in_themselves_are_copied() -> None:
    class Client:
        def __deepcopy__(self, memo: Any) -> Any:
            raise AssertionError("a client is not to be copied")

    client = Client()
    loop: list[Any] = [client]
    loop.append(loop)
    seen: list[Any] = []
    ask = Shadowed("sync", noting(seen), answer=lambda given: "x")
    ask(loop)
    (copy,) = seen
    assert copy is not loop
    assert copy[0] is client
    assert copy[1] is copy


def test_a_request_that_cannot_be_copied_is_skipped() -> None:
    class Awkward(dict[str, str]):
        pass

    hostile: dict[Any, Any] = {}

    class Key:
        def __hash__(self) -> int:
            if len(hostile) > 1:
                raise RuntimeError("no")
            return 1

    hostile[Key()] = Awkward()
    hostile["other"] = 1
    ask = Shadowed("sync", str, answer=lambda given: "x")
    assert ask(hostile) == "x"
    assert ask.report.skipped_for == {"request": 1}


# --- what surrounds the call --------------------------------------------------------------
trace: ContextVar[str] = ContextVar("trace", default="none")


@every_kind
def test_the_candidate_sees_the_callers_context_and_cannot_change_it(kind: str) -> None:
    seen: list[str] = []

    def candidate(prompt: str) -> str:
        seen.append(trace.get())
        trace.set("candidate's")
        return prompt

    ask = Shadowed(kind, candidate)
    token = trace.set("caller's")
    try:
        ask("hello")
        assert trace.get() == "caller's"
    finally:
        trace.reset(token)
    assert seen == ["caller's"]


@every_kind
def test_what_the_function_sets_is_not_seen_by_the_candidate(kind: str) -> None:
    seen: list[str] = []

    def answer(prompt: str) -> str:
        trace.set("the function's")
        return prompt

    ask = Shadowed(kind, noting(seen, lambda _: trace.get()), answer=answer)
    token = trace.set("caller's")
    try:
        ask("hello")
    finally:
        trace.reset(token)
    assert seen == ["caller's"]


@every_kind
def test_collectors_ids_runs_and_deadlines_are_the_calls_alone(kind: str) -> None:
    left: list[float | None] = []
    ask = Shadowed(kind, noting(left, lambda _: reliai.remaining()), timeout=50)
    with (
        reliai.context(call_id="mine"),
        reliai.deadline(1000),
        reliai.run("r1", max_calls=1) as group,
        reliai.collect() as calls,
    ):
        ask("hello")
    assert [call.id for call in calls] == ["mine"]
    assert group.calls == 1
    (record,) = ask.shadows
    assert record.run_id is None
    assert record.id != "mine"
    assert left[0] is not None
    assert 0 < left[0] <= 50


@every_one_value
def test_a_deadline_that_has_passed_for_the_call_has_not_for_the_shadow(kind: str) -> None:
    ask = Shadowed(kind)
    with virtual_clock() as clock:

        def late(prompt: str) -> str:
            clock.advance(2)
            return prompt

        ask = Shadowed(kind, str, answer=late)
        with reliai.deadline(1):
            assert ask("hello") == "hello"
    assert ask.report.matched == 1


# --- budgets, breakers, usage -------------------------------------------------------------
@every_one_value
def test_the_shadows_usage_is_on_its_own_record(kind: str) -> None:
    budget = reliai.Budget(usd=10.0, estimate=0.1)
    ask = Shadowed(kind, lambda prompt: costly(3.0), budget, answer=lambda prompt: costly(0.5))
    with reliai.run("r1", max_usd=1.0) as group:
        ask("hello")
    assert budget.snapshot()["usd"].spent == pytest.approx(0.5)
    assert group.usd == pytest.approx(0.5)
    assert ask.record.cost_usd == pytest.approx(0.5)
    assert ask.shadows[0].cost_usd == pytest.approx(3.0)
    assert ask.report.cost_usd == pytest.approx(3.0)


@every_one_value
def test_a_failing_candidate_opens_no_circuit_and_uses_up_no_retries(kind: str) -> None:
    breaker = reliai.CircuitBreaker(f"shadow-isolation-{kind}", consecutive=1)
    retry = reliai.Retry(3, wait=0)

    def fail(prompt: str) -> str:
        raise ConnectionError("down")

    ask = Shadowed(kind, fail, inside=(retry, breaker))
    for _ in range(5):
        ask("hello")
    assert breaker.state == "closed"
    assert breaker.snapshot().calls == 5
    assert ask.report.failed == 5
