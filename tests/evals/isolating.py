"""Functions to be evaluated, and what users get meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator


POLICIES = ["evaluation", "deployed", "bare"]
every_way = pytest.mark.parametrize("policies", POLICIES)


def of_kind(kind: str, function: Callable[[str], Any], *policies: Any, **facts: Any) -> Any:
    """`ask(prompt)` of a kind, guarded, giving what `function` does in a piece or a chunk."""

    def ask(prompt: str) -> Any:
        return function(prompt)

    async def ask_async(prompt: str) -> Any:
        await asyncio.sleep(0)
        return function(prompt)

    def stream(prompt: str) -> Iterator[Any]:
        yield function(prompt)

    async def stream_async(prompt: str) -> AsyncIterator[Any]:
        yield function(prompt)

    kinds: dict[str, Any] = {
        "sync": ask,
        "async": ask_async,
        "generator": stream,
        "async_generator": stream_async,
    }
    return reliai.reliable(*policies, **facts)(kinds[kind])


def failing(_: str) -> str:
    raise ConnectionError("down")


def ask(function: Any, prompt: str = "a") -> Any:
    """What a user gets."""
    try:
        return function(prompt)
    except Exception as error:
        return error


def circuits() -> list[tuple[Any, ...]]:
    """What the circuits of users have learnt; how long they stay open goes on with the clock."""
    return [
        (each.name, each.target, each.key, each.calls, each.failures, each.rejected)
        for each in reliai.circuits()
    ]
