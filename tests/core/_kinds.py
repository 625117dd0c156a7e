"""What tests of calls share: one script as a function of four kinds, called and read in one way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

import reliai

if TYPE_CHECKING:
    from collections.abc import Callable

    from reliai import CallRecord, Outcome
    from reliai.testing import ScriptedModel

KINDS = ("sync", "async", "generator", "async_generator")

every_kind = pytest.mark.parametrize("kind", KINDS)
each_single = pytest.mark.parametrize("kind", ["sync", "async"])
each_stream = pytest.mark.parametrize("kind", ["generator", "async_generator"])


def of_kind(model: ScriptedModel, kind: str) -> Callable[..., Any]:
    """The script as a function of a kind."""
    views: dict[str, Any] = {
        "sync": model,
        "async": model.asynchronous,
        "generator": model.streaming,
        "async_generator": model.streaming.asynchronous,
    }
    view: Callable[..., Any] = views[kind]
    return view


def read(function: Callable[..., Any], kind: str, *args: Any, **kwargs: Any) -> Any:
    """Call a function and take all that it gives: its value, or the list of its chunks."""
    if kind == "sync":
        return function(*args, **kwargs)
    if kind == "generator":
        return list(function(*args, **kwargs))

    async def main() -> Any:
        if kind == "async":
            return await function(*args, **kwargs)
        return [chunk async for chunk in function(*args, **kwargs)]

    return asyncio.run(main())


def outcome_of(function: Callable[..., Any], kind: str, *args: Any, **kwargs: Any) -> Outcome:
    """`execute` or `aexecute`, whichever serves the kind."""
    if kind in {"sync", "generator"}:
        return reliai.execute(function, *args, **kwargs)
    return asyncio.run(reliai.aexecute(function, *args, **kwargs))


def record_of(function: Callable[..., Any], kind: str, *args: Any, **kwargs: Any) -> CallRecord:
    """The one record that a call leaves, whatever came of it."""
    with reliai.collect() as calls:
        try:
            read(function, kind, *args, **kwargs)
        except Exception:
            assert calls
    (record,) = calls
    return record


def answer(kind: str, *chunks: str) -> Any:
    """What `read` gives for an answer of these chunks, of which a single value has only one."""
    return list(chunks) if kind.endswith("generator") else chunks[0]
