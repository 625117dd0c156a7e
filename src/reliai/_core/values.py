"""What a returned value is: plain data, or a stream of chunks still to come."""

from __future__ import annotations

from types import AsyncGeneratorType, GeneratorType
from typing import Any

__all__ = ["PLAIN", "InDict", "opaque_stream", "stream_in"]

PLAIN = frozenset({str, bytes, int, float, bool, type(None), list, tuple, set, frozenset})
"""Types of values that nothing is to be read off."""

_GENERATORS = (GeneratorType, AsyncGeneratorType)

_NOT_STREAMS = ("builtins", "itertools", "_io", "_csv", "functools", "_collections", "collections")
"""Modules whose iterators are data, not the answer of a model that is still being written."""


_stream_types: dict[type, bool] = {}


def opaque_stream(value: object) -> bool:
    """Whether a value is a stream of chunks still to come, such as a provider's stream object."""
    kind = type(value)
    try:
        return _stream_types[kind]
    except KeyError:
        if len(_stream_types) > 1000:
            _stream_types.clear()
        known = _stream_types[kind] = _is_stream_type(kind)
        return known


class InDict:
    """A dictionary with the stream of an answer in it, as Bedrock gives one: the stream of it."""

    __slots__ = ("answer",)

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    def __iter__(self) -> Any:
        return iter(self.answer["stream"])

    def close(self) -> None:
        """Close the stream, when it can be."""
        close = getattr(self.answer["stream"], "close", None)
        if callable(close):
            close()


def stream_in(value: object) -> InDict | None:
    """The stream in a dictionary; None when there is none."""
    if type(value) is not dict or not opaque_stream(value.get("stream")):
        return None
    return InDict(value)


def _is_stream_type(kind: type[Any]) -> bool:
    if issubclass(kind, _GENERATORS) or kind.__module__ == "botocore.eventstream":
        return hasattr(kind, "__iter__") or hasattr(kind, "__aiter__")
    if kind.__module__.partition(".")[0] in _NOT_STREAMS:
        return False
    return hasattr(kind, "__next__") or hasattr(kind, "__anext__")
