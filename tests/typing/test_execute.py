"""What the type checkers see of `execute` and its like; mypy and pyright check this file too."""

from __future__ import annotations

import asyncio
from typing import assert_type

import reliai


@reliai.reliable()
def plain(prompt: str) -> int:
    return len(prompt)


@reliai.reliable()
async def asynchronous(prompt: str) -> int:
    return len(prompt)


def test_execute_gives_an_outcome() -> None:
    outcome = assert_type(reliai.execute(plain, "ab"), reliai.Outcome)
    assert outcome.ok
    assert outcome.unwrap() == 2


def test_aexecute_gives_an_outcome() -> None:
    async def main() -> reliai.Outcome:
        return assert_type(await reliai.aexecute(asynchronous, "ab"), reliai.Outcome)

    assert asyncio.run(main()).unwrap() == 2


def test_a_pipeline_runs_a_function_with_its_types() -> None:
    pipeline = reliai.Pipeline(reliai.Retry(2))
    assert assert_type(pipeline.run(len, "ab"), int) == 2

    async def main() -> int:
        return assert_type(await pipeline.arun(asynchronous, "ab"), int)

    assert asyncio.run(main()) == 2


def test_the_pipeline_of_a_function_is_a_pipeline() -> None:
    pipeline = assert_type(reliai.pipeline_of(plain), reliai.Pipeline)
    assert pipeline.describe()["name"].endswith("plain")
