"""OpenAI's two forms: chat completions, which half the world copies, and Responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.providers.answer import Response, ToolCall
from reliai.providers.reading import amount, count, dig, text
from reliai.providers.shapes.common import finish_of, items, joined, provider_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_chat", "is_responses", "read_chat", "read_responses"]


def is_chat(value: object) -> bool:
    """A chat completion of OpenAI, Azure, Groq, Mistral, vLLM, litellm …, or a text completion."""
    first = dig(value, "choices", 0)
    return first is not None and (
        dig(first, "message") is not None or isinstance(dig(first, "text"), str)
    )


def read_chat(value: object) -> Response:
    """The first choice of a chat completion."""
    choice, usage = dig(value, "choices", 0), dig(value, "usage")
    message, hidden = dig(choice, "message"), dig(value, "_hidden_params")
    refusal = text(dig(message, "refusal")) or None
    finish = finish_of(dig(choice, "finish_reason"))
    content = joined(dig(message, "content"))
    return Response(
        provider=text(dig(hidden, "custom_llm_provider")) or provider_of(value),
        model=text(dig(value, "model")),
        id=text(dig(value, "id")),
        text=content if message is not None else text(dig(choice, "text")),
        finish_reason="refusal" if refusal is not None else finish,
        refusal=refusal,
        tool_calls=tuple(_chat_tools(message)),
        parsed=dig(message, "parsed"),
        input_tokens=count(dig(usage, "prompt_tokens")),
        output_tokens=count(dig(usage, "completion_tokens")),
        cached_tokens=count(dig(usage, "prompt_tokens_details", "cached_tokens")),
        cost_usd=_first(amount(dig(hidden, "response_cost")), amount(dig(usage, "cost"))),
    )


def _first(*values: float | None) -> float | None:
    return next((each for each in values if each is not None), None)


def _chat_tools(message: object) -> Iterator[ToolCall]:
    for each in items(dig(message, "tool_calls")):
        called = dig(each, "function") or dig(each, "custom")
        name = text(dig(called, "name"))
        if name is not None:
            arguments = dig(called, "arguments")
            given = dig(called, "input") if arguments is None else arguments
            yield ToolCall(name, given, text(dig(each, "id")))


def is_responses(value: object) -> bool:
    """An answer of the Responses API."""
    return dig(value, "object") == "response" and isinstance(dig(value, "output"), (list, tuple))


def read_responses(value: object) -> Response:
    """All output items of a Responses answer; only output items hold text, reasoning does not."""
    output = dig(value, "output")
    blocks = [block for item in items(output) for block in _content(item)]
    refusals = [r for b in blocks if (r := text(dig(b, "refusal"))) is not None]
    refusal = "".join(refusals) or None
    calls = tuple(_responses_tools(output))
    usage = dig(value, "usage")
    return Response(
        provider=provider_of(value) or "openai",
        model=text(dig(value, "model")),
        id=text(dig(value, "id")),
        text=joined(blocks),
        finish_reason=_responses_finish(value, refused=refusal is not None, calling=bool(calls)),
        refusal=refusal,
        tool_calls=calls,
        parsed=dig(value, "output_parsed"),
        input_tokens=count(dig(usage, "input_tokens")),
        output_tokens=count(dig(usage, "output_tokens")),
        cached_tokens=count(dig(usage, "input_tokens_details", "cached_tokens")),
        cache_write_tokens=count(dig(usage, "input_tokens_details", "cache_write_tokens")) or None,
    )


def _content(item: object) -> Iterator[object]:
    if dig(item, "type") == "message":
        yield from items(dig(item, "content"))


def _responses_tools(output: object) -> Iterator[ToolCall]:
    for each in items(output):
        if dig(each, "type") in ("function_call", "custom_tool_call"):
            name = text(dig(each, "name"))
            arguments = dig(each, "arguments")
            given = dig(each, "input") if arguments is None else arguments
            if name is not None:
                yield ToolCall(name, given, text(dig(each, "call_id")))


def _responses_finish(value: object, *, refused: bool, calling: bool) -> str | None:
    if refused:
        return "refusal"
    status = dig(value, "status")
    if status == "incomplete":
        return finish_of(dig(value, "incomplete_details", "reason"))
    if status == "completed" and calling:
        return "tool_call"
    return finish_of(status)
