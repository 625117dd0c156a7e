"""Validate: answers in place of errors, observing, and what cannot be set up."""

from __future__ import annotations

import sys
from typing import Any

import pydantic
import pytest

import reliai
from reliai import (
    ConfigurationError,
    MaxLength,
    NotEmpty,
    OutputInvalid,
    Validate,
)
from reliai.testing import ScriptedModel
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
    GOOD,
    ORDER,
    Order,
    anyhow,
    made_of,
    no_text,
    redact,
    validated,
)


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


def test_a_validate_with_settings_alone_gets_its_type_from_the_decorator_or_is_refused() -> None:
    model = ScriptedModel([BAD, GOOD])

    @reliai.reliable(Validate(reask=1), output=Order)
    def order(prompt: str) -> str:
        return str(model(prompt))

    assert order("hello") == ORDER
    assert len(model.calls) == 2
    with pytest.raises(ConfigurationError, match="give it a check or output="):
        reliai.reliable(Validate(reask=1))(model)


def test_what_pydantic_misses_for_a_type_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "email_validator", None)
    with pytest.raises(ConfigurationError, match=r"pip install .?pydantic\[email\]"):
        Validate(output=pydantic.EmailStr)(two_texts)


def two_texts(prompt: str, system: str) -> str:
    return prompt + system


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
        (anyhow(NotEmpty(), otherwise=lambda: ""), two_texts, "must take call, error"),
        (
            anyhow(NotEmpty(), reask=1, reask_with=lambda call, error: call),
            two_texts,
            "must take call, error, raw",
        ),
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
