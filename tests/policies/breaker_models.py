"""A model of each kind that follows a script, and one way to call them all."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import reliai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from reliai.testing import VirtualClock

__all__ = ["KINDS", "Down", "Model", "ask", "down", "events"]

KINDS: tuple[str, ...] = ("sync", "async", "generator", "async_generator")

down = ConnectionError("down")


class Down(Exception):
    """An HTTP error as SDKs raise it."""

    def __init__(self, status: int, **headers: str) -> None:
        super().__init__(f"status {status}")
        self.status_code = status
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Model:
    """Succeeds unless told otherwise.

    Attributes:
        fails: what the next calls raise; None for a success.
        seconds: how long a call, or a stream's first chunk, takes.
        calls: how many calls it got.
    """

    def __init__(self, clock: VirtualClock, *fails: BaseException | None) -> None:
        self.clock = clock
        self.fails = list(fails)
        self.seconds = 0.0
        self.calls = 0

    def work(self) -> None:
        self.calls += 1
        self.clock.advance(self.seconds)
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error

    def of(self, kind: str) -> Callable[..., Any]:
        def sync(prompt: str = "") -> str:
            self.work()
            return "answer"

        async def asynchronous(prompt: str = "") -> str:
            self.work()
            return "answer"

        def generator(prompt: str = "") -> Iterator[str]:
            self.work()
            yield "an"
            yield "swer"

        async def async_generator(prompt: str = "") -> AsyncIterator[str]:
            self.work()
            yield "an"
            yield "swer"

        made = (sync, asynchronous, generator, async_generator)
        return dict(zip(KINDS, made, strict=True))[kind]


def ask(function: Callable[..., Any], *args: Any) -> Exception | None:
    """Call a guarded function to its end; the exception it raised, if any."""
    try:
        if inspect.isgeneratorfunction(function):
            list(function(*args))
        elif inspect.isasyncgenfunction(function):
            asyncio.run(_drain(function(*args)))
        elif inspect.iscoroutinefunction(function):
            asyncio.run(function(*args))
        else:
            function(*args)
    except Exception as error:
        return error
    return None


async def _drain(stream: AsyncIterator[str]) -> None:
    async for _ in stream:
        pass


def events(function: Callable[..., Any], *args: Any) -> list[tuple[str, dict[str, Any]]]:
    """Make a call and give the events on its record."""
    with reliai.collect() as calls:
        ask(function, *args)
    return [(event.kind, dict(event.attributes)) for event in calls[0].events]
