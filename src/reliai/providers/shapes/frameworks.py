"""The forms of pydantic-ai and LangChain, which speak for any provider, and Cohere's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.providers.answer import Response, ToolCall
from reliai.providers.reading import amount, count, dig, text
from reliai.providers.shapes.common import finish_of, items, joined, provider_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "is_cohere",
    "is_langchain",
    "is_pydantic_ai",
    "read_cohere",
    "read_langchain",
    "read_pydantic_ai",
]


def is_pydantic_ai(value: object) -> bool:
    """A `ModelResponse`."""
    parts = dig(value, "parts")
    return dig(value, "kind") == "response" and isinstance(parts, (list, tuple))


def read_pydantic_ai(value: object) -> Response:
    """Its reasons to stop are in the common words already; counts of 0 mean that none were told."""
    parts, usage = dig(value, "parts"), dig(value, "usage")
    texts = [t for p in items(parts) if _kind(p) == "text" and (t := text(dig(p, "content")))]
    told = not dig(usage, "unmeasured_requests")
    told = told and bool(dig(usage, "input_tokens") or dig(usage, "output_tokens"))
    finish = finish_of(dig(value, "finish_reason"))
    refusal = text(dig(value, "provider_details", "refusal"))
    return Response(
        provider=text(dig(value, "provider_name")),
        model=text(dig(value, "model_name")),
        id=text(dig(value, "provider_response_id")),
        text="".join(texts) if texts else None,
        finish_reason="refusal" if refusal is not None else finish,
        refusal=refusal,
        tool_calls=tuple(_pydantic_ai_tools(parts)),
        input_tokens=count(dig(usage, "input_tokens")) if told else None,
        output_tokens=count(dig(usage, "output_tokens")) if told else None,
        cached_tokens=count(dig(usage, "cache_read_tokens")) if told else None,
        cache_write_tokens=(count(dig(usage, "cache_write_tokens")) or None) if told else None,
        cost_usd=amount(dig(usage, "cost")),
    )


def _kind(part: object) -> object:
    return dig(part, "part_kind")


def _pydantic_ai_tools(parts: object) -> Iterator[ToolCall]:
    for part in items(parts):
        name = text(dig(part, "tool_name"))
        if _kind(part) == "tool-call" and name is not None:
            yield ToolCall(name, dig(part, "args"), text(dig(part, "tool_call_id")))


def is_langchain(value: object) -> bool:
    """An `AIMessage`."""
    return isinstance(dig(value, "response_metadata"), dict) and dig(value, "type") in (
        "ai",
        "AIMessageChunk",
    )


def read_langchain(value: object) -> Response:
    """What its integrations put into `response_metadata` is in the provider's own words."""
    said, usage = dig(value, "response_metadata"), dig(value, "usage_metadata")
    finish = None
    for name in ("finish_reason", "stop_reason", "stopReason"):
        finish = finish or finish_of(dig(said, name))
    calls = tuple(_langchain_tools(value))
    refusal = text(dig(value, "additional_kwargs", "refusal")) or None
    if refusal is not None:
        finish = "refusal"
    elif calls and finish == "stop":
        finish = "tool_call"
    return Response(
        provider=text(dig(said, "model_provider")),
        model=text(dig(said, "model_name")) or text(dig(said, "model")),
        # The provider's, where it is told: by it an answer that was read below is known again.
        id=text(dig(said, "id")) or text(dig(value, "id")),
        text=joined(dig(value, "content")),
        finish_reason=finish,
        refusal=refusal,
        tool_calls=calls,
        parsed=dig(value, "additional_kwargs", "parsed"),
        input_tokens=count(dig(usage, "input_tokens")),
        output_tokens=count(dig(usage, "output_tokens")),
        cached_tokens=count(dig(usage, "input_token_details", "cache_read")),
        cache_write_tokens=count(dig(usage, "input_token_details", "cache_creation")),
    )


def _langchain_tools(value: object) -> Iterator[ToolCall]:
    """Calls whose arguments were no JSON are calls too: `args` is then the text as it came."""
    for field in ("tool_calls", "invalid_tool_calls"):
        for each in items(dig(value, field)):
            name = text(dig(each, "name"))
            if name is not None:
                yield ToolCall(name, dig(each, "args"), text(dig(each, "id")))


def is_cohere(value: object) -> bool:
    """An answer of the second version of Cohere's chat."""
    message = dig(value, "message")
    return dig(value, "finish_reason") is not None and dig(message, "role") == "assistant"


def read_cohere(value: object) -> Response:
    """Cohere counts in floats, once as billed and once as used; these are the used ones."""
    message, usage = dig(value, "message"), dig(value, "usage")
    return Response(
        provider=provider_of(value),
        id=text(dig(value, "id")),
        text=joined(dig(message, "content")),
        finish_reason=finish_of(dig(value, "finish_reason")),
        tool_calls=tuple(_cohere_tools(message)),
        input_tokens=count(dig(usage, "tokens", "input_tokens")),
        output_tokens=count(dig(usage, "tokens", "output_tokens")),
        cached_tokens=count(dig(usage, "cached_tokens")),
    )


def _cohere_tools(message: object) -> Iterator[ToolCall]:
    for each in items(dig(message, "tool_calls")):
        name = text(dig(each, "function", "name"))
        if name is not None:
            yield ToolCall(name, dig(each, "function", "arguments"), text(dig(each, "id")))
