"""Answers that say what they cost, as a proxy's do, and functions that give them."""

from __future__ import annotations

from typing import Any

__all__ = ["answer", "silent"]


def answer(usd: float | None = 0.4, tokens: int = 15, *, model: str = "our-own") -> dict[str, Any]:
    """A chat completion as JSON; `usd` is the price that it tells, None for none."""
    usage: dict[str, Any] = {"prompt_tokens": tokens - 5, "completion_tokens": 5}
    if usd is not None:
        usage["cost"] = usd
    message = {"role": "assistant", "content": "a"}
    return {
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": usage,
    }


def silent() -> str:
    """An answer that says nothing of its cost."""
    return "a"
