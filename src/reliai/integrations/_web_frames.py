"""Server-sent events as bytes: of a chunk, of an end, of an error. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from reliai.errors import ConfigurationError
from reliai.providers import chunk_text
from reliai.providers.streams import stream_reader

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KEEP_ALIVE", "data_of", "frame", "told"]

KEEP_ALIVE: Final = b": keep-alive\n\n"

_LINE_ENDS: Final = re.compile(r"\r\n|\r|\n")


def frame(data: str, event: str | None = None) -> bytes:
    """One event; a line of it for each line of the data, which come together again there."""
    lines = [f"data: {line}" for line in _LINE_ENDS.split(data)]
    if event is not None:
        lines.insert(0, f"event: {event}")
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


def told(event: str, values: Mapping[str, Any]) -> bytes:
    """An event of a kind, with values as JSON."""
    return frame(
        json.dumps({key: value for key, value in values.items() if value is not None}), event
    )


def data_of(chunk: Any) -> str | None:
    """What is sent of a chunk; None when nothing is.

    A text is sent as it is, of a provider's event the text that it carries, and anything else as
    JSON.

    Raises:
        ConfigurationError: for a chunk that JSON cannot say.
    """
    if chunk is None or isinstance(chunk, str):
        return chunk or None
    text = chunk_text(chunk)
    if text is not None:
        return text or None
    if stream_reader(chunk) is not None:
        return None
    from pydantic_core import PydanticSerializationError, to_json  # noqa: PLC0415  rarely needed

    try:
        return to_json(chunk).decode()
    except (PydanticSerializationError, UnicodeDecodeError):
        message = (
            f"sse(): a chunk of {type(chunk).__name__} cannot be sent; give encode=, "
            "a function that makes a text of a chunk"
        )
        raise ConfigurationError(message) from None
