"""Answers of the providers as JSON, and how an answer is compared with what is expected."""

from __future__ import annotations

from typing import Any

from reliai.providers import Response, looks_like_response, read_response

__all__ = [
    "CALL",
    "CUSTOM",
    "FUNCTION",
    "SAID",
    "USAGE",
    "USED",
    "both",
    "candidate",
    "chat",
    "converse",
    "fields",
    "item",
    "message",
    "responses",
    "written",
]


def both(value: Any, plain: Any, expected: Response) -> None:
    """An object and its JSON are read alike, but for who served it, which JSON does not tell."""
    assert read_response(value) == expected
    from_json = read_response(plain)
    assert from_json is not None
    assert {**fields(from_json), "provider": None} == {**fields(expected), "provider": None}
    assert looks_like_response(value)
    assert looks_like_response(plain)


def fields(response: Response) -> dict[str, Any]:
    return {name: getattr(response, name) for name in Response.__slots__}


def chat(finish: str = "stop", usage: Any = None, **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": None, **message}
    choice = {"index": 0, "finish_reason": finish, "message": said, "logprobs": None}
    told: dict[str, Any] = {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt"}
    return {**told, "choices": [choice], **({} if usage is None else {"usage": usage})}


def responses(*output: Any, status: str = "completed", **more: Any) -> dict[str, Any]:
    return {
        "id": "r1",
        "object": "response",
        "created_at": 1.0,
        "model": "gpt",
        "output": list(output),
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "status": status,
        **more,
    }


def item(*content: Any) -> dict[str, Any]:
    told = {"id": "m1", "type": "message", "role": "assistant", "status": "completed"}
    return {**told, "content": list(content)}


def written(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": []}


def message(*content: Any, stop: str | None = "end_turn", **more: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"id": "m1", "type": "message", "role": "assistant", "model": "claude"}
    usage = {"input_tokens": 10, "output_tokens": 5}
    told |= {"content": list(content), "stop_reason": stop, "stop_sequence": None, "usage": usage}
    return {**told, **more}


def candidate(*parts: Any, finish: str | None = "STOP", **more: Any) -> dict[str, Any]:
    told = {"content": {"role": "model", "parts": list(parts)}, "finishReason": finish}
    return {"candidates": [told], "modelVersion": "gemini", "responseId": "g1", **more}


def converse(*content: Any, stop: str = "end_turn", **usage: int) -> dict[str, Any]:
    return {
        "ResponseMetadata": {"RequestId": "b1", "HTTPStatusCode": 200},
        "output": {"message": {"role": "assistant", "content": list(content)}},
        "stopReason": stop,
        "usage": {"inputTokens": 10, "outputTokens": 5, "totalTokens": 15, **usage},
    }


CALL = {"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
CUSTOM = {"id": "t2", "type": "custom", "custom": {"name": "grep", "input": "x"}}
USAGE = {
    "prompt_tokens": 10,
    "completion_tokens": 5,
    "total_tokens": 15,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 2},
}
FUNCTION = {"type": "function_call", "call_id": "t1", "name": "look", "arguments": "{}"}
SAID = {"type": "text", "text": "hi", "citations": None}
USED = {"type": "tool_use", "id": "t1", "name": "look", "input": {"a": 1}}
