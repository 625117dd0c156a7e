"""Captured content in the form that the GenAI conventions give messages, redacted before."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from reliai._core.content import content_of
from reliai.telemetry._otel_attributes import Json

if TYPE_CHECKING:
    from reliai._core.content import Content
    from reliai._core.record import CallRecord
    from reliai.checks.redaction import Redacted, Redaction

__all__ = ["content_attributes"]

_SYSTEM: Final = ("system", "instructions", "system_prompt", "system_instruction")
"""Parameters that hold instructions and not what was asked."""

_MESSAGES: Final = ("messages", "input", "contents")
_NO_CONTENT: Final = frozenset({"model"})


def content_attributes(
    record: CallRecord, redaction: Redaction | None
) -> tuple[dict[str, Any], int]:
    """Attributes by key of the name table: messages, and what was done to them.

    Each is JSON text. Of one that was cut, `reliai.content.<which>.bytes` says how long its texts
    had been.

    Returns:
        The attributes, and how many contents are not there because redacting them failed.
    """
    content = None if redaction is None else content_of(record)
    if redaction is None or content is None:
        return {}, 0
    found: dict[str, Any] = {}
    parts = {
        "input_messages": _asked(content),
        "system_instructions": _instructions(content),
        "output_messages": _answered(content, record.finish_reason),
    }
    replaced = failed = 0
    for key, messages in parts.items():
        if not messages:
            continue
        made = redaction.apply(messages)
        replaced += made.replaced
        failed += made.dropped
        found |= _attribute(key, made, content.output_bytes if "output" in key else None)
    return found | ({"content_redactions": replaced} if replaced else {}), failed


def _attribute(key: str, made: Redacted, longer: int | None) -> dict[str, Any]:
    if made.dropped:
        return {}
    found: dict[str, Any] = {key: Json(json.dumps(made.value, ensure_ascii=False))}
    size = longer or made.original_bytes
    if size is not None:
        found[f"content_bytes:{key.replace('_', '.')}"] = size
    return found


def _asked(content: Content) -> list[Any]:
    inputs = content.inputs
    for name in _MESSAGES:
        given = inputs.get(name)
        if isinstance(given, list | tuple) and all(isinstance(each, Mapping) for each in given):
            return [_message(each) for each in given]
    rest = {k: v for k, v in inputs.items() if k not in _SYSTEM and k not in _NO_CONTENT}
    texts = [value for value in rest.values() if value is not None]
    if len(texts) == 1 and isinstance(texts[0], str):
        return [{"role": "user", "parts": [_text(texts[0])]}]
    return [{"role": "user", "parts": [{"type": "reliai.arguments", "content": rest}]}]


def _instructions(content: Content) -> list[Any]:
    given = next((content.inputs[name] for name in _SYSTEM if content.inputs.get(name)), None)
    return [] if given is None else [_text(given)]


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    said = message.get("content", message.get("parts"))
    role = message.get("role", "user")
    if role == "tool":
        part = {"type": "tool_call_response", "id": message.get("tool_call_id"), "response": said}
        return {"role": role, "parts": [part]}
    parts = list(said) if isinstance(said, list | tuple) else [] if said is None else [said]
    made = [part if isinstance(part, Mapping) else _text(part) for part in map(_part, parts)]
    calls = message.get("tool_calls") or ()
    made += [_tool_call(call) for call in calls if isinstance(call, Mapping)]
    return {"role": role, "parts": made}


def _part(part: Any) -> Any:
    """A part of a provider's message; what is text there is text here."""
    if not isinstance(part, Mapping):
        return part
    text = part.get("text")
    return text if isinstance(text, str) else part


def _tool_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call.get("function")
    of: Mapping[str, Any] = function if isinstance(function, Mapping) else call
    made = {"type": "tool_call", "id": call.get("id"), "name": of.get("name")}
    return {**made, "arguments": of.get("arguments")}


def _text(text: Any) -> dict[str, Any]:
    return {"type": "text", "content": text}


def _answered(content: Content, finish_reason: str | None) -> list[Any]:
    said = content.response
    calls = () if said is None else said.tool_calls
    text = content.text if content.text is not None else content.output if said is None else None
    if said is not None and text is None:
        text = said.refusal
    if text is None and not calls:
        return []
    parts: list[Any] = [] if text is None else [_text(text)]
    parts += [
        {"type": "tool_call", "id": call.id, "name": call.name, "arguments": call.arguments}
        for call in calls
    ]
    return [{"role": "assistant", "parts": parts, "finish_reason": finish_reason or "stop"}]
