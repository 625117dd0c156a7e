"""The models under test: they cost nothing, so what a row costs is the wrapper."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from benchmarks._harness import Kind, Target

REPLY = '{"answer":"Paris","score":0.97}'
CHUNK = "Paris "
FAILURES_BEFORE_SUCCESS = 2


class Answer(BaseModel):
    """What a well-formed reply parses to."""

    answer: str
    score: float


SPARE = Answer(answer="unknown", score=0.0)


def good(prompt: str) -> str:  # noqa: ARG001  the signature of a model
    """Always the same JSON."""
    return REPLY


async def agood(prompt: str) -> str:  # noqa: ARG001
    """Always the same JSON, without suspending."""
    return REPLY


def down(prompt: str) -> str:  # noqa: ARG001
    """Always a transient failure."""
    message = "upstream 503"
    raise ConnectionError(message)


async def adown(prompt: str) -> str:
    """Always a transient failure."""
    return down(prompt)


def small(prompt: str) -> str:  # noqa: ARG001
    """The fallback; never reached on the success path."""
    return REPLY


async def asmall(prompt: str) -> str:  # noqa: ARG001
    """The fallback of async rows."""
    return REPLY


async def slow(prompt: str) -> str:  # noqa: ARG001
    """A model that takes 10 ms."""
    await asyncio.sleep(0.010)
    return REPLY


def flaky(kind: Kind) -> Target:
    """A model that fails twice before every success."""
    seen = 0

    def model(prompt: str) -> str:
        nonlocal seen
        seen += 1
        if seen % (FAILURES_BEFORE_SUCCESS + 1):
            return down(prompt)
        return REPLY

    async def amodel(prompt: str) -> str:
        return model(prompt)

    return amodel if kind == "async" else model


def steady(kind: Kind) -> Target:
    """A model that always answers."""
    return agood if kind == "async" else good


def chunks(count: int) -> Target:
    """A streaming model of `count` chunks."""

    def model(prompt: str) -> Iterator[str]:  # noqa: ARG001
        for _ in range(count):
            yield CHUNK

    return model


def achunks(count: int) -> Target:
    """An async streaming model of `count` chunks, which never suspends."""

    async def model(prompt: str) -> AsyncIterator[str]:  # noqa: ARG001
        for _ in range(count):
            yield CHUNK

    return model
