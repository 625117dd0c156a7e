"""What the readers of the single forms have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai.providers.reading import dig, text, word

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["finish_of", "items", "joined", "provider_of", "total"]

_FINISH: Final = {
    name: finish
    for finish, names in {
        "stop": "stop end_turn stop_sequence complete completed eos end",
        "length": """length max_tokens max_output_tokens model_length max_length continuation
            model_context_window_exceeded""",
        "tool_call": "tool_calls tool_call tool_use function_call",
        "content_filter": """content_filter content_filtered guardrail_intervened safety recitation
            blocklist prohibited_content spii model_armor language escalation image_safety
            image_prohibited_content image_recitation pup_limited_disabled error_toxic""",
        "refusal": "refusal",
        "suspended": "pause_turn suspended queued in_progress",
        "error": """error failed cancelled timeout malformed_function_call unexpected_tool_call
            too_many_tool_calls missing_thought_signature malformed_response
            malformed_model_output malformed_tool_use""",
    }.items()
    for name in names.split()
}
_PROVIDERS: Final = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "vertexai": "google",
    "mistralai": "mistral",
    "cohere": "cohere",
    "groq": "groq",
    "together": "together",
    "cerebras": "cerebras",
    "xai_sdk": "xai",
}
_TEXT_TYPES: Final = frozenset({None, "text", "output_text"})


def finish_of(value: object) -> str | None:
    """The common word for a provider's reason to stop; None for one we do not know."""
    return _FINISH.get(word(value) or "")


def provider_of(value: object) -> str | None:
    """The provider whose SDK made the object; None for plain JSON and for everybody's classes."""
    module = text(dig(type(value), "__module__")) or ""
    return _PROVIDERS.get(module.partition(".")[0])


def items(value: object) -> Iterator[object]:
    """The elements of a list or tuple; none of anything else."""
    if isinstance(value, (list, tuple)):
        yield from value


def joined(content: object) -> str | None:
    """The text of a message: a string, or the text blocks of a list; None when it has no text."""
    if isinstance(content, str):
        return content
    parts = []
    for block in items(content):
        if isinstance(block, str):
            parts.append(block)
        elif dig(block, "type") in _TEXT_TYPES:
            found = text(dig(block, "text"))
            if found is not None:
                parts.append(found)
    return "".join(parts) if parts else None


def total(*counts: int | None) -> int | None:
    """Their sum, the unknown left out; None when all are unknown."""
    known = [each for each in counts if each is not None]
    return sum(known) if known else None
