"""Validate: what comes out is what was asked for, or it does not come out."""

from __future__ import annotations

import asyncio
import gc
import sys
import weakref
from typing import Any

import pytest

import reliai
from reliai import (
    MaxLength,
    NotEmpty,
    OutputInvalid,
    Pattern,
    Validate,
)
from reliai._core.record import CheckResult
from reliai.clock import active
from reliai.testing import virtual_clock
from tests.policies._guarded import (
    ONE_VALUE,
    STREAMS,
    Guarded,
    as_delivered,
    every_kind,
    every_one_value,
)
from tests.policies._orders import (
    BAD,
    Order,
    crash,
    made_of,
    redact,
    validated,
)


@every_kind
def test_an_answer_that_passes_is_delivered_as_it_is(kind: str) -> None:
    model = Guarded(kind, Validate(MaxLength(10), NotEmpty(), buffer=kind in STREAMS))
    assert model("hello") == ("hello" if kind in ONE_VALUE else list("hello"))
    assert model.record.status == "success"
    assert model.record.checks == ()
    assert model.events == []


@every_kind
def test_an_answer_that_fails_is_not_delivered(kind: str) -> None:
    """24"""
    model = Guarded(kind, Validate(NotEmpty(), MaxLength(3), buffer=kind in STREAMS))
    with pytest.raises(OutputInvalid) as caught:
        model("hello")
    assert str(caught.value) == (
        "ask: the answer is not what was asked for: MaxLength: it has 5 characters, at most 3 are "
        "allowed. See .errors and .raw"
    )
    assert caught.value.errors == ("MaxLength: it has 5 characters, at most 3 are allowed",)
    assert caught.value.raw == "hello"
    assert model.record.status == "error"
    assert model.record.error is not None
    assert model.record.error.kind == "invalid_output"
    assert model.record.checks == (
        CheckResult("MaxLength", passed=False, reason="it has 5 characters, at most 3 are allowed"),
    )
    assert model.event("output_invalid") == {
        "problem": "invalid",
        "errors": ("MaxLength: it has 5 characters, at most 3 are allowed",),
    }


@every_one_value
def test_the_attempt_that_gave_an_unusable_answer_says_so(kind: str) -> None:
    """25"""
    model = validated(kind, BAD, output=Order)
    with pytest.raises(OutputInvalid):
        model()
    (attempt,) = model.record.attempts
    assert attempt.status == "error"
    assert attempt.error is not None
    assert attempt.error.kind == "invalid_output"
    assert "SECRET" not in attempt.error.message


@every_one_value
def test_an_answer_that_cost_no_attempt_is_checked_too(kind: str) -> None:
    async def stand_in(call: reliai.Call, proceed: Any) -> str:
        return "hello"

    model = Guarded(kind, Validate(MaxLength(3)), stand_in)
    with pytest.raises(OutputInvalid):
        model()
    assert model.record.attempts == ()


@every_one_value
def test_a_circuit_learns_nothing_from_an_invalid_answer(kind: str) -> None:
    """24"""
    breaker = reliai.CircuitBreaker(f"valid-{kind}", consecutive=1)
    model = Guarded(kind, Validate(MaxLength(3)), reliai.Retry(3), breaker)
    for _ in range(3):
        with pytest.raises(OutputInvalid):
            model("hello")
    assert model.prompts == ["hello"] * 3
    assert breaker.state == "closed"


@every_one_value
def test_a_fallback_answers_for_an_invalid_answer_and_is_validated_too(kind: str) -> None:
    """24"""

    def other(prompt: str) -> str:
        return "no"

    policies = (reliai.Fallback(other), Validate(MaxLength(3)))
    assert Guarded(kind, *policies)("hello") == "no"

    def worse(prompt: str) -> str:
        return "no way"

    model = Guarded(kind, reliai.Fallback(worse), Validate(MaxLength(3)))
    with pytest.raises(OutputInvalid, match="6 characters"):
        model("hello")


@pytest.mark.parametrize(("verdict", "passes"), [(None, True), (True, True), (False, False)])
def test_what_a_function_returns_decides(verdict: Any, *, passes: bool) -> None:
    model = Guarded("sync", Validate(lambda _: verdict))
    if passes:
        assert model("hello") == "hello"
    else:
        with pytest.raises(OutputInvalid, match="<lambda>: it did not pass"):
            model("hello")


@every_one_value
def test_any_value_can_be_checked(kind: str) -> None:
    model = Guarded(kind, Validate(lambda value: 0 <= value <= 1), answer=made_of(0.5, 1.5))
    assert model() == 0.5
    with pytest.raises(OutputInvalid) as caught:
        model()
    assert caught.value.raw == 1.5


def test_the_first_check_that_fails_decides_and_each_is_asked_once() -> None:
    asked: list[str] = []
    model = Guarded("sync", Validate(asked.append, MaxLength(3), asked.append, crash))
    with pytest.raises(OutputInvalid):
        model("hello")
    assert asked == ["hello"]


@every_kind
def test_a_replacement_is_what_is_delivered(kind: str) -> None:
    model = Guarded(
        kind,
        Validate(redact, Pattern("SECRET", forbid=True), buffer=kind in STREAMS),
        answer=made_of("my SECRET"),
    )
    assert model() == as_delivered(kind, "my […]")
    assert model.record.checks == (CheckResult("redact", passed=True, reason="changed"),)
    assert model.event("output_replaced") == {"check": "redact"}


@every_kind
def test_a_check_that_crashes_blocks_and_is_not_the_models_fault(kind: str) -> None:
    """21"""
    model = Guarded(kind, Validate(crash, buffer=kind in STREAMS, reask=2))
    with pytest.raises(OutputInvalid, match="could not be checked: crash") as caught:
        model("hello")
    assert isinstance(caught.value.__cause__, LookupError)
    assert model.prompts == ["hello"]
    assert model.events == ["check_error", "output_invalid"]
    assert model.event("output_invalid")["problem"] == "broken"


@every_kind
def test_a_check_that_crashes_lets_pass_where_it_is_told_to(kind: str) -> None:
    """21"""
    lenient = reliai.check(crash, on_error="allow")
    model = Guarded(kind, Validate(lenient, MaxLength(5), buffer=kind in STREAMS))
    model("hello")
    assert model.event("check_bypassed") == {"check": "crash", "error": "LookupError"}
    with pytest.raises(OutputInvalid, match="MaxLength"):
        model("hello!")


@every_kind
@pytest.mark.parametrize("on_error", ["block", "allow"])
def test_a_check_that_hangs_is_left_behind_when_its_time_is_up(kind: str, on_error: Any) -> None:
    """22, 46"""

    @reliai.check(timeout=0.2, on_error=on_error)
    def slow(value: str) -> bool:
        active().sleep(30)
        return bool(value)

    model = Guarded(kind, Validate(slow, buffer=kind in STREAMS))
    with virtual_clock():
        if on_error == "allow":
            model("hello")
        else:
            with pytest.raises(OutputInvalid, match=r"slow: the check did not finish in 0\.2 s"):
                model("hello")
        assert model.record.duration == pytest.approx(0.2)


@every_one_value
def test_the_calls_own_deadline_ends_a_check_as_what_it_is(kind: str) -> None:
    """22"""

    @reliai.check(timeout=5, on_error="allow")
    def slow(value: str) -> bool:
        active().sleep(30)
        return bool(value)

    model = Guarded(kind, reliai.Timeout(0.5), Validate(slow))
    with virtual_clock(), pytest.raises(reliai.CallTimeout) as caught:
        model("hello")
    assert caught.value.layer == "total"
    assert model.record.duration == pytest.approx(0.5)


@every_one_value
def test_the_share_reserved_for_a_fallback_ends_a_check_too(kind: str) -> None:
    """22"""

    @reliai.check(timeout=20)
    def slow(value: str) -> None:
        active().sleep(30)

    model = Guarded(
        kind, reliai.Timeout(10), reliai.Fallback("plan B", reserve=0.5), Validate(slow)
    )
    with virtual_clock() as clock:
        assert model("hello") == "plan B"
        assert clock.now == pytest.approx(5.0)


def test_an_asynchronous_check_is_awaited() -> None:
    @reliai.check
    async def moderated(value: str) -> bool:
        await asyncio.sleep(0)
        return value != "rude"

    model = Guarded("async", Validate(moderated))
    assert model("hello") == "hello"
    with pytest.raises(OutputInvalid, match="moderated"):
        model("rude")


@every_one_value
@pytest.mark.parametrize("timeout", [None, 5.0])
def test_a_crash_leaves_no_cycle_behind(kind: str, timeout: float | None) -> None:
    if kind == "async" and sys.version_info >= (3, 12):
        pytest.skip("open: from 3.12 on a crashing check of an asynchronous call leaves a cycle")
    crashes: list[weakref.ref[Exception]] = []

    class Crash(Exception):
        pass

    def crashing(value: str) -> bool:
        error = Crash(value)
        crashes.append(weakref.ref(error))
        try:
            raise error
        finally:
            del error

    @reliai.reliable(Validate(reliai.check(crashing, timeout=timeout)))
    def ask(prompt: str) -> str:
        return prompt

    @reliai.reliable(Validate(reliai.check(crashing, timeout=timeout)))
    async def ask_async(prompt: str) -> str:
        return prompt

    gc.collect()
    gc.disable()
    try:
        outcome = (
            reliai.execute(ask, "hello")
            if kind == "sync"
            else asyncio.run(reliai.aexecute(ask_async, "hello"))
        )
        assert isinstance(outcome.error, OutputInvalid)
        del outcome
        assert crashes[0]() is None
    finally:
        gc.enable()
