"""The one place where a synchronous and an asynchronous call wait differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from reliai import clock

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["ASYNCIO", "BLOCKING", "Runtime"]


class Runtime(Protocol):
    """What a policy may await besides `proceed`."""

    asynchronous: bool
    """Whether an event loop runs the call, so that awaitables of the user's can be awaited."""

    async def sleep(self, seconds: float) -> None:
        """Wait; a wait of 0 or less is skipped, since even `time.sleep(0)` costs 85 µs."""

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function that may block, without blocking an event loop; contextvars follow."""


class BlockingRuntime:
    """Waits by blocking the thread."""

    asynchronous = False

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            clock.active().sleep(seconds)

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)


class AsyncioRuntime:
    """Waits by suspending the task."""

    asynchronous = True

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await clock.active().async_sleep(seconds)

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        from reliai._core.aio import in_thread  # noqa: PLC0415  imports asyncio

        return await in_thread(None, function, *args)


BLOCKING: Runtime = BlockingRuntime()
ASYNCIO: Runtime = AsyncioRuntime()
