"""Running a coroutine to its end from sync code, whether or not an event loop runs here."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["driven"]

T = TypeVar("T")


def driven(coroutine: Coroutine[Any, Any, T], *, waits: bool) -> T:
    """What the coroutine gives.

    Args:
        coroutine: what to run.
        waits: whether it may suspend. Then it runs in a loop of its own, in a thread of its own:
            this thread may be inside a loop, and `asyncio.run` would take away the suite's.
    """
    if waits:
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(copy_context().run, asyncio.run, coroutine).result()
    try:
        coroutine.send(None)
    except StopIteration as end:
        given: T = end.value
        return given
    finally:
        coroutine.close()
    raise RuntimeError("a scorer that is said to wait for nothing waits")
