"""Nothing that has an effect happens in a shadow, and a shadow has none (acceptance case 35)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from tests.policies._guarded import every_one_value
from tests.policies._shadowing import Shadowed

if TYPE_CHECKING:
    from collections.abc import Iterator


def refund_through(refund: Any) -> Any:
    """A candidate that calls a tool."""

    def candidate(order: str) -> Any:
        return refund(order=order)

    return candidate


@every_one_value
def test_a_candidate_that_calls_the_function_has_no_shadow_of_a_shadow(kind: str) -> None:
    holder: list[Any] = []

    def candidate(prompt: str) -> Any:
        return holder[0].function(prompt)

    async def later(prompt: str) -> Any:
        return await holder[0].function(prompt)

    ask = Shadowed(kind, candidate if kind == "sync" else later)
    holder.append(ask)
    ask("hello")
    assert len(ask.prompts) == 2
    assert ask.report.started == 1


@pytest.mark.parametrize("effects", ["once", "idempotent"])
def test_functions_with_an_effect_are_not_called_inside_a_shadow(effects: str) -> None:
    done: list[str] = []

    @reliai.reliable(reliai.Retry(3, wait=0), reliai.Fallback("b"), effects=effects, name="refund")
    def refund(order: str) -> str:
        done.append(order)
        return "refunded"

    ask = Shadowed("sync", refund_through(refund), answer=refund)
    assert ask("17") == "refunded"
    assert done == ["17"]
    assert ask.report.failures == {"rejected": 1}
    error = next(r for r in ask.shadows if r.name == "refund").error
    assert error is not None
    assert error.type.endswith("GuardRejected")
    assert "has an effect" in error.message


def test_tools_are_not_called_inside_a_shadow_whatever_their_kind() -> None:
    done: list[str] = []

    @reliai.tool
    async def send(text: str) -> str:
        done.append(text)
        return "sent"

    async def candidate(prompt: str) -> str:
        with reliai.mode("off"):  # policies may be off: the fence is none
            return await send(prompt)

    ask = Shadowed("async", candidate)
    ask("hello")
    assert done == []
    assert ask.report.failures == {"rejected": 1}


def test_streams_with_an_effect_are_not_opened_inside_a_shadow() -> None:
    done: list[str] = []

    @reliai.reliable(effects="once")
    def write(text: str) -> Iterator[str]:
        done.append(text)
        yield text

    def candidate(prompt: str) -> str:
        return "".join(write(prompt))

    ask = Shadowed("sync", candidate)
    ask("hello")
    assert done == []
    assert ask.report.failures == {"rejected": 1}


@every_one_value
def test_a_stand_in_is_called_in_place_of_a_tool(kind: str) -> None:
    done: list[str] = []

    @reliai.tool
    def refund(order: str) -> str:
        done.append(order)
        return "refunded"

    ask = Shadowed(
        kind,
        lambda prompt: refund(order=prompt),
        answer=refund,
        stand_ins={refund: lambda order: "refunded"},
    )
    assert ask("17") == "refunded"
    assert done == ["17"]
    assert ask.report.matched == 1


def test_a_stand_in_of_an_asynchronous_tool_may_be_of_either_kind() -> None:
    @reliai.tool
    async def refund(order: str) -> str:
        raise AssertionError("it must not be called")

    async def stand_in(order: str) -> str:
        return f"would refund {order}"

    async def candidate(prompt: str) -> str:
        return await refund(prompt)

    for each in (stand_in, lambda order: f"would refund {order}"):
        ask = Shadowed(
            "async",
            candidate,
            answer=lambda prompt: f"would refund {prompt}",
            stand_ins={refund: each},
        )
        ask("17")
        assert ask.report.matched == 1


def test_a_stand_in_that_raises_is_the_tools_failure() -> None:
    @reliai.tool
    def refund(order: str) -> str:
        raise AssertionError("it must not be called")

    def broken(order: str) -> str:
        raise ConnectionError("down")

    ask = Shadowed("sync", refund_through(refund), stand_ins={refund: broken})
    ask("17")
    assert ask.report.failures == {"connection": 1}
