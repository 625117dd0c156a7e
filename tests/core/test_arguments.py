"""The arguments of a call: by parameter name, read-only, and changed by copies only."""

from __future__ import annotations

import functools
from typing import Any

import pytest

import reliai
from reliai.testing import ScriptedModel
from tests.core._kinds import every_kind, of_kind, read


def seen_by_policy(function: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
    """What `call.arguments` shows while the function is called so."""
    found: list[dict[str, Any]] = []

    async def look(call: reliai.Call, proceed: Any) -> Any:
        found.append(dict(call.arguments))
        assert call.arguments is call.arguments, "bound once"
        return await proceed(call)

    reliai.reliable(look)(function)(*args, **kwargs)
    return found[0]


def changed(function: Any, changes: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
    """What the function is given when a policy changes some arguments."""

    async def change(call: reliai.Call, proceed: Any) -> Any:
        other = call.with_arguments(**changes)
        assert {**other.arguments, **changes} == dict(other.arguments)
        return await proceed(other)

    return reliai.reliable(change)(function)(*args, **kwargs)


def everything(a: int, /, b: int = 2, *rest: int, c: int, d: int = 4, **more: int) -> Any:
    return a, b, rest, c, d, more


def test_arguments_are_bound_by_name_with_defaults() -> None:
    assert seen_by_policy(everything, 1, c=3) == {
        "a": 1, "b": 2, "rest": (), "c": 3, "d": 4, "more": {},
    }  # fmt: skip
    assert seen_by_policy(everything, 1, 5, 6, 7, c=3, e=8) == {
        "a": 1, "b": 5, "rest": (6, 7), "c": 3, "d": 4, "more": {"e": 8},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"a": 9}, (9, 2, (), 3, 4, {})),
        ({"b": 9}, (1, 9, (), 3, 4, {})),
        ({"c": 9, "d": 8}, (1, 2, (), 9, 8, {})),
        ({"rest": (7, 8)}, (1, 2, (7, 8), 3, 4, {})),
        ({"more": {"e": 9}}, (1, 2, (), 3, 4, {"e": 9})),
    ],
)
def test_any_parameter_can_be_changed(changes: dict[str, Any], expected: Any) -> None:
    assert changed(everything, changes, 1, c=3) == expected


def test_a_keyword_that_is_no_parameter_joins_the_others() -> None:
    async def change(call: reliai.Call, proceed: Any) -> Any:
        return await proceed(call.with_arguments(e=1, f=2))

    assert reliai.reliable(change)(everything)(1, c=3, f=7, g=8) == (
        1, 2, (), 3, 4, {"e": 1, "f": 2, "g": 8},
    )  # fmt: skip


def test_a_later_positional_argument_can_be_changed_over_a_default() -> None:
    def positional(a: int = 1, b: int = 2, c: int = 3, /) -> Any:
        return a, b, c

    assert changed(positional, {"c": 9}) == (1, 2, 9)
    assert changed(positional, {"c": 9}, 7) == (7, 2, 9)


def test_arguments_of_a_method_include_its_object() -> None:
    class Service:
        def ask(self, prompt: str) -> str:
            return prompt

    service = Service()
    assert seen_by_policy(Service.ask, service, "a") == {"self": service, "prompt": "a"}
    assert seen_by_policy(service.ask, "a") == {"prompt": "a"}
    assert changed(Service.ask, {"prompt": "b"}, service, "a") == "b"
    assert changed(service.ask, {"prompt": "b"}, prompt="a") == "b"


def test_arguments_of_a_partial_are_those_left_to_give() -> None:
    def ask(model: str, prompt: str, *, loud: bool = False) -> Any:
        return model, prompt, loud

    fixed = functools.partial(ask, "m", loud=True)
    assert seen_by_policy(fixed, "a") == {"prompt": "a", "loud": True}
    assert changed(fixed, {"prompt": "b"}, "a") == ("m", "b", True)


@every_kind
def test_changed_arguments_reach_functions_of_every_kind(kind: str) -> None:
    model = ScriptedModel(["a"])

    async def change(call: reliai.Call, proceed: Any) -> Any:
        return await proceed(call.with_arguments(args=("new",), kwargs={"loud": True}))

    read(reliai.reliable(change)(of_kind(model, kind)), kind, "old")
    assert model.calls[0].args == ("new",)
    assert model.calls[0].kwargs == {"loud": True}


def test_unknown_parameter_is_a_configuration_error_with_the_known_ones() -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"no parameter 'tempo'.*prompt, loud"):
        changed(lambda prompt, loud=False: prompt, {"tempo": 1}, "a")
    with pytest.raises(reliai.ConfigurationError, match="parameters are: none"):
        changed(lambda: None, {"tempo": 1})


def test_arguments_cannot_be_written_to() -> None:
    async def write(call: reliai.Call, proceed: Any) -> Any:
        arguments: Any = call.arguments
        arguments["prompt"] = "b"

    with pytest.raises(TypeError, match="item assignment"):
        reliai.reliable(write)(lambda prompt: prompt)("a")


def test_call_before_a_change_keeps_its_own_arguments() -> None:
    async def change(call: reliai.Call, proceed: Any) -> Any:
        first = await proceed(call.with_arguments(prompt="b"))
        assert call.arguments["prompt"] == "a"
        second = await proceed(call)
        return first.value + second.value

    assert reliai.reliable(change)(lambda prompt: prompt)("a") == "ba"


def test_arguments_that_do_not_fit_are_the_functions_own_type_error() -> None:
    @reliai.reliable(reliai.Guard(reliai.MaxLength(5)), reliai.Retry(3))
    def ask(prompt: str) -> str:
        return prompt

    outcome = reliai.execute(ask, tempo=3)
    assert isinstance(outcome.error, TypeError)
    assert "ask()" in str(outcome.error)


def test_function_without_a_signature_has_general_arguments() -> None:
    assert seen_by_policy(max, 1, 2) == {"args": (1, 2), "kwargs": {}}
