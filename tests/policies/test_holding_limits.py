"""Checks on streams that crash, hang, wait or are asynchronous."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

import reliai
from reliai import (
    CallTimeout,
    MaxLength,
    OutputInvalid,
    Pattern,
    Replace,
    StreamInterrupted,
    Timeout,
    Validate,
    check,
)
from reliai.testing import ScriptedModel, records, virtual_clock
from tests.core._kinds import each_stream, of_kind, read
from tests.policies._guarded import Guarded, every_stream
from tests.policies._holding import SECRET, guarded, interrupted, partial
from tests.policies._orders import made_of

LONG = ["Hello, ", "this ", "is ", "a ", "long ", "text"]
WHOLE = "".join(LONG)


def crashing(at: str, **limits: Any) -> Any:
    """A check that crashes when the text has come so far."""

    def crash(text: str) -> bool:
        if at in text:
            raise LookupError(text)
        return True

    return check(crash, name="crash", window=4, **limits)


@every_stream
@pytest.mark.parametrize("timeout", [None, 5.0])
def test_a_check_that_crashes_at_once_refuses_the_answer(kind: str, timeout: float | None) -> None:
    """21"""
    model = guarded(kind, LONG, checks=(crashing("H", timeout=timeout),))
    with pytest.raises(OutputInvalid, match="LookupError") as caught:
        model()
    assert isinstance(caught.value.__cause__, LookupError)
    assert "Hello" not in str(caught.value)
    assert model.events == ["check_error", "output_invalid"]


@every_stream
@pytest.mark.parametrize("timeout", [None, 5.0])
def test_a_check_that_crashes_later_interrupts_the_stream(kind: str, timeout: float | None) -> None:
    """21"""
    model = guarded(kind, LONG, checks=(crashing("long", timeout=timeout),))
    error = interrupted(model)
    assert WHOLE.startswith(partial(error))
    assert "long" not in partial(error)
    assert isinstance(error.__cause__, OutputInvalid)
    assert isinstance(error.__cause__.__cause__, LookupError)
    assert "Hello" not in str(error)


@every_stream
@pytest.mark.parametrize("timeout", [None, 5.0])
def test_a_check_that_may_crash_is_left_out_from_then_on(kind: str, timeout: float | None) -> None:
    """21"""
    checks = (crashing("this", on_error="allow", timeout=timeout), SECRET)
    model = guarded(kind, LONG, checks=checks)
    assert "".join(model()) == WHOLE
    assert model.events == ["check_bypassed"]
    assert [(c.name, c.passed) for c in model.record.checks] == [("crash", False)]
    bad = guarded(kind, [*LONG, " secret"], checks=checks)
    interrupted(bad)


@every_stream
def test_a_counting_check_that_crashes_keeps_to_its_fail_mode(kind: str) -> None:
    class Crashes(MaxLength):
        def stream(self) -> Any:
            def crash(piece: str) -> bool:
                raise LookupError(piece)

            return crash

    model = guarded(kind, LONG, checks=(Crashes(9),))
    with pytest.raises(OutputInvalid, match="LookupError"):
        model()
    allowed = guarded(kind, LONG, checks=(check(Crashes(9), on_error="allow"),))
    assert allowed() == LONG


@every_stream
def test_a_check_that_crashes_at_the_end_keeps_to_its_fail_mode(kind: str) -> None:
    def crash(text: str) -> bool:
        raise LookupError(text)

    model = guarded(kind, [], checks=(check(crash, window=3),))
    with pytest.raises(OutputInvalid, match="LookupError"):
        model()
    allowed = guarded(kind, [], checks=(check(crash, window=3, on_error="allow"),))
    assert allowed() == []
    assert allowed.events == ["check_bypassed"]


@every_stream
def test_a_verdict_that_is_none_is_a_crash(kind: str) -> None:
    model = guarded(kind, LONG, checks=(check(len, window=2),))
    with pytest.raises(OutputInvalid, match="returned int"):
        model()


@each_stream
def test_a_check_that_hangs_is_left_behind_when_its_time_is_up(kind: str) -> None:
    """22"""

    def hang(text: str) -> bool:
        if "is" in text:
            time.sleep(0.3)
        return True

    for on_error in ("block", "allow"):
        slow: Any = check(hang, window=4, timeout=0.05, on_error=on_error)
        model = ScriptedModel([LONG])
        function = reliai.reliable(Validate(slow, SECRET))(of_kind(model, kind))
        with records() as seen:
            if on_error == "allow":
                assert "".join(read(function, kind, "x")) == WHOLE
                assert [event.kind for event in seen[0].events] == ["check_bypassed"]
            else:
                with pytest.raises(StreamInterrupted) as caught:
                    read(function, kind, "x")
                assert "did not finish in 0.05 s" in str(caught.value)
        assert model.open_streams == 0


# --- asynchronous checks -------------------------------------------------------------------------
def test_an_asynchronous_check_judges_an_asynchronous_stream() -> None:
    seen: list[str] = []

    @check(window=6)
    async def judge(text: str) -> bool:
        seen.append(text)
        await asyncio.sleep(0)
        return "secret" not in text

    kind = "async_generator"
    model = guarded(kind, ["a fine ", "answer ", "to all"], checks=(judge, MaxLength(50)))
    assert "".join(model()) == "a fine answer to all"
    bad = guarded(kind, ["a fine ", "answer: ", "sec", "ret", " and more of it"], checks=(judge,))
    error = interrupted(bad)
    assert "a fine answer: ".startswith(partial(error))
    assert partial(error)


def test_an_asynchronous_check_on_a_synchronous_stream_is_a_mistake() -> None:
    @check(window=6)
    async def judge(text: str) -> bool:
        return True

    with pytest.raises(reliai.ConfigurationError, match="asynchronous"):
        guarded("generator", checks=(judge,))


@every_stream
def test_a_costly_check_is_asked_once_for_each_window_and_not_for_each_chunk(kind: str) -> None:
    """28"""
    seen: list[str] = []

    def judge(text: str) -> bool:
        seen.append(text)
        return "secret" not in text

    async def judge_later(text: str) -> bool:
        return judge(text)

    for function in (judge, judge_later)[: 2 if kind.startswith("async") else 1]:
        seen.clear()
        costly = check(function, window=50, timeout=5)
        model = guarded(kind, list("x" * 500), checks=(costly,))
        assert "".join(model()) == "x" * 500
        assert len(seen) <= 11
        assert max(map(len, seen)) <= 101
        text = "x" * 70 + "secret" + "y" * 100
        error = interrupted(guarded(kind, list(text), checks=(costly,)))
        assert ("x" * 70).startswith(partial(error))


@every_stream
def test_a_pattern_with_a_time_limit_finds_the_same(kind: str) -> None:
    timed = check(Pattern(r"\bsecret\b", forbid=True), timeout=5)
    model = guarded(kind, list("the secrets of it"), checks=(timed,))
    assert "".join(model()) == "the secrets of it"
    error = interrupted(guarded(kind, list("it is a secret of it"), checks=(timed,)))
    assert "it is a ".startswith(partial(error))


@every_stream
def test_a_length_with_a_time_limit_is_counted_once(kind: str) -> None:
    timed = check(MaxLength(8), timeout=5)
    assert guarded(kind, ["abcd", "efgh"], checks=(timed,))() == ["abcd", "efgh"]
    error = interrupted(guarded(kind, ["abcd", "efgh", "i"], checks=(timed,)))
    assert error.partial == "abcdefgh"


# --- the call's own time --------------------------------------------------------------------------
def test_a_deadline_that_passes_during_a_check_is_the_calls() -> None:
    @check(window=3, timeout=30)
    async def slow(text: str) -> bool:
        await asyncio.sleep(2 if "b" in text else 0)
        return True

    def ask(*chunks: str) -> Any:
        function: Any = reliai.reliable(Timeout(1), Validate(slow))(
            ScriptedModel([list(chunks)]).streaming.asynchronous
        )
        return read(function, "async_generator", "x")

    with virtual_clock():
        with pytest.raises(CallTimeout):
            ask("bbb", "c")
        with pytest.raises(StreamInterrupted) as caught:
            ask("aaaaa", "bbb", "c")
    assert isinstance(caught.value.__cause__, CallTimeout)


def test_time_that_the_consumer_takes_is_not_taken_from_a_check() -> None:
    @check(window=1, timeout=30)
    async def slow(text: str) -> bool:
        await asyncio.sleep(0.1)
        return True

    @reliai.reliable(Timeout(2), Validate(slow))
    async def ask(prompt: str) -> Any:
        for chunk in "abc":
            yield chunk

    async def main() -> list[str]:
        got = []
        stream: Any = ask("x")
        async for chunk in stream:
            got.append(chunk)
            await asyncio.sleep(10)
        return got

    with virtual_clock():
        assert asyncio.run(main()) == ["a", "b", "c"]


@pytest.mark.parametrize("where", ["check", "model"])
def test_cancelling_ends_the_stream_and_closes_the_model(where: str) -> None:
    """17"""

    @check(window=2)
    async def judge(text: str) -> bool:
        if where == "check" and "c" in text:
            await asyncio.sleep(60)
        return True

    closed: list[str] = []

    @reliai.reliable(Validate(check(judge, timeout=90)))
    async def ask(prompt: str) -> Any:
        try:
            for chunk in ("ab", "cd", "ef"):
                yield chunk
                if where == "model" and chunk == "cd":
                    await asyncio.sleep(60)
        finally:
            closed.append("yes")

    async def consume() -> None:
        stream: Any = ask("x")
        async for _ in stream:
            pass

    async def main() -> None:
        task = asyncio.create_task(consume())
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with virtual_clock(), records() as seen:
        asyncio.run(main())
    assert closed == ["yes"]
    assert seen[0].status == "cancelled"
    assert seen[0].attempts[0].status == "cancelled"


# --- replacing ----------------------------------------------------------------------------------
@every_stream
def test_a_check_that_replaces_without_saying_where_cannot_do_so_on_a_stream(kind: str) -> None:
    def hide(text: str) -> Replace | None:
        return Replace(text.replace("secret", "…")) if "secret" in text else None

    model = guarded(kind, ["a secret", " it is"], checks=(check(hide, window=6),))
    with pytest.raises(OutputInvalid, match="spans"):
        model()
    observed = guarded(
        kind, ["a secret", " it is"], checks=(check(hide, window=6),), mode="observe"
    )
    assert observed() == ["a secret", " it is"]
    assert observed.events == ["output_would_replace"]
    whole = Guarded(kind, Validate(hide), answer=made_of(["a sec", "ret"]))
    assert whole() == ["a …"]
