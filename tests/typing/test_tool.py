"""What the type checkers make of tools and runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, assert_type

import reliai

if TYPE_CHECKING:
    from collections.abc import Callable


@reliai.tool
def plain(order: int, reason: str = "") -> str:
    return f"{order} {reason}"


@reliai.tool(name="later", effects="idempotent")
async def later(order: int) -> str:
    return str(order)


def test_a_tool_keeps_its_parameters_and_result() -> None:
    function: Callable[[int, str], str] = plain
    assert function is plain
    assert_type(plain(1, "late"), str)


def test_an_asynchronous_tool_keeps_its_result() -> None:
    assert_type(asyncio.run(later(1)), str)


def test_a_tool_called_with_json_gives_the_same_result() -> None:
    assert_type(reliai.tool.call_json(plain, '{"order": 1}'), str)


def test_a_run_tells_what_is_left() -> None:
    with reliai.run(max_calls=5) as run:
        assert_type(run.calls, int)
        assert_type(run.usd, "float | None")
        assert_type(run.remaining.calls, "int | None")
