"""What the type checkers see of a decorated function; mypy and pyright check this file too.

A comment that ignores nothing is an error in both, so each one here proves a rejection.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from typing import Self, assert_type

import pytest

import reliai

guarded = reliai.reliable(reliai.Retry(2))


@guarded
def plain(prompt: str, *, loud: bool = False) -> int:
    return len(prompt) + loud


@guarded
async def asynchronous(prompt: str) -> int:
    return len(prompt)


@guarded
def generator(prompt: str) -> Iterator[str]:
    yield from prompt


@guarded
def full_generator(prompt: str) -> Generator[str, int, bool]:
    yield prompt
    return True


@guarded
async def asynchronous_generator(prompt: str) -> AsyncIterator[str]:
    for letter in prompt:
        yield letter


@guarded
async def full_asynchronous_generator(prompt: str) -> AsyncGenerator[str, int]:
    yield prompt


class Service:
    @guarded
    def method(self, prompt: str) -> int:
        return len(prompt)

    @guarded
    async def asynchronous_method(self, prompt: str) -> int:
        return len(prompt)

    @classmethod
    @guarded
    def of_class(cls, prompt: str) -> Self:
        assert prompt
        return cls()

    @staticmethod
    @guarded
    def static(prompt: str) -> int:
        return len(prompt)


class Callable:
    def __call__(self, prompt: str) -> int:
        return len(prompt)


def test_a_function_keeps_its_parameters_and_result() -> None:
    assert_type(plain("ab", loud=True), int)
    assert plain("ab", loud=True) == 3
    with pytest.raises(TypeError):
        plain(loud=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError):
        plain("ab", quiet=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    with pytest.raises(TypeError):
        plain(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_an_async_function_keeps_its_parameters_and_result() -> None:
    async def main() -> int:
        return assert_type(await asynchronous("ab"), int)

    assert asyncio.run(main()) == 2


def test_a_generator_keeps_its_type() -> None:
    assert_type(generator("ab"), Iterator[str])
    assert_type(full_generator("ab"), Generator[str, int, bool])
    assert list(generator("ab")) == ["a", "b"]
    assert list(full_generator("ab")) == ["ab"]


def test_an_async_generator_keeps_its_type() -> None:
    assert_type(asynchronous_generator("ab"), AsyncIterator[str])
    assert_type(full_asynchronous_generator("ab"), AsyncGenerator[str, int])

    async def main() -> list[str]:
        letters = [letter async for letter in asynchronous_generator("ab")]
        return letters + [letters async for letters in full_asynchronous_generator("ab")]

    assert asyncio.run(main()) == ["a", "b", "ab"]


def test_methods_bind_as_before() -> None:
    service = Service()
    assert_type(service.method("ab"), int)
    assert_type(Service.of_class("ab"), Service)
    assert_type(Service.static("ab"), int)
    assert service.method("ab") == Service.static("ab") == Service.method(service, "ab") == 2
    assert isinstance(Service.of_class("ab"), Service)

    async def main() -> int:
        return assert_type(await service.asynchronous_method("ab"), int)

    assert asyncio.run(main()) == 2


def test_a_callable_object_becomes_a_function_of_its_type() -> None:
    assert_type(guarded(Callable())("ab"), int)
    assert guarded(Callable())("ab") == 2


def test_a_partial_keeps_its_result() -> None:
    length = guarded(functools.partial(len, "ab"))
    assert_type(length(), int)
    assert length() == 2


def test_a_policy_is_a_decorator_by_itself() -> None:
    @reliai.Retry(2)
    def ask(prompt: str) -> int:
        return len(prompt)

    assert_type(ask("ab"), int)
    assert ask("ab") == 2


def test_a_pipeline_is_a_decorator() -> None:
    @reliai.Pipeline(reliai.Retry(2))
    def ask(prompt: str) -> int:
        return len(prompt)

    @reliai.standard()
    async def ask_later(prompt: str) -> int:
        return len(prompt)

    assert_type(ask("ab"), int)
    assert ask("ab") == 2

    async def main() -> int:
        return assert_type(await ask_later("ab"), int)

    assert asyncio.run(main()) == 2
