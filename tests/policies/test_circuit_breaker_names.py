"""Which circuit a call belongs to: by name, target and key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import VirtualClock, virtual_clock
from tests.policies.breaker_models import KINDS, Model, ask, down, events

if TYPE_CHECKING:
    from collections.abc import Iterator

each_kind = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as made:
        yield made


def test_one_name_is_one_circuit(clock: VirtualClock) -> None:
    """A29"""
    one = reliai.CircuitBreaker("ours", consecutive=2)
    other = reliai.CircuitBreaker("ours", consecutive=2)
    ask(one(Model(clock, down).of("sync")))
    ask(other(Model(clock, down).of("async")))
    assert (one.state, other.state) == ("open", "open")
    assert isinstance(ask(one(Model(clock).of("generator"))), reliai.CircuitOpen)


def test_a_breaker_made_anew_for_each_request_still_learns(clock: VirtualClock) -> None:
    def handle() -> Exception | None:
        model = Model(clock, down)
        return ask(reliai.reliable(reliai.CircuitBreaker(consecutive=3))(model.of("sync")))

    for _ in range(3):
        assert handle() is down
    assert isinstance(handle(), reliai.CircuitOpen)


def test_without_a_name_it_is_the_functions(clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker(consecutive=1)
    model = Model(clock, down)
    answer = reliai.reliable(breaker, name="answers")(model.of("sync"))
    ask(answer)
    refused = ask(answer)
    assert isinstance(refused, reliai.CircuitOpen)
    assert refused.name == "answers"
    (bound,) = reliai.pipeline_of(answer).policies
    assert isinstance(bound, reliai.CircuitBreaker)
    assert (bound.name, bound.state, breaker.state) == ("answers", "open", "open")


def test_two_without_a_name_on_one_function_are_two_circuits(clock: VirtualClock) -> None:
    outer, inner = reliai.CircuitBreaker(consecutive=2), reliai.CircuitBreaker(consecutive=2)
    answer = reliai.reliable(outer, inner, name="answers")(Model(clock, down).of("sync"))
    ask(answer)
    assert [seen.name for seen in reliai.circuits()] == ["answers", "answers#2"]
    assert (outer.snapshot().calls, inner.snapshot().calls) == (1, 1)


def test_decorators_that_merge_leave_one_circuit(clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker(consecutive=1)
    answer = reliai.reliable(name="answers")(breaker(Model(clock, down).of("sync")))
    ask(answer)
    assert [(seen.name, seen.state) for seen in reliai.circuits()] == [("answers", "open")]
    assert breaker.state == "open"


def test_one_without_a_name_on_several_functions_shows_them_together(clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker(consecutive=1)
    well = reliai.reliable(breaker, name="well")(Model(clock).of("sync"))
    ill = reliai.reliable(breaker, name="ill")(Model(clock, down).of("sync"))
    ask(well)
    ask(ill)
    assert ask(well) is None
    seen = breaker.snapshot()
    assert (seen.state, breaker.state, seen.calls, seen.failures) == ("open", "open", 3, 1)
    (of_well,) = reliai.pipeline_of(well).policies
    assert isinstance(of_well, reliai.CircuitBreaker)
    assert (of_well.state, of_well.snapshot().calls) == ("closed", 2)
    breaker.isolate()
    assert isinstance(ask(well), reliai.CircuitOpen)
    breaker.close()
    assert (ask(well), ask(ill)) == (None, None)


def test_before_its_first_call_it_is_closed_and_has_counted_nothing() -> None:
    breaker = reliai.CircuitBreaker()
    assert (breaker.state, breaker.snapshot().calls) == ("closed", 0)
    with pytest.raises(reliai.ConfigurationError, match="has no circuit yet; give it a name"):
        breaker.isolate()
    with pytest.raises(reliai.ConfigurationError, match="has no circuit yet"):
        breaker.close()


def test_it_can_be_isolated_before_the_first_call(clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker()
    answer = breaker(Model(clock).of("sync"))
    breaker.isolate()
    assert isinstance(ask(answer), reliai.CircuitOpen)


def test_a_stand_in_has_a_circuit_of_its_own(clock: VirtualClock) -> None:
    """A29"""

    def small(prompt: str = "") -> str:
        return "small"

    breaker = reliai.CircuitBreaker("ours", consecutive=2)
    model = Model(clock, *[down] * 9)
    answer = reliai.reliable(reliai.Fallback(small), breaker)(model.of("sync"))
    for _ in range(4):
        assert ask(answer) is None
    assert model.calls == 2
    states = {(seen.target, seen.state, seen.calls) for seen in reliai.circuits()}
    assert states == {(None, "open", 2), ("small", "closed", 4)}


def test_an_open_circuit_of_a_stand_in_says_whose_it_is(clock: VirtualClock) -> None:
    def small(prompt: str = "") -> str:
        raise down

    breaker = reliai.CircuitBreaker("ours", consecutive=1)
    answer = reliai.reliable(reliai.Fallback(small), breaker)(Model(clock, down).of("sync"))
    ask(answer)
    refused = [a["circuit"] for kind, a in events(answer) if kind == "circuit_rejected"]
    assert refused == ["ours", "ours/small"]


@pytest.mark.parametrize(
    "key",
    [
        "tenant",
        "subject",
        "arg:prompt",
        ("tenant", "arg:prompt"),
        lambda call: call.arguments["prompt"],
    ],
    ids=["tenant", "subject", "argument", "tuple", "function"],
)
def test_a_key_keeps_circuits_apart(key: Any, clock: VirtualClock) -> None:
    """A29"""
    breaker = reliai.CircuitBreaker("ours", consecutive=1, key=key)
    answer = breaker(Model(clock, down).of("sync"))

    def call(who: str) -> Exception | None:
        with reliai.context(subject=who, tenant=who):
            return ask(answer, who)

    assert call("a") is down
    assert isinstance(call("a"), reliai.CircuitOpen)
    assert call("b") is None
    assert breaker.state == "open"
    assert breaker.snapshot().calls == 2
    breaker.isolate()
    assert isinstance(call("c"), reliai.CircuitOpen)
    breaker.close()
    assert (call("a"), call("b"), call("c")) == (None, None, None)


def test_calls_without_the_context_a_key_asks_for_share_a_circuit(clock: VirtualClock) -> None:
    answer = reliai.CircuitBreaker("ours", consecutive=1, key="tenant")(
        Model(clock, down).of("sync")
    )
    ask(answer)
    assert isinstance(ask(answer), reliai.CircuitOpen)


def unhashable(call: reliai.Call) -> Any:
    return [call.name]


def raising(call: reliai.Call) -> str:
    raise ZeroDivisionError


@pytest.mark.parametrize("key", [unhashable, raising])
def test_a_key_that_cannot_be_had_fails_no_call(key: Any, clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker(f"by {key.__name__}", consecutive=2, key=key)
    answer = breaker(Model(clock, down, down).of("sync"))
    assert (ask(answer), ask(answer)) == (down, down)
    assert isinstance(ask(answer), reliai.CircuitOpen)
