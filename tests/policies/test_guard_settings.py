"""Guard: answers in place of errors, observing, and what cannot be set up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import reliai
from reliai import (
    ConfigurationError,
    Guard,
    GuardRejected,
    MaxLength,
    MaxTokens,
    NotEmpty,
    Schema,
)
from tests.policies._asking import anyhow, ask, crash, guarded, redact
from tests.policies._guarded import Guarded, as_delivered, every_kind, every_one_value


@every_kind
def test_otherwise_answers_in_place_of_the_error(kind: str) -> None:
    def instead(call: reliai.Call, error: GuardRejected) -> str:
        return f"{call.arguments['prompt']}: {error.check}"

    model = Guarded(kind, Guard(prompt=[redact, MaxLength(2)], otherwise=instead))
    assert model("secret") == as_delivered(kind, "secret: MaxLength")
    assert model.prompts == []
    assert model.record.status == "degraded"
    assert model.events == ["guard_replaced", "guard_rejected", "otherwise"]


@pytest.mark.parametrize("kind", ["async", "async_generator"])
def test_otherwise_may_be_asynchronous_in_asynchronous_calls(kind: str) -> None:
    async def instead(call: reliai.Call, error: GuardRejected) -> str:
        await asyncio.sleep(0)
        return "sorry"

    model = Guarded(kind, Guard(prompt=MaxLength(3), otherwise=instead))
    assert model("hello") == as_delivered(kind, "sorry")
    assert model.record.status == "degraded"


@every_one_value
def test_what_otherwise_raises_comes_out(kind: str) -> None:
    def instead(call: reliai.Call, error: GuardRejected) -> str:
        raise PermissionError

    model = Guarded(kind, Guard(prompt=MaxLength(3), otherwise=instead))
    with pytest.raises(PermissionError) as caught:
        model("hello")
    assert isinstance(caught.value.__context__, GuardRejected)


def test_otherwise_may_raise_the_error_itself() -> None:
    def instead(call: reliai.Call, error: GuardRejected) -> str:
        raise error

    with pytest.raises(GuardRejected) as caught:
        guarded(prompt=MaxLength(3), otherwise=instead)("hello")
    assert caught.value.__context__ is None


def test_otherwise_that_gives_an_awaitable_to_a_synchronous_call_is_a_mistake() -> None:
    async def later() -> str:
        return "sorry"

    class Later:
        def __await__(self) -> Any:
            yield

    for made in (later, Later):
        checked = guarded(prompt=MaxLength(3), otherwise=lambda *_, made=made: made())
        with pytest.raises(ConfigurationError, match="gave an awaitable"):
            checked("hello")


@every_kind
def test_observing_lets_everything_pass_and_says_what_would_have_happened(kind: str) -> None:
    checks = [redact, MaxLength(3), crash, reliai.check(crash, name="lenient", on_error="allow")]
    model = Guarded(kind, Guard(prompt=checks, mode="observe"))
    model("secret")
    assert model.prompts == ["secret"]
    assert model.record.status == "success"
    assert model.events == [
        "guard_would_replace",
        "guard_would_reject",
        "check_error",
        "guard_would_reject",
        "check_bypassed",
    ]
    assert [(check.name, check.passed) for check in model.record.checks] == [
        ("redact", True),
        ("MaxLength", False),
        ("crash", False),
        ("lenient", False),
    ]


def test_operators_can_have_every_guard_observe() -> None:
    checked = guarded(prompt=MaxLength(3))
    with reliai.mode("observe"):
        assert checked("hello")[0] == "hello"
    with reliai.mode("off"):
        assert checked("hello")[0] == "hello"
    with pytest.raises(GuardRejected):
        checked("hello")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Guard, "checks nothing"),
        (lambda: Guard(prompt=[]), "checks nothing"),
        (lambda: Guard(MaxLength), r"did you mean MaxLength\(\.\.\.\)"),
        (lambda: Guard(prompt=[str]), "did you mean output=str"),
        (lambda: anyhow(prompt=5), r"Guard\(prompt=…\)=5"),
        (lambda: Guard(NotEmpty(), mode="off"), "mode='off'"),
        (lambda: Guard(parameters=["prompt"], system=NotEmpty()), "there is no check for them"),
        (lambda: Guard(NotEmpty(), parameters=[]), r"parameters=\[\]"),
        (lambda: anyhow(NotEmpty(), parameters=[1]), r"parameters=\[1\]"),
    ],
)
def test_a_guard_that_makes_no_sense_cannot_be_made(make: Any, message: str) -> None:
    """53"""
    with pytest.raises(ConfigurationError, match=message):
        make()


@pytest.mark.parametrize(
    ("guard", "message"),
    [
        (
            Guard(promt=NotEmpty()),
            "no parameter 'promt'; its parameters are: prompt, system, limit",
        ),
        (Guard(NotEmpty(), parameters=["promt"]), "no parameter 'promt'; its parameters are"),
        (anyhow(NotEmpty(), otherwise="sorry"), "must be a function"),
        (anyhow(NotEmpty(), otherwise=str), "must be a function"),
        (
            anyhow(NotEmpty(), otherwise=lambda error: "sorry"),
            r"Guard\(otherwise=…\): <lambda> must take call, error",
        ),
        (Guard(Schema(object())), "is no type that pydantic can build"),
    ],
)
def test_what_the_function_cannot_honour_is_refused_when_it_is_decorated(
    guard: Guard, message: str
) -> None:
    """53"""
    with pytest.raises(ConfigurationError, match=message):
        guard(ask)


def chat(messages: list[dict[str, str]], limit: int = 10) -> str:
    return str(limit)


class Chat:
    def say(self, messages: list[dict[str, str]]) -> None:
        return None


def chat_or_nothing(messages: list[dict[str, str]] | None = None) -> None:
    return None


def test_a_check_of_texts_is_refused_where_no_argument_is_text() -> None:
    """It would let everything pass."""
    with pytest.raises(ConfigurationError, match=r"no parameter of .*chat is text.*messages=…"):
        Guard(MaxLength(100))(chat)
    with pytest.raises(ConfigurationError, match="it looks at text"):
        Guard(MaxTokens(100), MaxLength(100))(chat)
    with pytest.raises(ConfigurationError, match=r"no parameter of .*say is text"):
        Guard(MaxLength(100))(Chat.say)
    Guard(MaxTokens(100))(chat)  # reads messages
    Guard(messages=MaxLength(100))(chat)
    Guard(MaxLength(100))(chat_or_nothing)  # an annotation that is not understood refuses nothing
    Guard(MaxLength(100))(lambda prompt: prompt)


def test_asynchronous_functions_cannot_serve_a_synchronous_call() -> None:
    """53"""

    @reliai.check
    async def moderated(value: str) -> bool:
        return bool(value)

    async def instead(call: reliai.Call, error: GuardRejected) -> str:
        return "sorry"

    with pytest.raises(ConfigurationError, match="check 'moderated' is asynchronous"):
        Guard(moderated)(ask)
    with pytest.raises(ConfigurationError, match="instead is asynchronous"):
        Guard(NotEmpty(), otherwise=instead)(ask)


def test_a_function_without_parameters_cannot_be_guarded() -> None:
    """53"""
    with pytest.raises(ConfigurationError, match="no parameter that Guard could look at"):
        Guard(NotEmpty())(lambda: None)


def test_one_guard_serves_many_functions() -> None:
    guard = Guard(MaxLength(7))

    @guard
    def other(text: str) -> str:
        return text

    assert guard(ask)("hello")[0] == "hello"
    assert other("hello") == "hello"
    with pytest.raises(GuardRejected, match="'text'"):
        other("hello!!!")


def test_a_guard_tells_its_settings() -> None:
    described = Guard(MaxLength(5), mode="observe", system=[NotEmpty()], otherwise=print).describe()
    assert described["checks"][0]["characters"] == 5
    assert described["by_parameter"]["system"][0]["check"] == "NotEmpty"
    assert described["mode"] == "observe"
    assert described["otherwise"] == "print"
    assert Guard(NotEmpty(), parameters=["a"]).describe()["parameters"] == ["a"]
