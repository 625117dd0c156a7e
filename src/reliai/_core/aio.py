"""What only asynchronous calls need; imports asyncio, so it is loaded with the first of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

from reliai._core import workers

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator
    from contextvars import Context

    from reliai._core.target import Stragglers

__all__ = ["CancelledError", "InContext", "in_thread"]

T = TypeVar("T")

CancelledError = asyncio.CancelledError


async def in_thread(
    stragglers: Stragglers | None, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """Call a function that may block, on a thread; contextvars follow.

    The thread is one of our daemons: one that hangs keeps neither the loop's own threads from
    working nor the program from ending. When the task is cancelled it is left behind.
    """
    loop = asyncio.get_running_loop()
    finished: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not finished.done():
            finished.set_result(None)

    def told() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(wake)

    worker = workers.acquire()
    worker.begin(copy_context(), function, args, kwargs, told)
    try:
        await finished
    except BaseException:
        if not worker.leave():
            worker.take()
            workers.release(worker)
        elif stragglers is not None:
            stragglers.add(worker)
        raise
    worker.leave()  # takes up its signal
    value, error = worker.take()
    workers.release(worker)
    if error is None:
        return value
    try:
        raise error
    finally:
        del error  # no cycle through the traceback


class InContext:
    """Awaits something with each of its steps in a given context.

    A generator's variables live in the context its steps run in, so one context serves them all.
    """

    __slots__ = ("_awaitable", "_context")

    def __init__(self, context: Context, awaitable: Awaitable[T]) -> None:
        self._context = context
        self._awaitable = awaitable

    def __await__(self) -> Generator[Any, Any, Any]:
        run = self._context.run
        steps: Any = run(self._awaitable.__await__)
        send: Any = getattr(steps, "send", None) or (lambda _: next(steps))
        act: Any = send
        value: Any = None
        while True:
            try:
                waited_for = run(act, value)
            except StopIteration as stop:
                return stop.value
            finally:
                value = None  # an error kept here would refer to itself through its traceback
            try:
                act, value = send, (yield waited_for)
            except BaseException as error:  # noqa: BLE001  passed on to whom it is meant for
                act, value = getattr(steps, "throw", _raise), error


def _raise(error: BaseException) -> None:
    raise error
