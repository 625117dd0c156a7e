"""Shadows: who is shadowed, when the candidate runs, and what is left of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from tests.policies._guarded import every_kind, every_one_value, every_stream
from tests.policies._shadowing import LONG, Shadowed, candidate_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def same(prompt: str) -> str:
    return prompt


@every_kind
def test_the_caller_gets_the_functions_answer_and_the_candidate_is_asked_too(kind: str) -> None:
    asked: list[str] = []

    def candidate(prompt: str) -> str:
        asked.append(prompt)
        return "other"

    ask = Shadowed(kind, candidate)
    assert "".join(ask("hello")) == "hello"
    assert asked == ["hello"]
    assert (ask.report.started, ask.report.compared, ask.report.mismatched) == (1, 1, 1)


@every_kind
def test_equal_answers_match(kind: str) -> None:
    ask = Shadowed(kind, str)
    ask("hello")
    report = ask.report
    assert (report.matched, report.mismatched, report.failed) == (1, 0, 0)
    assert report.pending == 0
    assert report.mismatching == ()


@every_kind
def test_the_ids_of_calls_with_another_answer_are_kept_but_no_content(kind: str) -> None:
    ask = Shadowed(kind, lambda prompt: "a secret")
    ask("another secret")
    assert ask.report.mismatching == (ask.record.id,)
    assert "secret" not in repr(ask.report)


def test_only_the_last_twenty_ids_are_kept() -> None:
    ask = Shadowed("sync", lambda prompt: "other")
    ids = []
    for _ in range(25):
        ask("hello")
        ids.append(ask.record.id)
    assert ask.report.mismatching == tuple(ids[-20:])


# --- when it runs -------------------------------------------------------------------------
@every_kind
def test_the_candidate_starts_after_the_call_has_ended(kind: str) -> None:
    ended: list[bool] = []
    calls: list[reliai.CallRecord] = []

    def candidate(prompt: str) -> str:
        ended.append(calls[0].ended)
        return prompt

    ask = Shadowed(kind, candidate)
    with reliai.collect() as seen:
        calls = seen
        ask("hello")
    assert ended == [True]


def test_a_stream_is_shadowed_after_its_last_chunk_only() -> None:
    asked: list[str] = []
    shadow = reliai.Shadow(candidate_of("sync", asked.append), rate=1)

    @shadow
    def ask(prompt: str) -> Iterator[str]:
        yield "a"
        yield "b"

    stream = ask("hello")
    assert next(stream) == "a"
    assert shadow.report().started == 0
    assert list(stream) == ["b"]
    assert shadow.drain(LONG)
    assert asked == ["hello"]


def test_an_awaiting_caller_goes_on_before_the_candidate_begins() -> None:
    order: list[str] = []

    async def candidate(prompt: str) -> str:
        order.append("candidate")
        return prompt

    shadow = reliai.Shadow(candidate, rate=1)

    @shadow
    async def ask(prompt: str) -> str:
        await asyncio.sleep(0)
        return prompt

    async def main() -> None:
        await ask("hello")
        order.append("caller")
        assert await shadow.adrain(LONG)

    asyncio.run(main())
    assert order == ["caller", "candidate"]


def test_a_policy_around_that_still_works_is_waited_for() -> None:
    """Nobody is asked before the last policy has had its word."""
    started: list[int] = []

    async def outer(call: reliai.Call, proceed: Any) -> Any:
        outcome = await proceed(call)
        await asyncio.sleep(0.01)
        started.append(len(asked))
        return outcome

    asked: list[str] = []
    ask = Shadowed("async", asked.append, outer)
    ask("hello")
    assert started == [0]
    assert asked == ["hello"]


# --- who is sampled -----------------------------------------------------------------------
def shadowed_subjects(shadow: reliai.Shadow, subjects: list[str]) -> set[str]:
    found: set[str] = set()

    @shadow
    def ask(prompt: str) -> str:
        return prompt

    for subject in subjects:
        with reliai.context(subject=subject), reliai.collect() as calls:
            ask("hello")
        found |= {subject for event in calls[0].events if event.kind == "shadow_started"}
        assert shadow.drain(LONG)
    return found


def test_the_same_subject_is_always_in_or_always_out() -> None:
    subjects = [f"user-{number}" for number in range(60)]
    shadow = reliai.Shadow(same, rate=0.3)
    once = shadowed_subjects(shadow, subjects)
    assert 5 < len(once) < 35
    assert shadowed_subjects(shadow, subjects) == once


def test_who_is_in_stays_in_when_the_rate_rises() -> None:
    subjects = [f"user-{number}" for number in range(60)]
    few = shadowed_subjects(reliai.Shadow(same, rate=0.2), subjects)
    assert few < shadowed_subjects(reliai.Shadow(same, rate=0.6), subjects)


def test_two_shadows_take_other_subjects() -> None:
    subjects = [f"user-{number}" for number in range(60)]
    one = shadowed_subjects(reliai.Shadow(same, rate=0.3, name="one"), subjects)
    assert shadowed_subjects(reliai.Shadow(same, rate=0.3, name="two"), subjects) != one


def test_without_a_subject_chance_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = iter([0.04, 0.05, 0.9, 0.0])

    class Chance:
        @staticmethod
        def random() -> float:
            return next(drawn)

    monkeypatch.setattr("reliai.policies.shadow.chance", Chance)
    ask = Shadowed("sync", str, rate=0.05)
    for _ in range(4):
        ask("hello")
    assert ask.report.started == 2


@every_kind
def test_a_rate_of_none_shadows_none(kind: str) -> None:
    ask = Shadowed(kind, rate=0)
    with reliai.context(subject="u1"):
        ask("hello")
    assert ask.report.started == 0
    assert ask.events == []


# --- who is not ---------------------------------------------------------------------------
@every_kind
def test_a_deactivated_call_has_no_shadow(kind: str) -> None:
    ask = Shadowed(kind)
    with reliai.deactivated():
        ask("hello")
    assert ask.report.started == 0


@every_kind
def test_a_call_with_policies_off_has_no_shadow(kind: str) -> None:
    ask = Shadowed(kind)
    with reliai.mode("off"):
        ask("hello")
    assert ask.report.started == 0


@every_one_value
def test_a_refused_call_is_skipped(kind: str) -> None:
    ask = Shadowed(kind, inside=(reliai.Guard(lambda prompt: "no"),))
    with pytest.raises(reliai.GuardRejected):
        ask("hello")
    assert ask.event("shadow_skipped") == {"shadow": "candidate", "reason": "rejected"}
    assert ask.report.skipped_for == {"rejected": 1}
    assert ask.shadows == []


def down(prompt: str) -> str:
    raise ConnectionError("down")


@every_one_value
def test_an_answer_of_a_stand_in_is_skipped(kind: str) -> None:
    ask = Shadowed(kind, inside=(reliai.Fallback("b"),), answer=down)
    assert ask("hello") == "b"
    assert ask.report.skipped_for == {"degraded": 1}


@every_stream
def test_a_stream_closed_early_is_skipped(kind: str) -> None:
    ask = Shadowed(kind)
    if kind == "generator":
        stream = ask.function("hello")
        next(stream)
        stream.close()
    else:

        async def main() -> None:
            stream = ask.function("hello")
            await anext(stream)
            await stream.aclose()

        asyncio.run(main())
    assert ask.report.skipped_for == {"cancelled": 1}
    assert ask.report.started == 0


def test_an_abandoned_stream_ends_and_is_skipped() -> None:
    ask = Shadowed("generator")
    stream = ask.function("hello")
    next(stream)
    del stream
    assert ask.report.skipped_for == {"cancelled": 1}


def test_a_cancelled_call_is_skipped_and_cancelled() -> None:
    shadow = reliai.Shadow(candidate_of("async", str), rate=1)

    @shadow
    async def ask(prompt: str) -> str:
        await asyncio.sleep(60)
        return prompt

    async def main() -> None:
        task = asyncio.create_task(ask("hello"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert shadow.report().skipped_for == {"cancelled": 1}


def test_an_interrupted_call_is_skipped_and_interrupted() -> None:
    def interrupt(prompt: str) -> str:
        raise KeyboardInterrupt

    ask = Shadowed("sync", answer=interrupt)
    with pytest.raises(KeyboardInterrupt):
        ask("hello")
    assert ask.report.skipped_for == {"cancelled": 1}


# --- the primary fails (acceptance case 32) -----------------------------------------------
@every_kind
def test_when_the_function_raises_its_error_comes_out_and_is_counted(kind: str) -> None:
    error = ConnectionError("down")
    results: list[Any] = []

    def fail(prompt: str) -> str:
        raise error

    ask = Shadowed(kind, str, answer=fail, publish=results.append)
    with pytest.raises(ConnectionError) as raised:
        ask("hello")
    assert raised.value is error
    assert getattr(error, "__notes__", []) == []
    report = ask.report
    assert (report.primary_failed, report.started, report.compared) == (1, 1, 0)
    (result,) = results
    assert (result.status, result.primary_error, result.candidate) == (
        "primary_failed",
        error,
        "hello",
    )


def test_of_a_call_that_is_retried_the_last_attempt_is_shadowed_once() -> None:
    """Wherever it stands: a shadow inside a Retry sees each attempt."""
    prompts: list[str] = []

    def fail_once(prompt: str) -> str:
        prompts.append(prompt)
        if len(prompts) == 1:
            raise ConnectionError("down")
        return prompt

    ask = Shadowed("sync", str, reliai.Retry(2, wait=0, budget=None), answer=fail_once)
    assert ask("hello") == "hello"
    report = ask.report
    assert (report.started, report.primary_failed, report.matched) == (1, 0, 1)
    assert ask.events.count("shadow_started") == 1


def test_an_attempt_refused_after_one_that_failed_takes_the_shadow_back() -> None:
    attempts: list[int] = []

    async def refuse_second(call: reliai.Call, proceed: Any) -> Any:
        attempts.append(1)
        if len(attempts) == 2:
            raise reliai.RateLimited("later", retry_after=1.0)
        return await proceed(call)

    ask = Shadowed(
        "sync",
        str,
        reliai.Retry(2, wait=0, budget=None),
        answer=down,
        inside=(refuse_second,),
    )
    with pytest.raises((reliai.RateLimited, ConnectionError)):
        ask("hello")
    report = ask.report
    assert (report.started, report.skipped_for, report.pending) == (0, {"rejected": 1}, 0)
    assert ask.shadows == []
