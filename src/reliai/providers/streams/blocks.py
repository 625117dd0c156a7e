"""The events of Anthropic's messages, raw or from its helper, and of Bedrock's converse_stream."""

from __future__ import annotations

from typing import ClassVar, TypeGuard

from reliai.providers.reading import count, dig, text
from reliai.providers.shapes.common import finish_of, provider_of, total
from reliai.providers.streams.base import StreamReader
from reliai.providers.streams.failures import InStreamError

__all__ = [
    "ANTHROPIC_EVENTS",
    "ANTHROPIC_HELPER_EVENTS",
    "AnthropicReader",
    "BedrockReader",
    "anthropic_text",
    "bedrock_text",
    "is_bedrock_event",
]

ANTHROPIC_EVENTS = frozenset(
    """message_start message_delta message_stop content_block_start content_block_delta
    content_block_stop ping""".split()
)
"""Events as the API sends them."""
ANTHROPIC_HELPER_EVENTS = frozenset(
    "text citation thinking signature input_json compaction".split()
)
"""What the helper `messages.stream` adds; it repeats what the others say."""


def anthropic_text(event: object) -> str | None:
    """The text that one event carries."""
    kind = dig(event, "type")
    if kind == "content_block_delta" and dig(event, "delta", "type") == "text_delta":
        return text(dig(event, "delta", "text")) or None
    if kind == "content_block_start" and dig(event, "content_block", "type") == "text":
        return text(dig(event, "content_block", "text")) or None
    return None


class AnthropicReader(StreamReader):
    """Input tokens come with the first event, output tokens with the last, each time in full."""

    missing: ClassVar[str] = "message_stop"

    def __init__(self) -> None:
        super().__init__()
        self._used: dict[str, int] = {}
        self._why: str | None = None

    def _take(self, chunk: object) -> str | None:
        kind = text(dig(chunk, "type")) or ""
        self.provider = provider_of(chunk) or self.provider or "anthropic"
        self.alive = kind != "ping"
        if kind == "message_start":
            message, self.whole = dig(chunk, "message"), True
            self.model = text(dig(message, "model")) or self.model
            self.id = text(dig(message, "id")) or self.id
            self._usage(dig(message, "usage"))
        elif kind == "content_block_start":
            block = dig(chunk, "content_block")
            if dig(block, "type") == "tool_use":
                name, call_id = dig(block, "name"), dig(block, "id")
                self._call_tool(dig(chunk, "index"), name, dig(block, "input"), call_id)
        elif kind == "content_block_delta":
            if dig(chunk, "delta", "type") == "input_json_delta":
                self._arguments(chunk)
        elif kind == "message_delta":
            self._ending(chunk)
        elif kind == "message_stop":
            self.finished = True
        elif kind == "error":
            self.failure = InStreamError.of(dig(chunk, "error"))
        return anthropic_text(chunk)

    def _arguments(self, chunk: object) -> None:
        if dig(chunk, "index") in self._tools:  # else a tool that the provider runs by itself
            self._call_tool(dig(chunk, "index"), arguments=dig(chunk, "delta", "partial_json"))

    def _ending(self, chunk: object) -> None:
        finish = finish_of(dig(chunk, "delta", "stop_reason"))
        self.finish = finish or self.finish
        if finish == "refusal":
            details = dig(chunk, "delta", "stop_details")
            why = text(dig(details, "explanation")) or self.text or text(dig(details, "category"))
            self._refuse(why or "refusal")
        if dig(chunk, "usage", "output_tokens") is not None:
            self._usage(dig(chunk, "usage"))
            self.settled = True

    def _usage(self, usage: object) -> None:
        for name in (
            "input_tokens",
            "cache_read_input_tokens",
            "cache_creation_input_tokens",
            "output_tokens",
        ):
            told = count(dig(usage, name))
            if told is not None:
                self._used[name] = told
        used = self._used.get
        self.cached_tokens = used("cache_read_input_tokens")
        self.cache_write_tokens = used("cache_creation_input_tokens")
        read = used("input_tokens")
        self.input_tokens = total(read, self.cached_tokens, self.cache_write_tokens)
        self.output_tokens = used("output_tokens")


_BEDROCK_EVENTS = frozenset(
    """messageStart contentBlockStart contentBlockDelta contentBlockStop messageStop
    metadata""".split()
)
_EXCEPTION = "Exception"


def is_bedrock_event(event: object) -> TypeGuard[dict[str, object]]:
    """An event is a dictionary with one key, which names it."""
    if not isinstance(event, dict) or len(event) != 1:
        return False
    (name,) = event
    return isinstance(name, str) and (name in _BEDROCK_EVENTS or name.endswith(_EXCEPTION))


def bedrock_text(event: object) -> str | None:
    """The text that one event carries."""
    return text(dig(event, "contentBlockDelta", "delta", "text")) or None


class BedrockReader(StreamReader):
    """The usage comes after the event that ends the answer."""

    missing: ClassVar[str] = "messageStop"

    def __init__(self) -> None:
        super().__init__()
        self.provider = "bedrock"

    def _take(self, chunk: object) -> str | None:
        if not is_bedrock_event(chunk):
            return None
        ((name, event),) = chunk.items()
        self.alive = True
        if name in ("contentBlockStart", "contentBlockDelta"):
            self._tool(event)
        elif name == "messageStop":
            self.finish, self.finished = finish_of(dig(event, "stopReason")), True
        elif name == "metadata":
            self._usage(dig(event, "usage"))
        elif name == "messageStart":
            self.whole = True
        elif name.endswith(_EXCEPTION):
            self.failure = InStreamError.of(event, kind=name)
        return bedrock_text(chunk)

    def _tool(self, event: object) -> None:
        key, begun = dig(event, "contentBlockIndex"), dig(event, "start", "toolUse")
        if begun is not None:
            self._call_tool(key, dig(begun, "name"), None, dig(begun, "toolUseId"))
        arguments = dig(event, "delta", "toolUse", "input")
        if arguments is not None:
            self._call_tool(key, arguments=arguments)

    def _usage(self, usage: object) -> None:
        self.cached_tokens = count(dig(usage, "cacheReadInputTokens"))
        self.cache_write_tokens = count(dig(usage, "cacheWriteInputTokens"))
        read = count(dig(usage, "inputTokens"))
        self.input_tokens = total(read, self.cached_tokens, self.cache_write_tokens)
        self.output_tokens = count(dig(usage, "outputTokens"))
        self.settled = self.input_tokens is not None or self.output_tokens is not None
