"""Blocking where an event loop runs already, as in a notebook."""

from __future__ import annotations

import asyncio
import threading
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["off_the_loop"]

T = TypeVar("T")


def off_the_loop(function: Callable[[], T]) -> T:
    """Call a function that runs a loop of its own; in another thread where one runs in this one."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return function()
    made: list[Any] = []
    raised: list[BaseException] = []

    def call() -> None:
        try:
            made.append(function())
        except BaseException as error:  # noqa: BLE001  raised in the thread that waits
            raised.append(error)

    thread = threading.Thread(target=copy_context().run, args=(call,), name="reliai-experiment")
    thread.daemon = True
    thread.start()
    thread.join()
    if raised:
        raise raised[0]
    result: T = made[0]
    return result
