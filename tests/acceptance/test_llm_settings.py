"""53: a setting that a path cannot honour is an error, when it is set or when it is decorated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import ConfigurationError, checks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def ask(prompt: str) -> str:
    return prompt


def pair(one: str, other: str) -> str:
    return one + other


def stream(prompt: str) -> Iterator[str]:
    yield prompt


async def later(prompt: Any) -> str:
    return str(prompt)


DECORATED: list[tuple[Any, Callable[..., Any], str]] = [
    (reliai.Guard(reliai.NotTruncated()), ask, "put it into Validate"),
    (reliai.Guard(reliai.check(reliai.NotTruncated(), name="whole")), ask, "put it into Validate"),
    (reliai.Validate(reliai.Pii("pseudonymize")), ask, "belongs into a Guard"),
    (reliai.Validate(output=int), stream, "buffer=True"),
    (reliai.Validate(output=int, reask=1), pair, "reask_with"),
    (reliai.Retry(on_result=bool), stream, "cannot be judged before"),
    (reliai.Once(key="arg:prompt"), stream, "gives a stream"),
    (reliai.Once(), ask, "has no idempotency key"),
    (reliai.Cache(key="arg:text"), ask, "no parameter 'text'"),
    (reliai.Budget(usd=1, estimate=1, key="arg:text"), ask, "no parameter 'text'"),
    (reliai.Budget(usd=1, estimate=later), later, "not asynchronous"),
    (reliai.Fallback(later), ask, "asynchronous and cannot stand in"),
    (reliai.Fallback(stream), ask, "gives a stream and cannot stand in"),
    (reliai.standard(output=int, fallback="no number"), ask, "promises by output="),
]


@pytest.mark.parametrize(("policy", "function", "message"), DECORATED, ids=range(len(DECORATED)))
def test_what_a_function_cannot_honour_is_told_when_it_is_decorated(
    policy: Any, function: Callable[..., Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        policy(function)


FACTS: list[tuple[list[Any], str]] = [
    ([reliai.Cache()], "has an effect"),
    ([reliai.Hedge()], "has an effect"),
    ([reliai.Validate(output=int, reask=1)], "must not happen twice"),
]


@pytest.mark.parametrize(("policies", "message"), FACTS, ids=range(len(FACTS)))
def test_an_effect_is_left_out_or_repeated_by_no_policy(policies: list[Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        reliai.reliable(*policies, effects="once")(ask)


SET: list[tuple[Callable[[], Any], str]] = [
    (lambda: reliai.Pii(language="de"), "are for presidio"),
    (lambda: reliai.Pii(threshold=0.5), "are for presidio"),
    (lambda: reliai.Pii(kinds=["nothing"]), "no such kind"),
    (lambda: reliai.Budget(usd=float("nan")), "US dollars above 0"),
    (lambda: reliai.Budget(usd=-1), "US dollars above 0"),
    (lambda: reliai.Budget(usd=1, estimate=float("nan")), "finite and 0 or more"),
    (lambda: reliai.Budget(tokens=10, estimate={"usd": 1}), "number of tokens"),
    (lambda: reliai.run(max_usd=float("nan")), "must be a number above 0"),
    (lambda: reliai.Cache(state="memory://"), "shared=True"),
    (lambda: reliai.Validate(reask_with=lambda *_: None, output=int), "reask=0"),
    (reliai.Timeout, "limits nothing"),
    (lambda: reliai.Guard(reliai.MaxLength), "did you mean MaxLength"),
    (lambda: checks.Injection(2), "at most 1"),
    (lambda: checks.Grounded("a", minimum=2), "at most 1"),
    (reliai.OneOf, "allows nothing"),
    (lambda: reliai.format_for(int, "nobody"), "use one of"),
]


@pytest.mark.parametrize(("make", "message"), SET, ids=range(len(SET)))
def test_a_setting_out_of_its_range_is_told_when_it_is_set(
    make: Callable[[], Any], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        make()
