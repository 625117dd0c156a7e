"""The events of pydantic-ai, LangChain and Cohere, and the JSON lines of Ollama's own API."""

from __future__ import annotations

from typing import ClassVar

from reliai.providers.reading import count, dig, text
from reliai.providers.shapes.common import finish_of, items, joined, provider_of, total
from reliai.providers.shapes.frameworks import read_langchain
from reliai.providers.streams.base import StreamReader
from reliai.providers.streams.failures import InStreamError

__all__ = [
    "COHERE_EVENTS",
    "CohereReader",
    "LangChainReader",
    "OllamaReader",
    "PydanticAiReader",
    "cohere_text",
    "is_ollama_chunk",
    "langchain_text",
    "ollama_text",
    "pydantic_ai_text",
]


def pydantic_ai_text(event: object) -> str | None:
    """The text that one event carries."""
    kind = dig(event, "event_kind")
    if kind == "part_delta" and dig(event, "delta", "part_delta_kind") == "text":
        return text(dig(event, "delta", "content_delta")) or None
    if kind == "part_start" and dig(event, "part", "part_kind") == "text":
        return text(dig(event, "part", "content")) or None
    return None


class PydanticAiReader(StreamReader):
    """Parts and their deltas. It marks no end, and tells no usage but that of a whole run."""

    @property
    def requires_terminal(self) -> bool:
        return False

    def _take(self, chunk: object) -> str | None:
        kind, self.alive = dig(chunk, "event_kind"), True
        key = dig(chunk, "index")
        if kind == "part_start" and dig(chunk, "part", "part_kind") == "tool-call":
            part = dig(chunk, "part")
            self._call_tool(key, dig(part, "tool_name"), dig(part, "args"), _call_id(part))
        elif kind == "part_delta" and dig(chunk, "delta", "part_delta_kind") == "tool_call":
            delta = dig(chunk, "delta")
            name = (text(dig(self._tools.get(key), "name")) or "") + (
                text(dig(delta, "tool_name_delta")) or ""
            )
            self._call_tool(key, name, dig(delta, "args_delta"), _call_id(delta))
        elif kind == "agent_run_result":
            self._result(dig(chunk, "result"))
        return pydantic_ai_text(chunk)

    def _result(self, result: object) -> None:
        self.finished = True
        usage = dig(result, "usage")
        read, wrote = count(dig(usage, "input_tokens")), count(dig(usage, "output_tokens"))
        if read or wrote:
            self.input_tokens, self.output_tokens = read, wrote
            self.cached_tokens = count(dig(usage, "cache_read_tokens"))
            self.cache_write_tokens = count(dig(usage, "cache_write_tokens"))
            self.settled = True


def _call_id(part: object) -> object:
    return dig(part, "tool_call_id")


def langchain_text(event: object) -> str | None:
    """The text that one chunk carries."""
    return joined(dig(event, "content")) or None


class LangChainReader(StreamReader):
    """Chunks add up, their usage too. Not every integration marks the last one."""

    @property
    def requires_terminal(self) -> bool:
        return False

    def _take(self, chunk: object) -> str | None:
        read = read_langchain(chunk)
        self.provider = read.provider or self.provider
        self.model = read.model or self.model
        self.id = read.id or self.id
        self.input_tokens = total(self.input_tokens, read.input_tokens)
        self.output_tokens = total(self.output_tokens, read.output_tokens)
        self.cached_tokens = total(self.cached_tokens, read.cached_tokens)
        self.cache_write_tokens = total(self.cache_write_tokens, read.cache_write_tokens)
        self.settled = self.settled or read.output_tokens is not None
        self._refuse(read.refusal)
        for number, called in enumerate(items(dig(chunk, "tool_call_chunks"))):
            index = dig(called, "index")
            key = number if index is None else index
            self._call_tool(key, dig(called, "name"), dig(called, "args"), dig(called, "id"))
        if read.finish_reason is not None:
            self.finish, self.finished = read.finish_reason, True
        elif dig(chunk, "chunk_position") == "last":
            self.finished = True
        told = dig(chunk, "content") or dig(chunk, "additional_kwargs")
        self.alive = bool(told) or self.finished or read.output_tokens is not None
        return langchain_text(chunk)


COHERE_EVENTS = frozenset(
    """message-start content-start content-delta content-end tool-plan-delta tool-call-start
    tool-call-delta tool-call-end citation-start citation-end message-end debug""".split()
)
"""Events of the second version of Cohere's chat."""


def cohere_text(event: object) -> str | None:
    """The text that one event carries."""
    if dig(event, "type") in ("content-delta", "content-start"):
        return text(dig(event, "delta", "message", "content", "text")) or None
    return None


class CohereReader(StreamReader):
    """Cohere counts in floats, once as billed and once as used; these are the used ones."""

    missing: ClassVar[str] = "message-end"

    def _take(self, chunk: object) -> str | None:
        kind, self.alive = dig(chunk, "type"), True
        self.provider = provider_of(chunk) or self.provider or "cohere"
        delta = dig(chunk, "delta")
        if kind == "message-start":
            self.id, self.whole = text(dig(chunk, "id")), True
        elif kind in ("tool-call-start", "tool-call-delta"):
            called = dig(delta, "message", "tool_calls")
            function = dig(called, "function")
            name, arguments = dig(function, "name"), dig(function, "arguments")
            self._call_tool(dig(chunk, "index"), name, arguments, dig(called, "id"))
        elif kind == "message-end":
            self._end(delta)
        return cohere_text(chunk)

    def _end(self, delta: object) -> None:
        self.finish, self.finished = finish_of(dig(delta, "finish_reason")), True
        usage = dig(delta, "usage")
        self.input_tokens = count(dig(usage, "tokens", "input_tokens"))
        self.output_tokens = count(dig(usage, "tokens", "output_tokens"))
        self.cached_tokens = count(dig(usage, "cached_tokens"))
        self.settled = self.output_tokens is not None
        error = text(dig(delta, "error"))
        if error is not None:
            self.failure = InStreamError({"type": "server_error", "message": error})


def is_ollama_chunk(event: object) -> bool:
    """A line of Ollama's own chat."""
    done = dig(event, "done")
    return isinstance(done, bool) and dig(event, "message", "role") == "assistant"


def ollama_text(event: object) -> str | None:
    """The text that one line carries."""
    return text(dig(event, "message", "content")) or None


class OllamaReader(StreamReader):
    """Ollama counts in the last line."""

    missing: ClassVar[str] = "a line that says done"

    def _take(self, chunk: object) -> str | None:
        self.provider, self.alive = "ollama", True
        self.model = text(dig(chunk, "model")) or self.model
        for called in items(dig(chunk, "message", "tool_calls")):
            function = dig(called, "function")
            name, arguments = dig(function, "name"), dig(function, "arguments")
            self._call_tool(len(self._tools), name, arguments)
        if dig(chunk, "done") is True:
            self.finished = True
            self.finish = finish_of(dig(chunk, "done_reason"))
            self.input_tokens = count(dig(chunk, "prompt_eval_count"))
            self.output_tokens = count(dig(chunk, "eval_count"))
            self.settled = self.output_tokens is not None
        return ollama_text(chunk)
