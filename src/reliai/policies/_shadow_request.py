"""What a shadow keeps of a call: the request as it was, and what a stream has delivered."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai._core.stream import Stream

__all__ = ["detached", "listened"]

_DEEPEST: Final = 100
"""Levels of containers that are copied; what lies deeper is shared."""

_CONTAINERS: Final = frozenset({dict, list, tuple, set, bytearray})


def detached(value: Any) -> Any:
    """A copy of plain containers and of those in them; any other object is the same one.

    Messages of a model are plain containers. A client, a connection or a model in memory must not
    be copied, and what cannot be told from one is not.
    """
    return value if type(value) not in _CONTAINERS else _copy(value, {}, 0)


def _copy(value: Any, made: dict[int, Any], depth: int) -> Any:
    kind = type(value)
    if kind not in _CONTAINERS or depth > _DEEPEST:
        return value
    known = made.get(id(value))
    if known is not None:  # seen already: it lies in two places, or in itself
        return known
    copy: Any
    if kind is dict:
        copy = made[id(value)] = {}
        for key, item in value.items():
            copy[key] = _copy(item, made, depth + 1)
    elif kind is list:
        copy = made[id(value)] = []
        copy.extend(_copy(item, made, depth + 1) for item in value)
    elif kind is tuple:
        copy = made[id(value)] = tuple([_copy(item, made, depth + 1) for item in value])
    else:
        copy = made[id(value)] = kind(value)
    return copy


def listened(stream: Stream) -> Callable[[], Any]:
    """Have a stream keep what it delivers, and change nothing else.

    Returns:
        What gives the answer once the stream has ended: text for chunks of text, a `Response` for
        a provider's events, otherwise the chunks. It does not hold the stream: one that is
        abandoned has to end.
    """
    if hasattr(type(stream), "_delivered"):  # another policy made it of a stream
        made: Any = stream
        return partial(_joined, made._delivered)  # noqa: SLF001  the engine's own, as all here
    reading = stream._reading  # noqa: SLF001
    if reading is not None:
        return reading.reader.response
    if stream._partial is None:  # noqa: SLF001
        stream._partial = []  # noqa: SLF001
    return partial(_joined, stream._partial)  # noqa: SLF001


def _joined(chunks: list[Any]) -> Any:
    if all(isinstance(chunk, str) for chunk in chunks):
        return "".join(chunks)
    if all(isinstance(chunk, bytes) for chunk in chunks):
        return b"".join(chunks)
    from reliai.providers import stream_reader  # noqa: PLC0415  for streams of events

    reader = stream_reader(chunks[0])
    if reader is None:
        return list(chunks)
    for chunk in chunks:
        reader.feed(chunk)
    return reader.response()
