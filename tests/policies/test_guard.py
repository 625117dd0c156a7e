"""Guard: what goes in is checked, and what fails never reaches the model."""

from __future__ import annotations

from typing import Any

import pytest

import reliai
from reliai import (
    Guard,
    GuardRejected,
    MaxLength,
    NotEmpty,
    Pattern,
)
from reliai._core.record import CheckResult
from tests.policies._asking import anyhow, ask, crash, guarded, redact
from tests.policies._guarded import Guarded, every_kind, every_one_value


@every_kind
def test_an_argument_that_passes_reaches_the_model(kind: str) -> None:
    model = Guarded(kind, Guard(prompt=[MaxLength(10), NotEmpty()]))
    assert model("hello") == ("hello" if kind in {"sync", "async"} else list("hello"))
    assert model.record.status == "success"
    assert model.record.checks == ()
    assert model.events == []


@every_kind
def test_an_argument_that_fails_does_not_reach_the_model(kind: str) -> None:
    """24"""
    model = Guarded(kind, Guard(prompt=[MaxLength(3)]))
    with pytest.raises(GuardRejected) as caught:
        model("hello")
    assert str(caught.value) == (
        "ask: argument 'prompt' was rejected by MaxLength: it has 5 characters, at most 3 are "
        "allowed. The model was not called"
    )
    assert (caught.value.check, caught.value.parameter) == ("MaxLength", "prompt")
    assert model.prompts == []
    assert model.record.status == "rejected"
    assert model.record.attempts == ()
    assert model.record.checks == (
        CheckResult("MaxLength", passed=False, reason="it has 5 characters, at most 3 are allowed"),
    )
    assert model.event("guard_rejected") == {
        "check": "MaxLength",
        "parameter": "prompt",
        "reason": "it has 5 characters, at most 3 are allowed",
    }


@every_kind
def test_a_rejection_is_neither_retried_nor_answered_by_a_fallback(kind: str) -> None:
    """24"""
    model = Guarded(
        kind,
        reliai.Fallback("plan B"),
        reliai.Retry(3),
        Guard(MaxLength(3)),
        reliai.CircuitBreaker(),
    )
    with pytest.raises(GuardRejected):
        model("hello")
    assert model.prompts == []
    assert model.events == ["guard_rejected"]


@pytest.mark.parametrize(
    ("verdict", "passes"),
    [(None, True), (True, True), (False, False), ("too rude", False), ("", False)],
)
def test_what_a_function_returns_decides(verdict: Any, *, passes: bool) -> None:
    checked = guarded(prompt=lambda _: verdict)
    if passes:
        assert checked("hello")[0] == "hello"
    else:
        with pytest.raises(GuardRejected, match="too rude" if verdict else r"<lambda>\. The model"):
            checked("hello")


@every_one_value
@pytest.mark.parametrize("verdict", [0, 1, 0.5, {}, object()])
def test_a_verdict_that_is_none_blocks(kind: str, verdict: Any) -> None:
    """21"""
    model = Guarded(kind, Guard(prompt=lambda _: verdict))
    returned = f"returned {type(verdict).__name__}; a check returns None or True"
    with pytest.raises(GuardRejected, match=returned) as caught:
        model("hello")
    assert isinstance(caught.value.__cause__, TypeError)


@every_one_value
def test_a_coroutine_is_no_verdict(kind: str) -> None:
    """21"""

    async def later(value: str) -> bool:
        return bool(value)

    def undeclared(value: str) -> Any:
        return later(value)

    model = Guarded(kind, Guard(prompt=undeclared))
    with pytest.raises(GuardRejected) as caught:
        model("hello")
    assert "declare it as `async def`" in str(caught.value.__cause__)


def test_the_first_check_that_fails_decides() -> None:
    asked: list[str] = []

    def count(value: str) -> bool:
        asked.append(value)
        return True

    checked = guarded(prompt=[count, MaxLength(3), crash, count])
    with pytest.raises(GuardRejected, match="MaxLength"):
        checked("hello")
    assert asked == ["hello"]


def test_checks_without_a_name_look_at_every_text() -> None:
    checked = guarded(MaxLength(10))
    assert checked("hello", limit=50) == ("hello", "be kind", 50)
    for arguments in [("a" * 11,), ("a", "b" * 11)]:
        with pytest.raises(GuardRejected):
            checked(*arguments)
    with pytest.raises(GuardRejected, match="'system'"):
        checked("a", system="b" * 11)
    with pytest.raises(GuardRejected, match="'prompt'"):
        checked(system="a", prompt="b" * 11)


def test_a_text_where_another_type_is_announced_is_looked_at_too() -> None:
    with pytest.raises(GuardRejected, match="'limit'"):
        guarded(MaxLength(10))("hello", limit="a" * 11)


def test_a_default_is_looked_at_as_the_function_will_see_it() -> None:
    with pytest.raises(GuardRejected, match="'system'"):
        guarded(system=Pattern("strict"))("hello")
    assert guarded(system=Pattern("kind"))("hello")[1] == "be kind"


def test_checks_by_name_look_at_any_value() -> None:
    checked = guarded(limit=[lambda value: value < 10])
    assert checked("hello", limit=9)[2] == 9
    with pytest.raises(GuardRejected, match="'limit'"):
        checked("hello", limit=10)


def test_named_parameters_take_the_place_of_every_text() -> None:
    checked = Guard(NotEmpty(), parameters=["system"])(ask)
    assert checked("")[0] == ""
    with pytest.raises(GuardRejected, match="'system'"):
        checked("hello", "")
    with pytest.raises(GuardRejected, match="'limit'"):
        anyhow(NotEmpty(), parameters="limit")(ask)("hello", limit=None)


def test_the_arguments_of_variadic_parameters_are_looked_at() -> None:
    def collect(first: str, *rest: Any, **options: Any) -> tuple[Any, ...]:
        return (first, *rest, options)

    checked = Guard(MaxLength(5))(collect)
    assert checked("a", "b", 7, c="d") == ("a", "b", 7, {"c": "d"})
    with pytest.raises(GuardRejected, match="'argument 2'"):
        checked("a", "b", "c" * 6)
    with pytest.raises(GuardRejected, match="'extra'"):
        checked("a", extra="c" * 6)
    with pytest.raises(GuardRejected, match="'extra'"):
        Guard(extra=MaxLength(5))(collect)("a", extra="c" * 6)
    assert Guard(extra=MaxLength(5))(collect)("a", "b" * 9)[1] == "b" * 9
    assert Guard(NotEmpty(), parameters=["extra"])(collect)("a", extra="x")[-1] == {"extra": "x"}


def test_the_arguments_of_variadic_parameters_are_replaced() -> None:
    def collect(*prompts: str, **options: str) -> tuple[Any, ...]:
        return (*prompts, options)

    checked = Guard(redact)(collect)
    assert checked("a", "my secret", "b", c="no secret") == ("a", "my […]", "b", {"c": "no […]"})


def test_a_method_is_guarded_without_looking_at_its_object() -> None:
    class Service:
        @Guard(MaxLength(5))
        def ask(self, prompt: str) -> str:
            return prompt

    assert Service().ask("hello") == "hello"
    with pytest.raises(GuardRejected, match="'prompt'"):
        Service().ask("hello!")


def test_a_call_that_does_not_fit_the_function_fails_as_it_would_without_guard() -> None:
    for check in (MaxLength(5), redact):
        with pytest.raises(TypeError, match="missing 1 required positional argument"):
            guarded(prompt=check)()
    outcome = reliai.execute(guarded(prompt=redact), "a secret", wrong=1)
    assert isinstance(outcome.error, TypeError)
    assert outcome.record is not None
    assert outcome.record.status == "error"


@every_kind
def test_a_replacement_is_what_the_model_gets(kind: str) -> None:
    model = Guarded(kind, Guard(prompt=[redact, MaxLength(20)]))
    model("my secret")
    assert model.prompts == ["my […]"]
    assert model.record.checks == (CheckResult("redact", passed=True, reason="changed"),)
    assert model.event("guard_replaced") == {"check": "redact", "parameter": "prompt"}


def test_the_checks_that_follow_see_the_replacement() -> None:
    seen: list[str] = []
    checked = guarded(prompt=[redact, seen.append, redact])
    assert checked(prompt="secret")[0] == "[…]"
    assert seen == ["[…]"]
