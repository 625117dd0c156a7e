"""`execute` gives an Outcome of what the function gives; mypy and pyright check this file too."""

from __future__ import annotations

import asyncio
from typing import assert_type

import pytest

import reliai


@reliai.reliable()
def plain(prompt: str) -> int:
    return len(prompt)


@reliai.reliable()
async def asynchronous(prompt: str) -> int:
    return len(prompt)


def test_an_outcome_holds_the_result_of_the_function() -> None:
    outcome = reliai.execute(plain, "ab")
    assert_type(outcome, reliai.Outcome[int])
    assert_type(outcome.unwrap(), int)
    assert outcome.unwrap() == 2
    with pytest.raises(TypeError):
        reliai.execute(plain, 1).unwrap()  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_an_outcome_holds_the_awaited_result_of_an_async_function() -> None:
    async def main() -> int:
        outcome = await reliai.aexecute(asynchronous, "ab")
        assert_type(outcome, reliai.Outcome[int])
        return outcome.unwrap()

    assert asyncio.run(main()) == 2
