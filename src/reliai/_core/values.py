"""What a returned value is: plain data, a stream, or a provider's response with usage to read."""

from __future__ import annotations

from types import AsyncGeneratorType, GeneratorType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai._core.record import Attempt

__all__ = ["PLAIN", "note_response", "opaque_stream"]

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


def _is_stream_type(kind: type[Any]) -> bool:
    if issubclass(kind, _GENERATORS):
        return True
    if kind.__module__.partition(".")[0] in _NOT_STREAMS:
        return False
    return hasattr(kind, "__next__") or hasattr(kind, "__anext__")


def note_response(call: Call, attempt: Attempt, value: object) -> None:
    """Put on the record what a provider's response says of itself: model, usage, finish reason."""
    from reliai.providers import looks_like_response, read_response  # noqa: PLC0415  rarely needed

    if not looks_like_response(value):
        return
    response = read_response(value)
    if response is None:
        return
    attempt.model = response.model
    attempt.input_tokens = response.input_tokens
    attempt.output_tokens = response.output_tokens
    record = call._record  # noqa: SLF001  the engine fills the record
    record.provider = response.provider
    record.model_served = response.model
    record.finish_reason = response.finish_reason
    _add_usage(record, response.input_tokens, response.output_tokens)
    if response.cost_usd is not None:
        record.cost_usd = (record.cost_usd or 0.0) + float(response.cost_usd)


def _add_usage(record: Any, input_tokens: int | None, output_tokens: int | None) -> None:
    if input_tokens is None and output_tokens is None:
        return
    record.input_tokens = (record.input_tokens or 0) + (input_tokens or 0)
    record.output_tokens = (record.output_tokens or 0) + (output_tokens or 0)
    record.usage_state = "measured"
