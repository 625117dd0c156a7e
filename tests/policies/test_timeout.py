"""Limits on the whole call and on one attempt, and what running out of one is called."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

import reliai
from reliai.testing import Latency, ScriptedModel, records, virtual_clock
from tests.core._kinds import each_single, every_kind, of_kind, outcome_of, read

DOWN = ConnectionError("down")


@every_kind
def test_expiry_is_a_timeout_error_that_names_its_layer_and_seconds(kind: str) -> None:
    """A53."""
    function = reliai.Timeout(5)(of_kind(ScriptedModel([Latency(60, "late")]), kind))
    with (
        virtual_clock() as clock,
        pytest.raises(TimeoutError, match="limit of 5 s for the whole call") as caught,
    ):
        read(function, kind)
    assert clock.now == 5
    assert isinstance(caught.value, reliai.CallTimeout)
    assert (caught.value.layer, caught.value.seconds) == ("total", 5)


@every_kind
def test_call_that_is_in_time_is_not_disturbed(kind: str) -> None:
    function = reliai.Timeout(5)(of_kind(ScriptedModel([Latency(4.9, "a")]), kind))
    with virtual_clock():
        assert "".join(read(function, kind)) == "a"


@pytest.mark.parametrize("kind", ["async", "async_generator"])
def test_callers_cancellation_at_the_same_instant_wins(kind: str) -> None:
    """A53."""
    function = reliai.Timeout(5)(of_kind(ScriptedModel([Latency(60, "late")]), kind))

    async def consume() -> None:
        if kind == "async":
            await function()
        else:
            async for _ in function():
                pass

    async def main() -> None:
        task = asyncio.create_task(consume())
        asyncio.get_running_loop().call_later(5, task.cancel)
        await task

    with virtual_clock(), pytest.raises(asyncio.CancelledError):
        asyncio.run(main())


@pytest.mark.parametrize("kind", ["async", "async_generator"])
def test_expiry_leaves_no_cancellation_behind(kind: str) -> None:
    """A53."""
    function = reliai.Timeout(5)(of_kind(ScriptedModel([Latency(60, "late")]), kind))

    async def once() -> Any:
        return await (function() if kind == "async" else anext(function()))

    async def main() -> int:
        with pytest.raises(reliai.CallTimeout):
            await once()
        task = asyncio.current_task()
        assert task is not None
        await asyncio.sleep(0)
        return task.cancelling()

    with virtual_clock():
        assert asyncio.run(main()) == 0


@every_kind
def test_attempts_limit_does_not_end_the_whole_call(kind: str) -> None:
    """A54."""
    model = ScriptedModel([Latency(60, "late"), "a"])
    function = reliai.reliable(reliai.Timeout(30), reliai.Retry(3, wait=1), reliai.Timeout(5))(
        of_kind(model, kind)
    )
    with virtual_clock() as clock, records() as seen:
        assert "".join(read(function, kind)) == "a"
    assert clock.now == 6
    first = seen[-1].attempts[0].error
    assert first is not None
    assert "limit of 5 s for one attempt" in first.message


@each_single
def test_whole_calls_limit_is_the_one_named_when_it_ends_a_later_attempt(kind: str) -> None:
    """A54."""
    model = ScriptedModel([Latency(60, "late")], repeat_last=True)
    function = reliai.reliable(reliai.Timeout(10), reliai.Retry(5, wait=1), reliai.Timeout(5))(
        of_kind(model, kind)
    )
    with virtual_clock() as clock, pytest.raises(reliai.CallTimeout) as caught:
        read(function, kind)
    assert (caught.value.layer, clock.now) == ("total", 10)
    assert [call.at for call in model.calls] == [0, 6]


@each_single
def test_each_of_two_limits_is_named_in_its_own_error(kind: str) -> None:
    """A67."""

    def with_limits(total: float, attempt: float) -> Any:
        model = ScriptedModel([Latency(60, "late")], repeat_last=True)
        return reliai.reliable(
            reliai.Timeout(total), reliai.Retry(2, wait=0), reliai.Timeout(attempt)
        )(of_kind(model, kind))

    with virtual_clock():
        attempt = outcome_of(with_limits(30, 5), kind).error
        total = outcome_of(with_limits(8, 5), kind).error
    assert isinstance(attempt, reliai.CallTimeout)
    assert (attempt.layer, attempt.seconds) == ("attempt", 5)
    assert isinstance(total, reliai.CallTimeout)
    assert (total.layer, total.seconds) == ("total", 8)


def test_limit_that_runs_out_while_the_function_sleeps_is_the_whole_calls() -> None:
    """A54."""

    @reliai.reliable(reliai.Timeout(8), reliai.Retry(3), reliai.Timeout(20))
    async def ask() -> None:
        await asyncio.sleep(60)

    with virtual_clock() as clock, pytest.raises(reliai.CallTimeout) as caught:
        asyncio.run(ask())
    assert caught.value.layer == "total"
    assert clock.now == 8


def test_own_timeout_error_of_the_function_comes_out_as_itself() -> None:
    with virtual_clock(), pytest.raises(TimeoutError, match="the models own") as caught:
        reliai.Timeout(5)(ScriptedModel([TimeoutError("the models own")]))()
    assert not isinstance(caught.value, reliai.CallTimeout)


# --- a synchronous function ------------------------------------------------------------------
def test_synchronous_function_is_left_behind_on_time_and_counted_until_it_ends() -> None:
    """A56."""
    ask = reliai.Timeout(5)(ScriptedModel([Latency(60, "late")]))
    pipeline: Any = reliai.pipeline_of(ask)
    stragglers = pipeline._site.target.stragglers
    with virtual_clock() as clock:
        with pytest.raises(reliai.CallTimeout):
            ask()
        assert clock.now == 5
        assert stragglers.count == 1
        for _ in range(100):
            if stragglers.count:
                clock.sleep(10)
        assert stragglers.count == 0


def test_late_answer_of_a_function_left_behind_is_dropped() -> None:
    """A56."""
    model = ScriptedModel([Latency(60, "late"), "a"])
    function = reliai.reliable(reliai.Retry(2, wait=100), reliai.Timeout(5))(model)
    with virtual_clock(), records() as seen:
        assert function() == "a"
    assert [str(attempt.status) for attempt in seen[-1].attempts] == ["error", "success"]


def test_cooperative_function_stays_on_its_callers_thread() -> None:
    @reliai.reliable(reliai.Timeout(5), cooperative=True)
    def ask() -> tuple[bool, float | None]:
        return threading.current_thread() is threading.main_thread(), reliai.remaining()

    with virtual_clock():
        assert ask() == (threading.current_thread() is threading.main_thread(), 5)


@pytest.mark.parametrize(
    ("cooperative", "enforce", "shown"),
    [(False, None, "thread"), (True, None, "deadline"), (True, "thread", "thread")],
)
def test_description_shows_how_it_is_enforced(
    *, cooperative: bool, enforce: str | None, shown: str
) -> None:
    function = reliai.reliable(reliai.Timeout(5, enforce=enforce), cooperative=cooperative)(
        lambda: "a"
    )
    (timeout,) = reliai.pipeline_of(function).describe()["policies"]
    assert timeout["enforce"] == shown


# --- what cannot be honoured -----------------------------------------------------------------
@pytest.mark.parametrize("option", ["first_chunk", "idle"])
def test_limit_of_chunks_alone_is_refused_where_there_are_none(option: str) -> None:
    """53."""

    def ask() -> str:
        return "a"

    limit: dict[str, Any] = {option: 3}
    with pytest.raises(reliai.ConfigurationError, match=r"gives no stream.*give seconds"):
        reliai.Timeout(**limit)(ask)


@pytest.mark.parametrize("option", ["first_chunk", "idle"])
def test_limit_of_chunks_beside_seconds_is_a_finding_where_there_are_none(option: str) -> None:
    """53."""
    limit: dict[str, Any] = {option: 3}

    @reliai.Timeout(5, **limit)
    def ask() -> str:
        return "a"

    assert any("do nothing there" in each for each in reliai.pipeline_of(ask).check())


def test_enforcing_by_thread_is_refused_for_a_coroutine() -> None:
    """53."""
    with pytest.raises(reliai.ConfigurationError, match="Leave enforce out"):
        reliai.Timeout(5, enforce="thread")(ScriptedModel(["a"]).asynchronous)


def test_attempt_that_may_take_longer_than_the_whole_is_a_finding() -> None:
    pipeline = reliai.Pipeline(reliai.Timeout(5), reliai.Retry(2), reliai.Timeout(9))
    assert any("one attempt may take 9 s" in each for each in pipeline.check())
