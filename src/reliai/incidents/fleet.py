"""Many worker processes in one: each with policies, a view of the store and a keeper of its own.

What a process shares it knows by names. Here each worker's names end in "@" and its number, so that
two workers share nothing inside this process; its view of the store takes that away, so that they
share what real processes would. Keepers exchange as often as real ones, in virtual time.
"""

from __future__ import annotations

import asyncio
import re
from functools import cache
from typing import TYPE_CHECKING

from reliai.state import StateUnavailable, keeper
from reliai.state.base import PATIENT, PROMPT, Exchanged
from reliai.state.keeper import INTERVAL, SLOWEST, Keeper
from reliai.state.memory import MemoryState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.incidents.trial import Trial
    from reliai.state.base import Count, Counted, Entry, Taken

__all__ = ["Fleet"]

_HURRIED = 0.002
"""Seconds until a keeper that was told to hurry has exchanged."""


class Fleet:
    """The store that the workers share, and the keepers that keep them in step.

    Args:
        trial: gives the time.
        workers: how many there are.

    Attributes:
        alive: whether the store answers; set it to kill the store or to bring it back.
        views: what each worker gives its policies as `state=`.
    """

    def __init__(self, trial: Trial, workers: int) -> None:
        self.alive = True
        self.store = MemoryState()
        self.views = [_View(self) for _ in range(workers)]
        self._trial = trial
        self._keepers = [_SteppedKeeper(view) for view in self.views]
        for view, stepped in zip(self.views, self._keepers, strict=True):
            keeper._keepers[view] = stepped  # noqa: SLF001  in place of one with a thread
        self._tasks = [
            asyncio.ensure_future(each.work(INTERVAL * (number + 1) / workers))
            for number, each in enumerate(self._keepers)
        ]

    def kill(self) -> None:
        """The store does not answer any more."""
        self.alive = False

    async def end(self) -> None:
        """Stop the keepers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _SteppedKeeper(Keeper):
    """A keeper without a thread: a task steps it."""

    def _renew(self) -> None:
        super()._renew()
        self._loop = asyncio.get_running_loop()
        self._hurried = asyncio.Event()

    def start(self) -> None:
        """There is no thread to start."""

    def hurry(self) -> None:
        self._loop.call_soon_threadsafe(self._hurried.set)

    async def work(self, first: float) -> None:
        """Exchange as the thread of a keeper does."""
        pause = INTERVAL
        await asyncio.sleep(first)
        while True:
            pause = INTERVAL if self.step() else min(SLOWEST, 2 * pause)
            try:
                async with asyncio.timeout(pause):
                    await self._hurried.wait()
            except TimeoutError:
                continue
            self._hurried.clear()
            await asyncio.sleep(_HURRIED)


class _View:
    """The store as one worker sees it."""

    shared = True

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    @property
    def _store(self) -> MemoryState:
        if not self._fleet.alive:
            raise StateUnavailable("the store was killed")
        return self._fleet.store

    def exchange(
        self, counts: Sequence[Count], keys: Sequence[str], *, within: float = PATIENT
    ) -> Exchanged:
        sent = [count._replace(key=_common(count.key)) for count in counts]
        told = self._store.exchange(sent, [_common(key) for key in keys], within=within)
        counted = {count.key: told.counted[_common(count.key)] for count in counts}
        return Exchanged(told.now, counted, {key: told.entries[_common(key)] for key in keys})

    def reserve(
        self, count: Count, caps: tuple[float, ...], *, within: float = PROMPT
    ) -> tuple[bool, Counted]:
        return self._store.reserve(count._replace(key=_common(count.key)), caps, within=within)

    def take(
        self,
        key: str,
        amount: float,
        rate: float,
        capacity: float,
        *,
        partly: bool = False,
        within: float = PROMPT,
    ) -> Taken:
        return self._store.take(_common(key), amount, rate, capacity, partly=partly, within=within)

    def correct(
        self, key: str, amount: float, rate: float, capacity: float, *, within: float = PATIENT
    ) -> float:
        return self._store.correct(_common(key), amount, rate, capacity, within=within)

    def get(self, key: str, *, within: float = PROMPT) -> Entry | None:
        return self._store.get(_common(key), within=within)

    def put(
        self,
        key: str,
        value: bytes,
        *,
        ttl: float | None = None,
        expected: int | None = None,
        within: float = PROMPT,
    ) -> int | None:
        return self._store.put(_common(key), value, ttl=ttl, expected=expected, within=within)

    def delete(self, key: str, *, within: float = PROMPT) -> None:
        self._store.delete(_common(key), within=within)

    def lease(self, key: str, owner: str, ttl: float, *, within: float = PROMPT) -> int | None:
        return self._store.lease(_common(key), owner, ttl, within=within)

    def release(self, key: str, owner: str, *, within: float = PROMPT) -> None:
        self._store.release(_common(key), owner, within=within)

    def close(self) -> None:
        """There is no connection."""


@cache
def _common(key: str) -> str:
    """A key without the number of the worker."""
    return re.sub(r"@\d+", "", key)
