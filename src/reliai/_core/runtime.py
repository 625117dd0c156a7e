"""The one place where a synchronous and an asynchronous call wait differently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from reliai import clock
from reliai._core.signals import ThreadSignal

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call, Proceed
    from reliai._core.outcome import Outcome

__all__ = ["ASYNCIO", "BLOCKING", "Run", "Runtime", "Signal"]


class Signal(Protocol):
    """Something to wait for that another call gives, once, from any thread or event loop."""

    given: bool
    """Whether it was given."""

    def give(self) -> None:
        """Wake who waits for it."""

    async def received(self, seconds: float | None) -> bool:
        """Wait for it; False when `seconds` (None: no limit) ran out first."""
        ...


class Run(Protocol):
    """A run of the rest of a pipeline beside the call that started it.

    Attributes:
        call: the call it makes.
        outcome: what it came to; None while it goes on.
        interrupt: a cancellation or another `BaseException` that ended it.
        ended: whether it has ended.
    """

    call: Call
    outcome: Outcome | None
    interrupt: BaseException | None
    ended: bool

    async def finish(self) -> None:
        """Take up one that has ended."""

    async def cancel(self) -> None:
        """End one that goes on, as far as that is possible, and close what it gave."""

    def adopt_context(self) -> None:
        """Let the caller see the context variables that it has set."""


class Runtime(Protocol):
    """What a policy may await besides `proceed`."""

    asynchronous: bool
    """Whether an event loop runs the call, so that awaitables of the user's can be awaited."""

    async def sleep(self, seconds: float) -> None:
        """Wait; a wait of 0 or less is skipped, since even `time.sleep(0)` costs 85 µs."""

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call a function that may block, without blocking an event loop; contextvars follow."""

    def signal(self) -> Signal:
        """A signal that this call can wait for."""
        ...

    def start(self, call: Call, proceed: Proceed, ended: Callable[[], None]) -> Run:
        """Run the rest of the pipeline beside this call; `ended` is called when it has ended."""
        ...


class BlockingRuntime:
    """Waits by blocking the thread."""

    asynchronous = False

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            clock.active().sleep(seconds)

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        return function(*args)

    def signal(self) -> Signal:
        return ThreadSignal()

    def start(self, call: Call, proceed: Proceed, ended: Callable[[], None]) -> Run:
        from reliai._core.racing import ThreadRun  # noqa: PLC0415  rarely needed

        return ThreadRun(call, proceed, ended)


class AsyncioRuntime:
    """Waits by suspending the task."""

    asynchronous = True

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await clock.active().async_sleep(seconds)

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        from reliai._core.aio import in_thread  # noqa: PLC0415  imports asyncio

        return await in_thread(None, function, *args)

    def signal(self) -> Signal:
        from reliai._core.async_signals import TaskSignal  # noqa: PLC0415  imports asyncio

        return TaskSignal()

    def start(self, call: Call, proceed: Proceed, ended: Callable[[], None]) -> Run:
        from reliai._core.async_racing import TaskRun  # noqa: PLC0415  imports asyncio

        return TaskRun(call, proceed, ended)


BLOCKING: Runtime = BlockingRuntime()
ASYNCIO: Runtime = AsyncioRuntime()
