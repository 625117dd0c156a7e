"""What `on`, `wait` and `on_result` may be, tenacity's objects among them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
import tenacity

import reliai
from reliai.testing import ScriptedModel, records, virtual_clock
from tests.core._kinds import each_single, every_kind, of_kind, read

DOWN = ConnectionError("down")

ONS: list[Any] = [
    ValueError,
    (ValueError, KeyError),
    {"unknown"},
    [reliai.ErrorKind.UNKNOWN],
    lambda error: isinstance(error, ValueError),
    tenacity.retry_if_exception_type(ValueError),
    tenacity.retry_if_exception_type(ValueError) | tenacity.retry_if_result(lambda v: v is None),
]


@pytest.mark.parametrize("on", ONS, ids=lambda on: type(on).__name__)
@every_kind
def test_on_retries_what_it_names(kind: str, on: Any) -> None:
    model = ScriptedModel([ValueError("x"), "a"])
    with virtual_clock():
        read(reliai.Retry(3, on=on)(of_kind(model, kind)), kind)
    assert len(model.calls) == 2


@pytest.mark.parametrize("several", [list, set, frozenset])
def test_on_takes_exception_types_in_any_container(several: Any) -> None:
    on = several([ValueError, KeyError])
    model = ScriptedModel([ValueError("x"), KeyError("y"), DOWN])
    with virtual_clock(), pytest.raises(ConnectionError):
        reliai.Retry(5, on=on)(model)("x")
    assert len(model.calls) == 3


@pytest.mark.parametrize("on", ONS, ids=lambda on: type(on).__name__)
def test_on_retries_nothing_else(on: Any) -> None:
    model = ScriptedModel([DOWN])
    with virtual_clock(), pytest.raises(ConnectionError):
        reliai.Retry(3, on=on)(model)()
    assert len(model.calls) == 1


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_tenacity_object_that_retries_everything_retries_no_interrupt(interrupt: Any) -> None:
    """A35."""
    model = ScriptedModel([interrupt])
    with virtual_clock(), pytest.raises(interrupt):
        reliai.Retry(3, on=tenacity.retry_always)(model)()
    assert len(model.calls) == 1


def test_mistake_in_on_comes_out_with_the_failure_behind_it() -> None:
    def on(error: Exception) -> bool:
        raise LookupError("on is wrong")

    with virtual_clock(), pytest.raises(LookupError, match="on is wrong") as caught:
        reliai.Retry(3, on=on)(ScriptedModel([DOWN]))()
    assert isinstance(caught.value.__context__, ConnectionError)


@every_kind
def test_tenacity_waits_add_up(kind: str) -> None:
    model = ScriptedModel([DOWN, DOWN, "a"])
    wait = tenacity.wait_fixed(3) + tenacity.wait_random(0, 2)
    with virtual_clock() as clock:
        read(reliai.Retry(3, wait=wait)(of_kind(model, kind)), kind)
        assert 6 <= clock.now <= 10


def test_tenacity_wait_is_told_the_number_of_the_attempt() -> None:
    wait = tenacity.wait_exponential(multiplier=1)
    with virtual_clock() as clock, pytest.raises(ConnectionError):
        reliai.Retry(5, wait=wait)(ScriptedModel([DOWN], repeat_last=True))()
    assert clock.slept == [1, 2, 4, 8]


def test_wait_function_is_told_the_number_of_the_attempt() -> None:
    """A38."""
    with virtual_clock() as clock, pytest.raises(ConnectionError):
        reliai.Retry(4, wait=lambda made: made * 10)(ScriptedModel([DOWN], repeat_last=True))()
    assert clock.slept == [10, 20, 30]


def test_wait_function_may_ask_for_the_retry_state() -> None:
    def wait(retry_state: Any) -> float:
        return 7.0 if str(retry_state.outcome.exception()) == "down" else 1.0

    with virtual_clock() as clock:
        reliai.Retry(3, wait=wait)(ScriptedModel([DOWN, "a"]))()
        assert clock.slept == [7]


def test_wait_may_be_a_timedelta() -> None:
    with virtual_clock() as clock:
        reliai.Retry(3, wait=lambda made: timedelta(seconds=4))(ScriptedModel([DOWN, "a"]))()
        assert clock.slept == [4]


@pytest.mark.parametrize("given", [None, -1, float("nan"), float("inf"), "soon"])
def test_wait_that_is_none_leaves_it_to_the_default(given: Any) -> None:
    """A38."""
    retry = reliai.Retry(3, wait=lambda made: given)
    retry._random = lambda: 1.0
    with virtual_clock() as clock:
        assert retry(ScriptedModel([DOWN, "a"]))() == "a"
        assert clock.slept == [0.5]


def test_wait_that_says_false_stops() -> None:
    """A38."""
    model = ScriptedModel([DOWN])
    with virtual_clock(), records() as seen, pytest.raises(ConnectionError):
        reliai.Retry(3, wait=lambda made: False)(model)()
    assert len(model.calls) == 1
    assert seen[-1].events[-1].attributes["reason"] == "wait"


def test_mistake_in_wait_comes_out_with_the_failure_behind_it() -> None:
    def wait(made: int) -> float:
        raise LookupError("wait is wrong")

    with virtual_clock(), pytest.raises(LookupError, match="wait is wrong") as caught:
        reliai.Retry(3, wait=wait)(ScriptedModel([DOWN]))()
    assert isinstance(caught.value.__context__, ConnectionError)


# --- on_result ----------------------------------------------------------------------------------
@each_single
def test_unwanted_value_is_asked_for_again(kind: str) -> None:
    """A39."""
    model = ScriptedModel(["", "", "a"])
    function = reliai.Retry(3, on_result=lambda value: value == "")(of_kind(model, kind))
    with virtual_clock():
        assert read(function, kind) == "a"


@each_single
def test_value_that_stays_unwanted_is_an_error_with_the_last_one(kind: str) -> None:
    """A39."""
    model = ScriptedModel(["1", "2", "3"])
    function = reliai.Retry(3, on_result=lambda value: True)(of_kind(model, kind))
    with virtual_clock(), pytest.raises(reliai.OutputInvalid, match="3 times") as caught:
        read(function, kind)
    assert caught.value.raw == "3"


@each_single
def test_tenacity_object_judges_values_too(kind: str) -> None:
    """A39: the result half of a combined one is not silently left out."""
    on = tenacity.retry_if_exception_type(ValueError) | tenacity.retry_if_result(lambda v: v == "")
    model = ScriptedModel(["", ValueError("x"), "a"])
    with virtual_clock():
        assert read(reliai.Retry(3, on=on)(of_kind(model, kind)), kind) == "a"


@each_single
def test_value_that_a_tenacity_object_always_refuses_is_an_error_with_the_last_one(
    kind: str,
) -> None:
    """A39."""
    on = tenacity.retry_if_result(lambda value: True)
    function = reliai.Retry(2, on=on)(of_kind(ScriptedModel(["1", "2"]), kind))
    with virtual_clock(), pytest.raises(reliai.OutputInvalid, match="on refuses") as caught:
        read(function, kind)
    assert caught.value.raw == "2"


class Page:
    """A value that wants closing."""

    def __init__(self) -> None:
        self.closed = 0

    def close(self) -> None:
        self.closed += 1


class AsyncPage(Page):
    """A value that wants closing and awaiting."""

    async def aclose(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(("kind", "page"), [("sync", Page), ("async", Page), ("async", AsyncPage)])
def test_discarded_values_are_closed_once_and_the_last_one_is_not(
    kind: str, page: type[Page]
) -> None:
    """A39."""
    pages = [page(), page(), page()]
    function = reliai.Retry(3, on_result=lambda value: value is not pages[2])(
        of_kind(ScriptedModel([lambda: pages[0], lambda: pages[1], lambda: pages[2]]), kind)
    )
    with virtual_clock():
        assert read(function, kind) is pages[2]
    assert [each.closed for each in pages] == [1, 1, 0]


def test_mistake_in_on_result_comes_out() -> None:
    def unwanted(value: str) -> bool:
        raise LookupError("on_result is wrong")

    with virtual_clock(), pytest.raises(LookupError, match="on_result is wrong"):
        reliai.Retry(3, on_result=unwanted)(ScriptedModel(["a"]))()


def test_on_result_of_a_stream_is_refused_when_decorated() -> None:
    with pytest.raises(reliai.ConfigurationError, match=r"buffer=True"):
        reliai.Retry(3, on_result=bool)(ScriptedModel(["a"]).streaming)
