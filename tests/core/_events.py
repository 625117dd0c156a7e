"""Events of providers' streams as JSON, and meters and functions for the tests that use them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import reliai

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reliai import Call, Outcome
    from reliai._core.call import Proceed

__all__ = [
    "CHAT",
    "MESSAGES",
    "RESPONSES",
    "AsyncEvents",
    "Counted",
    "Events",
    "answer",
    "block",
    "chat",
    "error",
    "failed",
    "metered",
    "priced",
    "recorded",
]

MODEL = "tests-own-model"


def priced() -> None:
    """Ten dollars a million tokens read, a hundred a million written."""
    reliai.set_price(MODEL, input=10.0, output=100.0)


def answer(text: str = "hi", read: int = 100, wrote: int = 10, **more: Any) -> dict[str, Any]:
    """A whole chat completion."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    usage = {"prompt_tokens": read, "completion_tokens": wrote}
    head = {"id": "c1", "object": "chat.completion", "model": MODEL}
    return {**head, "choices": [choice], "usage": usage, **more}


def chat(delta: dict[str, Any] | None, finish: str | None = None, **more: Any) -> dict[str, Any]:
    """A chunk of a chat completion; None for one without choices."""
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {"id": "c1", "object": "chat.completion.chunk", "model": MODEL}
    return {**head, "choices": choices, **more}


CHAT: list[Any] = [
    chat({"role": "assistant", "content": ""}),
    chat({"content": "hel"}),
    chat({"content": "lo"}),
    chat({}, "stop"),
    chat(None, usage={"prompt_tokens": 100, "completion_tokens": 10}),
]


def block(text: str, kind: str = "text_delta") -> dict[str, Any]:
    """A piece of a message of Anthropic's."""
    field = {"thinking_delta": "thinking"}.get(kind, "text")
    return {"type": "content_block_delta", "index": 0, "delta": {"type": kind, field: text}}


MESSAGES: list[Any] = [
    {
        "type": "message_start",
        "message": {
            "id": "m1",
            "type": "message",
            "model": MODEL,
            "content": [],
            "stop_reason": None,
            "usage": {"input_tokens": 100, "output_tokens": 1},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    block("hel"),
    block("lo"),
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"output_tokens": 10},
    },
    {"type": "message_stop"},
]


def error(kind: str = "overloaded_error") -> dict[str, Any]:
    """An error event of Anthropic's."""
    return {"type": "error", "error": {"type": kind, "message": "no"}}


def _response(**more: Any) -> dict[str, Any]:
    return {"id": "r1", "object": "response", "model": MODEL, "output": [], **more}


RESPONSES: list[Any] = [
    {"type": "response.created", "sequence_number": 0, "response": _response()},
    {"type": "response.output_text.delta", "sequence_number": 1, "delta": "hel"},
    {"type": "response.output_text.delta", "sequence_number": 2, "delta": "lo"},
    {
        "type": "response.completed",
        "sequence_number": 3,
        "response": _response(status="completed", usage={"input_tokens": 100, "output_tokens": 10}),
    },
]


def failed(code: str = "server_error") -> dict[str, Any]:
    """How a Responses stream says that it has failed."""
    told = _response(status="failed", error={"code": code, "message": "no"})
    return {"type": "response.failed", "sequence_number": 9, "response": told}


class Events:
    """A stream object as an SDK gives it: an iterator that can be closed, and says that it was.

    Exceptions among the events are raised.
    """

    def __init__(self, events: Iterable[Any]) -> None:
        self._events = iter(events)
        self.closed = 0
        self.request_id = "req-1"

    def __iter__(self) -> Events:
        return self

    def __next__(self) -> Any:
        event = next(self._events)
        if isinstance(event, Exception):
            raise event
        return event

    def close(self) -> None:
        self.closed += 1


class AsyncEvents:
    """The same for asynchronous code."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def __aiter__(self) -> AsyncEvents:
        return self

    async def __anext__(self) -> Any:
        try:
            return next(self._events)
        except StopIteration:
            raise StopAsyncIteration from None

    async def close(self) -> None:
        self._events.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._events, name)


class Counted:
    """A meter that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def add(self, usd: float | None, tokens: int | None, response: reliai.Response) -> None:
        del response
        self.told.append((usd, tokens))

    def unknown(self) -> None:
        self.told.append("unknown")


def metered(meter: Counted) -> Any:
    """A policy that has a meter told what is used inside it."""

    async def measuring(call: Call, proceed: Proceed) -> Outcome:
        return await proceed(call.metered(meter))

    return measuring


def recorded(function: Any, *args: Any) -> reliai.CallRecord:
    """The record of the first call made in a function, whatever becomes of that."""
    with reliai.collect() as calls:
        try:
            result = function(*args)
            if hasattr(result, "__next__"):
                _drain(result)
        except Exception:  # noqa: S110  what is asked for is the record
            pass
    return calls[0]


def _drain(stream: Iterator[Any]) -> None:
    for _ in stream:
        pass
