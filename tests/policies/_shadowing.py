"""A guarded function of each kind with a shadow, called and then waited for."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any

import reliai
from reliai.testing import records
from tests.policies._guarded import STREAMS, Guarded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from reliai.policies.shadow import ShadowReport

__all__ = ["LONG", "Shadowed", "candidate_of"]

LONG = 30.0
"""Seconds to wait for a shadow at most; nothing is measured by it."""


def candidate_of(kind: str, answer: Callable[[str], Any]) -> Callable[..., Any]:
    """A candidate of a kind, with the answer of `answer`."""

    def candidate(prompt: str) -> Any:
        return answer(prompt)

    async def candidate_async(prompt: str) -> Any:
        return answer(prompt)

    def stream(prompt: str) -> Iterator[Any]:
        yield from answer(prompt)

    async def stream_async(prompt: str) -> AsyncIterator[Any]:
        for chunk in answer(prompt):
            yield chunk

    functions: dict[str, Callable[..., Any]] = {
        "sync": candidate,
        "async": candidate_async,
        "generator": stream,
        "async_generator": stream_async,
    }
    made = functions[kind]
    made.__name__ = "candidate"
    return made


class Shadowed(Guarded):
    """`ask(prompt)` of a kind, with a shadow that each call waits for.

    Attributes:
        shadow: the policy.
        shadows: the records of the shadow's own calls.
    """

    def __init__(
        self,
        kind: str,
        candidate: Any = str,
        *others: Any,
        answer: Callable[[str], Any] = str,
        inside: tuple[Any, ...] = (),
        **settings: Any,
    ) -> None:
        if not hasattr(candidate, "__reliai__") and is_answer(candidate):
            candidate = candidate_of(kind, candidate)
        given: dict[str, Any] = {"rate": 1, **settings}
        self.shadow = reliai.Shadow(candidate, **given)
        self.shadows: list[reliai.CallRecord] = []
        super().__init__(kind, *others, self.shadow, *inside, answer=answer)

    @property
    def report(self) -> ShadowReport:
        """What became of the shadow so far."""
        return self.shadow.report()

    def _call(self, prompt: Any) -> Any:
        with records() as seen:
            try:
                return self._call_and_wait(prompt)
            finally:
                self.shadows += [each for each in seen if "shadow" in each.tags]

    def _call_and_wait(self, prompt: Any) -> Any:
        if self.kind in {"sync", "generator"}:
            try:
                answer = self.function(prompt)
                return list(answer) if self.kind in STREAMS else answer
            finally:
                assert self.shadow.drain(LONG)
        return asyncio.run(self._await_both(prompt))

    async def _await_both(self, prompt: Any) -> Any:
        try:
            if self.kind in STREAMS:
                return [chunk async for chunk in self.function(prompt)]
            return await self.function(prompt)
        finally:
            assert await self.shadow.adrain(LONG)


def is_answer(candidate: Any) -> bool:
    """Whether a candidate is given as what it answers, and not as the function itself."""
    return not inspect.iscoroutinefunction(candidate)
