"""Validate: what comes out is what was asked for, or it does not come out."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import json
import pickle
import sys
import weakref
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, create_model, field_validator

import reliai
from reliai import (
    ConfigurationError,
    MaxLength,
    NotEmpty,
    OutputInvalid,
    OutputTruncated,
    Pattern,
    Replace,
    Schema,
    Validate,
)
from reliai._core.record import CheckResult
from reliai.clock import active
from reliai.testing import ScriptedModel, Stall, virtual_clock
from tests.policies._guarded import (
    ONE_VALUE,
    STREAMS,
    Guarded,
    as_delivered,
    delivered,
    every_kind,
    every_one_value,
    every_stream,
)

if TYPE_CHECKING:
    from collections.abc import Callable


anyhow: Any = Validate  # for settings that no type checker lets through


class Item(BaseModel):
    name: str = Field(max_length=5)
    price: float = Field(ge=0)


class Order(BaseModel):
    items: list[Item]

    @field_validator("items")
    @classmethod
    def few(cls, value: list[Item]) -> list[Item]:
        if len(value) > 2:
            raise ValueError(f"too many: {[item.name for item in value]}")
        return value


@dataclasses.dataclass
class Point:
    x: int
    y: int


GOOD = '{"items": [{"name": "pen", "price": 1.5}]}'
BAD = '{"items": [{"name": "SECRET", "price": -1}]}'
ORDER = Order(items=[Item(name="pen", price=1.5)])


def chat(text: str | None, finish: str = "stop", **message: Any) -> dict[str, Any]:
    """A chat completion of OpenAI's, as JSON."""
    return {
        "choices": [{"message": {"content": text, **message}, "finish_reason": finish}],
        "model": "gpt-x",
        "usage": {"prompt_tokens": 10, "completion_tokens": 5},
    }


def made_of(*answers: Any) -> Callable[[str], Any]:
    """A model that gives one answer after the other."""
    left = iter(answers)

    def answer(prompt: str) -> Any:
        item = next(left)
        if isinstance(item, Exception):
            raise item
        return item

    return answer


def redact(value: str) -> Replace | None:
    return Replace(value.replace("SECRET", "[…]")) if "SECRET" in value else None


def crash(value: Any) -> bool:
    raise LookupError(value)


def validated(kind: str, *answers: Any, **settings: Any) -> Guarded:
    return Guarded(kind, Validate(**settings), answer=made_of(*answers))


# --- checks -------------------------------------------------------------------------------------


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
            with pytest.raises(OutputInvalid, match=r"slow: it did not finish in 0\.2 s"):
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


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="from 3.12 on a traceback keeps the frames above it as well"
)
@every_one_value
@pytest.mark.parametrize("timeout", [None, 5.0])
def test_a_crash_leaves_no_cycle_behind(kind: str, timeout: float | None) -> None:
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


# --- output= ------------------------------------------------------------------------------------


@every_kind
def test_the_answer_comes_as_the_type_that_was_asked_for(kind: str) -> None:
    model = Guarded(
        kind, Validate(output=Order, buffer=kind in STREAMS), answer=made_of(GOOD, [GOOD])
    )
    assert model() == as_delivered(kind, ORDER)
    assert model.events == []


@pytest.mark.parametrize(
    ("output", "answer", "value"),
    [
        (Order, {"items": []}, Order(items=[])),
        (Order, ORDER, ORDER),
        (Point, '{"x": 1, "y": 2}', Point(1, 2)),
        (Point, Point(1, 2), Point(1, 2)),
        (list[int], "[1, 2]", [1, 2]),
        (list[int], (1, 2), [1, 2]),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (int, "42", 42),
        (int, 43, 43),
        (float, " 0.5\n", 0.5),
        (bool, "true", True),
        (Literal["yes", "no"], "yes", "yes"),
        (Literal["yes", "no"], "yes\n", "yes"),
        (Literal["yes", "no"], '"yes"', "yes"),
        (Literal["42"], "42", "42"),
        (int | None, "null", None),
        (str, "any text", "any text"),
        (str, '{"a": 1}', '{"a": 1}'),
        (Annotated[str, Field(max_length=3)], "abc", "abc"),
        (Order | str, GOOD, ORDER),
        (Order | str, "cannot be ordered", "cannot be ordered"),
    ],
)
def test_text_is_read_and_values_are_converted(output: Any, answer: Any, value: Any) -> None:
    found = validated("sync", answer, output=output)()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("output", "answer", "problem"),
    [
        (Order, BAD, "$.items[0].name: String should have at most 5 characters"),
        (Order, "{}", "$.items: Field required"),
        (Order, "sorry", "$: Invalid JSON: expected value at line 1 column 1"),
        (Order, "", "$: Invalid JSON: EOF while parsing a value at line 1 column 0"),
        (Order, GOOD + GOOD, "$: Invalid JSON: trailing characters at line 1 column 43"),
        (Order, {"items": 5}, "$.items: Input should be a valid list"),
        (Order, None, "$: Input should be a valid dictionary or instance of Order"),
        (int, "forty-two", "$: Invalid JSON: expected ident at line 1 column 2"),
        (Literal["yes", "no"], "maybe", "$: Invalid JSON: expected value at line 1 column 1"),
        (
            Annotated[str, Field(max_length=3)],
            "SECRET",
            "$: String should have at most 3 characters",
        ),
        (str, 5, "$: Input should be a valid string"),
    ],
)
def test_what_is_not_of_the_type_is_refused_with_its_place(
    output: Any, answer: Any, problem: str
) -> None:
    with pytest.raises(OutputInvalid) as caught:
        validated("sync", answer, output=output)()
    assert type(caught.value) is OutputInvalid
    assert caught.value.errors[0] == problem
    assert caught.value.raw == answer


def test_a_validators_own_message_is_for_the_model_alone() -> None:
    three = json.dumps({"items": [{"name": "pen", "price": 1}] * 3})
    with pytest.raises(OutputInvalid) as caught:
        validated("sync", three, output=Order)()
    assert caught.value.errors == ("$.items: it breaks the rule 'value_error'",)


@every_one_value
def test_nothing_of_the_answer_is_in_the_error_but_in_raw(kind: str) -> None:
    three = json.dumps({"items": [{"name": "SECRE", "price": 1}] * 3})
    model = validated(kind, BAD, three, output=Order)
    for raw in (BAD, three):
        with pytest.raises(OutputInvalid) as caught:
            model()
        error = caught.value
        told = [str(error), repr(error), *error.errors, *getattr(error, "__notes__", [])]
        assert not [text for text in told if "SECRE" in text]
        assert error.__cause__ is None
        assert error.__context__ is None
        assert error.raw == raw
        assert "SECRE" not in json.dumps(model.record.to_dict())


def test_the_error_counts_what_it_does_not_tell_and_survives_pickling() -> None:
    with pytest.raises(OutputInvalid, match=r"5 characters \(and 1 more\)\. See") as caught:
        validated("sync", BAD, output=Order)()
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301  our own bytes
    assert (str(again), again.errors, again.raw) == (
        str(caught.value),
        caught.value.errors,
        caught.value.raw,
    )


def test_a_type_whose_own_code_crashes_is_not_the_models_fault() -> None:
    class Fragile(BaseModel):
        value: int

        @field_validator("value")
        @classmethod
        def broken(cls, value: int) -> int:
            raise LookupError(value)

    model = Guarded("sync", Validate(output=Fragile, reask=2), answer=made_of('{"value": 1}'))
    with pytest.raises(OutputInvalid, match=r"type's own code failed \(LookupError\)") as caught:
        model()
    assert isinstance(caught.value.__cause__, LookupError)
    assert model.event("output_invalid")["problem"] == "broken"


def test_text_checks_see_the_text_and_functions_the_value() -> None:
    seen: list[Any] = []
    policy = Validate(seen.append, MaxLength(60), NotEmpty(), Schema(dict[str, Any]), output=Order)
    model = Guarded("sync", policy, answer=made_of(GOOD, GOOD + " " * 50))
    assert model() == ORDER
    assert seen == [ORDER]
    with pytest.raises(OutputInvalid, match="MaxLength"):
        model()
    assert seen == [ORDER]


def test_a_function_may_refuse_or_replace_the_value() -> None:
    def cheap(order: Order) -> str | None:
        return None if order.items[0].price < 1 else "it is too dear"

    with pytest.raises(OutputInvalid, match="cheap: it is too dear"):
        Guarded("sync", Validate(cheap, output=Order), answer=made_of(GOOD))()
    policy = Validate(lambda order: Replace(order.items), output=Order)
    assert Guarded("sync", policy, answer=made_of(GOOD))() == ORDER.items


def test_a_replaced_text_is_what_is_parsed() -> None:
    policy = Validate(reliai.check(MaxLength(99)), _Fixing(), output=Order)
    assert Guarded("sync", policy, answer=made_of(BAD))().items[0].name == "ok"
    policy = Validate(_Fixing(Replace({"items": []})), output=Order)
    assert Guarded("sync", policy, answer=made_of(BAD))().items == []


class _Fixing(reliai.Check):
    reads_text = True

    def __init__(self, verdict: Replace | None = None) -> None:
        self.verdict = verdict

    def __call__(self, value: Any, /) -> Any:
        fixed = str(value).replace("SECRET", "ok").replace("-1", "1")
        return self.verdict or Replace(fixed)


def test_output_of_reliable_is_validated_in_its_place() -> None:
    @reliai.reliable(reliai.Retry(2), output=Order)
    def ask(prompt: str) -> str:
        return GOOD

    assert ask("hello") == ORDER
    short = reliai.reliable(Validate(MaxLength(60), NotEmpty()), output=Order)(no_text)
    with pytest.raises(OutputInvalid, match="Input should be an object"):
        short(5)
    with pytest.raises(OutputInvalid, match="MaxLength"):
        short(10**70)
    with pytest.raises(ConfigurationError, match="given twice"):
        reliai.reliable(Validate(output=Order), output=Order)(no_text)


# --- repairing and truncation -------------------------------------------------------------------


@every_kind
@pytest.mark.parametrize(
    "answer",
    [
        f"```json\n{GOOD}\n```",
        f"Sure! Here it is:\n{GOOD}\nEnjoy.",
        GOOD[:-1] + ",}",
        "\ufeff" + GOOD,
    ],
)
def test_json_as_models_write_it_is_repaired_and_marked(kind: str, answer: str) -> None:
    """28"""
    model = validated(kind, answer, output=Order, buffer=kind in STREAMS)
    assert model() == as_delivered(kind, ORDER)
    assert model.events == ["output_repaired"]


@every_one_value
def test_repairing_can_be_switched_off(kind: str) -> None:
    """28"""
    model = validated(kind, f"```json\n{GOOD}\n```", output=Order, repair=False)
    with pytest.raises(OutputInvalid, match="Invalid JSON"):
        model()


def test_repaired_json_of_the_wrong_shape_is_told_by_its_shape() -> None:
    with pytest.raises(OutputInvalid) as caught:
        validated("sync", "```json\n{}\n```", output=Order)()
    assert caught.value.errors == ("$.items: Field required",)


@every_kind
@pytest.mark.parametrize(
    "answer", [GOOD[:-1], GOOD[:-9], '{"items": ["ls","pwd"', "```json\n" + GOOD[:-2]]
)
def test_json_that_stops_early_is_neither_repaired_nor_asked_for_again(
    kind: str, answer: str
) -> None:
    """27, 28"""
    model = Guarded(
        kind, Validate(output=Order, reask=2, buffer=kind in STREAMS), answer=made_of(answer)
    )
    with pytest.raises(OutputTruncated, match="its JSON stops before the end") as caught:
        model()
    assert caught.value.raw == answer
    assert len(model.prompts) == 1
    assert model.event("output_invalid")["problem"] == "truncated"


@every_one_value
@pytest.mark.parametrize("text", [GOOD[:-1], BAD, "{}", "I am sorry, but", "12"])
def test_an_answer_at_its_length_limit_is_truncated(kind: str, text: str) -> None:
    """27"""
    output: Any = int if text == "12" else Order
    model = Guarded(kind, Validate(output=output, reask=2), answer=made_of(chat(text, "length")))
    with pytest.raises(OutputTruncated, match="length limit"):
        model()
    assert len(model.prompts) == 1


@every_one_value
def test_an_answer_that_is_whole_at_its_length_limit_is_accepted(kind: str) -> None:
    """27"""
    for text in (GOOD, GOOD + "\n"):
        assert validated(kind, chat(text, "length"), output=Order)() == ORDER


@every_one_value
def test_a_check_that_fails_at_the_length_limit_is_a_truncation(kind: str) -> None:
    """27"""
    model = Guarded(kind, Validate(Pattern("END"), reask=2), answer=made_of(chat("so", "length")))
    with pytest.raises(OutputTruncated, match="Pattern"):
        model()
    assert len(model.prompts) == 1


def test_prose_at_its_length_limit_passes_where_no_type_is_asked_for() -> None:
    answer = chat("so", "length")
    assert Guarded("sync", Validate(NotEmpty()), answer=made_of(answer))() is answer


@every_one_value
@pytest.mark.parametrize(("output", "text"), [(Order, GOOD[:-2] + "}"), (int, "12")])
def test_what_the_record_knows_of_the_end_holds_for_text_too(
    kind: str, output: Any, text: str
) -> None:
    """27"""

    def cut_off(prompt: str) -> str:
        call = reliai.current_call()
        assert call is not None
        call._record.finish_reason = "length"
        return text

    with pytest.raises(OutputTruncated, match="length limit"):
        Guarded(kind, Validate(output=output), answer=cut_off)()


@every_one_value
@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_check_that_crashes_is_told_as_that_however_the_answer_ended(
    kind: str, finish: str
) -> None:
    """21"""
    model = Guarded(kind, Validate(crash), answer=made_of(chat("so", finish)))
    with pytest.raises(OutputInvalid, match="crash"):
        model()
    assert model.event("output_invalid")["problem"] == "broken"


@every_one_value
def test_a_models_own_error_comes_out_as_itself(kind: str) -> None:
    model = validated(kind, ConnectionError("down"), output=Order, reask=2)
    with pytest.raises(ConnectionError, match="down"):
        model()
    assert model.events == []


# --- provider responses ---------------------------------------------------------------------------


@every_one_value
def test_checks_see_the_text_of_a_response_and_the_response_is_delivered(kind: str) -> None:
    good, bad = chat("hello"), chat("hello, SECRET")
    model = Guarded(
        kind, Validate(MaxLength(8), lambda text: "SECRET" not in text), answer=made_of(good, bad)
    )
    assert model() is good
    with pytest.raises(OutputInvalid) as caught:
        model()
    assert caught.value.raw is bad


@every_one_value
def test_the_text_of_a_response_is_parsed(kind: str) -> None:
    assert validated(kind, chat(GOOD), output=Order)() == ORDER


@every_one_value
def test_what_the_sdk_parsed_is_taken_as_it_is(kind: str) -> None:
    assert validated(kind, chat("ignored", parsed=ORDER), output=Order)() is ORDER
    with pytest.raises(OutputInvalid, match=r"\$\.items"):
        validated(kind, chat("ignored", parsed={"items": 1}), output=Order)()


def test_a_response_without_text_has_an_empty_one() -> None:
    answer = chat(None, "tool_calls")
    assert Guarded("sync", Validate(MaxLength(5)), answer=made_of(answer))() is answer
    with pytest.raises(OutputInvalid, match="Invalid JSON"):
        validated("sync", chat(None, "tool_calls"), output=Order)()


def test_what_only_looks_like_a_response_is_a_value() -> None:
    assert Guarded("sync", Validate(NotEmpty()), answer=made_of({"choices": []}))() == {
        "choices": []
    }


def test_the_text_of_a_response_cannot_be_replaced_in_it() -> None:
    with pytest.raises(OutputInvalid, match="let the function return its text"):
        Guarded("sync", Validate(redact), answer=made_of(chat("SECRET")))()
    policy = Validate(_Fixing(), output=Order)
    for answer in (chat(BAD), chat(BAD, parsed=ORDER)):
        assert Guarded("sync", policy, answer=made_of(answer))().items[0].name == "ok"


BLOCKED = {"candidates": [], "prompt_feedback": {"block_reason": "SAFETY"}}


@every_one_value
@pytest.mark.parametrize(
    "answer",
    [chat(None, refusal="I will not"), chat("I will not", "content_filter"), BLOCKED],
    ids=["refusal", "content_filter", "blocked"],
)
def test_a_refusal_is_not_asked_again(kind: str, answer: Any) -> None:
    """29"""
    policies = (reliai.Fallback(Order(items=[])), Validate(output=Order, reask=3), reliai.Retry(3))
    model = Guarded(kind, *policies[1:], answer=made_of(answer))
    with pytest.raises(OutputInvalid, match="the model refused to answer, and is not asked again"):
        model()
    assert len(model.prompts) == 1
    assert model.event("output_invalid")["problem"] == "refused"
    model = Guarded(kind, *policies, answer=made_of(answer))
    assert model() == Order(items=[])
    assert len(model.prompts) == 1


def test_a_check_that_fails_on_a_refusal_does_not_ask_again() -> None:
    """29"""
    model = Guarded(
        "sync",
        Validate(Pattern("yes|nein"), reask=2),
        answer=made_of(chat("I will not", "content_filter")),
    )
    with pytest.raises(OutputInvalid, match="refused"):
        model()
    assert len(model.prompts) == 1


# --- asking again ---------------------------------------------------------------------------------


@every_kind
def test_the_model_is_asked_again_until_its_answer_is_valid(kind: str) -> None:
    """25"""
    policy = Validate(output=Order, reask=2, buffer=kind in STREAMS)
    model = Guarded(kind, policy, answer=made_of("sorry", BAD, GOOD))
    assert model("list it") == as_delivered(kind, ORDER)
    assert model.record.status == "success"
    assert [attempt.number for attempt in model.record.attempts] == [1, 2, 3]
    assert [attempt.status for attempt in model.record.attempts] == ["error", "error", "success"]
    assert model.events == ["output_invalid", "reask"] * 2


@every_one_value
def test_the_model_is_told_the_latest_problem_alone(kind: str) -> None:
    """25"""
    model = Guarded(kind, Validate(output=Order, reask=2), answer=made_of("sorry", BAD, GOOD))
    model("list it")
    first, second, third = model.prompts
    assert first == "list it"
    assert second == (
        "list it\n\nYour previous answer was not accepted:\n"
        "- $: Invalid JSON: expected value at line 1 column 1\n"
        "Answer the request again, in full, with this put right. Give the answer alone."
    )
    assert third == (
        "list it\n\nYour previous answer was not accepted:\n"
        "- $.items[0].name: String should have at most 5 characters\n"
        "- $.items[0].price: Input should be greater than or equal to 0\n"
        "Answer the request again, in full, with this put right. Give the answer alone."
    )


def test_usage_is_the_sum_over_all_answers() -> None:
    """25"""
    model = validated("sync", chat("sorry"), chat(BAD), chat(GOOD), output=Order, reask=2)
    assert model() == ORDER
    assert (model.record.input_tokens, model.record.output_tokens) == (30, 15)


@every_one_value
def test_when_no_answer_is_valid_the_last_one_is_told(kind: str) -> None:
    """25"""
    model = validated(kind, "sorry", "sorry", BAD, output=Order, reask=2)
    with pytest.raises(OutputInvalid, match=r"\$\.items\[0\]\.name") as caught:
        model()
    assert caught.value.raw == BAD
    assert caught.value.__notes__ == ["reliai: ask: Validate asked the model again 2 times"]
    assert len(model.prompts) == 3


def test_two_messages_are_added_to_a_conversation() -> None:
    """25"""
    seen: list[Any] = []
    answers = iter(["sorry", BAD, GOOD])

    @Validate(output=Order, reask=2)
    def ask(messages: list[dict[str, str]], model: str = "gpt-x") -> str:
        seen.append(list(messages))
        return next(answers)

    question = [{"role": "user", "content": "list it"}]
    assert ask(question) == ORDER  # type: ignore[comparison-overlap]
    assert question == [{"role": "user", "content": "list it"}]
    assert [len(messages) for messages in seen] == [1, 3, 3]
    assert seen[1][1] == {"role": "assistant", "content": "sorry"}
    assert seen[2][1] == {"role": "assistant", "content": BAD}
    assert seen[2][2]["role"] == "user"
    assert "$.items[0].price" in seen[2][2]["content"]
    assert "Invalid JSON" not in seen[2][2]["content"]


def test_what_the_model_is_shown_is_bounded() -> None:
    """25"""
    seen: list[Any] = []
    long = json.dumps({"items": [{"name": "n" * 5000, "price": -1}] * 50})
    answers = iter([long, "", {"items": 5}, GOOD])

    @Validate(output=Order, reask=3)
    def ask(messages: tuple[Any, ...]) -> Any:
        seen.append(messages)
        return next(answers)

    assert ask(()) == ORDER
    assert len(seen[1][0]["content"]) == 8_000
    assert seen[2][0]["content"] == "(an empty answer)"
    assert seen[3][0]["content"] == "{'items': 5}"


def test_what_the_model_is_told_is_bounded() -> None:
    """25"""
    names: dict[str, Any] = {f"{'n' * 150}{number}": (int, ...) for number in range(10)}
    wide: Any = create_model("Wide", **names)
    model = Guarded("sync", Validate(output=wide, reask=1), answer=made_of("{}", "{}"))
    with pytest.raises(OutputInvalid):
        model()
    assert 1_000 < len(model.prompts[1]) < 1_200


def test_the_models_own_words_may_be_told_to_the_model() -> None:
    three = json.dumps({"items": [{"name": "pen", "price": 1}] * 3})
    model = validated("sync", three, GOOD, output=Order, reask=1)
    model()
    assert "- $.items: Value error, too many: ['pen', 'pen', 'pen']" in model.prompts[1]


@every_one_value
def test_a_check_that_fails_is_asked_again_too(kind: str) -> None:
    """25"""
    model = Guarded(kind, Validate(MaxLength(3), reask=1), answer=made_of("hello", "hi"))
    assert model() == "hi"
    assert "- MaxLength: it has 5 characters, at most 3 are allowed\n" in model.prompts[1]


@every_one_value
def test_a_transport_error_while_asking_again_is_retried_and_never_told(kind: str) -> None:
    """26"""
    model = Guarded(
        kind,
        Validate(output=Order, reask=1),
        reliai.Retry(3),
        answer=made_of("sorry", ConnectionError("429 slow down"), GOOD),
    )
    with virtual_clock():
        assert model("list it") == ORDER
    assert len(model.prompts) == 3
    assert model.prompts[1] == model.prompts[2]
    assert "429" not in model.prompts[2]
    assert "Invalid JSON" in model.prompts[2]


@every_one_value
def test_a_transport_error_that_stays_comes_out_as_itself(kind: str) -> None:
    """26"""
    model = validated(kind, "sorry", ConnectionError("down"), output=Order, reask=3)
    with pytest.raises(ConnectionError, match="down"):
        model()
    assert len(model.prompts) == 2


@every_one_value
def test_a_function_may_make_the_call_that_asks_again(kind: str) -> None:
    def shorter(call: reliai.Call, error: OutputInvalid, raw: str) -> reliai.Call:
        return call.with_arguments(prompt=f"{call.arguments['prompt']}|{raw}|{len(error.errors)}")

    model = validated(kind, "sorry", BAD, GOOD, output=Order, reask=2, reask_with=shorter)
    assert model("list it") == ORDER
    assert model.prompts == ["list it", "list it|sorry|1", f"list it|{BAD}|2"]


def test_the_function_that_asks_again_may_be_asynchronous() -> None:
    async def again(call: reliai.Call, error: OutputInvalid, raw: str) -> reliai.Call:
        await asyncio.sleep(0)
        return call.with_arguments(prompt="again")

    model = validated("async", "sorry", GOOD, output=Order, reask=1, reask_with=again)
    assert model() == ORDER
    assert model.prompts == ["hello", "again"]


@every_one_value
@pytest.mark.parametrize(
    ("function", "expected"),
    [(lambda *_: "again", ConfigurationError), (crash, TypeError)],
)
def test_a_function_that_makes_no_call_is_a_mistake(
    kind: str, function: Any, expected: type[Exception]
) -> None:
    model = validated(kind, "sorry", output=Order, reask=1, reask_with=function)
    with pytest.raises(expected):
        model()


def test_arguments_that_cannot_take_the_problem_are_not_asked_again() -> None:
    functions: list[Any] = [_with_prompt, _with_messages]
    for ask in functions:
        guarded = reliai.reliable(Validate(output=Order, reask=1))(ask)
        with reliai.collect() as calls, pytest.raises(OutputInvalid):
            guarded(5)
        assert [event.kind for event in calls[0].events] == ["output_invalid", "reask_impossible"]


def _with_prompt(prompt: str) -> str:
    return "sorry"


def _with_messages(messages: list[Any]) -> str:
    return "sorry"


def test_a_function_without_annotations_is_asked_by_its_only_parameter() -> None:
    answers = iter(["sorry", GOOD])
    seen: list[str] = []

    def ask(self: Any, question: Any) -> Any:
        seen.append(question)
        return next(answers)

    ask.__annotations__.clear()
    assert Validate(output=Order, reask=1)(ask)(None, "list it") == ORDER
    assert seen[1].startswith("list it\n\nYour previous answer")


def test_asking_again_stops_at_the_deadline() -> None:
    def slow(prompt: str) -> str:
        active().sleep(2)
        return "sorry"

    guarded = reliai.reliable(Validate(output=Order, reask=5), name="slow")(slow)
    with virtual_clock() as clock, reliai.deadline(3.0):
        with pytest.raises(OutputInvalid) as caught:
            guarded("hello")
        assert clock.now == pytest.approx(4.0)
    assert caught.value.__notes__ == ["reliai: slow: Validate asked the model again 1 times"]


def test_deactivated_leaves_no_reask() -> None:
    model = validated("sync", "sorry", "sorry", GOOD, output=Order, reask=5)
    with reliai.deactivated(), pytest.raises(OutputInvalid):
        model()
    assert len(model.prompts) == 1
    with reliai.deactivated(attempts=2):
        assert model() == ORDER


# --- streams --------------------------------------------------------------------------------------


@every_stream
def test_a_stream_is_collected_validated_and_then_delivered(kind: str) -> None:
    """29"""
    model = Guarded(kind, Validate(MaxLength(8), buffer=True), answer=made_of(["he", "llo"]))
    assert model() == ["he", "llo"]
    assert model.record.chunks == 2
    model = Guarded(kind, Validate(MaxLength(4), buffer=True), answer=made_of(["he", "llo"]))
    with pytest.raises(OutputInvalid) as caught:
        model()
    assert caught.value.raw == "hello"
    assert model.record.chunks is None


@every_stream
def test_an_empty_stream_is_judged_as_empty_text(kind: str) -> None:
    model = Guarded(kind, Validate(MaxLength(4), buffer=True), answer=made_of([]))
    assert model() == []
    model = Guarded(kind, Validate(NotEmpty(), buffer=True), answer=made_of([]))
    with pytest.raises(OutputInvalid, match="it is empty"):
        model()


@every_stream
def test_a_stream_of_other_chunks_is_judged_as_their_list(kind: str) -> None:
    model = Guarded(kind, Validate(output=list[Item], buffer=True), answer=made_of(ORDER.items))
    assert model() == [ORDER.items]
    model = Guarded(kind, Validate(NotEmpty(), buffer=True), answer=made_of([1, 2]))
    assert model() == [1, 2]


@every_stream
def test_a_buffered_stream_is_asked_again_before_anything_is_delivered(kind: str) -> None:
    """25"""
    model = Guarded(
        kind,
        Validate(MaxLength(3), buffer=True, reask=1),
        answer=made_of(["hel", "lo"], ["h", "i"]),
    )
    assert model() == ["h", "i"]
    assert len(model.record.attempts) == 2


@every_stream
def test_a_buffered_stream_that_breaks_off_comes_out_as_its_error(kind: str) -> None:
    def broken(prompt: str) -> Any:
        yield "he"
        raise ConnectionError("down")

    model = Guarded(kind, Validate(MaxLength(8), buffer=True), answer=broken)
    with pytest.raises(ConnectionError, match="down"):
        model()
    fallback = Guarded(
        kind, reliai.Fallback("plan B"), Validate(NotEmpty(), buffer=True), answer=broken
    )
    assert fallback() == ["plan B"]


@every_stream
def test_a_buffered_stream_that_stalls_is_a_failure_like_any_other(kind: str) -> None:
    model = ScriptedModel([["he", Stall(30)]], repeat_last=True).streaming
    ask = model if kind == "generator" else model.asynchronous
    policies = (Validate(NotEmpty(), buffer=True), reliai.Timeout(idle=2))
    with virtual_clock() as clock:
        with pytest.raises(reliai.CallTimeout) as caught:
            delivered(reliai.reliable(*policies)(ask)("hello"))
        assert caught.value.layer == "idle"
        assert clock.now == pytest.approx(2.0)
        fallback = reliai.reliable(reliai.Fallback("plan B"), *policies)(ask)
        assert delivered(fallback("hello")) == ["plan B"]


@every_stream
def test_a_buffered_stream_of_a_stand_in_stays_degraded(kind: str) -> None:
    def other(prompt: str) -> Any:
        yield "plan B"

    async def other_async(prompt: str) -> Any:
        yield "plan B"

    target = other if kind == "generator" else other_async
    policies = (Validate(NotEmpty(), buffer=True), reliai.Fallback(target))
    model = Guarded(kind, *policies, answer=made_of(ConnectionError("down")))
    assert model() == ["plan B"]
    assert model.record.status == "degraded"


@every_stream
def test_a_stream_that_is_not_collected_cannot_be_validated(kind: str) -> None:
    """53"""
    for policy in (Validate(MaxLength(3)), Validate(output=Order)):
        with pytest.raises(ConfigurationError, match="buffer=True"):
            Guarded(kind, policy)


class Chunks:
    """A stream object, as an SDK returns one from a plain function."""

    def __init__(self, *chunks: str) -> None:
        self._left = iter(chunks)
        self.closed = False

    def close(self) -> None:
        self.closed = True


class SyncChunks(Chunks):
    def __iter__(self) -> SyncChunks:
        return self

    def __next__(self) -> str:
        return next(self._left)


class AsyncChunks(Chunks):
    def __aiter__(self) -> AsyncChunks:
        return self

    async def __anext__(self) -> str:
        for chunk in self._left:
            return chunk
        raise StopAsyncIteration


def stream_of(kind: str, *chunks: str) -> Chunks:
    return SyncChunks(*chunks) if kind == "sync" else AsyncChunks(*chunks)


@every_one_value
def test_a_returned_stream_is_validated_when_it_is_buffered(kind: str) -> None:
    async def collected(stream: Any) -> list[str]:
        return [chunk async for chunk in stream]

    model = Guarded(
        kind,
        Validate(MaxLength(5), redact, buffer=True),
        answer=made_of(stream_of(kind, "a", "b"), stream_of(kind, "SECRET")),
    )
    if kind == "sync":
        assert list(model()) == ["a", "b"]
        with pytest.raises(OutputInvalid):
            model()
    else:

        async def both() -> None:
            assert await collected(await model.function("hello")) == ["a", "b"]
            with pytest.raises(OutputInvalid):
                await model.function("hello")

        asyncio.run(both())


@every_one_value
def test_a_returned_stream_becomes_the_value_that_was_asked_for(kind: str) -> None:
    model = validated(kind, stream_of(kind, GOOD[:9], GOOD[9:]), output=Order, buffer=True)
    assert model() == ORDER


@every_one_value
def test_a_returned_stream_that_is_not_buffered_is_closed_and_refused(kind: str) -> None:
    """53"""
    stream = stream_of(kind, "a", "b")
    model = Guarded(kind, Validate(MaxLength(5)), answer=made_of(stream))
    with pytest.raises(ConfigurationError, match="buffer=True"):
        model()
    assert stream.closed


# --- otherwise and observing ----------------------------------------------------------------------


@every_kind
def test_otherwise_answers_in_place_of_the_error(kind: str) -> None:
    def instead(call: reliai.Call, error: OutputInvalid) -> Order:
        return Order(items=[])

    model = Guarded(
        kind,
        Validate(output=Order, otherwise=instead, reask=1, buffer=kind in STREAMS),
        answer=made_of("sorry", "sorry"),
    )
    assert model() == as_delivered(kind, Order(items=[]))
    assert model.record.status == "degraded"
    assert model.events[-1] == "otherwise"


@every_kind
def test_observing_delivers_what_came_and_says_what_would_have_happened(kind: str) -> None:
    policy = Validate(redact, MaxLength(3), mode="observe", buffer=kind in STREAMS)
    model = Guarded(kind, policy, answer=made_of("SECRET"))
    assert model() == ("SECRET" if kind in ONE_VALUE else list("SECRET"))
    assert model.record.status == "success"
    assert model.events == ["output_would_replace", "output_would_reject"]
    assert model.event("output_would_reject")["problem"] == "invalid"
    assert [check.passed for check in model.record.checks] == [True, False]


@every_one_value
def test_observing_converts_what_it_can_and_asks_nothing_again(kind: str) -> None:
    model = validated(kind, f"```json\n{GOOD}\n```", BAD, output=Order, mode="observe", reask=2)
    assert model() == ORDER
    assert model() == BAD
    assert len(model.prompts) == 2


# --- mistakes in setting it up --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Validate, "checks nothing"),
        (lambda: anyhow(Order), "did you mean output=Order"),
        (lambda: Validate(MaxLength), r"did you mean MaxLength\(\.\.\.\)"),
        (lambda: Validate(NotEmpty(), mode="loud"), "mode='loud'"),
        (lambda: Validate(NotEmpty(), reask=-1), "reask=-1"),
        (lambda: Validate(NotEmpty(), reask=True), "reask=True"),
        (lambda: anyhow(NotEmpty(), reask=1.5), "reask=1.5"),
        (lambda: Validate(NotEmpty(), reask_with=print), "never used with reask=0"),
    ],
)
def test_a_validate_that_makes_no_sense_cannot_be_made(make: Any, message: str) -> None:
    """53"""
    with pytest.raises(ConfigurationError, match=message):
        make()


def two_texts(prompt: str, system: str) -> str:
    return prompt + system


def no_text(question: int) -> str:
    return str(question)


async def later(call: reliai.Call, error: OutputInvalid, raw: Any = None) -> reliai.Call:
    return call


@reliai.check
async def moderated(value: str) -> bool:
    return bool(value)


@pytest.mark.parametrize(
    ("policy", "function", "message"),
    [
        (Validate(output=object()), two_texts, "no type that pydantic can build"),
        (Validate(NotEmpty(), reask=1), two_texts, "2 parameters annotated as `str`"),
        (Validate(NotEmpty(), reask=1), no_text, "0 parameters annotated as `str`"),
        (Validate(NotEmpty(), reask=1, reask_with=later), two_texts, "later is asynchronous"),
        (Validate(NotEmpty(), otherwise=later), two_texts, "later is asynchronous"),
        (anyhow(NotEmpty(), otherwise=5), two_texts, "otherwise"),
        (Validate(moderated), two_texts, "check 'moderated' is asynchronous"),
    ],
)
def test_what_the_function_cannot_honour_is_refused_when_it_is_decorated(
    policy: Validate, function: Any, message: str
) -> None:
    """53"""
    with pytest.raises(ConfigurationError, match=message):
        policy(function)


def test_an_effect_is_never_asked_for_again() -> None:
    """53"""
    with pytest.raises(ConfigurationError, match="an effect that must not happen twice"):
        reliai.reliable(Validate(NotEmpty(), reask=1), effects="once")(no_text)

    class Once(reliai.Policy):
        __module__ = "reliai.policies.once"

        async def run(self, call: Any, proceed: Any) -> reliai.Outcome:
            outcome: reliai.Outcome = await proceed(call)
            return outcome

    with pytest.raises(ConfigurationError, match="an effect that must not happen twice"):
        reliai.reliable(Validate(NotEmpty(), reask=1), Once())(no_text)


def test_one_validate_serves_many_functions() -> None:
    policy: Any = Validate(output=int)
    assert policy(no_text)(1) == 1
    assert policy(lambda: "2")() == 2


def test_a_validate_tells_its_settings() -> None:
    described = Validate(MaxLength(5), output=Order, reask=2, otherwise=print).describe()
    assert described["checks"][0]["characters"] == 5
    assert described["output"] == "Order"
    assert Validate(output=list[int]).describe()["output"] == "list[int]"
    assert Validate(NotEmpty()).describe()["output"] is None
    assert (described["reask"], described["repair"], described["buffer"]) == (2, True, False)
    assert (described["otherwise"], described["mode"]) == ("print", "enforce")
    assert Validate(NotEmpty(), reask=1).repeats
    assert not Validate(NotEmpty()).repeats
