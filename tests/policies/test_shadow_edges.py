"""Shadows at the limits: streams of events, too many chunks or threads, loops that are gone."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.policies import _shadow_tasks, _shadow_threads, shadow
from reliai.policies._shadow_request import detached
from reliai.testing import sdk_stream
from tests.policies._guarded import every_kind, every_one_value, every_stream
from tests.policies._shadowing import LONG, Shadowed, candidate_of
from tests.policies._spending import answer as costly

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def same(prompt: str) -> str:
    return prompt


# --- streams ------------------------------------------------------------------------------
@every_stream
def test_providers_streams_of_two_makes_are_compared_by_what_they_say(kind: str) -> None:
    results: list[Any] = []
    ask = Shadowed(
        kind,
        lambda prompt: sdk_stream("hello world", "messages"),
        answer=lambda prompt: sdk_stream("hello world", "chat"),
        publish=results.append,
    )
    events = ask("hello")
    assert len(events) > 2
    assert ask.report.matched == 1
    assert results[0].primary.text == results[0].candidate.text == "hello world"


@every_stream
def test_a_providers_stream_behind_a_policy_is_read_from_what_was_delivered(kind: str) -> None:
    async def passing(call: reliai.Call, proceed: Any) -> Any:
        return await proceed(call)

    ask = Shadowed(
        kind,
        lambda prompt: "hello world",
        answer=lambda prompt: sdk_stream("hello world", "chat"),
        inside=(passing, reliai.Validate(reliai.Pii(action="redact"))),
    )
    ask("hello")
    assert ask.report.matched == 1


@every_stream
@pytest.mark.parametrize(
    ("chunks", "answer"),
    [([b"a", b"b"], b"ab"), ([{"n": 1}, {"n": 2}], [{"n": 1}, {"n": 2}]), ([1, "a"], [1, "a"])],
    ids=["bytes", "objects", "mixed"],
)
def test_other_chunks_are_joined_or_listed(kind: str, chunks: Any, answer: Any) -> None:
    results: list[Any] = []
    ask = Shadowed(
        kind, lambda prompt: chunks, answer=lambda prompt: chunks, publish=results.append
    )
    assert ask("hello") == chunks
    assert (results[0].primary, results[0].candidate) == (answer, answer)
    assert ask.report.matched == 1


@every_stream
def test_a_candidate_that_streams_without_end_is_cut(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_shadow_threads, "MAX_CHUNKS", 50)
    monkeypatch.setattr(_shadow_tasks, "MAX_CHUNKS", 50)
    closed: list[bool] = []

    def endless(prompt: str) -> Iterator[str]:
        try:
            while True:
                yield "x"
        finally:
            closed.append(True)

    async def endless_async(prompt: str) -> AsyncIterator[str]:
        for chunk in endless(prompt):
            yield chunk

    shadowing = reliai.Shadow(endless if kind == "generator" else endless_async, rate=1)
    function = shadowing(candidate_of(kind, str))
    if kind == "generator":
        assert "".join(function("hello")) == "hello"
        assert shadowing.drain(LONG)
    else:

        async def main() -> None:
            assert "".join([chunk async for chunk in function("hello")]) == "hello"
            assert await shadowing.adrain(LONG)

        asyncio.run(main())
    assert shadowing.report().failed == 1
    assert shadowing.report().failures == {"unknown": 1}


@every_stream
def test_a_candidates_stream_that_breaks_is_a_failure(kind: str) -> None:
    def breaking(prompt: str) -> Iterator[str]:
        yield "a"
        raise ConnectionError("cut")

    ask = Shadowed(kind, breaking)
    ask("hello")
    assert ask.report.failures == {"connection": 1}


# --- the request --------------------------------------------------------------------------
def test_containers_of_every_plain_kind_are_copied() -> None:
    given: dict[str, Any] = {"a": [1, (2, {3}), bytearray(b"4")], "b": ()}
    copy = detached(given)
    assert copy == given
    assert copy["a"] is not given["a"]
    assert copy["a"][1][1] is not given["a"][1][1]
    assert copy["a"][2] is not given["a"][2]


def test_what_lies_in_two_places_lies_in_two_places_of_the_copy() -> None:
    inner: list[int] = [1]
    copy = detached([inner, inner])
    assert copy[0] is copy[1]
    assert copy[0] is not inner


def test_what_is_very_deep_is_shared() -> None:
    deep: list[Any] = []
    for _ in range(2_000):
        deep = [deep]
    assert detached(deep) is not deep


def test_arguments_that_do_not_fit_the_candidate_are_its_failure() -> None:
    def other(question: str, *, temperature: float) -> str:
        return question

    for kind in ("sync", "generator"):
        wrong = reliai.Shadow(other, rate=1)
        function: Any = wrong(candidate_of(kind, str))
        answer = function("hello")
        assert "".join(answer) == "hello"
        assert wrong.drain(LONG)
        assert wrong.report().failed == 1


# --- the places it runs in ----------------------------------------------------------------
def test_where_no_thread_can_be_started_the_shadow_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> Any:
        raise RuntimeError("can't start new thread")

    ask = Shadowed("sync")
    monkeypatch.setattr("reliai._core.workers.acquire", none)
    assert ask("hello") == "hello"
    report = ask.report
    assert (report.started, report.dropped, report.pending) == (0, 1, 0)


@every_one_value
def test_a_queue_that_fills_while_the_function_runs_drops_the_call(kind: str) -> None:
    holder: list[Any] = []

    def fill(prompt: str) -> str:
        holder[0].shadow._tally.start(1)
        return prompt

    ask = Shadowed(kind, str, answer=fill, max_pending=1)
    holder.append(ask)
    try:
        function = ask.function
        with reliai.collect() as calls:
            result = function("hello")
            if kind == "async":
                result = asyncio.run(_awaited(result))
        assert result == "hello"
        assert [event.kind for event in calls[0].events] == ["shadow_dropped"]
        assert ask.report.dropped == 1
    finally:
        ask.shadow._tally.finish()


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


@every_one_value
def test_user_functions_that_hang_are_not_piled_up(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        full = True

    monkeypatch.setattr(_shadow_threads, "_stragglers", Full())
    monkeypatch.setattr(_shadow_tasks, "_stragglers", Full())
    ask = Shadowed(kind, compare=lambda one, other: True)
    ask("hello")
    assert ask.report.compare_errors == 1


def test_a_plain_comparator_that_gives_an_awaitable_is_an_error_without_a_loop() -> None:
    async def later() -> bool:
        return True

    class Odd:
        def __await__(self) -> Any:
            yield

    for gives in (later, Odd):
        ask = Shadowed("sync", compare=lambda one, other, gives=gives: gives())
        ask("hello")
        assert ask.report.compare_errors == 1
    ask = Shadowed("async", compare=lambda one, other: later())
    ask("hello")
    assert ask.report.matched == 1


def test_a_loop_that_ends_during_a_comparison_drops_the_call() -> None:
    entered = threading.Event()
    gate = threading.Event()

    def compare(one: str, other: str) -> bool:
        entered.set()
        return gate.wait(LONG)

    shadowing = reliai.Shadow(candidate_of("async", str), rate=1, compare=compare)

    @shadowing
    async def ask(prompt: str) -> str:
        return prompt

    async def main() -> None:
        await ask("hello")
        await asyncio.to_thread(entered.wait, LONG)

    asyncio.run(main())
    gate.set()
    report = shadowing.report()
    assert (report.started, report.dropped, report.pending, report.compared) == (0, 1, 0, 0)


def test_a_loop_that_ends_while_a_result_is_published_loses_nothing_else() -> None:
    async def publish(result: Any) -> None:
        entered.set()
        await asyncio.sleep(LONG)

    entered = threading.Event()
    shadowing = reliai.Shadow(candidate_of("async", str), rate=1, publish=publish)

    @shadowing
    async def ask(prompt: str) -> str:
        return prompt

    async def main() -> None:
        await ask("hello")
        await asyncio.to_thread(entered.wait, LONG)

    asyncio.run(main())
    report = shadowing.report()
    assert (report.started, report.matched, report.dropped, report.pending) == (1, 1, 0, 0)


def test_a_job_given_from_another_thread_runs_in_its_loop_or_is_lost() -> None:
    class Job:
        lost = False

        def lose(self) -> None:
            self.lost = True

    taken: list[Any] = []

    async def main() -> Any:
        lane = _shadow_tasks.lane()
        setattr(lane, "_take", taken.append)  # noqa: B010  in place of a method
        thread = threading.Thread(target=lane.submit, args=(Job(),))
        thread.start()
        thread.join()
        await asyncio.sleep(0)
        return lane

    lane = asyncio.run(main())
    assert len(taken) == 1
    late: Any = Job()
    lane.submit(late)
    assert late.lost


def test_a_candidate_that_cancels_its_own_task_is_dropped() -> None:
    async def candidate(prompt: str) -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)
        return prompt

    ask = Shadowed("async", candidate)
    ask("hello")
    assert (ask.report.started, ask.report.dropped, ask.report.pending) == (0, 1, 0)


def test_a_second_answer_that_is_not_affordable_is_no_evidence() -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.6)
    ask = Shadowed(
        "sync",
        lambda prompt: costly(0.9),
        answer=lambda prompt: costly(0.9),
        spend=budget,
        noise_baseline=1,
    )
    ask("hello")
    report = ask.report
    assert (report.matched, report.pairs, report.started) == (1, 0, 1)


def test_the_policy_runs_as_any_other_does() -> None:
    """`run`, which a middleware that wraps the policy calls."""
    policy = reliai.Shadow(same, rate=1)

    class Wrapping(reliai.Policy):
        def bind(self, site: Any) -> Wrapping:
            bound = Wrapping()
            bound.inner = policy.bind(site)
            return bound

        inner: reliai.Policy

        async def run(self, call: Any, proceed: Any) -> Any:
            return await self.inner.run(call, proceed)

    ask = reliai.reliable(Wrapping())(same)
    assert ask("hello") == "hello"
    assert policy.drain(LONG)
    assert policy.report().matched == 1


@every_kind
def test_two_shadows_of_one_function_do_not_know_of_one_another(kind: str) -> None:
    other = reliai.Shadow(candidate_of(kind, lambda prompt: "other"), rate=1, name="other")
    ask = Shadowed(kind, str, inside=(other,))
    ask("hello")
    if kind in {"sync", "generator"}:
        assert other.drain(LONG)
        assert other.report().mismatched == 1
    assert ask.report.matched == 1
    assert ask.events.count("shadow_started") == 2


def test_public_names() -> None:
    assert shadow.__all__ == ["Shadow", "ShadowReport", "ShadowResult"]
