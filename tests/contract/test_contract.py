"""What every policy keeps to, in every shape and however the call ends."""

from __future__ import annotations

import asyncio
from types import NoneType
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import reliai
from reliai.testing import records
from tests.contract._endings import bring_about, endings, item_for
from tests.contract._subjects import (
    POLICIES,
    SHAPES,
    Shape,
    Subject,
    every_policy,
    every_shape,
    middleware,
)

if TYPE_CHECKING:
    from reliai.testing import VirtualClock

every_ending = pytest.mark.parametrize(
    ("shape", "ending"), [(shape, end) for shape in SHAPES for end in endings(shape)], ids=str
)


class Down(ConnectionError):
    """The model's own failure."""


class Expected(NamedTuple):
    value: Any
    raised: type[BaseException] | None
    status: str
    asked: int


def expected(policy: str, shape: Shape, ending: str) -> Expected:
    """What the contract promises of a call that ends this way."""
    buffered = shape.streaming and policy in {"validate output", "validate checks"}
    value: Any = ["one", "two"] if shape.streaming else "one"
    if buffered and policy == "validate output":
        value = ["onetwo"]
    if shape.streaming and policy == "validate held":
        value = ["o", "net", "wo"]
    none: list[str] = []
    first = none if buffered else value[:1]
    stand_in: Any = ["stand-in"] if shape.streaming else "stand-in"
    interrupt = asyncio.CancelledError if shape.asynchronous else KeyboardInterrupt
    left = Expected(value[:1], None, "cancelled", 1)
    promises = {
        "value": Expected(value, None, "success", 1),
        "error": Expected(none, Down, "error", 3 if policy in {"retry", "standard"} else 1),
        "late error": Expected(first, Down, "error", 1),
        "cancel": Expected(none, interrupt, "cancelled", 1),
        "late cancel": Expected(first, interrupt, "cancelled", 1),
    }
    if policy == "fallback":
        promises["error"] = Expected(stand_in, None, "degraded", 1)
    if policy == "hedge":  # after a failure it asks once more at once
        promises["error"] = Expected(none, Down, "error", 2)
    return promises.get(ending, left)


def gives_the_object(ending: str, shape: Shape) -> bool:
    """Whether the script raises this very object, and no copy of it."""
    return ending == "error" or (ending == "cancel" and not shape.asynchronous)


@every_ending
@every_policy
def test_every_end_gives_the_right_outcome_one_record_and_leaves_nothing(
    policy: str, shape: Shape, ending: str
) -> None:
    promise = expected(policy, shape, ending)
    error = Down("down") if "error" in ending else KeyboardInterrupt("stop")
    subject = Subject(
        POLICIES[policy](shape.streaming), shape, [item_for(ending, shape, error)] * 3
    )
    with records() as seen:
        ended = bring_about(subject, ending)
        (record,) = seen
    assert ended.value == promise.value
    assert type(ended.error) is (promise.raised or NoneType)
    if isinstance(ended.error, Down):
        assert ended.error.args == error.args
    if ended.error is not None and gives_the_object(ending, shape):
        assert ended.error is error, "the model's own object"
    assert record.status == promise.status
    assert record.duration is not None
    assert len(subject.model.calls) == promise.asked
    assert subject.model.open_streams == 0


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.kind != "sync"], ids=str)
@every_policy
def test_what_was_never_started_is_no_call(policy: str, shape: Shape) -> None:
    subject = Subject(POLICIES[policy](shape.streaming), shape, [])
    with records() as seen:
        made = subject.function("hello")
        if shape.kind == "async_generator":
            asyncio.run(made.aclose())
        else:
            made.close()
    assert len(seen) == 0
    assert subject.model.calls == []


@every_shape
@every_policy
def test_function_may_call_itself(policy: str, shape: Shape, clock: VirtualClock) -> None:
    """The inner call is one of its own, and knows whose part it is."""

    def ask_again(*_: object) -> Any:
        inner = subject.function("inner")
        if shape.kind == "async":
            return inner
        if shape.kind == "async_generator":
            return chunks_of(inner)
        return list(inner) if shape.streaming else inner

    answer: Any = ["one", "two"] if shape.streaming else "one"
    subject = Subject(POLICIES[policy](shape.streaming), shape, [ask_again, answer])
    with records() as seen:
        ended = bring_about(subject, "value")
        inner, outer = seen
    assert "".join(ended.value) == "".join(expected(policy, shape, "value").value)
    assert (inner.status, outer.status) == ("success", "success")
    assert (inner.parent_id, outer.parent_id) == (outer.id, None)
    assert subject.model.open_streams == 0


async def chunks_of(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


@every_shape
def test_stand_in_stays_one_behind_a_middleware_that_unwraps(shape: Shape) -> None:
    decorate = reliai.reliable(middleware, reliai.Fallback("stand-in"))
    subject = Subject(decorate, shape, [Down("down")])
    with records() as seen:
        ended = bring_about(subject, "value")
        (record,) = seen
    assert "".join(ended.value) == "stand-in"
    assert record.status == "degraded"
