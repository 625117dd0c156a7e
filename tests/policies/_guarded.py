"""One function in the four kinds, so that a test can say once what holds for all of them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

KINDS = ["sync", "async", "generator", "async_generator"]
ONE_VALUE = ["sync", "async"]
STREAMS = ["generator", "async_generator"]

every_kind = pytest.mark.parametrize("kind", KINDS)
every_one_value = pytest.mark.parametrize("kind", ONE_VALUE)
every_stream = pytest.mark.parametrize("kind", STREAMS)


class Guarded:
    """A guarded `ask(prompt)` of one kind.

    Attributes:
        prompts: what the function was called with.
        record: the record of the last call.
    """

    record: reliai.CallRecord

    def __init__(
        self, kind: str, *policies: Any, answer: Callable[[str], Any] = str, **facts: Any
    ) -> None:
        self.kind = kind
        self.prompts: list[str] = []

        def ask(prompt: str) -> Any:
            self.prompts.append(prompt)
            return answer(prompt)

        async def ask_async(prompt: str) -> Any:
            return ask(prompt)

        def stream(prompt: str) -> Iterator[Any]:
            yield from ask(prompt)

        async def stream_async(prompt: str) -> AsyncIterator[Any]:
            for chunk in ask(prompt):
                yield chunk

        functions: dict[str, Callable[..., Any]] = {
            "sync": ask,
            "async": ask_async,
            "generator": stream,
            "async_generator": stream_async,
        }
        self.function: Callable[..., Any] = reliai.reliable(*policies, name="ask", **facts)(
            functions[kind]
        )

    def __call__(self, prompt: Any = "hello", /) -> Any:
        """The answer; of a stream the list of its chunks."""
        with reliai.collect() as calls:
            try:
                return self._call(prompt)
            finally:
                if calls:
                    self.record = calls[-1]

    def _call(self, prompt: Any) -> Any:
        if self.kind == "sync":
            return self.function(prompt)
        if self.kind == "async":
            return asyncio.run(self.function(prompt))
        return delivered(self.function(prompt))

    @property
    def events(self) -> list[str]:
        """What the policies did in the last call."""
        return [event.kind for event in self.record.events]

    def event(self, kind: str) -> dict[str, Any]:
        """The attributes of the only event of a kind in the last call."""
        (found,) = [event for event in self.record.events if event.kind == kind]
        return dict(found.attributes)


def delivered(stream: Any) -> list[Any]:
    """The chunks of a stream of either kind."""
    return asyncio.run(_chunks(stream)) if hasattr(stream, "__aiter__") else list(stream)


async def _chunks(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


def as_delivered(kind: str, answer: Any) -> Any:
    """A single answer as a function of a kind delivers it."""
    return [answer] if kind in STREAMS else answer
