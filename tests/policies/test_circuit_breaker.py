"""When a circuit breaker opens, by calls of every kind."""

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


@each_kind
def test_it_opens_at_the_call_that_fills_the_minimum(kind: str, clock: VirtualClock) -> None:
    """A1"""
    breaker = reliai.CircuitBreaker(calls=5, min_calls=5)
    answer = breaker(Model(clock, down, down, down).of(kind))
    for _ in range(4):
        ask(answer)
        assert (breaker.state, breaker.snapshot().rate) == ("closed", None)
    assert events(answer) == [
        (
            "circuit_opened",
            {
                "circuit": breaker.snapshot().name,
                "reason": "failure_rate",
                "rate": 0.6,
                "open_for": 30.0,
            },
        )
    ]
    assert (breaker.state, breaker.snapshot().rate) == ("open", 0.6)


@each_kind
@pytest.mark.parametrize(("failures", "state"), [(4, "closed"), (5, "open")])
def test_a_rate_equal_to_the_limit_opens(
    kind: str, failures: int, state: str, clock: VirtualClock
) -> None:
    """A2"""
    breaker = reliai.CircuitBreaker()
    answer = breaker(Model(clock, *[down] * failures).of(kind))
    for _ in range(10):
        ask(answer)
    assert breaker.state == state


@each_kind
def test_below_the_minimum_nothing_opens(kind: str, clock: VirtualClock) -> None:
    """A3"""
    breaker = reliai.CircuitBreaker()
    answer = breaker(Model(clock, *[down] * 20).of(kind))
    for _ in range(9):
        ask(answer)
    assert breaker.snapshot().state == "closed"
    ask(answer)
    assert breaker.snapshot().state == "open"


@pytest.mark.parametrize(("wait", "state"), [(29.99, "open"), (30.0, "closed")])
def test_failures_expire_with_the_window(wait: float, state: str, clock: VirtualClock) -> None:
    """A5"""
    breaker = reliai.CircuitBreaker(window=30, min_calls=2)
    answer = breaker(Model(clock, down, down).of("sync"))
    ask(answer)
    clock.advance(wait)
    ask(answer)
    assert breaker.state == state


@each_kind
def test_a_success_that_fills_the_minimum_opens(kind: str, clock: VirtualClock) -> None:
    """A6"""
    breaker = reliai.CircuitBreaker()
    answer = breaker(Model(clock, *[down] * 9).of(kind))
    for _ in range(9):
        assert ask(answer) is down
    assert ask(answer) is None
    assert breaker.state == "open"


@each_kind
def test_slow_calls_open_though_all_succeed(kind: str, clock: VirtualClock) -> None:
    """A7"""
    breaker = reliai.CircuitBreaker(slow_call=4, slow_rate=0.5, min_calls=5)
    model = Model(clock)
    answer = breaker(model.of(kind))
    for model.seconds in (5.0, 5.0, 5.0, 4.0):
        assert ask(answer) is None
    assert breaker.snapshot().slow == 3
    ask(answer)
    assert breaker.state == "open"


@each_kind
def test_failures_in_a_row_open_before_the_minimum(kind: str, clock: VirtualClock) -> None:
    """A10"""
    breaker = reliai.CircuitBreaker(consecutive=5)
    answer = breaker(Model(clock, *[down] * 4, None, *[down] * 5).of(kind))
    for _ in range(9):
        ask(answer)
    assert breaker.snapshot().state == "closed"
    ask(answer)
    assert breaker.snapshot().state == "open"


def test_waiting_in_a_queue_of_ours_is_not_charged_to_the_target(clock: VirtualClock) -> None:
    async def queue(call: reliai.Call, proceed: Any) -> reliai.Outcome:
        await call.runtime.sleep(10)
        outcome: reliai.Outcome = await proceed(call)
        return outcome

    breaker = reliai.CircuitBreaker(slow_call=4)
    model = Model(clock)
    answer = reliai.reliable(breaker, queue)(model.of("sync"))
    ask(answer)
    assert breaker.snapshot().slow == 0
    model.seconds = 5.0
    ask(answer)
    assert breaker.snapshot().slow == 1


def test_a_call_that_a_policy_inside_copies_is_timed_from_its_beginning(
    clock: VirtualClock,
) -> None:
    async def rewrite(call: reliai.Call, proceed: Any) -> reliai.Outcome:
        outcome: reliai.Outcome = await proceed(call.with_arguments(prompt="other"))
        return outcome

    breaker = reliai.CircuitBreaker(slow_call=4)
    model = Model(clock)
    model.seconds = 5.0
    answer = reliai.reliable(breaker, rewrite)(model.of("sync"))
    ask(answer)
    assert breaker.snapshot().slow == 1


def test_a_detector_opens_on_what_no_rate_shows(clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker(detector=reliai.Cusum(), failure_rate=1.0)
    answer = breaker(Model(clock, *[None] * 20, *[down, down, None] * 5).of("sync"))
    for _ in range(30):
        ask(answer)
    assert breaker.state == "open"
    assert breaker.snapshot().failures < 10


def test_a_detector_that_raises_is_said_once_and_fails_no_call(clock: VirtualClock) -> None:
    class Broken:
        def update(self, x: bool, /) -> bool:
            raise ZeroDivisionError

        def copy(self) -> Broken:
            return self

    answer = reliai.CircuitBreaker("ours", detector=Broken())(Model(clock).of("sync"))
    said = {"circuit": "ours", "reason": "ZeroDivisionError"}
    assert events(answer) == [("circuit_detector_failed", said)]
    assert events(answer) == []
