"""Every way in which a call can end, and one driver that brings it about."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, Any, NamedTuple

import reliai
from reliai._core.stream import settle_abandoned
from reliai.testing import Latency, Stall

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract._subjects import Shape, Subject

ONE_VALUE = ("value", "error", "cancel")
OF_STREAMS = (
    *ONE_VALUE,
    "late error",
    "late cancel",
    "closed early",
    "abandoned",
    "abandoned in a cycle",
)


class Ended(NamedTuple):
    """What the caller got: a value or the chunks, and what was raised."""

    value: Any
    error: BaseException | None


def endings(shape: Shape) -> tuple[str, ...]:
    """The ways in which a call of a shape can end."""
    return OF_STREAMS if shape.streaming else ONE_VALUE


def raising(error: BaseException) -> Callable[..., Any]:
    """A script's item that raises this very object."""

    def item(*_: object) -> Any:
        raise error

    return item


def item_for(ending: str, shape: Shape, error: BaseException) -> Any:
    """What the model does so that the call can end this way."""
    answer: Any = ["one", "two"] if shape.streaming else "one"
    if ending == "error":
        return raising(error)
    if ending == "cancel":
        return Latency(5, answer) if shape.asynchronous else raising(error)
    if ending == "late error":
        return ["one", error]
    if ending == "late cancel":
        return ["one", Stall(5) if shape.asynchronous else error, "two"]
    return answer


def bring_about(subject: Subject, ending: str) -> Ended:
    """Call the subject so that it ends this way."""
    if subject.shape.asynchronous:
        return asyncio.run(_later(subject, ending))
    chunks: list[Any] = []
    try:
        if not subject.shape.streaming:
            return Ended(subject.function("hello"), None)
        _read(subject, ending, chunks)
    except BaseException as error:
        return Ended(chunks, error)
    return Ended(chunks, None)


def _read(subject: Subject, ending: str, chunks: list[Any]) -> None:
    stream = subject.function("hello")
    if ending not in {"closed early", "abandoned", "abandoned in a cycle"}:
        for chunk in stream:
            chunks.append(chunk)  # noqa: PERF402  what came before an error counts
        return
    chunks.append(next(stream))
    if ending == "closed early":
        stream.close()
    elif ending == "abandoned":
        del stream
    else:
        _tie(stream)
        del stream
        _collect()


def _tie(stream: Any) -> None:
    cycle: list[Any] = [stream]
    cycle.append(cycle)


def _collect() -> None:
    gc.collect()
    settle_abandoned()  # as the next call does


async def _later(subject: Subject, ending: str) -> Ended:
    chunks: list[Any] = []
    try:
        if ending.endswith("cancel"):
            task = asyncio.create_task(_read_later(subject, ending, chunks))
            await asyncio.sleep(1)
            task.cancel()
            value = await task
        else:
            value = await _read_later(subject, ending, chunks)
    except BaseException as error:
        return Ended(chunks, error)
    else:
        return Ended(value, None)
    finally:
        for _ in range(6):
            await asyncio.sleep(0)  # what was abandoned is closed by the loop
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert reliai.current_call() is None


async def _read_later(subject: Subject, ending: str, chunks: list[Any]) -> Any:
    if not subject.shape.streaming:
        return await subject.function("hello")
    stream = subject.function("hello")
    if ending not in {"closed early", "abandoned", "abandoned in a cycle"}:
        async for chunk in stream:
            chunks.append(chunk)  # noqa: PERF401  what came before an error counts
        return chunks
    chunks.append(await anext(stream))
    if ending == "closed early":
        await stream.aclose()
    elif ending == "abandoned":
        del stream
    else:
        _tie(stream)
        del stream
        _collect()
    return chunks
