"""A model that counts its calls, guarded functions around it, and what a cassette holds."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

import reliai

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

__all__ = ["KINDS", "Counted", "entries", "every_kind"]


def entries(path: Path) -> list[dict[str, Any]]:
    """What a cassette holds."""
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["calls"]
    return found


class Counted:
    """A model that counts its calls, and the guarded functions around it."""

    def __init__(self) -> None:
        self.calls = 0

    def answer(self, prompt: str) -> str:
        self.calls += 1
        return f"{prompt}: answer {self.calls}"

    def ask(self, kind: str, prompt: str, *policies: Any) -> Any:
        """One call of a guarded function of some kind, its chunks joined."""
        return getattr(self, f"_{kind}")(prompt, *policies)

    def _plain(self, prompt: str, *policies: Any) -> str:
        @reliai.reliable(*policies, name="ask")
        def ask(prompt: str) -> str:
            return self.answer(prompt)

        return ask(prompt)

    def _coroutine(self, prompt: str, *policies: Any) -> str:
        @reliai.reliable(*policies, name="ask")
        async def ask(prompt: str) -> str:
            await asyncio.sleep(0)
            return self.answer(prompt)

        return asyncio.run(ask(prompt))

    def _generator(self, prompt: str, *policies: Any) -> str:
        @reliai.reliable(*policies, name="ask")
        def ask(prompt: str) -> Iterator[str]:
            yield from self.answer(prompt)

        return "".join(ask(prompt))

    def _async_generator(self, prompt: str, *policies: Any) -> str:
        @reliai.reliable(*policies, name="ask")
        async def ask(prompt: str) -> AsyncIterator[str]:
            for piece in self.answer(prompt):
                yield piece

        async def main() -> str:
            return "".join([piece async for piece in ask(prompt)])

        return asyncio.run(main())

    def _coroutine_of_a_stream(self, prompt: str, *policies: Any) -> str:
        async def pieces(prompt: str) -> AsyncIterator[str]:
            for piece in self.answer(prompt):
                yield piece

        @reliai.reliable(*policies, name="ask")
        async def ask(prompt: str) -> AsyncIterator[str]:
            return pieces(prompt)

        async def main() -> str:
            return "".join([piece async for piece in await ask(prompt)])

        return asyncio.run(main())

    def _stream_of_a_function(self, prompt: str, *policies: Any) -> str:
        @reliai.reliable(*policies, name="ask")
        def ask(prompt: str) -> Iterator[str]:
            return (piece for piece in self.answer(prompt))

        return "".join(ask(prompt))


KINDS = [
    "plain",
    "coroutine",
    "generator",
    "async_generator",
    "coroutine_of_a_stream",
    "stream_of_a_function",
]
every_kind = pytest.mark.parametrize("kind", KINDS)
