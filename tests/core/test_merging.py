"""Stacked decorators are one pipeline, one call and one record."""

from __future__ import annotations

import functools
from typing import Any

import pytest

import reliai
from reliai.testing import ScriptedModel, records
from tests.core._kinds import answer, every_kind, of_kind, read


def names(function: Any) -> list[str]:
    return [type(policy).__name__ for policy in reliai.pipeline_of(function).policies]


@every_kind
def test_three_decorators_are_one_call_with_one_record(kind: str) -> None:
    model = ScriptedModel([ConnectionError("down"), "a"])
    function = reliai.Timeout(30)(
        reliai.Retry(2, wait=0)(reliai.CircuitBreaker()(of_kind(model, kind)))
    )
    assert names(function) == ["Timeout", "Retry", "CircuitBreaker"], "the outer decorator is outer"
    with records() as seen:
        assert read(function, kind, "x") == answer(kind, "a")
    assert len(seen) == 1
    assert [attempt.status for attempt in seen[0].attempts] == ["error", "success"]


def test_merged_function_keeps_the_bare_one_and_calls_no_wrapper_of_ours() -> None:
    def bare() -> str:
        return "a"

    function: Any = reliai.Timeout(30)(reliai.Retry(2)(bare))
    assert function.__wrapped__ is bare
    assert function() == "a"


def test_decorated_function_below_stays_as_it_was() -> None:
    inner = reliai.Retry(2)(lambda: "a")
    outer = reliai.Timeout(30)(inner)
    assert names(inner) == ["Retry"]
    assert names(outer) == ["Timeout", "Retry"]


def test_binding_looks_at_the_whole_stack() -> None:
    """A Timeout inside Retry limits one attempt, wherever the two were written."""
    function = reliai.Timeout(30)(reliai.Retry(2)(reliai.Timeout(10)(lambda: "a")))
    timeouts: Any = reliai.pipeline_of(function).policies[::2]
    layers = [policy.layer for policy in timeouts]
    assert layers == ["total", "attempt"]


def test_foreign_wrapper_around_ours_is_a_function_of_its_own() -> None:
    @reliai.reliable(name="inner")
    def inner() -> str:
        return "a"

    @functools.wraps(inner)
    def foreign() -> str:
        return inner() + "!"

    outer = reliai.reliable(name="outer")(foreign)
    with records() as seen:
        assert outer() == "a!"
    assert [record.name for record in seen] == ["inner", "outer"]
    assert seen[0].parent_id == seen[1].id
    with pytest.raises(reliai.ConfigurationError, match="not guarded"):
        reliai.pipeline_of(foreign)


def test_outermost_explicit_name_wins() -> None:
    inner = reliai.reliable(name="inner")(lambda: "a")
    for outer, expected in (
        (reliai.reliable(name="outer")(inner), "outer"),
        (reliai.reliable()(inner), "inner"),
        (reliai.Retry(2)(inner), "inner"),
        (reliai.standard(name="named")(inner), "named"),
    ):
        with reliai.collect() as calls:
            outer()
        assert calls[0].name == expected


def test_tags_merge_and_the_outer_ones_win() -> None:
    inner = reliai.reliable(tags={"team": "a", "tier": "1"})(lambda: "a")
    outer = reliai.reliable(tags={"team": "b", "locale": "de"})(inner)
    with reliai.collect() as calls:
        outer()
    assert calls[0].tags == {"team": "b", "tier": "1", "locale": "de"}


def test_observers_are_concatenated() -> None:
    seen: list[str] = []

    class Noting:
        inline = True

        def __init__(self, name: str) -> None:
            self.name = name

        def on_end(self, record: reliai.CallRecord) -> None:
            seen.append(self.name)

    inner = reliai.reliable(observers=[Noting("inner")])(lambda: "a")
    reliai.reliable(observers=[Noting("outer")])(inner)()
    assert seen == ["outer", "inner"]


def test_facts_of_the_inner_decorator_hold_for_the_whole() -> None:
    def measure(arguments: Any, output: Any) -> dict[str, Any]:
        return {"length": len(output)}

    @reliai.reliable(effects="once", measure=measure, idempotency_key="order")
    def inner(order: str) -> str:
        call = reliai.current_call()
        assert call is not None
        return call.idempotency_key

    outer = reliai.Retry(2)(inner)
    with reliai.collect() as calls:
        assert outer("order-7") == "order-7"
    assert calls[0].values == {"length": 7}
    assert reliai.pipeline_of(outer).describe()["effects"] == "once"


def test_contradicting_effects_are_refused() -> None:
    inner = reliai.reliable(effects="once")(lambda: "a")
    with pytest.raises(reliai.ConfigurationError, match="contradicts"):
        reliai.reliable(effects="none")(inner)


def test_unknown_effects_and_an_unknown_key_parameter_are_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"effects='twice'.*'idempotent'"):
        reliai.reliable(effects="twice")(lambda: "a")
    with pytest.raises(reliai.ConfigurationError, match=r"idempotency_key='order'.*prompt"):
        reliai.reliable(idempotency_key="order")(lambda prompt: prompt)


def test_output_of_the_inner_decorator_is_validated_once() -> None:
    inner = reliai.reliable(output=list[int])(lambda: "[1, 2]")
    outer = reliai.Retry(2)(inner)
    assert outer() == [1, 2]
    assert names(outer) == ["Retry", "Validate"]
