"""An adaptive limit and a throttle in front of a target that bears only so much."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import virtual_clock
from tests.policies._guarded import Guarded, every_kind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.testing import VirtualClock

LIMIT: Any = reliai.AdaptiveLimit
THROTTLE: Any = reliai.AdaptiveThrottle


class Overloaded(Exception):
    status_code = 529


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as time:
        yield time


class Server:
    """Bears so many calls at once; more are refused as overload."""

    def __init__(self, bears: int) -> None:
        self.bears = bears
        self.running = self.refused = self.served = self.most = 0

    async def __call__(self, prompt: str) -> str:
        if self.running >= self.bears:
            self.refused += 1
            raise Overloaded
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(1)
        finally:
            self.running -= 1
        self.served += 1
        return prompt


async def burst(ask: Any, size: int, rounds: int) -> None:
    for _ in range(rounds):
        await asyncio.gather(*(ask("hi") for _ in range(size)), return_exceptions=True)


def test_it_finds_what_the_target_bears() -> None:
    server, limit = Server(10), reliai.AdaptiveLimit(40, 1, 200)

    async def main() -> None:
        ask = limit(server.__call__)
        await burst(ask, 60, 200)

    asyncio.run(main())
    assert 8 <= limit.limit <= 12


def test_it_makes_room_while_the_target_is_well() -> None:
    server, limit = Server(1000), reliai.AdaptiveLimit(5, 1, 50)

    async def main() -> None:
        await burst(limit(server.__call__), 60, 100)

    asyncio.run(main())
    assert limit.limit == 50


@every_kind
def test_a_failure_that_is_no_overload_teaches_it_nothing(kind: str) -> None:
    def fail(_: str) -> str:
        raise LookupError

    limit = reliai.AdaptiveLimit(10)
    guarded = Guarded(kind, limit, answer=fail)
    for _ in range(5):
        with pytest.raises(LookupError):
            guarded("hi")
    assert limit.limit == 10


@every_kind
def test_an_overload_lowers_it_and_says_so(kind: str) -> None:
    def fail(_: str) -> str:
        raise Overloaded

    limit = reliai.AdaptiveLimit(10)
    guarded = Guarded(kind, limit, answer=fail)
    with pytest.raises(Overloaded):
        guarded("hi")
    assert limit.limit == 9
    changed = [event for event in guarded.record.events if event.kind == "adaptive_limit_changed"]
    assert changed[0].attributes == {"limit": 9, "before": 10}


def test_a_call_that_is_cancelled_gives_its_place_back_and_teaches_nothing() -> None:
    async def main() -> None:
        limit = reliai.AdaptiveLimit(4)
        server = Server(5)
        ask = limit(server.__call__)
        task = asyncio.ensure_future(ask("a"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert limit.limit == 4
        assert await asyncio.gather(*(ask(each) for each in "abcd")) == list("abcd")

    asyncio.run(main())


def test_who_comes_on_top_is_refused_or_waits_in_the_queue() -> None:
    async def main() -> None:
        server = Server(5)
        refusing = reliai.AdaptiveLimit(1, maximum=1)(server.__call__)
        first = asyncio.ensure_future(refusing("a"))
        await asyncio.sleep(0)
        with pytest.raises(reliai.BulkheadFull, match="bears 1 calls at the same time now"):
            await refusing("b")
        await first
        waiting = reliai.AdaptiveLimit(1, maximum=1, queue=2)(server.__call__)
        assert await asyncio.gather(*(waiting(each) for each in "abc")) == list("abc")

    asyncio.run(main())


def test_streams_count_by_their_first_chunk(clock: VirtualClock) -> None:
    limit, first = reliai.AdaptiveLimit(4), 1.0

    @limit
    def stream(prompt: str) -> Iterator[str]:
        clock.sleep(first)
        yield from prompt

    for _ in range(40):
        assert list(stream("hi")) == ["h", "i"]
    assert limit.limit == 4
    first = 10.0
    for _ in range(30):
        list(stream("hi"))
    assert limit.limit < 4


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"initial": 0}, "initial=0"),
        ({"minimum": 0}, "minimum=0"),
        ({"maximum": 2.5}, "maximum=2.5"),
        ({"initial": 5, "minimum": 6}, "minimum <= initial <= maximum"),
        ({"initial": 5, "maximum": 4}, "minimum <= initial <= maximum"),
        ({"queue": -1}, "queue=-1"),
        ({"mode": "watch"}, "mode='watch'"),
    ],
)
def test_a_limit_out_of_its_range_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=says):
        LIMIT(**settings)


def test_a_throttle_spares_a_target_that_refuses() -> None:
    sent = 0

    def refuse(_: str) -> str:
        nonlocal sent
        sent += 1
        raise Overloaded

    guarded = reliai.reliable(reliai.AdaptiveThrottle())(refuse)
    errors = [reliai.execute(guarded, "hi").error for _ in range(1000)]
    assert sent < 250
    assert any(isinstance(error, reliai.RateLimited) for error in errors)


@every_kind
def test_a_throttle_leaves_a_target_that_answers_alone(kind: str) -> None:
    guarded = Guarded(kind, reliai.AdaptiveThrottle())
    for _ in range(50):
        guarded("hi")
    assert len(guarded.prompts) == 50


def test_a_throttles_refusal_is_not_retried_and_teaches_no_circuit(clock: VirtualClock) -> None:
    def refuse(_: str) -> str:
        raise Overloaded

    breaker = reliai.CircuitBreaker("throttled", consecutive=100_000, min_calls=100_000)
    throttle = reliai.AdaptiveThrottle(most=0.99)
    filling = reliai.reliable(throttle)(refuse)
    for _ in range(300):
        reliai.execute(filling, "hi")
    guarded = reliai.reliable(reliai.Retry(3), breaker, throttle)(refuse)
    records = [reliai.execute(guarded, "hi").record for _ in range(50)]
    # Chance lets a few through, whose second attempt is refused then.
    refused = [each for each in records if each is not None and each.attempts == ()]
    assert refused
    assert {each.status for each in refused} == {"rejected"}
    assert all(len(each.events) == 1 for each in refused)


def test_an_observing_throttle_lets_all_through() -> None:
    def refuse(_: str) -> str:
        raise Overloaded

    guarded = reliai.reliable(reliai.AdaptiveThrottle(mode="observe"))(refuse)
    errors = [reliai.execute(guarded, "hi").error for _ in range(200)]
    assert all(isinstance(error, Overloaded) for error in errors)
    record = reliai.execute(guarded, "hi").record
    assert record is not None


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"k": 1}, "k=1"),
        ({"window": 0}, "window=0"),
        ({"most": 1}, "most=1"),
        ({"mode": 1}, "mode"),
    ],
)
def test_a_throttle_out_of_its_range_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=says):
        THROTTLE(**settings)
