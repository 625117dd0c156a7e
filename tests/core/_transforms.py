"""A pipeline with a transformed stream in it, for tests of what passes through."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from reliai._core.transform import transformed

if TYPE_CHECKING:
    from collections.abc import Callable

    import reliai


class HeldBack:
    """Lets each chunk out in capitals, once the next one has come."""

    def __init__(self, fail_at: Any = None, error: BaseException | None = None) -> None:
        self._held: list[Any] = []
        self._fail_at = fail_at
        self._error = error or ValueError("no more")

    def feed(self, chunk: Any, /) -> list[Any]:
        if chunk == self._fail_at:
            raise self._error
        let_out, self._held = self._held, [chunk.upper()]
        return let_out

    def finish(self) -> list[Any]:
        if self._fail_at == "end":
            raise self._error
        return self._held


class HeldBackLater:
    """The same with coroutines, which suspend in asynchronous calls."""

    asynchronous = True

    def __init__(self, fail_at: Any = None, error: BaseException | None = None) -> None:
        self._inner = HeldBack(fail_at, error)

    async def feed(self, chunk: Any, /) -> list[Any]:
        await _suspend()
        return self._inner.feed(chunk)

    async def finish(self) -> list[Any]:
        await _suspend()
        return self._inner.finish()


async def _suspend() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return  # a synchronous call
    await asyncio.sleep(0)


class Through:
    """A middleware that puts its call's stream through a transformer."""

    def __init__(self, make: Callable[[], Any] = HeldBack) -> None:
        self.make = make

    async def __call__(self, call: reliai.Call, proceed: Any) -> Any:
        outcome = await proceed(call)
        if not outcome.streaming:
            return outcome
        made = await transformed(call, outcome.value, self.make())
        made.degraded = outcome.degraded
        return made


class Ends:
    """A middleware that is told the end of its stream."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    async def __call__(self, call: reliai.Call, proceed: Any) -> Any:
        return await call.settle(proceed, self.done)

    def done(self, outcome: reliai.Outcome) -> None:
        self.seen.append("value" if outcome.error is None else type(outcome.error).__name__)
