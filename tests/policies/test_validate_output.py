"""Validate(output=): answers come as the type that was asked for."""

from __future__ import annotations

import json
import pickle
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, field_validator

import reliai
from reliai import (
    ConfigurationError,
    MaxLength,
    NotEmpty,
    OutputInvalid,
    Pattern,
    Replace,
    Schema,
    Validate,
)
from tests.policies._guarded import (
    STREAMS,
    Guarded,
    as_delivered,
    every_kind,
    every_one_value,
)
from tests.policies._orders import (
    BAD,
    GOOD,
    ORDER,
    Fixing,
    Order,
    Point,
    chat,
    made_of,
    no_text,
    redact,
    validated,
)


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
    policy = Validate(reliai.check(MaxLength(99)), Fixing(), output=Order)
    assert Guarded("sync", policy, answer=made_of(BAD))().items[0].name == "ok"
    policy = Validate(Fixing(Replace({"items": []})), output=Order)
    assert Guarded("sync", policy, answer=made_of(BAD))().items == []


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
    policy = Validate(Fixing(), output=Order)
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


def test_a_response_that_a_function_changed_before_the_next_attempt_is_read_anew() -> None:
    told = {"choices": [{"message": {"content": BAD}, "finish_reason": "stop"}]}

    @reliai.Validate(output=Order, reask=1)
    def ask(prompt: str) -> Any:
        if "not accepted" in prompt:
            told["choices"] = [{"message": {"content": GOOD}, "finish_reason": "stop"}]
        return told

    assert ask("an order") == ORDER
