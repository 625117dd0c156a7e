"""Which form the events of a stream have."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Final, TypeAlias

from reliai.providers.reading import dig
from reliai.providers.shapes.common import provider_of
from reliai.providers.streams.blocks import (
    ANTHROPIC_EVENTS,
    ANTHROPIC_HELPER_EVENTS,
    AnthropicReader,
    BedrockReader,
    anthropic_text,
    bedrock_text,
    is_bedrock_event,
)
from reliai.providers.streams.frameworks import (
    COHERE_EVENTS,
    CohereReader,
    LangChainReader,
    OllamaReader,
    PydanticAiReader,
    cohere_text,
    is_ollama_chunk,
    langchain_text,
    ollama_text,
    pydantic_ai_text,
)
from reliai.providers.streams.google import GoogleReader, google_text, is_google_chunk
from reliai.providers.streams.openai_chat import (
    OPENAI_HELPER_EVENTS,
    ChatReader,
    chat_text,
    is_chat_chunk,
)
from reliai.providers.streams.openai_responses import ResponsesReader, responses_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai.providers.streams.base import StreamReader

    Form: TypeAlias = tuple[Callable[[], StreamReader], Callable[[object], str | None]]

__all__ = ["chunk_text", "stream_reader"]

_CHAT: Final[Form] = (ChatReader, chat_text)
_RESPONSES: Final[Form] = (ResponsesReader, responses_text)
_ANTHROPIC: Final[Form] = (AnthropicReader, anthropic_text)
_GOOGLE: Final[Form] = (GoogleReader, google_text)
_BEDROCK: Final[Form] = (BedrockReader, bedrock_text)
_PYDANTIC_AI: Final[Form] = (PydanticAiReader, pydantic_ai_text)
_LANGCHAIN: Final[Form] = (LangChainReader, langchain_text)
_COHERE: Final[Form] = (CohereReader, cohere_text)
_OLLAMA: Final[Form] = (OllamaReader, ollama_text)

_TYPES: Final[dict[str, Form]] = {
    **dict.fromkeys(ANTHROPIC_EVENTS, _ANTHROPIC),
    **dict.fromkeys(COHERE_EVENTS, _COHERE),
    "AIMessageChunk": _LANGCHAIN,
}
_HELPERS: Final[dict[tuple[str | None, str], Form]] = {
    **{("anthropic", name): _ANTHROPIC for name in ANTHROPIC_HELPER_EVENTS},
    **{("openai", name): _CHAT for name in OPENAI_HELPER_EVENTS},
}
"""Names that anybody could give, so only the SDK's own objects are meant."""

_NO_EVENTS: Final = (str, bytes, bytearray, int, float, complex, list, tuple, set, type(None))
_MOST: Final = 1024  # every Mock has a class of its own
_known: dict[type, Form | None] = {}


def stream_reader(first_chunk: object) -> StreamReader | None:
    """A reader for the stream that begins with a chunk; None for text and for unknown chunks.

    The chunk is only looked at; `feed` it to the reader like all that follow.
    """
    form = _form(first_chunk)
    return None if form is None else form[0]()


def chunk_text(chunk: object) -> str | None:
    """The text that one chunk carries: a string is itself, an event of a provider what it adds.

    None for a chunk without text, and for one of unknown form. Never raises.
    """
    if isinstance(chunk, str):
        return chunk
    form = _form(chunk)
    if form is None:
        return None
    try:
        return form[1](chunk)
    except Exception:  # noqa: BLE001  whatever a chunk's attributes do, the stream goes on
        return None


def _form(chunk: object) -> Form | None:
    kind = type(chunk)
    if issubclass(kind, _NO_EVENTS):
        return None
    if kind in _known:
        return _known[kind]
    try:
        found = _look(chunk)
    except Exception:  # noqa: BLE001  as above
        return None
    if _tells_all(kind) and (found is not None or provider_of(chunk) is None):
        if len(_known) >= _MOST:
            _known.clear()
        _known[kind] = found  # of an SDK's own type, the next object may tell more
    return found


def _tells_all(kind: type) -> bool:
    """Whether what one object of a type is, the others are too."""
    return not issubclass(kind, (dict, SimpleNamespace)) and kind.__module__ != "unittest.mock"


def _look(chunk: object) -> Form | None:
    named = dig(chunk, "type")
    if isinstance(named, str) and (found := _by_type(named, chunk)) is not None:
        return found
    if isinstance(dig(chunk, "event_kind"), str):
        return _PYDANTIC_AI
    if is_chat_chunk(chunk):
        return _CHAT
    if is_bedrock_event(chunk):
        return _BEDROCK
    if is_ollama_chunk(chunk):
        return _OLLAMA
    return _GOOGLE if is_google_chunk(chunk) else None


def _by_type(named: str, chunk: object) -> Form | None:
    if named.startswith("response."):
        return _RESPONSES
    if named == "error":  # anybody's own events may be called so: it takes more to be a provider's
        if isinstance(dig(chunk, "error", "type"), str):
            return _ANTHROPIC
        return _RESPONSES if isinstance(dig(chunk, "sequence_number"), int) else None
    helper = _HELPERS.get((provider_of(chunk), named))
    return _TYPES.get(named) if helper is None else helper
