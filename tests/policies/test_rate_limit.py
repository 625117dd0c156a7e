"""A rate limit lets so many calls through, in turn, and corrects what it only estimated."""

from __future__ import annotations

import asyncio
import math
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import virtual_clock
from tests.policies._guarded import Guarded, every_kind, every_one_value

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reliai.testing import VirtualClock

LIMIT: Any = reliai.RateLimit


@pytest.fixture(autouse=True)
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as time:
        yield time


def ask(prompt: str) -> str:
    return prompt


@every_kind
def test_a_burst_is_let_through_and_the_next_call_refused(kind: str) -> None:
    guarded = Guarded(kind, reliai.RateLimit(2))
    for _ in range(2):
        assert "".join(guarded("hi")) == "hi"
    with pytest.raises(reliai.RateLimited, match=r"over the rate limit of .* \(2 each 1 s") as told:
        guarded("hi")
    assert told.value.retry_after == 0.5
    assert guarded.prompts == ["hi", "hi"]


def test_calls_are_let_through_again_at_the_rate(clock: VirtualClock) -> None:
    guarded = reliai.RateLimit(2, burst=1)(ask)
    for _ in range(5):
        assert guarded("hi") == "hi"
        clock.advance(0.5)


def test_a_refusal_is_a_rejected_record_without_an_attempt() -> None:
    guarded = reliai.reliable(reliai.RateLimit(1), name="ask")(ask)
    guarded("hi")
    outcome = reliai.execute(guarded, "hi")
    assert outcome.record is not None
    assert outcome.record.status == "rejected"
    assert outcome.record.attempts == ()
    assert outcome.record.events[0].kind == "rate_limit_rejected"
    assert outcome.record.events[0].attributes["retry_after"] == 1.0


@every_one_value
def test_a_call_that_may_wait_waits_for_its_turn(kind: str, clock: VirtualClock) -> None:
    guarded = Guarded(kind, reliai.RateLimit(1, max_wait=10))
    for _ in range(4):
        assert guarded("hi") == "hi"
    assert clock.slept == [1, 1, 1]


def test_those_who_wait_are_served_in_the_order_of_arrival(clock: VirtualClock) -> None:
    served: list[tuple[str, float]] = []

    @reliai.RateLimit(1, max_wait=math.inf)
    async def model(prompt: str) -> None:
        served.append((prompt, clock.now))

    async def main() -> None:
        await asyncio.gather(*(model(each) for each in "abcd"))

    asyncio.run(main())
    assert served == [("a", 0), ("b", 1), ("c", 2), ("d", 3)]


def test_who_would_wait_longer_than_it_may_is_refused_at_once(clock: VirtualClock) -> None:
    guarded = reliai.RateLimit(1, max_wait=0.5)(ask)
    guarded("hi")
    with pytest.raises(reliai.RateLimited, match="call again in 1 s"):
        guarded("hi")
    assert clock.slept == []


def test_nobody_waits_beyond_the_calls_own_time(clock: VirtualClock) -> None:
    limit = reliai.RateLimit(1, max_wait=60)
    guarded = reliai.reliable(reliai.Timeout(0.5, enforce="deadline"), limit)(ask)
    guarded("hi")
    with pytest.raises(reliai.CallTimeout) as caught:
        guarded("hi")
    assert caught.value.layer == "total"
    assert clock.slept == []


def test_one_who_is_cancelled_in_waiting_gives_back_what_it_took() -> None:
    limit = reliai.RateLimit(1, max_wait=60)

    @limit
    async def model(prompt: str) -> str:
        return prompt

    async def main() -> None:
        await model("a")
        waiting = asyncio.ensure_future(model("b"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.sleep(1)
        await model("c")

    asyncio.run(main())


def test_every_attempt_of_a_retry_takes_from_it() -> None:
    def fail(_: str) -> str:
        raise ConnectionError

    guarded = reliai.reliable(reliai.Retry(5), reliai.RateLimit(2, per=1e6))(fail)
    with pytest.raises(reliai.RateLimited):
        guarded("hi")


def test_a_refusal_is_not_retried_and_teaches_no_circuit(clock: VirtualClock) -> None:
    breaker = reliai.CircuitBreaker("limited", consecutive=1)
    guarded = reliai.reliable(reliai.Retry(3), breaker, reliai.RateLimit(1))(ask)
    guarded("hi")
    with pytest.raises(reliai.RateLimited):
        guarded("hi")
    assert clock.slept == []
    assert breaker.state == "closed"


def test_each_key_has_a_bucket_of_its_own() -> None:
    guarded = reliai.RateLimit(1, key="tenant")(ask)
    for tenant in ("one", "other"):
        with reliai.context(tenant=tenant):
            guarded("hi")
    with reliai.context(tenant="one"), pytest.raises(reliai.RateLimited):
        guarded("hi")


def test_each_target_of_a_fallback_has_a_bucket_of_its_own() -> None:
    def other(prompt: str) -> str:
        return f"other {prompt}"

    guarded = reliai.reliable(reliai.Fallback(other), reliai.RateLimit(1))(ask)
    assert [guarded("hi"), guarded("hi")] == ["hi", "other hi"]
    with pytest.raises(reliai.RateLimited):
        guarded("hi")


def test_one_object_is_one_bucket_for_all_functions_it_guards() -> None:
    limit = reliai.RateLimit(1)
    one, other = limit(ask), limit(ask)
    one("hi")
    with pytest.raises(reliai.RateLimited):
        other("hi")


def test_a_weight_takes_more_than_one() -> None:
    guarded = reliai.RateLimit(10, cost=lambda call: len(call.args[0]), correct=False)(ask)
    guarded("123456")
    with pytest.raises(reliai.RateLimited, match="it takes 6, 4 are left"):
        guarded("123456")
    guarded("1234")


def test_what_takes_more_than_a_burst_is_refused_for_good() -> None:
    guarded = reliai.RateLimit(10, max_wait=math.inf, cost=lambda _: 11, correct=False)(ask)
    with pytest.raises(reliai.RateLimited, match="never let through; raise burst") as told:
        guarded("hi")
    assert told.value.retry_after is None


def test_an_estimate_that_was_too_high_is_given_back_and_too_low_is_taken_later() -> None:
    used = iter([10, 300, 1])

    def model(prompt: str) -> str:
        reliai.usage(model="small", input_tokens=next(used), output_tokens=0)
        return prompt

    guarded = reliai.RateLimit(100, per=1e6, cost=lambda _: 50.0)(model)
    guarded("hi")  # 90 left
    guarded("hi")  # 210 short
    with pytest.raises(reliai.RateLimited, match="0 are left"):
        guarded("hi")


def test_tokens_are_estimated_and_corrected_by_what_the_answer_tells() -> None:
    def model(prompt: str) -> str:
        reliai.usage(model="small", input_tokens=30, output_tokens=10)
        return prompt

    limit = reliai.RateLimit(2_000, per=1e9, cost="tokens")
    guarded = limit(model)
    for _ in range(24):  # 1,001 by the length of the text at first; 40 each when it is known
        guarded("hi")
    assert 2_000 - 24 * 40 - 1 < levels(limit)[0] <= 2_000 - 24 * 40 + 1


def levels(limit: reliai.RateLimit) -> list[float]:
    return [bucket.level(0.0) for each in limit._buckets.values() for _, bucket in each.items()]


def test_a_call_without_usage_keeps_its_estimate() -> None:
    guarded = reliai.RateLimit(100, per=1e6, cost=lambda _: 60.0)(ask)
    guarded("hi")
    with pytest.raises(reliai.RateLimited):
        guarded("hi")


def test_a_share_is_reserved_for_calls_of_high_priority() -> None:
    guarded = reliai.RateLimit(10, per=1e6, reserve=0.5, priority="tag:priority")(ask)
    for _ in range(5):
        guarded("batch")
    with pytest.raises(reliai.RateLimited):
        guarded("batch")
    with reliai.context(tags={"priority": "high"}):
        for _ in range(5):
            guarded("a person waits")
        with pytest.raises(reliai.RateLimited):
            guarded("a person waits")


def test_a_function_says_which_calls_are_of_high_priority() -> None:
    guarded = reliai.RateLimit(
        2, per=1e6, reserve=0.5, priority=lambda call: call.args[0] == "urgent"
    )(ask)
    guarded("batch")
    with pytest.raises(reliai.RateLimited):
        guarded("batch")
    assert guarded("urgent") == "urgent"


def test_observing_lets_all_through_and_says_what_it_would_have_refused() -> None:
    guarded = reliai.reliable(reliai.RateLimit(1, mode="observe"))(ask)
    guarded("hi")
    record = reliai.execute(guarded, "hi").record
    assert record is not None
    assert record.status == "success"
    assert [event.kind for event in record.events] == ["rate_limit_would_reject"]


def test_deactivated_calls_are_let_through() -> None:
    guarded = reliai.RateLimit(1)(ask)
    with reliai.deactivated():
        assert [guarded("hi") for _ in range(3)] == ["hi"] * 3


def test_threads_together_use_no_more_than_the_burst() -> None:
    guarded, through = reliai.RateLimit(50, per=1e9)(ask), list[str]()

    def work() -> None:
        for _ in range(20):
            outcome = reliai.execute(guarded, "hi")
            if outcome.ok:
                through.append(outcome.value)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(through) == 50


def test_what_a_users_function_raises_is_the_outcome() -> None:
    def crash(_: reliai.Call) -> float:
        raise LookupError

    guarded = reliai.RateLimit(1, cost=crash)(ask)
    with pytest.raises(LookupError):
        guarded("hi")


@pytest.mark.parametrize("said", [-1, math.nan, math.inf, "many", True, None])
def test_a_cost_that_is_no_number_from_0_up_is_told(said: Any) -> None:
    guarded = LIMIT(1, cost=lambda _: said, correct=False)(ask)
    with pytest.raises(reliai.ConfigurationError, match="must be a number from 0 up"):
        guarded("hi")


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"rate": 0}, "rate=0"),
        ({"rate": math.inf}, "rate=inf"),
        ({"rate": 1, "per": -1}, "per=-1"),
        ({"rate": 1, "burst": 0}, "burst=0"),
        ({"rate": 1, "max_wait": -1}, "max_wait=-1"),
        ({"rate": 1, "reserve": 1, "priority": "tag:p"}, "reserve=1"),
        ({"rate": 1, "reserve": 0.5}, "go together"),
        ({"rate": 1, "priority": "tag:p"}, "go together"),
        ({"rate": 1, "reserve": 0.5, "priority": "high"}, "priority='high'"),
        ({"rate": 1, "cost": "money"}, "cost='money'"),
        ({"rate": 1, "cost": 7}, "cost=7"),
        ({"rate": 1, "correct": False}, "only a function's cost may stay"),
        ({"rate": 1, "key": "colour"}, "key"),
        ({"rate": 1, "mode": "watch"}, "mode='watch'"),
    ],
)
def test_a_setting_out_of_its_range_is_refused(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match=says):
        LIMIT(**settings)


def test_a_key_that_names_no_parameter_is_refused_when_decorating() -> None:
    with pytest.raises(reliai.ConfigurationError, match="no parameter 'who'"):
        reliai.RateLimit(1, key="arg:who")(ask)
