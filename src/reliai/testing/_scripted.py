"""A model that follows a script: what the n-th call gives is known beforehand.

Its waits go through `reliai.clock`, so under a virtual clock they take no time. Imported by tests.
"""

from __future__ import annotations

import inspect
import threading
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeGuard, TypeVar, cast

from reliai import clock
from reliai.errors import ConfigurationError
from reliai.testing._errors import fresh, is_error
from reliai.testing._script import Latency, Stall
from reliai.testing._streams import AsyncScriptedStream, ScriptedStream

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable

__all__ = ["ScriptExhausted", "ScriptedCall", "ScriptedModel"]

_END: Any = object()
_Stream = ScriptedStream | AsyncScriptedStream
_AnyStream = TypeVar("_AnyStream", ScriptedStream, AsyncScriptedStream)


class ScriptExhausted(AssertionError):
    """A scripted model was called more often than its script says. No policy retries it."""


class ScriptedCall(NamedTuple):
    """One call of a scripted model."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    at: float
    """When it came, in seconds of the active clock's monotonic time."""


class _Streaming(Protocol):
    """A generator function that follows the script."""

    asynchronous: Callable[..., AsyncGenerator[Any, None]]
    """The same as an async generator function."""

    def __call__(self, *args: Any, **kwargs: Any) -> Generator[Any, None, None]: ...


class _Asynchronous(Protocol):
    """A coroutine function that follows the script."""

    streaming: Callable[..., AsyncGenerator[Any, None]]
    """The same as an async generator function."""

    async def __call__(self, *args: Any, **kwargs: Any) -> Any: ...


class ScriptedModel:
    """A callable that uses up one item of its script a call.

    A value is returned. An exception, or a class of one, is raised, a fresh copy each time. A list
    is a stream of chunks, in which an exception is raised and a `Stall` waited for.
    `Latency(seconds, item)` waits first. A function is called with the arguments; what it gives,
    awaited if need be, is the item.

    All views share the script, and one model may serve many threads and tasks.

    Args:
        script: the items, one a call; may be endless.
        repeat_last: whether the last item is given again for ever.
        name: what the model and its views are called in records.

    Attributes:
        asynchronous: the same script as an `async def` function.
        streaming: as a generator function; `streaming.asynchronous` as an async generator function.

    Raises:
        ConfigurationError: the script is a string.
    """

    asynchronous: _Asynchronous
    streaming: _Streaming

    def __init__(
        self, script: Iterable[Any], *, repeat_last: bool = False, name: str = "scripted_model"
    ) -> None:
        if isinstance(script, str | bytes):
            raise ConfigurationError(
                f"a script is a list of items, not {script!r}; use [{script!r}]"
            )
        self.__name__ = self.__qualname__ = name
        self._items = iter(script)
        self._repeat_last = repeat_last
        self._used = 0
        self._last: Any = None
        self._lock = threading.Lock()
        self._calls: list[ScriptedCall] = []
        self._streams: list[_Stream] = []
        self._make_views()

    # --- what happened ---------------------------------------------------------------------
    @property
    def calls(self) -> list[ScriptedCall]:
        """The calls so far, in order."""
        with self._lock:
            return list(self._calls)

    @property
    def streams(self) -> list[_Stream]:
        """The streams opened so far, in order."""
        with self._lock:
            return list(self._streams)

    @property
    def open_streams(self) -> int:
        """How many streams were opened and have neither ended nor been closed."""
        return sum(not stream.closed for stream in self.streams)

    @property
    def closed_streams(self) -> int:
        """How many streams have ended or been closed."""
        return sum(stream.closed for stream in self.streams)

    # --- the views -------------------------------------------------------------------------
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Give the next item; a list comes as a `ScriptedStream`."""
        return self._give(self._wait(args, kwargs), ScriptedStream)

    def _make_views(self) -> None:
        async def asynchronous(*args: Any, **kwargs: Any) -> Any:
            return self._give(await self._async_wait(args, kwargs), AsyncScriptedStream)

        def streaming(*args: Any, **kwargs: Any) -> Generator[Any, None, None]:
            with self._open(self._wait(args, kwargs), ScriptedStream) as stream:
                yield from stream

        async def async_streaming(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
            item = await self._async_wait(args, kwargs)
            async with self._open(item, AsyncScriptedStream) as stream:
                async for chunk in stream:
                    yield chunk

        for view in (asynchronous, streaming, async_streaming):
            view.__name__ = view.__qualname__ = self.__name__
        self.asynchronous = cast("_Asynchronous", asynchronous)
        self.streaming = cast("_Streaming", streaming)
        self.asynchronous.streaming = self.streaming.asynchronous = async_streaming

    # --- the script ------------------------------------------------------------------------
    def _wait(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        item = self._next(args, kwargs)
        while isinstance(item, Latency | Stall):
            if item.seconds > 0:
                clock.active().sleep(item.seconds)
            item = item.then
        return item(*args, **kwargs) if _is_function(item) else item

    async def _async_wait(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        item = self._next(args, kwargs)
        while isinstance(item, Latency | Stall):
            if item.seconds > 0:
                await clock.active().async_sleep(item.seconds)
            item = item.then
        item = item(*args, **kwargs) if _is_function(item) else item
        return await item if inspect.isawaitable(item) else item

    def _next(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = ScriptedCall(args, kwargs, clock.active().monotonic())
        with self._lock:
            self._calls.append(call)
            number = len(self._calls)
            item = next(self._items, _END)
            if item is not _END:
                self._used, self._last = self._used + 1, item
            elif self._repeat_last and self._used:
                item = self._last
        if item is _END:
            raise ScriptExhausted(
                f"{self.__name__} has a script of {self._used} calls, and this is call {number}; "
                "add an item, or pass repeat_last=True"
            )
        return item

    def _give(self, item: Any, kind: type[_AnyStream]) -> Any:
        if _is_stream(item):
            return self._open(item, kind)
        if is_error(item):
            raise fresh(item)
        return item

    def _open(self, item: Any, kind: type[_AnyStream]) -> _AnyStream:
        if is_error(item):
            raise fresh(item)
        stream = kind(tuple(item) if _is_stream(item) else (item,))
        with self._lock:
            self._streams.append(stream)
        return stream

    def __repr__(self) -> str:
        return f"<reliai.testing.ScriptedModel {self.__name__!r}, called {len(self.calls)} times>"


def _is_stream(item: object) -> TypeGuard[list[Any]]:
    return isinstance(item, list)


def _is_function(item: object) -> TypeGuard[Callable[..., Any]]:
    return callable(item) and not is_error(item)
