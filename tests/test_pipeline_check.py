"""What `Pipeline.check()` finds, each with the fix, and what it leaves alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

import reliai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


INVERTED: list[tuple[list[Any], str]] = [
    ([reliai.Retry(), reliai.Fallback("x")], "Retry stands outside Fallback"),
    ([reliai.CircuitBreaker("c"), reliai.Retry()], "Retry outside CircuitBreaker"),
    ([reliai.CircuitBreaker("c"), reliai.Fallback("x")], "the circuit sees answers"),
    ([reliai.Retry(), reliai.Guard(reliai.NotEmpty())], "looked at again for each attempt"),
    ([reliai.Retry(), reliai.Validate(reliai.NotEmpty())], "Validate outside Retry"),
    ([reliai.Validate(reliai.NotEmpty()), reliai.Fallback("x")], "delivered unvalidated"),
    ([reliai.Fallback("x"), reliai.Timeout(9), reliai.Retry()], "Timeout outside Fallback"),
    ([reliai.Cache(), reliai.Guard(reliai.NotEmpty())], "not looked at or redacted"),
    ([reliai.Budget(tokens=9), reliai.Cache()], "for answers at hand"),
    ([reliai.Validate(output=int), reliai.Cache()], "kept before anybody has found it invalid"),
    ([reliai.Fallback("x"), reliai.Cache()], "each target has a cache of its own"),
    ([reliai.Retry(), reliai.Cache()], "each attempt asks the cache again"),
    ([reliai.RateLimit(1), reliai.Cache()], "take something of the limit"),
    ([reliai.Bulkhead(1), reliai.Cache()], "take places"),
    ([reliai.Retry(), reliai.Budget(tokens=9)], "each attempt is a call of its own"),
    ([reliai.Fallback("x"), reliai.Budget(tokens=9)], "each target is a call of its own"),
    ([reliai.Validate(output=int), reliai.Budget(tokens=9)], "asked for again is a call"),
    ([reliai.Validate(output=int), reliai.Guard(reliai.NotEmpty())], "looked at as an input"),
    ([reliai.Once(key="arg:p"), reliai.Validate(output=int)], "leaves its key in doubt"),
    ([reliai.Retry(), reliai.Once(key="arg:p")], "a call of its own to Once"),
    ([reliai.Hedge(), reliai.Retry()], "is retried by itself"),
    ([reliai.RateLimit(1), reliai.Retry()], "retries take nothing of the limit"),
    ([reliai.Bulkhead(1), reliai.Retry()], "keeps its place while it waits"),
    ([reliai.CircuitBreaker("c"), reliai.Hedge()], "one call for two attempts"),
    ([reliai.RateLimit(1), reliai.CircuitBreaker("c")], "use up the limit of a target"),
    ([reliai.Bulkhead(1), reliai.CircuitBreaker("c")], "wait in line for a target"),
]


@pytest.mark.parametrize(("policies", "message"), INVERTED, ids=[each for _, each in INVERTED])
def test_inverted_order_is_found(policies: list[Any], message: str) -> None:
    (found,) = reliai.Pipeline(*policies).check()
    assert message in found
    right = list(reversed(policies)) if len(policies) == 2 else [policies[1], policies[0]]
    assert reliai.Pipeline(*right).check() == [], "the other way round all is well"


def test_harm_is_told_of_policies_that_are_no_neighbours() -> None:
    pipeline = reliai.Pipeline(
        reliai.Validate(output=int), reliai.Budget(tokens=9), reliai.Cache(), reliai.Retry()
    )
    found = pipeline.check()
    assert [each.partition(";")[0] for each in found] == [
        "Validate stands outside Budget",
        "Validate stands outside Cache",
        "Budget stands outside Cache",
    ]


def test_the_canonical_order_of_all_policies_is_found_well() -> None:
    pipeline = reliai.Pipeline(
        reliai.Guard(reliai.NotEmpty()),
        reliai.Cache(),
        reliai.Budget(tokens=9),
        reliai.Timeout(30),
        reliai.Fallback("x"),
        reliai.Validate(output=int, reask=1),
        reliai.Once(key="arg:p"),
        reliai.Retry(),
        reliai.Hedge(),
        reliai.CircuitBreaker("c"),
        reliai.RateLimit(1),
        reliai.Bulkhead(1),
        reliai.Timeout(9),
    )
    assert pipeline.check() == []


def test_policies_on_a_tool_stand_where_they_can() -> None:
    @reliai.Timeout(9)
    @reliai.Once(key="arg:order")
    @reliai.tool
    def refund(order: str) -> str:
        return order

    assert reliai.pipeline_of(refund).check() == []


def test_nested_retries_are_found_also_in_stacked_decorators() -> None:
    @reliai.Retry(3)
    @reliai.Retry(4)
    def ask() -> str:
        return "a"

    (found,) = reliai.pipeline_of(ask).check()
    assert "2 Retry policies: up to 3 x 4 = 12 attempts" in found
    assert reliai.Pipeline(reliai.Retry(1), reliai.Retry(4)).check() == []


def test_attempt_longer_than_the_whole_call_is_found() -> None:
    (found,) = reliai.Pipeline(reliai.Timeout(5), reliai.Retry(), reliai.Timeout(20)).check()
    assert "one attempt may take 20 s, the whole call only 5 s" in found
    assert reliai.Pipeline(reliai.Timeout(20), reliai.Retry(), reliai.Timeout(5)).check() == []
    assert len(reliai.standard(timeout=10).check()) == 1


def test_time_limit_inside_fallback_without_retry_is_found() -> None:
    found = reliai.Pipeline(reliai.Fallback("x"), reliai.Timeout(5)).check()
    assert any("limits each target by itself to 5 s" in each for each in found)


def sentences() -> Iterator[str]:
    yield "a"


async def asentences() -> AsyncIterator[str]:
    yield "a"


@pytest.mark.parametrize("function", [sentences, asentences])
def test_missing_limits_of_a_stream_are_found(function: Any) -> None:
    def findings(*policies: Any) -> list[str]:
        return reliai.pipeline_of(reliai.reliable(*policies)(function)).check()

    (found,) = findings(reliai.Timeout(30))
    assert "has no idle timeout" in found
    (found,) = findings(reliai.Retry())
    assert "no time limit at all" in found
    assert findings(reliai.Timeout(30, idle=5)) == []
    assert reliai.pipeline_of(reliai.standard()(function)).check() == []


def test_limits_of_streams_on_a_plain_function_are_found() -> None:
    @reliai.reliable(reliai.Timeout(30, idle=5))
    def ask() -> str:
        return "a"

    (found,) = reliai.pipeline_of(ask).check()
    assert "ask gives no stream; first_chunk and idle" in found


class SyncAPIClient:
    """Has the name and the settings by which SDK clients are known."""

    def __init__(self, max_retries: int, timeout: float) -> None:
        self.max_retries = max_retries
        self.timeout = timeout

    def create(self) -> str:
        return "a"


def findings_with(client: SyncAPIClient, *policies: Any) -> list[str]:
    """What is found of a function that uses a client."""

    @reliai.reliable(*policies)
    def ask() -> Any:
        return client.create()

    return reliai.pipeline_of(ask).check()


def test_sdk_client_that_waits_longer_than_the_deadline_is_found() -> None:
    (found,) = findings_with(SyncAPIClient(0, 600.0), reliai.Timeout(30))
    assert "'client' waits up to 600 s, longer than the limit of 30 s" in found
    assert "reliai.remaining()" in found
    assert findings_with(SyncAPIClient(0, 20.0), reliai.Timeout(30)) == []
    assert findings_with(SyncAPIClient(0, 600.0)) == []


def test_sdk_client_that_retries_is_found() -> None:
    with pytest.warns(reliai.ReliaiWarning, match="up to 9 requests"):
        (found,) = findings_with(SyncAPIClient(2, 5.0), reliai.Retry(3))
    assert "retries 2 times by itself: up to 9 requests for one call" in found


@pytest.mark.parametrize(
    ("timeout", "message"),
    [
        (reliai.Timeout(30_000), r"Timeout\(seconds=30000\) is 8.3 hours.*give 30"),
        (reliai.Timeout(60, idle=5000), r"Timeout\(idle=5000\) is 1.4 hours.*give 5"),
    ],
)
def test_limit_that_looks_like_milliseconds_is_found(timeout: Any, message: str) -> None:
    (found,) = reliai.Pipeline(timeout).check()
    assert re.search(message, found)


def test_long_limit_of_a_batch_is_left_alone() -> None:
    assert reliai.Pipeline(reliai.Timeout(3600, first_chunk=600, idle=600)).check() == []
