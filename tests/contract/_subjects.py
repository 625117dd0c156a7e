"""What the contract is asked of: every policy around one scripted model, in every shape."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

import reliai
from reliai.rollout import Rollout
from reliai.testing import Faults, ScriptedModel
from tests.core._kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Iterator


async def middleware(call: reliai.Call, proceed: Any) -> Any:
    """Works as most do: something before, something after, exceptions in between."""
    call.emit("asked")
    return (await proceed(call)).unwrap()


def _validate(streaming: bool, *checks: Any, **settings: Any) -> Callable[..., Any]:
    return reliai.reliable(reliai.Validate(*checks, buffer=streaming, **settings))


def _routed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function in a rollout where it is both variants, so that every call is counted."""

    def by_call(call: reliai.Call) -> str:
        return call.id

    return Rollout("contract", function, function, by_call, background=False).route()


HELD = reliai.Pattern("###", forbid=True)
"""Of a stream, two characters are held back for it."""

POLICIES: dict[str, Callable[[bool], Any]] = {
    "guard": lambda _: reliai.reliable(reliai.Guard(reliai.NotEmpty())),
    "validate output": lambda streaming: _validate(streaming, output=str),
    "validate checks": lambda streaming: _validate(streaming, reliai.NotEmpty()),
    "validate held": lambda _: reliai.reliable(reliai.Validate(HELD)),
    "timeout": lambda _: reliai.reliable(reliai.Timeout(30)),
    "retry": lambda _: reliai.reliable(reliai.Retry(3, budget=None)),
    "fallback": lambda _: reliai.reliable(reliai.Fallback("stand-in")),
    "breaker": lambda _: reliai.reliable(reliai.CircuitBreaker()),
    "hedge": lambda _: reliai.reliable(reliai.Hedge(1000.0, extra_load=1.0)),
    "rate limit": lambda _: reliai.reliable(reliai.RateLimit(1000)),
    "bulkhead": lambda _: reliai.reliable(reliai.Bulkhead(10)),
    "adaptive limit": lambda _: reliai.reliable(reliai.AdaptiveLimit()),
    "cache": lambda _: reliai.reliable(reliai.Cache(key="arg:prompt")),
    "budget": lambda _: reliai.reliable(reliai.Budget(tokens=10_000, estimate=10)),
    "pseudonyms": lambda _: reliai.reliable(reliai.Guard(reliai.Pii("pseudonymize"))),
    "shadow": lambda _: reliai.reliable(reliai.Shadow(lambda *_: "other", rate=0)),
    "route": lambda _: _routed,
    "faults": lambda _: reliai.reliable(Faults()),
    "middleware": lambda _: reliai.reliable(middleware),
    "standard": lambda _: reliai.standard(timeout=30),
}


class Shape(NamedTuple):
    """How the model is written down: as a function of a kind, or as a method."""

    kind: str
    method: bool

    @property
    def streaming(self) -> bool:
        return self.kind.endswith("generator")

    @property
    def asynchronous(self) -> bool:
        return self.kind.startswith("async")

    def __str__(self) -> str:
        return f"{self.kind} method" if self.method else self.kind


SHAPES = [Shape(kind, method) for method in (False, True) for kind in KINDS]
STREAMS = [shape for shape in SHAPES if shape.streaming]

every_policy = pytest.mark.parametrize("policy", POLICIES)
every_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


class Subject:
    """A guarded model of a shape that follows a script.

    Attributes:
        model: the script.
        function: the guarded function of one prompt.
        shape: its shape.
    """

    def __init__(self, decorate: Any, shape: Shape, script: Iterable[Any], **how: Any) -> None:
        self.model = ScriptedModel(script, **how)
        self.shape = shape
        made = _method(self.model, decorate) if shape.method else _function(self.model, decorate)
        self.function: Callable[..., Any] = made(shape.kind)


def _function(model: ScriptedModel, decorate: Any) -> Callable[[str], Any]:
    def sync(prompt: str) -> Any:
        return model(prompt)

    async def asynchronous(prompt: str) -> Any:
        return await model.asynchronous(prompt)

    def generator(prompt: str) -> Iterator[Any]:
        yield from model.streaming(prompt)

    async def async_generator(prompt: str) -> AsyncIterator[Any]:
        async with aclosing(model.streaming.asynchronous(prompt)) as stream:
            async for chunk in stream:
                yield chunk

    functions = (sync, asynchronous, generator, async_generator)
    made: dict[str, Any] = dict(zip(KINDS, functions, strict=True))
    return lambda kind: decorate(made[kind])


def _method(model: ScriptedModel, decorate: Any) -> Callable[[str], Any]:
    class Service:
        def __init__(self, model: ScriptedModel) -> None:
            self.model = model

        def sync(self, prompt: str) -> Any:
            return self.model(prompt)

        async def asynchronous(self, prompt: str) -> Any:
            return await self.model.asynchronous(prompt)

        def generator(self, prompt: str) -> Iterator[Any]:
            yield from self.model.streaming(prompt)

        async def async_generator(self, prompt: str) -> AsyncIterator[Any]:
            async with aclosing(self.model.streaming.asynchronous(prompt)) as stream:
                async for chunk in stream:
                    yield chunk

    methods = ("sync", "asynchronous", "generator", "async_generator")
    names: dict[str, str] = dict(zip(KINDS, methods, strict=True))

    def made(kind: str) -> Any:
        setattr(Service, names[kind], decorate(getattr(Service, names[kind])))
        return getattr(Service(model), names[kind])

    return made
