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
    over = until or (lambda: False)
    last = None if seconds is None else trial.now + seconds
    crowd = _Crowd(trial, ask, rate=rate, last=last, calls=calls or 0, over=over, keep=keep)
    await crowd.come_and_go()
    trial.made += crowd.begun
    return crowd.replies


class _Crowd:
    """Calls that come by a timer of the loop, without a task that waits between two of them."""

    def __init__(
        self,
        trial: Trial,
        ask: Callable[[int], Awaitable[Any]],
        *,
        rate: float,
        last: float | None,
        calls: int,
        over: Callable[[], bool],
        keep: bool,
    ) -> None:
        self._trial = trial
        self._ask = ask
        self._rate = rate
        self._last = last
        self._calls = calls
        self._over = over
        self._keep = keep
        self._loop = asyncio.get_running_loop()
        self._all_gone = self._loop.create_future()
        self._running: set[asyncio.Task[None] | None] = set()
        self._closed = False
        self.begun = 0
        self.replies: list[Reply] = []

    async def come_and_go(self) -> None:
        """Make all calls, and wait for the last one."""
        self._next_after(self._trial.now)
        await self._all_gone

    def _next_after(self, due: float) -> None:
        due += self._trial.random.expovariate(self._rate)
        more = self.begun < self._calls if self._last is None else due < self._last
        if more:
            self._loop.call_later(max(0.0, due - self._trial.now), self._come, due)
        else:
            self._close()

    def _come(self, due: float) -> None:
        try:
            over = self._over()
        except Exception as error:  # noqa: BLE001  the scenario's own; nobody else would see it
            self._all_gone.set_exception(error)
            return
        if over:
            self._close()
            return
        self._running.add(self._loop.create_task(self._one(self.begun)))
        self.begun += 1
        self._next_after(due)

    async def _one(self, number: int) -> None:
        at = self._trial.now
        try:
            value, error = await self._ask(number), None
        except Exception as raised:  # noqa: BLE001  what became of a call, whatever it is
            value, error = None, raised.with_traceback(None)
        finally:
            self._running.discard(asyncio.current_task())
            self._see_whether_all_are_gone()
        if self._keep or error is not None:
            self.replies.append(Reply(at, self._trial.now - at, value, error))

    def _close(self) -> None:
        self._closed = True
        self._see_whether_all_are_gone()

    def _see_whether_all_are_gone(self) -> None:
        if self._closed and not self._running and not self._all_gone.done():
            self._all_gone.set_result(None)
