"""The chunks of OpenAI's chat completions, which half the world copies.

Also litellm's, Groq's, Azure's, vLLM's, Ollama's and Mistral's, and the events of OpenAI's helper
`chat.completions.stream`, each of which wraps a chunk.
"""

from __future__ import annotations

from typing import ClassVar

from reliai.providers.reading import amount, count, dig, text
from reliai.providers.shapes.common import finish_of, items, joined, provider_of
from reliai.providers.streams.base import StreamReader
from reliai.providers.streams.failures import InStreamError

__all__ = ["OPENAI_HELPER_EVENTS", "ChatReader", "chat_text", "is_chat_chunk"]

OPENAI_HELPER_EVENTS = frozenset(
    """chunk content.delta content.done refusal.delta refusal.done
    tool_calls.function.arguments.delta tool_calls.function.arguments.done
    logprobs.content.delta logprobs.content.done logprobs.refusal.delta
    logprobs.refusal.done""".split()
)
"""Events of the helper; only "chunk" tells something that the others do not repeat."""

_FINGERPRINTS_OF_THE_SILENT = frozenset({"fp_ollama"})
"""Servers that may end a stream without a reason to stop."""


def _unwrapped(event: object) -> object:
    """The chunk in what the SDKs of Mistral and OpenAI wrap it in, or the event itself."""
    if dig(event, "choices") is None:
        for name in ("data", "chunk"):
            inner = dig(event, name)
            if dig(inner, "choices") is not None:
                return inner
    return event


def is_chat_chunk(event: object) -> bool:
    """Whether it is a piece of an answer; a whole one has messages where a piece has deltas."""
    choices = dig(_unwrapped(event), "choices")
    if not isinstance(choices, (list, tuple)):
        return False
    first = dig(choices, 0)
    if first is None:  # usage, or what Azure's filter says of the prompt
        kind = text(dig(event, "object"))
        return kind is None or kind.endswith("chunk")
    return dig(first, "message") is None and (
        dig(first, "delta") is not None or isinstance(dig(first, "text"), str)
    )


def _first_choice(chunk: object) -> object:
    """The piece of the first answer; when several are asked for, others come in between."""
    for choice in items(dig(chunk, "choices")):
        if dig(choice, "index") in (0, None):
            return choice
    return None


def _said(choice: object) -> str | None:
    delta = dig(choice, "delta")
    return text(dig(choice, "text")) if delta is None else joined(dig(delta, "content"))


def chat_text(event: object) -> str | None:
    """The text that one chunk carries."""
    return _said(_first_choice(_unwrapped(event))) or None


def _only_text(chunk: object, choice: object) -> bool:
    """Whether a chunk with text tells nothing else."""
    return not (
        dig(choice, "delta", "tool_calls") or dig(choice, "finish_reason") or dig(chunk, "usage")
    )


class ChatReader(StreamReader):
    """Sums the chunks of the first choice."""

    missing: ClassVar[str] = "a chunk that says why it stopped (finish_reason)"

    def __init__(self) -> None:
        super().__init__()
        self._silent = False

    @property
    def requires_terminal(self) -> bool:
        return not self._silent

    def _take(self, chunk: object) -> str | None:
        chunk = _unwrapped(chunk)
        choice = _first_choice(chunk)
        said = dig(choice, "delta", "content")
        if said and type(said) is str and self.model is not None and _only_text(chunk, choice):
            return said  # nearly all chunks: what they lack is slow to ask an SDK's objects for
        self._about(chunk)
        self._usage(chunk)
        error = dig(chunk, "error") or dig(chunk, "x_groq", "error")
        if error:
            self.failure = InStreamError.of({"message": error} if isinstance(error, str) else error)
            self.alive = True
        if choice is None:
            others = bool(dig(chunk, "choices"))
            self.content = self.alive = others or self.alive
            return None
        self._delta(dig(choice, "delta"))
        finish = dig(choice, "finish_reason")
        if finish is not None:
            self.finish = finish_of(finish) or self.finish
            self.finished = self.alive = True
        return _said(choice)

    def _about(self, chunk: object) -> None:
        self.provider = (
            text(dig(chunk, "_hidden_params", "custom_llm_provider"))
            or provider_of(chunk)
            or self.provider
        )
        self.model = text(dig(chunk, "model")) or self.model
        self.id = text(dig(chunk, "id")) or self.id
        if dig(chunk, "system_fingerprint") in _FINGERPRINTS_OF_THE_SILENT:
            self._silent = True

    def _usage(self, chunk: object) -> None:
        usage = dig(chunk, "usage") or dig(chunk, "x_groq", "usage")
        if not usage:
            return
        read, wrote = count(dig(usage, "prompt_tokens")), count(dig(usage, "completion_tokens"))
        if read is None and wrote is None:
            return
        self.input_tokens = self.input_tokens if read is None else read  # cumulative: the last one
        self.output_tokens = self.output_tokens if wrote is None else wrote
        cached = count(dig(usage, "prompt_tokens_details", "cached_tokens"))
        self.cached_tokens = self.cached_tokens if cached is None else cached
        cost = amount(dig(usage, "cost"))
        self.cost_usd = self.cost_usd if cost is None else cost
        self.settled = self.alive = True

    def _delta(self, delta: object) -> None:
        if dig(delta, "role") is not None:
            self.alive = True
        for name in ("reasoning_content", "reasoning", "content"):
            self.alive = self.alive or bool(dig(delta, name))
        if delta is not None and not isinstance(dig(delta, "content"), (str, list)):
            self.whole = self.whole or not dig(delta, "tool_calls")
        self._refuse(text(dig(delta, "refusal")))
        if dig(delta, "audio"):
            self.content = True
        for number, called in enumerate(items(dig(delta, "tool_calls"))):
            index, function = dig(called, "index"), dig(called, "function")
            key = index if isinstance(index, int) else number
            call_id = dig(called, "id")
            self._call_tool(key, dig(function, "name"), dig(function, "arguments"), call_id)
        legacy = dig(delta, "function_call")
        if legacy is not None:
            self._call_tool("function", dig(legacy, "name"), dig(legacy, "arguments"))
