"""`key="arg:NAME"` finds the argument however it was given, and whatever function asks."""

from __future__ import annotations

from typing import Any

import pytest

import reliai


def plain(before: str, who: str = "default", *rest: str, also: str = "also") -> str:
    return who


def only(who: str, /, **more: str) -> str:
    return who


def named(*rest: str, who: str = "default") -> str:
    return who


CASES: list[tuple[Any, tuple[str, ...], dict[str, str]]] = [
    (plain, ("x", "me"), {}),
    (plain, ("x",), {"who": "me"}),
    (plain, ("x",), {}),
    (plain, ("x", "me", "y", "z"), {"also": "w"}),
    (only, ("me",), {"who": "not me"}),
    (named, ("x", "y"), {"who": "me"}),
    (named, ("x", "y"), {}),
]


@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
def test_an_argument_is_found_however_it_was_given(
    function: Any, args: tuple[str, ...], kwargs: dict[str, str]
) -> None:
    ask = reliai.RateLimit(1, per=3600, key="arg:who")(function)
    assert ask(*args, **kwargs) in {"me", "default"}
    with pytest.raises(reliai.RateLimited):
        ask(*args, **kwargs)


def test_one_key_serves_functions_that_have_the_argument_in_other_places() -> None:
    limit: Any = reliai.RateLimit(1, per=3600, key="arg:who")
    first, second = limit(plain), limit(named)
    assert first("x", "me") == "me"
    assert second("x", who="you") == "you"
    asked: list[tuple[Any, dict[str, str]]] = [(second, {"who": "me"}), (second, {"who": "you"})]
    for ask, given in asked:
        with pytest.raises(reliai.RateLimited):
            ask("y", **given)


def test_arguments_that_do_not_fit_are_the_functions_own_error() -> None:
    ask: Any = reliai.RateLimit(1, key="arg:who")(plain)
    with pytest.warns(reliai.ReliaiWarning), pytest.raises(TypeError, match="who_else"):
        ask(who_else="me")
