"""Rows of training data: what a call and what was said of it give, and how each format says it."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reliai.records import StoredCall

    Message: TypeAlias = dict[str, Any]
    Prompt: TypeAlias = Callable[[Mapping[str, Any]], str | list[Message] | None]

__all__ = [
    "FORMATS",
    "Row",
    "Told",
    "default_prompt",
    "digest_of",
    "is_good",
    "messages_of",
    "text_of",
    "with_tools",
]

_ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
}
"""Roles that all trainers know, for those that calls have."""


@dataclass(frozen=True, slots=True)
class Row:
    """One example, whatever the format.

    Attributes:
        call_ids: the calls it is from.
        prompt: messages, the last one the user's.
        good: the answer to learn, or None.
        bad: the answer not to give, or None.
    """

    call_ids: tuple[str, ...]
    prompt: list[Message]
    good: str | None
    bad: str | None

    @property
    def label(self) -> bool:
        """Whether its only answer is a good one."""
        return self.good is not None


def default_prompt(inputs: Mapping[str, Any]) -> str | list[Message] | None:
    """`messages` as they are, else the text of `prompt`, else the only text there is."""
    messages = inputs.get("messages")
    if isinstance(messages, list):
        return messages
    if isinstance(inputs.get("prompt"), str):
        return str(inputs["prompt"])
    texts = [value for value in inputs.values() if isinstance(value, str)]
    return texts[0] if len(texts) == 1 and len(inputs) == 1 else None


def messages_of(said: str | list[Message] | None) -> list[Message] | None:
    """A prompt as messages; None for what is none, does not end with the user, or has tools."""
    if isinstance(said, str):
        said = [{"role": "user", "content": said}]
    if not isinstance(said, list) or not said:
        return None
    found: list[Message] = []
    for one in said:
        if not isinstance(one, dict) or one.get("role") not in _ROLES or _calls_tools(one):
            return None
        if not isinstance(one.get("content"), str):
            return None
        found.append({"role": _ROLES[one["role"]], "content": one["content"]})
    return found if found[-1]["role"] == "user" else None


def with_tools(said: str | list[Message]) -> bool:
    """Whether tools are called in a conversation: what they were called with would be lost."""
    return isinstance(said, list) and any(
        isinstance(one, dict) and _calls_tools(one) for one in said
    )


def _calls_tools(message: Message) -> bool:
    return message.get("role") in {"tool", "function"} or bool(
        message.get("tool_calls") or message.get("function_call")
    )


def text_of(output: Any) -> str | None:
    """An answer as the assistant would say it; None for none."""
    if output is None or output == "":
        return None
    if isinstance(output, str):
        return output
    return json.dumps(output, ensure_ascii=False)


def is_good(value: Any) -> bool | None:
    """Whether a judgement is a good one: above 0; None for what is no number."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and math.isfinite(value):
        return value > 0
    return None


def digest_of(value: Any) -> str:
    """The same for the same data, spaces in its texts apart."""
    said = json.dumps(_plain(value), sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return {key: _plain(one) for key, one in value.items()} if isinstance(value, dict) else value


def _assistant(text: str | None) -> list[Message]:
    return [{"role": "assistant", "content": text}]


def _sft(row: Row) -> dict[str, Any]:
    return {"messages": [*row.prompt, *_assistant(row.good)]}


def _dpo(row: Row) -> dict[str, Any]:
    return {
        "prompt": row.prompt,
        "chosen": _assistant(row.good),
        "rejected": _assistant(row.bad),
    }


def _kto(row: Row) -> dict[str, Any]:
    answer = row.good if row.label else row.bad
    return {"prompt": row.prompt, "completion": _assistant(answer), "label": row.label}


def _openai_dpo(row: Row) -> dict[str, Any]:
    return {
        "input": {"messages": row.prompt, "tools": [], "parallel_tool_calls": True},
        "preferred_output": _assistant(row.good),
        "non_preferred_output": _assistant(row.bad),
    }


FORMATS: Final[Mapping[str, Callable[[Row], dict[str, Any]]]] = {
    "sft": _sft,
    "openai-sft": _sft,
    "dpo": _dpo,
    "openai-dpo": _openai_dpo,
    "kto": _kto,
}


class Told:
    """What the current feedback of one call says of its answer.

    Args:
        call: the call, with its feedback.
        metric: the feedback that says whether an answer is good.
        good: whether a value of it is; None where it does not say.
    """

    def __init__(self, call: StoredCall, metric: str, good: Callable[[Any], bool | None]) -> None:
        judged = {good(said.value) for said in call.feedback if said.name == metric}
        verdicts = judged - {None}
        self.unclear = judged == {None}
        self.conflict = len(verdicts) > 1
        self.verdict = next(iter(verdicts)) if len(verdicts) == 1 else None
        self.corrections = [
            text
            for said in call.feedback
            if said.name == "correction" and (text := text_of(said.value))
        ]
        self.worse = [
            str(said.value["worse"])
            for said in call.feedback
            if said.name == "preference"
            and isinstance(said.value, dict)
            and said.value.get("better") == call.id
        ]
