"""OpenAI's Chat Completions: `POST /v1/chat/completions`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.testing._wire.base import Event, Finish, Wire
from reliai.testing._wire.errors import ProviderError, openai_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Chat"]


class Chat(Wire):
    """One chat completion, whole or in chunks."""

    def opening(self, *, refusal: bool = False) -> Iterator[Event]:
        """Give the chunk that names the role."""
        text = {"refusal": ""} if refusal else {"content": "", "refusal": None}
        yield self._chunk({"role": "assistant", **text})

    def delta(self, text: str, *, refusal: bool = False) -> Iterator[Event]:
        """Give one content chunk."""
        self.said.append(text)
        yield self._chunk({"refusal" if refusal else "content": text})

    def closing(self, finish: Finish) -> Iterator[Event]:
        """Give the chunk with the finish reason, the usage if it was asked for, and [DONE]."""
        yield self._chunk({}, _REASONS[finish])
        if self._usage_asked:
            yield Event(
                None,
                {**self._envelope("chat.completion.chunk"), "choices": [], "usage": self._usage()},
            )
        yield Event(None, "[DONE]")

    def body(self, finish: Finish) -> dict[str, Any]:
        """Give the whole completion."""
        refused = finish == "refusal"
        message: dict[str, Any] = {
            "role": "assistant",
            "content": None if refused else self.text,
            "refusal": self.text if refused else None,
            "annotations": [],
        }
        choice = {
            "index": 0,
            "message": message,
            "logprobs": None,
            "finish_reason": _REASONS[finish],
        }
        return {**self._envelope("chat.completion"), "choices": [choice], "usage": self._usage()}

    def error(
        self, code: int | str, kind: str | None = None, message: str | None = None
    ) -> ProviderError:
        """Give OpenAI's error."""
        return openai_error(code, kind, message)

    def error_events(self, kind: str, form: str) -> Iterator[Event]:
        """Give the chunk that holds an error in the place of choices."""
        yield Event(None, openai_error(kind).body)

    @property
    def _usage_asked(self) -> bool:
        options: Mapping[str, Any] = self.request.get("stream_options") or {}
        return bool(options.get("include_usage"))

    def _envelope(self, kind: str) -> dict[str, Any]:
        return {
            "id": f"chatcmpl-{self.number:08d}",
            "object": kind,
            "created": self.created,
            "model": self.model,
            "service_tier": "default",
            "system_fingerprint": "fp_scripted",
        }

    def _chunk(self, delta: Mapping[str, Any], finish_reason: str | None = None) -> Event:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        chunk = {**self._envelope("chat.completion.chunk"), "choices": [choice]}
        if self._usage_asked:
            chunk["usage"] = None
        return Event(None, chunk)

    def _usage(self) -> dict[str, Any]:
        return {
            "prompt_tokens": self.input_tokens,
            "completion_tokens": self.output_tokens,
            "total_tokens": self.input_tokens + self.output_tokens,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }


_REASONS = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "refusal": "stop",
}
