"""An effect happens once for each idempotency key, and its result is given again."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

import reliai
from reliai.testing import virtual_clock
from tests.policies._guarded import Guarded, every_one_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reliai.testing import VirtualClock

REQUEST = httpx.Request("POST", "https://example.test")


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_clock() as made:
        yield made


def failing_with(*answers: Any) -> Callable[[str], Any]:
    left = list(answers)

    def answer(_prompt: str) -> Any:
        given = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(given, BaseException):
            raise given
        return given

    return answer


def guarded(kind: str, *policies: Any, answer: Callable[[str], Any] = str) -> Guarded:
    """A function with an effect, whose only argument is its idempotency key."""
    return Guarded(kind, *policies, answer=answer, effects="once", idempotency_key="prompt")


# --- the first result again ---------------------------------------------------------------
@every_one_value
def test_the_first_result_is_given_again(kind: str, clock: VirtualClock) -> None:
    """52"""
    pay = guarded(kind, reliai.Once(), answer=lambda _: {"receipt": 1})
    assert pay("k") == {"receipt": 1}
    clock.advance(5)
    assert pay("k") == {"receipt": 1}
    assert pay.prompts == ["k"]
    assert pay.record.attempts == ()
    assert pay.event("once_replayed") == {"age": 5}
    assert pay.record.cost_usd == 0


@every_one_value
def test_another_key_is_another_effect(kind: str) -> None:
    pay = guarded(kind, reliai.Once())
    pay("k")
    pay("l")
    assert pay.prompts == ["k", "l"]


@every_one_value
def test_no_caller_changes_the_result_of_another(kind: str) -> None:
    pay = guarded(kind, reliai.Once(), answer=lambda _: [1])
    pay("k").append(2)
    assert pay("k") == [1]


@every_one_value
def test_a_result_that_cannot_be_copied_is_given_as_it_is(kind: str) -> None:
    pay = guarded(kind, reliai.Once(), answer=lambda _: threading.Lock())
    assert pay("k") is pay("k")


@every_one_value
def test_a_key_is_remembered_for_its_ttl(kind: str, clock: VirtualClock) -> None:
    pay = guarded(kind, reliai.Once(ttl=10))
    pay("k")
    clock.advance(9.9)
    pay("k")
    clock.advance(0.1)
    pay("k")
    assert len(pay.prompts) == 2


def test_keys_of_two_tenants_are_two_keys() -> None:
    pay = guarded("sync", reliai.Once())
    for tenant in ("a", "b", "a"):
        with reliai.context(tenant=tenant):
            pay("k")
    assert len(pay.prompts) == 2


def test_two_functions_share_no_key() -> None:
    once = reliai.Once()
    one, other = guarded("sync", once), guarded("sync", once)
    one("k")
    other("k")
    assert len(one.prompts) + len(other.prompts) == 2


def test_a_key_can_be_named_apart_from_the_functions_own() -> None:
    calls: list[tuple[str, int]] = []

    @reliai.Once(key="arg:order")
    def pay(order: str, cents: int) -> None:
        calls.append((order, cents))

    pay("a", 5)
    pay("a", 7)
    assert calls == [("a", 5)]


@pytest.mark.parametrize("missing", [None, ""])
def test_a_call_without_a_key_is_simply_made(missing: Any) -> None:
    pay = guarded("sync", reliai.Once())
    pay(missing)
    pay(missing)
    assert len(pay.prompts) == 2
    assert "once_without_key" in pay.events


# --- failures -----------------------------------------------------------------------------
@every_one_value
@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout("late", request=REQUEST),
        httpx.RemoteProtocolError("cut", request=REQUEST),
        ValueError("who knows"),
    ],
)
def test_a_key_stays_in_doubt_when_the_effect_may_have_come_about(
    kind: str, error: Exception
) -> None:
    """52"""
    pay = guarded(kind, reliai.Once(), answer=failing_with(error, "paid"))
    with pytest.raises((reliai.AmbiguousOutcome, ValueError)):
        pay("k")
    for _ in range(2):
        with pytest.raises(reliai.AmbiguousOutcome) as raised:
            pay("k")
        assert raised.value.idempotency_key == "k"
        assert type(error).__name__ in str(raised.value)
    assert len(pay.prompts) == 1
    assert pay.event("once_in_doubt")["error"] == type(error).__name__


@every_one_value
@pytest.mark.parametrize(
    "error",
    [
        httpx.ConnectTimeout("no", request=REQUEST),
        httpx.PoolTimeout("no", request=REQUEST),
        reliai.CircuitOpen("c", 5.0),
        httpx.HTTPStatusError("no", request=REQUEST, response=httpx.Response(401)),
        httpx.HTTPStatusError("no", request=REQUEST, response=httpx.Response(429)),
    ],
)
def test_a_failure_that_proves_that_nothing_happened_lets_the_next_call_run(
    kind: str, error: Exception
) -> None:
    """52"""
    pay = guarded(kind, reliai.Once(), answer=failing_with(error, "paid"))
    with pytest.raises(type(error)):
        pay("k")
    assert pay("k") == "paid"
    assert pay("k") == "paid"
    assert len(pay.prompts) == 2


def test_a_failure_of_a_function_without_effect_lets_the_next_call_run() -> None:
    ask = Guarded("sync", reliai.Once(key="arg:prompt"), answer=failing_with(ValueError(), "x"))
    with pytest.raises(ValueError):  # noqa: PT011  bare on purpose
        ask("k")
    assert ask("k") == "x"


@every_one_value
def test_a_retry_inside_repeats_what_was_not_sent(kind: str) -> None:
    """52"""
    error = httpx.ConnectTimeout("no", request=REQUEST)
    policies = reliai.Once(), reliai.Retry(3, wait=0, budget=None)
    pay = guarded(kind, *policies, answer=failing_with(error, "paid"))
    assert [pay("k"), pay("k")] == ["paid", "paid"]
    assert len(pay.prompts) == 2


@every_one_value
def test_a_retry_outside_does_not_repeat_what_is_in_doubt(kind: str) -> None:
    """52"""
    error = httpx.ReadTimeout("late", request=REQUEST)
    policies = reliai.Retry(3, wait=0, budget=None), reliai.Once()
    pay = guarded(kind, *policies, answer=failing_with(error, "paid"))
    with pytest.raises(reliai.AmbiguousOutcome):
        pay("k")
    assert len(pay.prompts) == 1


def test_a_validate_that_asks_again_is_refused_around_it() -> None:
    with pytest.raises(reliai.ConfigurationError, match="must not happen twice"):
        guarded("sync", reliai.Validate(output=int, reask=1), reliai.Once())


def test_a_key_in_doubt_runs_again_when_it_was_forgotten() -> None:
    once = reliai.Once()
    pay = guarded("sync", once, answer=failing_with(ValueError("who knows"), "paid"))
    with pytest.raises(ValueError):  # noqa: PT011
        pay("k")
    assert once.forget("k")
    assert not once.forget("k")
    assert pay("k") == "paid"


def test_an_interrupt_leaves_the_key_in_doubt() -> None:
    pay = guarded("sync", reliai.Once(), answer=failing_with(KeyboardInterrupt(), "paid"))
    with pytest.raises(KeyboardInterrupt):
        pay("k")
    with pytest.raises(reliai.AmbiguousOutcome):
        pay("k")
    assert len(pay.prompts) == 1


# --- at the same time ---------------------------------------------------------------------
def test_threads_with_one_key_make_one_call() -> None:
    calls: list[str] = []
    entered, go = threading.Event(), threading.Event()

    @reliai.reliable(reliai.Once(key="arg:key"), effects="once")
    def pay(key: str) -> list[str]:
        calls.append(key)
        entered.set()
        assert go.wait(10)
        return [key]

    with ThreadPoolExecutor(5) as pool:
        futures = [pool.submit(pay, "k") for _ in range(5)]
        assert entered.wait(10)
        go.set()
        assert [future.result() for future in futures] == [["k"]] * 5
    assert calls == ["k"]


@pytest.mark.usefixtures("clock")
def test_tasks_with_one_key_make_one_call() -> None:
    calls: list[str] = []

    @reliai.reliable(reliai.Once(key="arg:key"), effects="once")
    async def pay(key: str) -> list[str]:
        calls.append(key)
        await asyncio.sleep(5)
        return [key]

    async def main() -> None:
        assert await asyncio.gather(*(pay("k") for _ in range(5))) == [["k"]] * 5

    asyncio.run(main())
    assert calls == ["k"]


@pytest.mark.usefixtures("clock")
def test_a_cancelled_caller_finds_the_result_when_it_comes_again() -> None:
    calls: list[str] = []

    @reliai.reliable(reliai.Once(key="arg:key"), effects="once")
    async def pay(key: str) -> str:
        calls.append(key)
        await asyncio.sleep(5)
        return "paid"

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pay("k"), 1)
        assert await pay("k") == "paid"
        assert await pay("k") == "paid"

    asyncio.run(main())
    assert calls == ["k"]


@pytest.mark.usefixtures("clock")
def test_those_who_wait_for_a_call_in_doubt_are_told_so() -> None:
    @reliai.reliable(reliai.Once(key="arg:key"), effects="once")
    async def pay(_key: str, key: str) -> str:
        await asyncio.sleep(5)
        raise httpx.ReadTimeout("late", request=REQUEST)

    async def main() -> list[Any]:
        return await asyncio.gather(*(pay("", "k") for _ in range(3)), return_exceptions=True)

    errors = asyncio.run(main())
    assert [type(error) for error in errors] == [reliai.AmbiguousOutcome] * 3
    assert len({id(error) for error in errors}) == 3


@pytest.mark.usefixtures("clock")
def test_work_that_its_loop_cancelled_leaves_the_key_in_doubt() -> None:
    @reliai.reliable(reliai.Once(key="arg:key"), effects="once")
    async def pay(key: str) -> str:
        await asyncio.sleep(5)
        return key

    async def begin() -> None:
        begun = asyncio.ensure_future(pay("k"))
        await asyncio.sleep(1)
        begun.cancel()

    asyncio.run(begin())
    with pytest.raises(reliai.AmbiguousOutcome):
        asyncio.run(pay("k"))


def test_a_call_inside_itself_is_not_made_twice() -> None:
    calls: list[str] = []

    @reliai.reliable(reliai.Once(key="arg:key"), effects="once")
    def pay(key: str) -> str:
        calls.append(key)
        with pytest.raises(reliai.AmbiguousOutcome, match="around this one"):
            pay(key)
        return "paid"

    assert pay("k") == "paid"
    assert calls == ["k"]


def test_a_caller_waits_no_longer_than_its_deadline() -> None:
    entered, go = threading.Event(), threading.Event()

    @reliai.reliable(reliai.Once(key="arg:key"), effects="once")
    def pay(key: str) -> str:
        entered.set()
        assert go.wait(10)
        return key

    first = threading.Thread(target=pay, args=("k",))
    first.start()
    assert entered.wait(10)
    with reliai.deadline(0.02), pytest.raises(reliai.CallTimeout):
        pay("k")
    go.set()
    first.join()
    assert pay("k") == "k"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_key_that_runs_while_the_process_forks_is_in_doubt_in_the_child() -> None:
    told: list[int] = []

    @reliai.reliable(reliai.Once(key="arg:key"), effects="once")
    def pay(key: str) -> str:
        child = os.fork()
        if child == 0:
            try:
                pay("k")
            except reliai.AmbiguousOutcome:
                os._exit(7)
            os._exit(1)
        told.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        return key

    pay("k")
    assert told == [7]


class Chunks:
    """A provider's stream object."""

    def __init__(self) -> None:
        self._left = ["a", "b"]

    def __aiter__(self) -> Chunks:
        return self

    async def __anext__(self) -> str:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)


def test_a_stream_object_is_delivered_once_and_in_doubt_from_then_on() -> None:
    @reliai.reliable(reliai.Once(key="arg:key"), effects="once")
    async def pay(key: str) -> Any:
        await asyncio.sleep(0.001)
        return Chunks()

    async def main() -> None:
        first, second = asyncio.ensure_future(pay("k")), asyncio.ensure_future(pay("k"))
        assert [chunk async for chunk in await first] == ["a", "b"]
        with pytest.raises(reliai.AmbiguousOutcome, match="cannot be given again"):
            await second

    asyncio.run(main())


@pytest.mark.usefixtures("clock")
def test_the_attempts_of_a_cancelled_caller_go_to_one_who_waited() -> None:
    @reliai.reliable(reliai.Once(key="arg:key"), effects="once")
    async def pay(key: str) -> str:
        await asyncio.sleep(5)
        return key

    async def main() -> None:
        first, second = asyncio.ensure_future(pay("k")), asyncio.ensure_future(pay("k"))
        await asyncio.sleep(1)
        first.cancel()
        assert await second == "k"

    with reliai.collect() as calls:
        asyncio.run(main())
    assert [call.status for call in calls] == ["cancelled", "success"]
    assert [len(call.attempts) for call in calls] == [1, 1]


# --- bounds and settings ------------------------------------------------------------------
def test_memory_is_bounded_and_forgetting_early_is_said() -> None:
    pay = guarded("sync", reliai.Once(max_size=3))
    for number in range(3):
        pay(f"key {number}")
    with pytest.warns(reliai.ReliaiWarning, match="more than 3 idempotency keys"):
        pay("key 3")
    pay("key 4")
    pay("key 4")
    pay("key 0")
    assert len(pay.prompts) == 6


@pytest.mark.parametrize(
    "settings", [{"ttl": 0}, {"ttl": float("inf")}, {"ttl": "1"}, {"key": 5}, {"max_size": 0}]
)
def test_a_value_out_of_range_is_named(settings: dict[str, Any]) -> None:
    ((name, value),) = settings.items()
    with pytest.raises(reliai.ConfigurationError) as raised:
        reliai.Once(**settings)
    assert name in str(raised.value)
    assert repr(value) in str(raised.value)


def test_a_function_without_idempotency_key_is_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="idempotency_key="):
        reliai.reliable(reliai.Once(), effects="once")(lambda order: order)


def test_a_key_of_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(reliai.ConfigurationError, match="no parameter 'oder'"):
        reliai.Once(key="arg:oder")(lambda order: order)


def test_a_key_that_cannot_be_compared_is_an_error_of_the_call() -> None:
    pay = reliai.Once(key="arg:order")(lambda order: order)
    with pytest.raises(reliai.ConfigurationError, match="whose content cannot be compared"):
        pay(object())


@pytest.mark.parametrize("kind", ["generator", "async_generator"])
def test_a_stream_is_refused(kind: str) -> None:
    with pytest.raises(reliai.ConfigurationError, match="gives a stream"):
        guarded(kind, reliai.Once())


def test_all_settings_are_described() -> None:
    described = reliai.Once(key=("tenant", "arg:order")).describe()
    assert described == {
        "ttl": 86400.0,
        "key": ["tenant", "arg:order"],
        "max_size": 100_000,
        "state": None,
    }
