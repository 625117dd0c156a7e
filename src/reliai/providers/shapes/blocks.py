"""The two forms whose answer is a list of blocks: Anthropic's messages and Bedrock's converse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.providers.answer import Response, ToolCall
from reliai.providers.reading import count, dig, text
from reliai.providers.shapes.common import finish_of, items, joined, provider_of, total

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_anthropic", "is_bedrock", "read_anthropic", "read_bedrock"]


def is_anthropic(value: object) -> bool:
    """A finished message of Anthropic's API; OpenAI's output items are messages too, but go on."""
    content = dig(value, "content")
    finished = dig(value, "stop_reason") is not None
    return finished and dig(value, "type") == "message" and isinstance(content, (list, tuple))


def read_anthropic(value: object) -> Response:
    """Anthropic counts the tokens of its cache beside `input_tokens`, not among them."""
    content, usage = dig(value, "content"), dig(value, "usage")
    finish, said = finish_of(dig(value, "stop_reason")), joined(content)
    cached = count(dig(usage, "cache_read_input_tokens"))
    written = count(dig(usage, "cache_creation_input_tokens"))
    return Response(
        provider=provider_of(value) or "anthropic",
        model=text(dig(value, "model")),
        id=text(dig(value, "id")),
        text=said,
        finish_reason=finish,
        refusal=_why(value, said) if finish == "refusal" else None,
        tool_calls=tuple(_anthropic_tools(content)),
        parsed=_parsed(content),
        input_tokens=total(count(dig(usage, "input_tokens")), cached, written),
        output_tokens=count(dig(usage, "output_tokens")),
        cached_tokens=cached,
        cache_write_tokens=written,
    )


def _why(value: object, said: str | None) -> str:
    details = dig(value, "stop_details")
    return text(dig(details, "explanation")) or said or text(dig(details, "category")) or ""


def _parsed(content: object) -> object:
    found = (dig(block, "parsed_output") for block in items(content))
    return next((each for each in found if each is not None), None)


def _anthropic_tools(content: object) -> Iterator[ToolCall]:
    for block in items(content):
        name = text(dig(block, "name"))
        if dig(block, "type") == "tool_use" and name is not None:
            yield ToolCall(name, dig(block, "input"), text(dig(block, "id")))


def is_bedrock(value: object) -> bool:
    """What `converse` of boto3's bedrock-runtime returns: always a dictionary."""
    return isinstance(value, dict) and "stopReason" in value and "output" in value


def read_bedrock(value: object) -> Response:
    """Bedrock too counts the tokens of its cache beside `inputTokens`."""
    content, usage = dig(value, "output", "message", "content"), dig(value, "usage")
    cached = count(dig(usage, "cacheReadInputTokens"))
    written = count(dig(usage, "cacheWriteInputTokens"))
    return Response(
        provider="bedrock",
        id=text(dig(value, "ResponseMetadata", "RequestId")),
        text=joined(content),
        finish_reason=finish_of(dig(value, "stopReason")),
        tool_calls=tuple(_bedrock_tools(content)),
        input_tokens=total(count(dig(usage, "inputTokens")), cached, written),
        output_tokens=count(dig(usage, "outputTokens")),
        cached_tokens=cached,
        cache_write_tokens=written,
    )


def _bedrock_tools(content: object) -> Iterator[ToolCall]:
    for block in items(content):
        called = dig(block, "toolUse")
        name = text(dig(called, "name"))
        if name is not None:
            yield ToolCall(name, dig(called, "input"), text(dig(called, "toolUseId")))
