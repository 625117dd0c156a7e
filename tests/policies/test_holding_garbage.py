"""Streams that are judged on their way leave nothing behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai
from reliai import Pattern, Validate, check
from tests.core.test_garbage import garbage_of
from tests.policies.test_holding_spans import Digits, NoDigits

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator


def generator(what: str) -> Iterator[str]:
    if what == "error":
        yield "a"
        raise ConnectionError("down")
    yield "nothing to see here, "
    if what == "late error":
        raise ConnectionError("cut")
    yield "as far as I know 1234 "
    if what == "closed early":
        yield from ("and so on, ", "and so on, ", "and so on")
    yield "crash" if what == "crash" else "secret" if what == "refused" else "end"


async def async_generator(what: str) -> AsyncIterator[str]:
    for chunk in generator(what):
        yield chunk


def crash(text: str) -> bool:
    if "crash" in text:
        raise LookupError(text)
    return True


SECRET = Pattern("secret", forbid=True)
STACKS: dict[str, tuple[Any, ...]] = {
    "quick": (Validate(SECRET, check(crash, window=8)),),
    "allowing": (Validate(SECRET, check(crash, window=8, on_error="allow")),),
    "replacing": (Validate(Digits(), SECRET, check(crash, window=8)),),
    "forbidding": (Validate(NoDigits()),),
    "observing": (Validate(SECRET, Digits(), check(crash, window=8), mode="observe"),),
    "falling back": (reliai.Fallback("b"), Validate(SECRET, reask=1)),
}
WHATS = ["value", "error", "late error", "refused", "crash", "closed early"]


@pytest.mark.parametrize("what", WHATS)
@pytest.mark.parametrize("stack", STACKS)
def test_no_cyclic_garbage_whatever_comes_of_a_stream(stack: str, what: str) -> None:
    own = garbage_of("generator", generator, what)
    guarded = reliai.reliable(*STACKS[stack])(generator)
    assert garbage_of("generator", guarded, what) <= own


@pytest.mark.parametrize("what", WHATS[:-1])
@pytest.mark.parametrize("stack", STACKS)
def test_no_cyclic_garbage_whatever_comes_of_an_asynchronous_stream(stack: str, what: str) -> None:
    own = garbage_of("async_generator", async_generator, what)
    guarded = reliai.reliable(*STACKS[stack])(async_generator)
    assert garbage_of("async_generator", guarded, what) <= own


def test_no_cyclic_garbage_from_an_asynchronous_check_that_crashes() -> None:
    @check(window=8)
    async def crash_later(text: str) -> bool:
        await asyncio.sleep(0)
        return crash(text)

    guarded = reliai.reliable(Validate(crash_later))(async_generator)
    assert garbage_of("async_generator", guarded, "crash", times=5) <= 0
