"""OpenAI's Responses: `POST /v1/responses`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reliai.testing._wire.base import Event, Finish, Wire
from reliai.testing._wire.errors import ProviderError, openai_error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Responses"]


class Responses(Wire):
    """One response with one message, whole or in events numbered from 0."""

    def __init__(self, request: Mapping[str, Any], number: int) -> None:
        super().__init__(request, number)
        self._sequence = 0
        self._refused = False

    def opening(self, *, refusal: bool = False) -> Iterator[Event]:
        """Give the events from `response.created` to `response.content_part.added`."""
        self._refused = refusal
        yield self._event("response.created", response=self._response("in_progress"))
        yield self._event("response.in_progress", response=self._response("in_progress"))
        item: dict[str, Any] = {**self._message("in_progress"), "content": []}
        yield self._event("response.output_item.added", output_index=0, item=item)
        yield self._event("response.content_part.added", **self._place(), part=self._part())

    def delta(self, text: str, *, refusal: bool = False) -> Iterator[Event]:
        """Give one text delta."""
        self.said.append(text)
        if refusal:
            yield self._event("response.refusal.delta", **self._place(), delta=text)
        else:
            yield self._event(
                "response.output_text.delta", **self._place(), delta=text, logprobs=[]
            )

    def closing(self, finish: Finish) -> Iterator[Event]:
        """Give the events that finish text, part, item and response."""
        if self._refused:
            yield self._event("response.refusal.done", **self._place(), refusal=self.text)
        else:
            yield self._event(
                "response.output_text.done", **self._place(), text=self.text, logprobs=[]
            )
        yield self._event("response.content_part.done", **self._place(), part=self._part())
        status = _STATUS[finish]
        yield self._event("response.output_item.done", output_index=0, item=self._message(status))
        yield self._event(f"response.{status}", response=self.body(finish))

    def body(self, finish: Finish) -> dict[str, Any]:
        """Give the whole response."""
        self._refused = finish == "refusal"
        status = _STATUS[finish]
        reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(finish)
        return {
            **self._response(status),
            "incomplete_details": {"reason": reason} if reason else None,
            "output": [self._message(status)],
            "usage": self._usage(),
        }

    def error(
        self, code: int | str, kind: str | None = None, message: str | None = None
    ) -> ProviderError:
        """Give OpenAI's error."""
        return openai_error(code, kind, message)

    def error_events(self, kind: str, form: str) -> Iterator[Event]:
        """Give an `error` event, or `response.failed`."""
        error = openai_error(kind).body["error"]
        code = error["code"] or error["type"]
        if form == "failed":
            failure = {"error": {"code": code, "message": error["message"]}, "usage": None}
            yield self._event("response.failed", response={**self._response("failed"), **failure})
        else:
            yield self._event("error", code=code, message=error["message"], param=error["param"])

    def _event(self, kind: str, **fields: object) -> Event:
        number = self._sequence
        self._sequence += 1
        return Event(kind, {"type": kind, "sequence_number": number, **fields})

    def _place(self) -> dict[str, Any]:
        return {"item_id": f"msg_{self.number:08d}", "output_index": 0, "content_index": 0}

    def _part(self) -> dict[str, Any]:
        if self._refused:
            return {"type": "refusal", "refusal": self.text}
        return {"type": "output_text", "text": self.text, "annotations": [], "logprobs": []}

    def _message(self, status: str) -> dict[str, Any]:
        return {
            "id": f"msg_{self.number:08d}",
            "type": "message",
            "role": "assistant",
            "status": status,
            "content": [self._part()],
        }

    def _response(self, status: str) -> dict[str, Any]:
        return {
            "id": f"resp_{self.number:08d}",
            "object": "response",
            "created_at": self.created,
            "status": status,
            "error": None,
            "incomplete_details": None,
            "instructions": self.request.get("instructions"),
            "max_output_tokens": self.request.get("max_output_tokens"),
            "metadata": self.request.get("metadata") or {},
            "model": self.model,
            "output": [],
            "parallel_tool_calls": True,
            "temperature": 1.0,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [],
            "top_p": 1.0,
            "usage": None,
        }

    def _usage(self) -> dict[str, Any]:
        return {
            "input_tokens": self.input_tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": self.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.input_tokens + self.output_tokens,
        }


_STATUS = {
    "stop": "completed",
    "refusal": "completed",
    "length": "incomplete",
    "content_filter": "incomplete",
}
