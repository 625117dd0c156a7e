"""Reading the events of providers' streams: how each form is told from the others, and summed.

Objects and their JSON are read alike. Nothing here raises, and nothing is imported from an SDK.
"""

from __future__ import annotations

from reliai.providers.streams.base import StreamReader
from reliai.providers.streams.failures import IncompleteStream, InStreamError
from reliai.providers.streams.telling import chunk_text, stream_reader

__all__ = ["InStreamError", "IncompleteStream", "StreamReader", "chunk_text", "stream_reader"]
