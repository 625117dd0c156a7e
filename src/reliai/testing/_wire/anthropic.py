"""Anthropic's Messages: `POST /v1/messages`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.testing._wire.base import Event, Finish, Wire
from reliai.testing._wire.errors import ProviderError, anthropic_error

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Messages"]


class Messages(Wire):
    """One message with one text block, whole or in events. A refusal explains but has no text."""

    request_id_header = "request-id"
    keep_alive = b'event: ping\ndata: {"type": "ping"}\n\n'

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._refusal: list[str] = []

    def opening(self, *, refusal: bool = False) -> Iterator[Event]:
        """Give `message_start`, the start of the block unless it is a refusal, and a ping."""
        message: dict[str, Any] = {**self._message(), "content": [], "usage": self._usage(1)}
        yield self._event("message_start", message=message)
        if not refusal:
            block = {"type": "text", "text": ""}
            yield self._event("content_block_start", index=0, content_block=block)
        yield self._event("ping")

    def delta(self, text: str, *, refusal: bool = False) -> Iterator[Event]:
        """Give one text delta; what a refusal says is kept for the end."""
        if refusal:
            self._refusal.append(text)
            return
        self.said.append(text)
        delta = {"type": "text_delta", "text": text}
        yield self._event("content_block_delta", index=0, delta=delta)

    def closing(self, finish: Finish) -> Iterator[Event]:
        """Give the end of the block, the stop reason with the final usage, and `message_stop`."""
        if finish != "refusal":
            yield self._event("content_block_stop", index=0)
        usage = {"output_tokens": self.output_tokens}
        yield self._event("message_delta", delta=self._stop(finish), usage=usage)
        yield self._event("message_stop")

    def body(self, finish: Finish) -> dict[str, Any]:
        """Give the whole message."""
        content = (
            [] if finish == "refusal" else [{"type": "text", "text": self.text, "citations": None}]
        )
        usage = self._usage(self.output_tokens)
        return {**self._message(), "content": content, **self._stop(finish), "usage": usage}

    def error(
        self, code: int | str, kind: str | None = None, message: str | None = None
    ) -> ProviderError:
        """Give Anthropic's error."""
        return anthropic_error(code, kind, message)

    def error_events(self, kind: str, form: str) -> Iterator[Event]:
        """Give the `error` event."""
        yield Event("error", anthropic_error(kind).body)

    def _event(self, kind: str, **fields: object) -> Event:
        return Event(kind, {"type": kind, **fields})

    def _stop(self, finish: Finish) -> dict[str, Any]:
        details = None
        if finish in {"refusal", "content_filter"}:
            explanation = "".join(self._refusal) or None
            details = {"type": "refusal", "category": None, "explanation": explanation}
        return {"stop_reason": _REASONS[finish], "stop_sequence": None, "stop_details": details}

    def _message(self) -> dict[str, Any]:
        return {
            "id": f"msg_{self.number:08d}",
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "stop_reason": None,
            "stop_sequence": None,
        }

    def _usage(self, output_tokens: int) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": output_tokens,
            "service_tier": "standard",
        }


_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
    "refusal": "refusal",
}
