"""Calls that come when they come: at a mean rate, however long the ones before them take."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reliai.incidents.trial import Trial

__all__ = ["Reply", "offer"]


class Reply(NamedTuple):
    """What became of one call.

    Attributes:
        at: when it was made, in virtual seconds.
        took: seconds until it ended.
        value: what it gave; None after an error.
        error: what it raised; None for an answer.
    """

    at: float
    took: float
    value: Any
    error: Exception | None

    @property
    def ok(self) -> bool:
        """Whether it gave an answer."""
        return self.error is None


async def offer(
    trial: Trial,
    ask: Callable[[int], Awaitable[Any]],
    *,
    rate: float,
    seconds: float | None = None,
    calls: int | None = None,
    until: Callable[[], bool] | None = None,
    keep: bool = True,
) -> list[Reply]:
    """Make calls with random gaps (a Poisson process) and wait for the last one.

    Args:
        trial: gives time and chance.
        ask: makes the call of a number from 0 up.
        rate: calls a second, on average.
        seconds: how long new calls are made.
        calls: how many are made, in place of `seconds`.
        until: asked before each call; no more are made once it says so.
        keep: whether to give the replies; a hundred thousand of them are seldom wanted.

    Returns:
        The replies, in the order in which the calls ended.
    """
    replies: list[Reply] = []
    running: set[asyncio.Future[None]] = set()
    begun, number, gap = trial.now, 0, trial.random.expovariate

    async def one(number: int) -> None:
        at = trial.now
        try:
            value, error = await ask(number), None
        except Exception as raised:  # noqa: BLE001  what became of a call, whatever it is
            value, error = None, raised.with_traceback(None)
        if keep or error is not None:
            replies.append(Reply(at, trial.now - at, value, error))

    due = begun + gap(rate)
    while (due - begun < seconds) if seconds is not None else (number < (calls or 0)):
        if due > trial.now:
            await asyncio.sleep(due - trial.now)
        if until is not None and until():
            break
        task = asyncio.ensure_future(one(number))
        running.add(task)
        task.add_done_callback(running.discard)
        number += 1
        due += gap(rate)
    if running:
        await asyncio.wait(running)
    trial.made += number
    return replies
