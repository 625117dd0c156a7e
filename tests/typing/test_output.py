"""`output=T` changes the result the type checkers see; mypy and pyright check this file too."""

from __future__ import annotations

import asyncio
from typing import assert_type

from pydantic import BaseModel

import reliai


class Answer(BaseModel):
    text: str


@reliai.reliable(output=Answer)
def plain(prompt: str) -> str:
    return f'{{"text": "{prompt}"}}'


@reliai.reliable(reliai.Retry(2), output=Answer)
async def asynchronous(prompt: str) -> str:
    return f'{{"text": "{prompt}"}}'


@reliai.reliable(reliai.Validate(reask=1), output=Answer)
def asked_again(prompt: str) -> str:
    return f'{{"text": "{prompt}"}}'


@reliai.reliable(output=list[int])
def built_in(count: int) -> str:
    return f"[{', '.join(map(str, range(count)))}]"


def test_a_function_returns_the_output_type() -> None:
    assert_type(plain("ab"), Answer)
    assert plain("ab") == Answer(text="ab")


def test_a_function_that_is_asked_again_returns_the_output_type() -> None:
    assert_type(asked_again("ab"), Answer)
    assert asked_again("ab") == Answer(text="ab")


def test_an_async_function_returns_the_output_type() -> None:
    async def main() -> Answer:
        return assert_type(await asynchronous("ab"), Answer)

    assert asyncio.run(main()) == Answer(text="ab")


def test_any_type_pydantic_can_build_is_an_output() -> None:
    assert_type(built_in(3), list[int])
    assert built_in(3) == [0, 1, 2]


def test_the_parameters_stay() -> None:
    assert_type(plain(prompt="ab"), Answer)
