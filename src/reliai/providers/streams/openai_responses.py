"""The events of OpenAI's Responses API, raw or from its helper `responses.stream`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from reliai.providers.reading import dig, text
from reliai.providers.shapes.common import provider_of
from reliai.providers.shapes.openai import read_responses
from reliai.providers.streams.base import StreamReader
from reliai.providers.streams.failures import InStreamError

if TYPE_CHECKING:
    from reliai.providers.answer import Response

__all__ = ["ResponsesReader", "responses_text"]

_LAST = frozenset({"response.completed", "response.incomplete", "response.failed"})
_ARGUMENTS = frozenset(
    {"response.function_call_arguments.delta", "response.custom_tool_call_input.delta"}
)
_OTHER_CONTENT = frozenset(
    """response.audio.delta response.audio.transcript.delta
    response.image_generation_call.partial_image""".split()
)


def responses_text(event: object) -> str | None:
    """The text that one event carries."""
    if dig(event, "type") == "response.output_text.delta":
        return text(dig(event, "delta")) or None
    return None


class ResponsesReader(StreamReader):
    """Sums the deltas; the last event holds the whole answer, which then stands for them."""

    missing: ClassVar[str] = "response.completed, response.incomplete or response.failed"

    def _take(self, chunk: object) -> str | None:
        kind, self.alive = text(dig(chunk, "type")) or "", True
        self.provider = provider_of(chunk) or self.provider or "openai"
        if kind == "response.refusal.delta":
            self._refuse(text(dig(chunk, "delta")))
        elif kind in _ARGUMENTS:
            self._call_tool(_item(chunk), arguments=dig(chunk, "delta"))
        elif kind == "response.output_item.added":
            self._added(chunk)
        elif kind in _OTHER_CONTENT:
            self.content = True
        elif kind == "error":
            inner = dig(chunk, "error")
            self.failure = InStreamError.of(chunk if inner is None else inner)
            if inner is None:
                self.failure = InStreamError.of(chunk, kind=self.failure.code)
        elif dig(chunk, "response") is not None:
            self.whole = True
            self._about(dig(chunk, "response"), kind)
        return responses_text(chunk)

    def _added(self, chunk: object) -> None:
        item = dig(chunk, "item")
        if dig(item, "type") in ("function_call", "custom_tool_call"):
            self._call_tool(_item(chunk), dig(item, "name"), None, dig(item, "call_id"))

    def _about(self, response: object, kind: str) -> None:
        self.model = text(dig(response, "model")) or self.model
        self.id = text(dig(response, "id")) or self.id
        if kind not in _LAST:
            return
        self.finished = True
        read = read_responses(response)
        self.finish = read.finish_reason
        self.input_tokens, self.output_tokens = read.input_tokens, read.output_tokens
        self.cached_tokens = read.cached_tokens
        self.cache_write_tokens = read.cache_write_tokens
        self.settled = read.input_tokens is not None or read.output_tokens is not None
        if not self._texts and not self._tools:  # somebody left the deltas away
            self._restore(read)
        if kind == "response.failed":
            self.failure = InStreamError.of(dig(response, "error"))

    def _restore(self, read: Response) -> None:
        if read.text:
            self._texts.append(read.text)
        self._refuse(None if self._refusals else read.refusal)
        for number, (name, arguments, call_id) in enumerate(read.tool_calls):
            self._call_tool(number, name, arguments, call_id)


def _item(chunk: object) -> object:
    index = dig(chunk, "output_index")
    return index if isinstance(index, int) else text(dig(chunk, "item_id"))
