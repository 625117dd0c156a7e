"""What a wrapped client does with an answer: it is read onto the call's record, and given on."""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Any

from reliai._core.stream_reading import read_stream
from reliai._core.usage import first_sight, note_response, own_attempt
from reliai.providers import Response, read_response
from reliai.providers.reading import attribute, count, dig, text
from reliai.providers.shapes.common import provider_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from reliai._core.call import Call

__all__ = ["reading"]


def reading(
    call: Call, theirs: Any, patience: float | None, *, hide_usage: bool
) -> Callable[[Any], Any]:
    """The function that the SDK calls with each parsed answer; it gives the same answer back.

    Args:
        call: the guarded call that the request belongs to.
        theirs: the SDK's own such function, or its mark for none.
        patience: seconds of silence after which the connection of a stream is given up; None to
            leave that as it is.
        hide_usage: whether the user must not see the chunk that holds nothing but usage.
    """
    counted = False

    def take(answer: Any) -> Any:
        nonlocal counted
        kind = type(answer)
        if hasattr(kind, "__anext__") or hasattr(kind, "__next__"):
            return _stream(call, answer, patience, hide_usage=hide_usage)
        response = read_response(answer) or _embedded(answer)
        if response is not None and first_sight(call, answer) and not counted:
            counted = True  # a raw response may be parsed again, into another type
            note_response(call, own_attempt(call), response)
        return answer

    async def take_awaited(answer: Any) -> Any:
        return take(await answer)

    def read(answer: Any) -> Any:
        if callable(theirs):
            answer = theirs(answer)
        return take_awaited(answer) if inspect.isawaitable(answer) else take(answer)

    return read


def _embedded(answer: Any) -> Response | None:
    """What embeddings and the like cost: they have no text, but count their tokens."""
    used = count(dig(answer, "usage", "prompt_tokens"))
    if used is None:
        used = count(dig(answer, "usage", "total_tokens"))
    model = text(attribute(answer, "model"))
    if used is None or model is None:
        return None
    return Response(provider=provider_of(answer), model=model, input_tokens=used)


def _stream(call: Call, stream: Any, patience: float | None, *, hide_usage: bool) -> Any:
    """The SDK's stream, read while it passes."""
    phases: Any = dig(stream, "response", "request", "extensions")
    if patience is not None and isinstance(phases, dict) and "timeout" in phases:
        # asked for when the body begins to be read; until then it was what the call had left
        phases["timeout"] = {**phases["timeout"], "read": patience}
    _free(stream)
    read = read_stream(call, stream)
    if read is None or not hide_usage:
        return stream if read is None else read
    around = _AsyncVisible if hasattr(type(read), "__anext__") else _Visible
    read._iterator = around(read._iterator)  # noqa: SLF001  the place where all its events pass
    return read


def _free(stream: Any) -> None:
    """Have a stream that is dropped on the way close its connection at once.

    In some SDKs the generator inside a stream refers to the stream, so that only the garbage
    collector could close it. One that refers to a copy is closed with its last reference.
    """
    fields: Any = attribute(stream, "__dict__")
    begin = attribute(stream, "__stream__")
    if isinstance(fields, dict) and fields.get("_iterator") is not None and callable(begin):
        twin: Any = copy.copy(stream)
        twin._iterator = None  # noqa: SLF001  it would be a cycle again
        stream._iterator = twin.__stream__()  # noqa: SLF001  nobody has begun to read the other one


def _is_usage_alone(chunk: Any) -> bool:
    return dig(chunk, "choices") == [] and dig(chunk, "usage") is not None


class _Visible:
    """The chunks of a chat stream without the one that its user has not asked for."""

    def __init__(self, chunks: Iterator[Any]) -> None:
        self._chunks = chunks

    def __iter__(self) -> _Visible:
        return self

    def __next__(self) -> Any:
        chunk = next(self._chunks)
        while _is_usage_alone(chunk):
            chunk = next(self._chunks)
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chunks, name)


class _AsyncVisible:
    """The same for an asynchronous one."""

    def __init__(self, chunks: AsyncIterator[Any]) -> None:
        self._chunks = chunks

    def __aiter__(self) -> _AsyncVisible:
        return self

    async def __anext__(self) -> Any:
        chunk = await anext(self._chunks)
        while _is_usage_alone(chunk):
            chunk = await anext(self._chunks)
        return chunk

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chunks, name)
