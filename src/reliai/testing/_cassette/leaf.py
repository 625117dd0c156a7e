"""Standing between an attempt and its function: what it is given, and what is kept of it."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol, Self

from reliai._core.values import opaque_stream
from reliai.testing._cassette.replay import Replay

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.call import Call
    from reliai._core.record import Attempt
    from reliai.testing._cassette.take import Take

__all__ = ["between"]


class Deck(Protocol):
    """What decides about each attempt."""

    def begin(self, call: Call, attempt: Attempt) -> Replay | Take | None:
        """A recording of the attempt, the means to record it, or None to let it be."""

    def keep(self, take: Take) -> None:
        """Take in a recording that may have ended."""

    def failed(self, take: Take, error: Exception) -> None:
        """Take in a recording that ended in an error."""


def between(deck: Deck, call: Call, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with a cassette in front of it."""
    attempt = call.current_attempt()
    make = _asynchronous if call.runtime.asynchronous else _blocking
    return make(deck, call, attempt, function)


def _blocking(
    deck: Deck, call: Call, attempt: Attempt, function: Callable[..., Any]
) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        part = deck.begin(call, attempt)
        if part is None:
            return function(*args, **kwargs)
        if isinstance(part, Replay):
            return part.play()
        try:
            result = part.step(function, *args, **kwargs)
            if _streams(call, result, "__next__"):
                return _RecordedStream(deck, part, result)
            part.answered(result)
        except Exception as error:
            deck.failed(part, error)
            raise
        except BaseException:
            part.drop()
            raise
        finally:
            deck.keep(part)
        return result

    return run


def _asynchronous(
    deck: Deck, call: Call, attempt: Attempt, function: Callable[..., Any]
) -> Callable[..., Any]:
    async def run(*args: Any, **kwargs: Any) -> Any:
        part = deck.begin(call, attempt)
        if part is None:
            result = function(*args, **kwargs)
            return await result if inspect.isawaitable(result) else result
        if isinstance(part, Replay):
            return await part.async_play(blocking_stream=call._target.kind == "generator")  # noqa: SLF001
        try:
            result = part.step(function, *args, **kwargs)
            if inspect.isawaitable(result):
                result = await part.async_step(result)
            if _streams(call, result, "__aiter__"):
                return _AsyncRecordedStream(deck, part, result)
            if _streams(call, result, "__next__"):
                return _RecordedStream(deck, part, result)
            part.answered(result)
        except Exception as error:
            deck.failed(part, error)
            raise
        except BaseException:
            part.drop()
            raise
        finally:
            deck.keep(part)
        return result

    return run


def _streams(call: Call, result: Any, method: str) -> bool:
    """Whether the engine will read it chunk by chunk."""
    if not hasattr(result, method):
        return False
    return call._site.streaming or opaque_stream(result)  # noqa: SLF001  as the engine asks


class _Recorded:
    """A stream that is written down as it is read; otherwise it is the stream it wraps."""

    def __init__(self, deck: Deck, take: Take, stream: Any, iterator: Any) -> None:
        self._deck = deck
        self._take = take
        self._stream = stream
        self._iterator = iterator

    def _ended(self, error: Exception | None = None, *, closed: bool = False) -> None:
        if error is not None:
            self._deck.failed(self._take, error)
        else:
            self._take.ended(closed=closed)
        self._deck.keep(self._take)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _RecordedStream(_Recorded):
    def __init__(self, deck: Deck, take: Take, stream: Any) -> None:
        take.begin_stream()
        super().__init__(deck, take, stream, iter(stream))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        return self._step(next, self._iterator)

    def send(self, value: Any) -> Any:
        return self._step(self._iterator.send, value)

    def throw(self, error: BaseException, *_: object) -> Any:
        return self._step(self._iterator.throw, error)

    def close(self) -> None:
        try:
            getattr(self._stream, "close", bool)()
        finally:
            self._ended(closed=True)

    def _step(self, action: Callable[..., Any], *args: Any) -> Any:
        try:
            chunk = self._take.step(action, *args)
            self._take.chunk(chunk)
        except StopIteration:
            self._ended()
            raise
        except Exception as error:
            self._ended(error)
            raise
        except BaseException:
            self._ended(closed=True)
            raise
        return chunk


class _AsyncRecordedStream(_Recorded):
    def __init__(self, deck: Deck, take: Take, stream: Any) -> None:
        take.begin_stream()
        super().__init__(deck, take, stream, stream.__aiter__())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return await self._step(self._iterator.__anext__())

    async def asend(self, value: Any) -> Any:
        return await self._step(self._iterator.asend(value))

    async def athrow(self, error: BaseException, *_: object) -> Any:
        return await self._step(self._iterator.athrow(error))

    async def aclose(self) -> None:
        close: Any = getattr(self._stream, "aclose", None) or getattr(self._stream, "close", bool)
        try:
            closing = close()
            if inspect.isawaitable(closing):
                await closing
        finally:
            self._ended(closed=True)

    async def _step(self, awaitable: Any) -> Any:
        try:
            chunk = await self._take.async_step(awaitable)
            self._take.chunk(chunk)
        except StopAsyncIteration:
            self._ended()
            raise
        except Exception as error:
            self._ended(error)
            raise
        except BaseException:
            self._ended(closed=True)
            raise
        return chunk
