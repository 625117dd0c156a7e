"""Retries inside retries: what was repeated inside is not repeated outside."""

from __future__ import annotations

import warnings
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import ScriptedModel, records, virtual_clock
from tests.core._kinds import of_kind, read

if TYPE_CHECKING:
    from collections.abc import Callable

DOWN = ConnectionError("down")


def calling(function: Callable[..., Any]) -> Callable[..., Any]:
    """A bare function that calls a guarded one, which makes two calls of them and no stack."""

    def relay() -> Any:
        return function()

    return relay


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_failure_that_was_repeated_inside_is_not_repeated_outside(kind: str) -> None:
    """A43: four attempts around three are three requests."""
    model = ScriptedModel([DOWN], repeat_last=True)
    inner = reliai.Retry(3, wait=0)(of_kind(model, kind))
    if kind == "async":

        async def relay() -> object:
            return await inner()

        outer = reliai.reliable(reliai.Retry(4, wait=0), name=f"outer-{kind}")(relay)
    else:
        outer = reliai.reliable(reliai.Retry(4, wait=0), name=f"outer-{kind}")(calling(inner))
    with virtual_clock(), warnings.catch_warnings():
        warnings.simplefilter("ignore", reliai.ReliaiWarning)
        with pytest.raises(ConnectionError):
            read(outer, kind)
    assert len(model.calls) == 3


def test_nested_retry_is_warned_of() -> None:
    """A43."""
    inner = reliai.Retry(3, wait=0)(ScriptedModel([DOWN], repeat_last=True))
    outer = reliai.reliable(reliai.Retry(4, wait=0), name="warned-of-once")(calling(inner))
    with (
        virtual_clock(),
        pytest.warns(reliai.ReliaiWarning, match="Keep Retry in one of the two"),
        pytest.raises(ConnectionError),
    ):
        outer()


def test_record_of_the_outer_call_says_that_it_was_repeated_inside() -> None:
    """A43."""
    inner = reliai.Retry(3, wait=0)(ScriptedModel([DOWN], repeat_last=True))
    outer = reliai.reliable(reliai.Retry(4, wait=0), name="told-by-record")(calling(inner))
    with virtual_clock(), warnings.catch_warnings(), records() as seen:
        warnings.simplefilter("ignore", reliai.ReliaiWarning)
        with pytest.raises(ConnectionError):
            outer()
    assert "nested" in [event.attributes.get("reason") for event in seen[-1].events]


def test_what_the_budget_refused_inside_is_not_repeated_outside() -> None:
    model = ScriptedModel([DOWN], repeat_last=True)
    spent = reliai.RetryBudget(0.1, min_per_second=0)
    inner = reliai.Retry(3, wait=0, budget=spent)(model)
    outer = reliai.reliable(reliai.Retry(4, wait=0), name="budget-inside")(calling(inner))
    with virtual_clock(), warnings.catch_warnings():
        warnings.simplefilter("ignore", reliai.ReliaiWarning)
        with pytest.raises(ConnectionError):
            outer()
    assert len(model.calls) == 1


def test_failure_of_the_outer_function_itself_is_repeated() -> None:
    inner = reliai.Retry(3, wait=0)(ScriptedModel(["a"], repeat_last=True))
    failures = iter([True, False])

    @reliai.Retry(4, wait=0)
    def outer() -> str:
        value = str(inner())
        if next(failures):
            raise ConnectionError("outside")
        return value

    with virtual_clock():
        assert outer() == "a"


def test_failure_that_was_not_repeated_inside_is_repeated_outside() -> None:
    model = ScriptedModel([DOWN, "a"])
    inner = reliai.Retry(1)(model)
    with virtual_clock():
        assert reliai.Retry(4, wait=0)(calling(inner))() == "a"


def test_later_failure_is_repeated_though_an_earlier_one_was_repeated_inside() -> None:
    inner = reliai.Retry(2, wait=0)(ScriptedModel([DOWN], repeat_last=True))
    model = ScriptedModel([ConnectionError("mine"), "a"])

    @reliai.Retry(4, wait=0)
    def outer() -> object:
        with suppress(ConnectionError):
            inner()
        return model()

    with virtual_clock():
        assert outer() == "a"


def test_two_retries_in_one_pipeline_are_a_finding_with_their_product() -> None:
    """A43."""
    found = reliai.Pipeline(reliai.Retry(4), reliai.Retry(3)).check()
    assert any("4 x 3 = 12 attempts; keep one" in each for each in found)
