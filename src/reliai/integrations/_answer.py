"""What a wrapped client does with an answer: it is read onto the call's record, and given on.

A stream stays the object the SDK made; only the iterator inside it is another one. It reads every
event, so it knows what the SDKs do not say: that a stream which merely stops was cut, and that an
error came as an event.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from reliai._core.usage import first_sight, note_response
from reliai.providers import Response, read_response, stream_reader
from reliai.providers.reading import attribute, count, dig, text
from reliai.providers.shapes.common import provider_of
from reliai.providers.streams import IncompleteStream

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from reliai._core.call import Call
    from reliai.providers import StreamReader

__all__ = ["reading"]


def reading(call: Call, theirs: Any, *, hide_usage: bool) -> Callable[[Any], Any]:
    """The function that the SDK calls with each parsed answer; it gives the same answer back.

    Args:
        call: the guarded call that the request belongs to.
        theirs: the SDK's own such function, or its mark for none.
        hide_usage: whether the user must not see the chunk that holds nothing but usage.
    """

    def read(answer: Any) -> Any:
        if callable(theirs):
            answer = theirs(answer)
        if inspect.isawaitable(answer):
            return _awaited(call, answer, hide_usage=hide_usage)
        return _taken(call, answer, hide_usage=hide_usage)

    return read


async def _awaited(call: Call, answer: Any, *, hide_usage: bool) -> Any:
    return _taken(call, await answer, hide_usage=hide_usage)


def _taken(call: Call, answer: Any, *, hide_usage: bool) -> Any:
    kind = type(answer)
    if hasattr(kind, "__anext__") or hasattr(kind, "__next__"):
        if hasattr(answer, "_iterator"):
            events = _AsyncEvents if hasattr(kind, "__anext__") else _Events
            answer._iterator = events(answer._iterator, _Reading(call, hide_usage=hide_usage))  # noqa: SLF001  the one place where all its events pass
        return answer
    response = read_response(answer) or _embedded(answer)
    if response is not None and first_sight(call, answer):
        note_response(call, call.current_attempt(), response)
    return answer


def _embedded(answer: Any) -> Response | None:
    """What embeddings and the like cost: they have no text, but count their tokens."""
    used = count(dig(answer, "usage", "prompt_tokens"))
    if used is None:
        used = count(dig(answer, "usage", "total_tokens"))
    model = text(attribute(answer, "model"))
    if used is None or model is None:
        return None
    return Response(provider=provider_of(answer), model=model, input_tokens=used)


class _Reading:
    """The events of one stream, read while they pass."""

    def __init__(self, call: Call, *, hide_usage: bool) -> None:
        self._call = call
        self._attempt = call.current_attempt()
        self._hide_usage = hide_usage
        self._reader: StreamReader | None = None
        self._told = False

    def shows(self, event: Any) -> bool:
        """Read an event; say whether the user is to see it.

        Raises:
            InStreamError: the event is an error that the SDK does not raise.
        """
        if self._reader is None:
            self._reader = stream_reader(event)
            if self._reader is None:
                return True
        self._reader.feed(event)
        if self._reader.failure is not None:
            self.tell()
            raise self._reader.failure
        return not (self._hide_usage and dig(event, "choices") == [] and dig(event, "usage"))

    def ended(self) -> None:
        """Tell what the whole stream said.

        Raises:
            IncompleteStream: the event is missing that ends every complete answer.
        """
        self.tell()
        reader = self._reader
        if reader is not None and reader.requires_terminal and not reader.finished:
            raise IncompleteStream(reader.missing)

    def tell(self) -> None:
        """Put on the record what was read, once."""
        if self._reader is not None and not self._told:
            self._told = True
            note_response(self._call, self._attempt, self._reader.response())


class _Events:
    """An iterator over the events of a stream."""

    def __init__(self, events: Iterator[Any], reading: _Reading) -> None:
        self._events = events
        self._reading = reading

    def __iter__(self) -> _Events:
        return self

    def __next__(self) -> Any:
        while True:
            try:
                event = next(self._events)
            except StopIteration:
                self._reading.ended()
                raise
            except BaseException:
                self._reading.tell()
                raise
            if self._reading.shows(event):
                return event

    def close(self) -> None:
        close = getattr(self._events, "close", None)
        if close is not None:
            close()
        self._reading.tell()


class _AsyncEvents:
    """An asynchronous iterator over the events of a stream."""

    def __init__(self, events: AsyncIterator[Any], reading: _Reading) -> None:
        self._events = events
        self._reading = reading

    def __aiter__(self) -> _AsyncEvents:
        return self

    async def __anext__(self) -> Any:
        while True:
            try:
                event = await anext(self._events)
            except StopAsyncIteration:
                self._reading.ended()
                raise
            except BaseException:
                self._reading.tell()
                raise
            if self._reading.shows(event):
                return event

    async def aclose(self) -> None:
        close = getattr(self._events, "aclose", None)
        if close is not None:
            await close()
        self._reading.tell()
