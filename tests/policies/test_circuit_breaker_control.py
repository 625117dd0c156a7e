"""How a circuit breaker is set up, and what operators, health pages and tests do with it."""

from __future__ import annotations

import gc
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


def test_a_second_definition_keeps_the_counts_adopts_the_settings_and_warns(
    clock: VirtualClock,
) -> None:
    """A30"""
    first = reliai.CircuitBreaker("ours")
    answer = first(Model(clock, *[down] * 9).of("sync"))
    for _ in range(5):
        ask(answer)
    with pytest.warns(reliai.ReliaiWarning, match="'ours' was defined before with other") as seen:
        second = reliai.CircuitBreaker("ours", min_calls=6)
    assert [warning.filename for warning in seen] == [__file__]
    assert second.snapshot().calls == 5
    ask(answer)
    assert first.state == "open"


def test_an_unnamed_second_definition_adopts_the_settings_at_its_first_call(
    clock: VirtualClock,
) -> None:
    """A30"""

    def define(min_calls: int) -> Any:
        breaker = reliai.CircuitBreaker(min_calls=min_calls)
        return reliai.reliable(breaker, name="redefined")(Model(clock, *[down] * 9).of("sync"))

    for _ in range(5):
        ask(define(10))
    assert reliai.circuits()[0].state == "closed"
    ask(define(6))
    assert reliai.circuits()[0].state == "open"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"failure_rate": 50}, r"failure_rate=50 must be a share in \(0, 1\]"),
        ({"calls": 5}, "min_calls=10 can never be reached"),
        ({"name": ""}, "name='' must be a text"),
        ({"name": len}, "as a decorator write @reliai.CircuitBreaker()"),
        ({"mode": "off"}, "mode='off' must be 'enforce' or 'observe'"),
        ({"key": "user"}, "key='user' names no key"),
        ({"key": ()}, r"key=\(\) names no key"),
        ({"key": ("tenant", None)}, r"key=\('tenant', None\) names no key"),
        ({"key": str}, "key=<class 'str'> names no key"),
        ({"key": ("tenant", 5)}, "key=5 names no key"),
    ],
)
def test_senseless_settings_are_refused_at_once(settings: dict[str, Any], message: str) -> None:
    """A3"""
    with pytest.raises(reliai.ConfigurationError, match=message):
        reliai.CircuitBreaker(**settings)


@pytest.mark.parametrize("key", ["arg:query", ("tenant", "arg:query")])
def test_a_key_of_a_parameter_there_is_not_is_refused_when_decorating(
    key: Any, clock: VirtualClock
) -> None:
    with pytest.raises(
        reliai.ConfigurationError, match=r"'arg:query': .* has no parameter 'query'"
    ):
        reliai.CircuitBreaker(key=key)(Model(clock).of("sync"))


def test_it_describes_every_setting_as_plain_data() -> None:
    described = reliai.CircuitBreaker("ours", detector=reliai.Cusum(), key="tenant").describe()
    assert described == {
        "name": "ours",
        "failure_rate": 0.5,
        "consecutive": None,
        "slow_call": None,
        "slow_rate": 1.0,
        "window": 60.0,
        "calls": None,
        "min_calls": 10,
        "open_for": 30.0,
        "max_open_for": 300.0,
        "probes": 1,
        "detector": "Cusum(baseline=0.01, shift=0.3, arl=1000000.0, value=0.0)",
        "key": "tenant",
        "state": None,
        "mode": "enforce",
    }


@each_kind
def test_an_isolated_circuit_refuses_for_ever_and_closes_empty(
    kind: str, clock: VirtualClock
) -> None:
    """A26"""
    breaker = reliai.CircuitBreaker("ours")
    model = Model(clock, down)
    answer = breaker(model.of(kind))
    ask(answer)
    breaker.isolate()
    clock.advance(1e6)
    refused = ask(answer)
    assert isinstance(refused, reliai.CircuitOpen)
    assert (refused.retry_after, model.calls, breaker.snapshot().state) == (None, 1, "isolated")
    breaker.close()
    assert (breaker.snapshot().state, breaker.snapshot().calls) == ("closed", 0)
    assert ask(answer) is None


@each_kind
@pytest.mark.parametrize("everywhere", [False, True])
def test_observing_says_what_it_would_refuse_and_refuses_nothing(
    kind: str, everywhere: bool, clock: VirtualClock
) -> None:
    """A27"""
    mode = "enforce" if everywhere else "observe"
    breaker = reliai.CircuitBreaker("ours", consecutive=1, open_for=5, mode=mode)
    model = Model(clock, down, down)
    answer = breaker(model.of(kind))
    with reliai.mode("observe" if everywhere else "enforce"):
        assert [each[0] for each in events(answer)] == ["circuit_opened"]
        would = ("circuit_would_reject", {"circuit": "ours", "retry_after": 5.0})
        assert events(answer) == [would]
        assert events(answer) == [would]
        assert model.calls == 3
        assert breaker.snapshot().rejected == 2
        clock.advance(5)
        assert [each[0] for each in events(answer)] == ["circuit_half_open", "circuit_closed"]


@each_kind
def test_a_deactivated_breaker_neither_refuses_nor_learns(kind: str, clock: VirtualClock) -> None:
    """A77"""
    breaker = reliai.CircuitBreaker("ours", consecutive=1)
    answer = breaker(Model(clock, down, down, down).of(kind))
    with reliai.deactivated():
        assert (ask(answer), ask(answer)) == (down, down)
    assert breaker.snapshot().calls == 0
    ask(answer)
    with reliai.deactivated():
        assert ask(answer) is None


def test_an_open_circuit_inside_retry_costs_no_call_and_no_wait(clock: VirtualClock) -> None:
    """A45, A66"""
    breaker = reliai.CircuitBreaker("ours", consecutive=1)
    ask(breaker(Model(clock, down).of("sync")))
    model = Model(clock)
    answer = reliai.reliable(reliai.Fallback("later"), reliai.Retry(5), breaker)(model.of("sync"))
    assert answer() == "later"
    assert (model.calls, clock.slept, clock.now) == (0, [], 0.0)


def test_inside_retry_it_counts_attempts(clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker("ours", consecutive=2)
    model = Model(clock, *[down] * 9)
    refused = ask(reliai.reliable(reliai.Retry(5), breaker)(model.of("sync")))
    assert isinstance(refused, reliai.CircuitOpen)
    assert model.calls == 2


@each_kind
def test_every_change_is_an_event_of_the_call_that_brought_it(
    kind: str, clock: VirtualClock
) -> None:
    answer = reliai.CircuitBreaker("ours", consecutive=1, open_for=5)(Model(clock, down).of(kind))
    with reliai.collect() as calls:
        ask(answer)
        clock.advance(3)
        ask(answer)
        clock.advance(2)
        ask(answer)
        ask(answer)
    said = [[(event.kind, dict(event.attributes)) for event in call.events] for call in calls]
    about = {"circuit": "ours"}
    assert said == [
        [("circuit_opened", {**about, "reason": "consecutive", "open_for": 5.0})],
        [("circuit_rejected", {**about, "retry_after": 2.0})],
        [
            ("circuit_half_open", {**about, "reason": "break_over"}),
            ("circuit_closed", {**about, "reason": "probes_passed"}),
        ],
        [],
    ]
    assert [call.status for call in calls] == ["error", "rejected", "success", "success"]


def test_a_health_page_sees_every_circuit(clock: VirtualClock) -> None:
    ask(reliai.CircuitBreaker("one", consecutive=1, open_for=7)(Model(clock, down).of("sync")))
    ask(reliai.CircuitBreaker("two", key="arg:prompt")(Model(clock).of("sync")), "me")
    clock.advance(2)
    assert [
        (seen.name, seen.key, seen.state, seen.calls, seen.retry_after)
        for seen in reliai.circuits()
    ] == [
        ("one", None, "open", 1, 5.0),
        ("two", None, "closed", 0, 0.0),
        ("two", "me", "closed", 1, 0.0),
    ]


def test_under_another_clock_a_circuit_begins_closed_and_is_found_again_afterwards(
    clock: VirtualClock,
) -> None:
    breaker = reliai.CircuitBreaker("ours", consecutive=1)
    model = Model(clock, down)
    answer = breaker(model.of("sync"))
    ask(answer)
    with virtual_clock():
        assert ask(answer) is None
        assert (breaker.state, breaker.snapshot().calls) == ("closed", 1)
    assert isinstance(ask(answer), reliai.CircuitOpen)
    assert breaker.state == "open"


def test_what_a_circuit_did_can_be_seen_after_its_clock_has_gone() -> None:
    breaker = reliai.CircuitBreaker("ours", consecutive=1, open_for=5)
    with virtual_clock() as inner:
        ask(breaker(Model(inner, down).of("sync")))
        inner.advance(2)
    assert (breaker.state, breaker.snapshot().retry_after) == ("open", 3.0)


def test_an_operators_word_holds_under_every_clock(clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker("ours")
    answer = breaker(Model(clock).of("sync"))
    breaker.isolate()
    with virtual_clock():
        assert isinstance(ask(answer), reliai.CircuitOpen)


def test_a_clock_that_has_gone_takes_its_circuits_along() -> None:
    from reliai.policies._circuit_home import EVERYBODYS

    gc.collect()
    before = len(EVERYBODYS._by_clock)
    with virtual_clock():
        reliai.CircuitBreaker("ours")
        assert len(EVERYBODYS._by_clock) == before + 1
    gc.collect()
    assert len(EVERYBODYS._by_clock) == before


def test_a_breaker_that_a_middleware_runs_works_without_being_bound(clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker(consecutive=1)

    async def middleware(call: reliai.Call, proceed: Any) -> reliai.Outcome:
        return await breaker.run(call, proceed)

    answer = reliai.reliable(middleware, name="answers")(Model(clock, down).of("sync"))
    ask(answer)
    refused = ask(answer)
    assert isinstance(refused, reliai.CircuitOpen)
    assert refused.name == "answers"
