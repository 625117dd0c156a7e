"""A provider's answer in one form, whatever SDK, proxy or JSON it came from: the values alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["Response", "ToolCall"]


class ToolCall(NamedTuple):
    """A tool the model wants called."""

    name: str
    arguments: object
    """As the provider sent them: JSON text, or an object already decoded."""
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Response:
    """What an answer says of itself; None for what it does not say."""

    provider: str | None = None
    """Who served it: "openai", "anthropic", "google", "bedrock", "mistral", "cohere" …; None for
    plain JSON in a form that many providers share."""
    model: str | None = None
    id: str | None = None
    text: str | None = None
    """The text of the first choice, its parts joined; no reasoning, no tool calls."""
    finish_reason: str | None = None
    """stop, length, tool_call, content_filter, refusal, suspended or error."""
    refusal: str | None = None
    """What it says in refusing, or why it was blocked; None when it did not refuse."""
    tool_calls: tuple[ToolCall, ...] = ()
    parsed: object = None
    """What the SDK built from it, when a type was asked for."""
    input_tokens: int | None = None
    """All tokens of the request, those read from and written to a cache included."""
    output_tokens: int | None = None
    """All tokens of the answer, reasoning included."""
    cached_tokens: int | None = None
    """Those of `input_tokens` that were read from a cache."""
    cost_usd: float | None = None
    """The price in US dollars, where a proxy or framework worked it out."""
    cache_write_tokens: int | None = None
    """Those of `input_tokens` that were written to a cache, which may cost more."""
