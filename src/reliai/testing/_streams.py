"""The streams a `ScriptedModel` gives: iterators that know whether they were closed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Self

from reliai import clock
from reliai.testing._errors import fresh, is_error
from reliai.testing._script import Latency, Stall

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["AsyncScriptedStream", "ScriptedStream"]

_END: Any = object()


class _Chunks:
    """What both kinds share.

    Attributes:
        delivered: chunks given so far.
        exhausted: whether it was read to its end.
        closed: whether it has ended: exhausted, failed, or closed.
        close_calls: how often it was closed by whoever reads it.
    """

    def __init__(self, chunks: Iterable[Any]) -> None:
        self._chunks = iter(chunks)
        self.delivered = 0
        self.exhausted = False
        self.closed = False
        self.close_calls = 0

    def _next(self) -> Any:
        """Give the next chunk, silence or `_END`; raise a scripted error."""
        item = _END if self.closed else next(self._chunks, _END)
        if item is _END:
            self.exhausted = self.exhausted or not self.closed
            self.closed = True
        elif is_error(item):
            self.closed = True
            raise fresh(item)
        elif not isinstance(item, Stall | Latency):
            self.delivered += 1
        return item

    def _close(self) -> None:
        self.close_calls += 1
        self.closed = True

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<{type(self).__name__}, {state}, {self.delivered} chunks delivered>"


class ScriptedStream(_Chunks, contextlib.AbstractContextManager["ScriptedStream"]):
    """A stream of scripted chunks, as an SDK gives for `stream=True`."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        while isinstance(item := self._next(), Stall | Latency):
            if item.seconds > 0:
                clock.active().sleep(item.seconds)
        if item is _END:
            raise StopIteration
        return item

    def close(self) -> None:
        """End the stream."""
        self._close()

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncScriptedStream(_Chunks, contextlib.AbstractAsyncContextManager["AsyncScriptedStream"]):
    """The asynchronous kind of `ScriptedStream`."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        while isinstance(item := self._next(), Stall | Latency):
            if item.seconds > 0:
                await clock.active().async_sleep(item.seconds)
        if item is _END:
            raise StopAsyncIteration
        return item

    async def aclose(self) -> None:
        """End the stream."""
        self._close()

    async def __aexit__(self, *_: object) -> None:
        self._close()
