"""What trainers want of a row, written down from their documentation and their checks."""

from __future__ import annotations

from typing import Any

__all__ = ["openai_says", "trl_says"]

_TRL_KEYS = (
    {"messages"},
    {"prompt", "completion"},
    {"prompt", "chosen", "rejected"},
    {"prompt", "completion", "label"},
)
_ROLES = {"system", "user", "assistant"}


def trl_says(row: dict[str, Any]) -> list[str]:
    """What TRL would not take in a row of its conversational datasets."""
    wrong: list[str] = []
    if set(row) not in _TRL_KEYS:
        wrong.append(f"keys {sorted(row)}")
    for name in ("messages", "prompt", "chosen", "rejected", "completion"):
        if name in row:
            wrong += [f"{name}: {one}" for one in _messages(row[name])]
    if "prompt" in row and row["prompt"][-1]["role"] != "user":
        wrong.append("the last message of the prompt is not the user's")
    if not isinstance(row.get("label", True), bool):
        wrong.append("label")
    wrong += [
        f"{name} is not one answer"
        for name in ("chosen", "rejected", "completion")
        if name in row and [one["role"] for one in row[name]] != ["assistant"]
    ]
    return wrong


def openai_says(row: dict[str, Any]) -> list[str]:
    """What OpenAI would not take in a row for supervised or preference fine-tuning."""
    if "messages" in row:
        wrong = _messages(row["messages"])
        if row["messages"][-1]["role"] != "assistant":
            wrong.append("there is no answer to learn at the end")
        return wrong + ([] if set(row) == {"messages"} else ["keys"])
    wrong = _messages(row["input"]["messages"])
    if row["input"]["messages"][-1]["role"] == "assistant":
        wrong.append("the prompt ends with the assistant")
    for name in ("preferred_output", "non_preferred_output"):
        wrong += _messages(row[name])
        if [one["role"] for one in row[name]] != ["assistant"]:
            wrong.append(f"{name} is not one answer")
    if set(row) != {"input", "preferred_output", "non_preferred_output"}:
        wrong.append("keys")
    return wrong


def _messages(messages: Any) -> list[str]:
    if not isinstance(messages, list) or not messages:
        return ["no messages"]
    return [
        f"message {number}"
        for number, one in enumerate(messages)
        if set(one) != {"role", "content"}
        or one["role"] not in _ROLES
        or not isinstance(one["content"], str)
    ]
