"""What frameworks say of their usage in pieces is summed as they sum it themselves."""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import TYPE_CHECKING, Any

from langchain_core.messages import AIMessageChunk

import reliai

if TYPE_CHECKING:
    from collections.abc import Iterator


def piece(text: str, read: int, wrote: int, **more: Any) -> AIMessageChunk:
    usage: Any = {"input_tokens": read, "output_tokens": wrote, "total_tokens": read + wrote}
    return AIMessageChunk(content=text, usage_metadata=usage, **more)


def test_the_usage_of_langchains_chunks_adds_up() -> None:
    """As from Anthropic: the input with the first chunk, the output in parts."""
    chunks = [
        piece("hel", 12, 1),
        piece("lo", 0, 3),
        piece("", 0, 2, response_metadata={"stop_reason": "end_turn", "model_name": "m"}),
    ]

    @reliai.reliable()
    def ask(prompt: str) -> Iterator[AIMessageChunk]:
        yield from chunks

    with reliai.collect() as calls:
        assert list(ask("x")) == chunks
    whole = reduce(add, chunks)
    assert whole.usage_metadata is not None
    told = (calls[0].input_tokens, calls[0].output_tokens)
    assert told == (whole.usage_metadata["input_tokens"], whole.usage_metadata["output_tokens"])
    assert told == (12, 6)
    assert calls[0].finish_reason == "stop"
