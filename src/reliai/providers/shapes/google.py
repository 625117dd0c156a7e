"""Google's form: `generate_content` of google-genai, or the JSON of its REST API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.providers.answer import Response, ToolCall
from reliai.providers.reading import count, dig, text, word
from reliai.providers.shapes.common import finish_of, items, provider_of, total

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_google", "read_google"]


def is_google(value: object) -> bool:
    """It has candidates, or says why a prompt got none."""
    return dig(value, "candidates", 0) is not None or _reason(value) is not None


def read_google(value: object) -> Response:
    """The first candidate. Google counts reasoning beside `candidates_token_count`."""
    candidate, usage = dig(value, "candidates", 0), _named(value, "usage_metadata")
    parts = dig(candidate, "content", "parts")
    calls, blocked = tuple(_tools(parts)), _reason(value)
    finish = finish_of(_named(candidate, "finish_reason"))
    if blocked is not None:
        finish = "content_filter"
    elif calls and finish == "stop":
        finish = "tool_call"
    return Response(
        provider=provider_of(value) or "google",
        model=text(_named(value, "model_version")),
        id=text(_named(value, "response_id")),
        text=_text(parts),
        finish_reason=finish,
        refusal=blocked,
        tool_calls=calls,
        parsed=dig(value, "parsed"),
        input_tokens=total(
            count(_named(usage, "prompt_token_count")),
            count(_named(usage, "tool_use_prompt_token_count")),
        ),
        output_tokens=total(
            count(_named(usage, "candidates_token_count")),
            count(_named(usage, "thoughts_token_count")),
        ),
        cached_tokens=count(_named(usage, "cached_content_token_count")),
    )


def _named(value: object, name: str) -> object:
    """A field by its name in Python, or in JSON, where the words are run together."""
    found = dig(value, name)
    if found is None and isinstance(value, dict):
        first, *rest = name.split("_")
        return value.get(first + "".join(each.title() for each in rest))
    return found


def _reason(value: object) -> str | None:
    reason = word(_named(_named(value, "prompt_feedback"), "block_reason"))
    return None if reason == "blocked_reason_unspecified" else reason


def _text(parts: object) -> str | None:
    found = [
        said
        for part in items(parts)
        if (said := text(dig(part, "text"))) is not None and dig(part, "thought") is not True
    ]
    return "".join(found) if found else None


def _tools(parts: object) -> Iterator[ToolCall]:
    for part in items(parts):
        called = _named(part, "function_call")
        name = text(dig(called, "name"))
        if name is not None:
            yield ToolCall(name, dig(called, "args"), text(dig(called, "id")))
