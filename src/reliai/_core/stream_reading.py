"""What `read` makes of a stream: the same events, read while they pass.

A stream of an SDK stays the object it was; the iterator inside it is exchanged, so that its helpers
and text views are read too. Around any other stream comes an object that passes on what it has.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Self

from reliai._core.usage import known_id, note_stream, own_attempt, remember, was_given

if TYPE_CHECKING:
    from types import TracebackType

    from reliai._core.call import Call
    from reliai._core.record import Attempt, CallRecord
    from reliai.providers import StreamReader
    from reliai.providers.streams import InStreamError

__all__ = ["StreamReading", "read_stream"]

_NONE: Any = object()


class StreamReading:
    """What is known of a stream that a function of a call reads.

    Attributes:
        call, attempt: where it is counted.
        settled: whether it has been counted.
    """

    __slots__ = ("_counted", "_first", "_last", "_reader", "attempt", "call", "settled")

    def __init__(self, call: Call) -> None:
        self.call = call
        self.attempt = own_attempt(call)
        self.settled = self._counted = False
        self._reader: StreamReader | None = None
        self._first = self._last = _NONE
        remember(call, self)

    def gave(self, chunk: object) -> bool:
        """Whether this stream has just delivered a chunk; then an outer one need not count it."""
        return chunk is self._last or chunk is self._first

    def takes(self, chunk: Any) -> None:
        """Read an event that passes."""
        if self._first is _NONE:
            from reliai.providers import stream_reader  # noqa: PLC0415  for streams only

            self._counted = was_given(self.call, chunk)
            self._reader = stream_reader(chunk)
            self._first = chunk
        self._last = chunk
        if self._reader is not None:
            self._reader.feed(chunk)

    def check(self) -> None:
        """Raise the error that came as the last event, which has been delivered."""
        if self._reader is not None and self._reader.failure is not None:
            self.settle()
            raise self._with_partial(self._reader.failure.again())

    def finish(self) -> None:
        """The stream has ended by itself.

        Raises:
            InStreamError: when it was no complete answer.
        """
        self.settle()
        missed = None if self._reader is None else self._reader.ending()
        if missed is not None:
            try:
                raise self._with_partial(missed) from None
            finally:
                del missed  # no cycle through the traceback

    def _with_partial(self, error: InStreamError) -> InStreamError:
        """The error, knowing what had come: a stream of the texts alone keeps none of them."""
        error.partial = None if self._reader is None else self._reader.text
        return error

    def left(self, record: CallRecord, attempt: Attempt | None) -> None:
        """A call has ended, or an attempt of one: when it is this one's, count what was read."""
        if self.call._record is record and attempt in (None, self.attempt):  # noqa: SLF001
            self.settle()

    def settle(self) -> None:
        """Count what was read, once."""
        if self.settled:
            return
        self.settled = True
        self._first = self._last = _NONE
        reader = self._reader
        if reader is None or self._counted or known_id(self.call, self.attempt, reader.id):
            return
        note_stream(self.call, self.attempt, reader)


def read_stream(call: Call, stream: Any) -> Any:
    """The stream, read while it is consumed; None for what is no stream."""
    kind = type(stream)
    if kind.__module__.startswith("reliai.") and hasattr(stream, "call_id"):
        return stream  # a guarded function's: it is counted there
    if isinstance(stream, dict):  # Bedrock's
        inner = stream.get("stream")
        return {**stream, "stream": _Around(call, inner)} if _iterable(inner) else None
    sync = hasattr(kind, "__next__") or hasattr(kind, "__enter__")
    asynchronous = hasattr(kind, "__anext__") or hasattr(kind, "__aenter__")
    if not sync and not asynchronous:
        botocore = kind.__module__.startswith("botocore.")
        return _Around(call, stream) if botocore and _iterable(stream) else None
    around = (_AroundBoth if asynchronous else _Around) if sync else _AroundAsync
    inside = getattr(stream, "_iterator", None)
    if inside is None or not (hasattr(inside, "__next__") or hasattr(inside, "__anext__")):
        return around(call, stream)
    try:
        stream._iterator = around(call, inside)  # noqa: SLF001  the place where all its events pass
    except AttributeError:  # it cannot be exchanged
        return around(call, stream)
    return stream


def _iterable(thing: object) -> bool:
    return hasattr(thing, "__iter__") and not isinstance(thing, (str, bytes, dict, list, tuple))


class _Passing:
    """What goes around a stream passes on whatever else that has."""

    __slots__ = ("__weakref__", "_iterator", "_reading", "_source")

    def __init__(self, call: Call, source: Any) -> None:
        self._source = source
        self._iterator: Any = None
        self._reading = StreamReading(call)

    def _entered(self, inner: Any) -> Any:
        """What `with` gives: the stream itself, or one that its manager opened."""
        if inner is self._source:
            return self
        self._reading.settled = True  # the manager itself gives no events
        found = read_stream(self._reading.call, inner)
        return inner if found is None else found

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name in _Passing.__slots__:
            raise AttributeError(name)
        return getattr(self._source, name)


class _Around(_Passing):
    """An iterator around another one."""

    __slots__ = ()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._source)
        self._reading.check()
        try:
            chunk = next(self._iterator)
        except StopIteration:
            self._reading.finish()
            raise
        except BaseException:
            self._reading.settle()
            raise
        self._reading.takes(chunk)
        return chunk

    def close(self) -> None:
        """Close the stream; what was read by then is counted."""
        try:
            close = getattr(self._source, "close", None)
            if callable(close):
                close()
        finally:
            self._reading.settle()

    def __enter__(self) -> Any:
        enter = getattr(self._source, "__enter__", None)
        return self if enter is None else self._entered(enter())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        leave = getattr(self._source, "__exit__", None)
        if leave is None:
            self.close()
            return None
        try:
            return leave(kind, error, traceback)
        finally:
            self._reading.settle()


class _AroundAsync(_Passing):
    """An asynchronous iterator around another one."""

    __slots__ = ()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        if self._iterator is None:
            self._iterator = self._source.__aiter__()
        self._reading.check()
        try:
            chunk = await self._iterator.__anext__()
        except StopAsyncIteration:
            self._reading.finish()
            raise
        except BaseException:
            self._reading.settle()
            raise
        self._reading.takes(chunk)
        return chunk

    async def aclose(self) -> None:
        """Close the stream; what was read by then is counted."""
        try:
            close = getattr(self._source, "aclose", None) or getattr(self._source, "close", None)
            closing = close() if callable(close) else None
            if inspect.isawaitable(closing):
                await closing
        finally:
            self._reading.settle()

    async def __aenter__(self) -> Any:
        enter = getattr(self._source, "__aenter__", None)
        return self if enter is None else self._entered(await enter())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> Any:
        leave = getattr(self._source, "__aexit__", None)
        if leave is None:
            await self.aclose()
            return None
        try:
            return await leave(kind, error, traceback)
        finally:
            self._reading.settle()


class _AroundBoth(_Around, _AroundAsync):
    """Around a stream that can be consumed in either way, such as litellm's."""

    __slots__ = ()
