"""A model's answers as a provider's API gives them, for the scenarios that look at answers."""

from __future__ import annotations

from typing import Any

__all__ = ["chat", "text_of"]


def chat(
    text: str,
    *,
    finish: str = "stop",
    model: str = "model-2026-01",
    tokens: tuple[int, int] = (2_000, 500),
) -> dict[str, Any]:
    """A whole answer, as JSON.

    Args:
        text: what the model says.
        finish: why it stopped.
        model: who answered.
        tokens: those read, and those written.
    """
    message = {"role": "assistant", "content": text}
    return {
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": tokens[0], "completion_tokens": tokens[1]},
    }


def text_of(answer: Any) -> str:
    """What the model said."""
    text: str = answer["choices"][0]["message"]["content"]
    return text
