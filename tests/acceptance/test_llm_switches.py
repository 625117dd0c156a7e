"""What operators and tests can switch off, and what stays whatever they do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import reliai

MODES = ["enforce", "observe", "off"]

every_mode = pytest.mark.parametrize("mode", MODES)


# --- tools ---------------------------------------------------------------------------------
@every_mode
@pytest.mark.parametrize("text", ['{"order": "one"}', '{"order": 1', "[1]", "no", '{"other": 1}'])
def test_a_tool_is_never_called_with_what_does_not_fit_it(mode: str, text: str) -> None:
    """28: what a model wrote is no argument, even where all policies are off."""
    called: list[Any] = []

    @reliai.tool
    def refund(order: int) -> None:
        called.append(order)

    with reliai.mode(mode), pytest.raises(reliai.GuardRejected):
        reliai.tool.call_json(refund, text)
    assert called == []


@every_mode
def test_a_tool_gets_its_arguments_converted(mode: str) -> None:
    @reliai.tool
    def refund(order: int, *, note: str = "") -> tuple[int, str]:
        return order, note

    @reliai.tool
    async def refund_later(order: int) -> int:
        return order

    class Desk:
        @reliai.tool
        def refund(self, order: int) -> int:
            return order

    with reliai.mode(mode):
        assert reliai.tool.call_json(refund, '{"order": "17"}') == (17, "")
        assert asyncio.run(reliai.tool.call_json(refund_later, '{"order": "17"}')) == 17
        assert reliai.tool.call_json(Desk().refund, '{"order": "17"}') == 17


def test_an_asynchronous_tool_that_is_switched_off_rejects_as_ever() -> None:
    @reliai.tool
    async def refund(order: int) -> int:
        return order

    wrong: Any = "seven"
    with reliai.mode("off"), reliai.collect() as calls:
        outcome = asyncio.run(reliai.aexecute(refund, wrong))
    assert isinstance(outcome.error, reliai.GuardRejected)
    assert calls[0].status == "rejected"
    assert calls[0].attempts == ()


# --- policies ------------------------------------------------------------------------------
def spend(prompt: str) -> str:
    reliai.usage(cost_usd=0.6)
    return prompt


def test_a_budget_that_is_observed_says_so_and_goes_on_counting() -> None:
    budget = reliai.Budget(usd=1.0, estimate=0.6)
    ask = budget(spend)
    with reliai.mode("observe"), reliai.collect() as calls:
        assert [ask("x") for _ in range(3)] == ["x"] * 3
    said = ["budget_would_reject" in [event.kind for event in call.events] for call in calls]
    assert said == [False, True, True]
    with reliai.mode("off"):
        assert ask("x") == "x"
    assert budget.snapshot()["usd"].spent == pytest.approx(1.8)
    with pytest.raises(reliai.BudgetExceeded):
        ask("x")


def test_a_deactivated_call_keeps_to_caps_and_looks_at_inputs() -> None:
    """For tests: no retries, no waiting, no circuits; all else is as ever."""
    budget = reliai.Budget(usd=1.0, estimate=0.6)
    ask = reliai.reliable(reliai.Guard(reliai.MaxLength(5)), budget, reliai.Retry(3))(spend)
    with reliai.deactivated():
        ask("x")
        for prompt, error in (("x", reliai.BudgetExceeded), ("too long", reliai.GuardRejected)):
            with pytest.raises(error):
                ask(prompt)


@every_mode
def test_once_holds_unless_all_is_off(mode: str) -> None:
    made: list[str] = []

    @reliai.reliable(reliai.Once(key="arg:order"), effects="once")
    def pay(order: str) -> int:
        made.append(order)
        return len(made)

    with reliai.mode(mode):
        assert [pay("o"), pay("o")] == ([1, 2] if mode == "off" else [1, 1])


@every_mode
def test_a_cache_answers_unless_all_is_off(mode: str) -> None:
    asked: list[str] = []

    @reliai.reliable(reliai.Cache())
    def ask(prompt: str) -> int:
        asked.append(prompt)
        return len(asked)

    with reliai.mode(mode):
        assert [ask("x"), ask("x")] == ([1, 2] if mode == "off" else [1, 1])
