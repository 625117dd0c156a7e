"""Reading the errors and the answers of provider SDKs, none of which is ever imported.

Floor 1: imports only reliai.errors and reliai.clock. What reads streams is loaded when it is first
asked for.
"""

from typing import TYPE_CHECKING

from reliai.providers.answer import Response, ToolCall
from reliai.providers.classification import classify
from reliai.providers.clients import WRAPPED, InnerClient, inner_retries, keeps_time
from reliai.providers.failure import Failure
from reliai.providers.formats import format_for
from reliai.providers.prices import price_of, set_price
from reliai.providers.response import looks_like_response, read_response
from reliai.providers.traits import control_flow

if TYPE_CHECKING:
    from reliai.providers.streams import StreamReader, chunk_text, stream_reader

__all__ = [
    "WRAPPED",
    "Failure",
    "InnerClient",
    "Response",
    "StreamReader",
    "ToolCall",
    "chunk_text",
    "classify",
    "control_flow",
    "format_for",
    "inner_retries",
    "keeps_time",
    "looks_like_response",
    "price_of",
    "read_response",
    "set_price",
    "stream_reader",
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        if name not in ("StreamReader", "chunk_text", "stream_reader"):
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from reliai.providers import streams  # noqa: PLC0415  only programs with streams need it

        return globals().setdefault(name, getattr(streams, name))
