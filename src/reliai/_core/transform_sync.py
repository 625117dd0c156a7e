"""A transformed stream for synchronous code; see `transform`."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

from reliai._core.stream import NOTHING
from reliai._core.sync_stream import SyncStream
from reliai._core.transforming import behind, cut, recut, released_first, without_limits
from reliai.errors import ConfigurationError, StreamInterrupted

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from reliai._core.call import Call

__all__ = ["SyncTransformed"]


class SyncTransformed(SyncStream):
    """An iterator of the chunks that a transformer lets out."""

    __slots__ = (
        "_delivered",
        "_feed",
        "_finish",
        "_inner",
        "_next",
        "_over",
        "_ready",
        "_run",
        "_started",
    )

    def __init__(self, call: Call, inner: Any, transformer: Any) -> None:
        super().__init__(call, inner._context, inner, inner, NOTHING)  # noqa: SLF001
        without_limits(self)
        self._inner = inner
        self._next, self._run = inner.__next__, self._context.run
        self._feed, self._finish = transformer.feed, transformer.finish
        if getattr(transformer, "asynchronous", False):
            self._feed, self._finish = _driven(self._feed), _driven(self._finish)
        self._ready: deque[Any] = deque()
        self._delivered: list[Any] = []
        self._started = False
        self._over = False

    async def open(self) -> Exception | None:
        """Read until a chunk is let out; the error when there will be none."""
        try:
            chunk = self._pull(self._next)
        except StopIteration:
            return None
        except Exception as error:  # noqa: BLE001  becomes an outcome
            return behind(error)
        self._ready.appendleft(chunk)
        self._started = True
        released_first(self._call)
        return None

    def __next__(self) -> Any:
        if self._ready:
            chunk = self._ready.popleft()
        elif self._end is None:
            chunk = self._pull(self._next)
        else:
            raise StopIteration
        self.chunks += 1
        self._delivered.append(chunk)
        return chunk

    def send(self, value: Any) -> Any:
        """As a generator's `send`."""
        if value is None or self.ended or self._over:
            return self.__next__()
        if not self.chunks:
            message = "can't send non-None value to a just-started generator"
            raise TypeError(message)
        self._ready.append(self._pull(self._inner.send, value))
        return self.__next__()

    def throw(self, error: BaseException, *_: object) -> Any:
        """As a generator's `throw`."""
        if self.ended:
            raise error
        self._ready.clear()
        self._over = False
        self._ready.appendleft(self._pull(self._inner.throw, error))
        return self.__next__()

    def close(self) -> None:
        """Close the stream early; nothing when it has ended. Never fails on a second call."""
        if self.ended:
            return
        self._ready.clear()
        try:
            self._inner.close()
        finally:
            self.end(GeneratorExit())

    def _pull(self, step: Callable[..., Any], *args: Any) -> Any:
        """Read on until something is let out; what comes with it waits in `_ready`.

        Raises:
            StopIteration: when nothing is, and there is no more.
            BaseException: what the stream ends in.
        """
        while not self._over:
            try:
                chunk = step(*args)
            except StopIteration:
                chunk = NOTHING
                self._over = True
            except BaseException as error:
                self._end_inner(error)
                raise
            try:
                let_out = self._run(self._finish) if self._over else self._run(self._feed, chunk)
            except BaseException as error:  # noqa: BLE001  raised again
                self._give_up()
                told = self._told_of(error)
                self.end(told)
                try:
                    raise told
                finally:
                    del told  # no cycle through the traceback
            if let_out:
                if len(let_out) > 1:
                    self._ready.extend(let_out[1:])
                return let_out[0]
            step, args = self._next, ()
        self.end()
        raise StopIteration

    def _end_inner(self, error: BaseException) -> None:
        """End with the inner stream, which has ended in an error."""
        if self._started and isinstance(error, StreamInterrupted):
            recut(self._call, error, self._delivered)
        self.end(error)

    def _told_of(self, error: BaseException) -> BaseException:
        """What is told of a failure of the transformer's."""
        if self._started and isinstance(error, Exception):
            return cut(self._call, error, self._delivered)
        return error

    def _give_up(self) -> None:
        with suppress(Exception):  # the failure is what is told
            self._inner.close()

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self._inner.__exit__(kind, error, traceback)
        finally:
            self.end(GeneratorExit())


def _driven(method: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """A coroutine function of a transformer's, for a call in which nothing may suspend."""

    def drive(*args: Any) -> Any:
        coroutine = method(*args)
        try:
            coroutine.send(None)
        except StopIteration as stop:
            return stop.value
        coroutine.close()
        message = f"{method.__qualname__} awaited something that needs an event loop"
        raise ConfigurationError(message)

    return drive
