"""A stream belongs to the context it was called in, wherever it is read."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai.testing import records
from tests.contract._subjects import POLICIES, STREAMS, Shape, Subject, every_policy

if TYPE_CHECKING:
    from collections.abc import Callable

SYNC = [shape for shape in STREAMS if not shape.asynchronous]
ASYNC = [shape for shape in STREAMS if shape.asynchronous]


def called_inside(policy: str, shape: Shape) -> tuple[Subject, Any]:
    """A stream that was called inside a context that has ended."""
    subject = Subject(POLICIES[policy](shape.streaming), shape, [["one", "two"]])
    with reliai.context(subject="ada", session="s1", tenant="t1", tags={"page": "start"}):
        return subject, subject.function("hello")


def check(subject: Subject, seen: Any) -> None:
    (record,) = seen
    assert (record.subject, record.session, record.tenant) == ("ada", "s1", "t1")
    assert record.tags["page"] == "start"
    assert record.status == "success"
    assert subject.model.open_streams == 0
    assert reliai.current_call() is None


def here(read: Callable[[], None]) -> None:
    read()


def in_another_thread(read: Callable[[], None]) -> None:
    thread = threading.Thread(target=read)
    thread.start()
    thread.join()


@pytest.mark.parametrize("where", [here, in_another_thread])
@pytest.mark.parametrize("shape", SYNC, ids=str)
@every_policy
def test_stream_read_outside_carries_its_context(
    policy: str, shape: Shape, where: Callable[[Callable[[], None]], None]
) -> None:
    subject, stream = called_inside(policy, shape)
    chunks: list[Any] = []

    def read() -> None:
        with reliai.context(subject="somebody else"):
            chunks.extend(stream)
        assert reliai.current_call() is None

    with records() as seen:
        where(read)
        assert "".join(chunks) == "onetwo"
        check(subject, seen)


@pytest.mark.parametrize("own_task", [False, True])
@pytest.mark.parametrize("shape", ASYNC, ids=str)
@every_policy
def test_async_stream_read_outside_carries_its_context(
    policy: str, shape: Shape, own_task: bool
) -> None:
    async def read(stream: Any) -> str:
        with reliai.context(subject="somebody else"):
            chunks = [chunk async for chunk in stream]
        assert reliai.current_call() is None
        return "".join(chunks)

    async def main() -> Subject:
        subject, stream = called_inside(policy, shape)
        reading = read(stream)
        assert await (asyncio.create_task(reading) if own_task else reading) == "onetwo"
        return subject

    with records() as seen:
        check(asyncio.run(main()), seen)
