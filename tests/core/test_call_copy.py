"""A policy that goes on with a changed call goes on with all the rest of it."""

from __future__ import annotations

from typing import Any

import reliai


def test_a_copy_of_a_call_has_every_slot_of_it() -> None:
    seen: list[reliai.Call] = []

    async def middleware(call: reliai.Call, proceed: Any) -> Any:
        outcome = await proceed(call)
        seen.append(call)
        return outcome

    reliai.reliable(middleware)(lambda prompt: prompt)("a")
    (call,) = seen
    assert call.arguments["prompt"] == "a"
    call.own = call.current_attempt()
    for name in reliai.Call.__slots__:
        if not hasattr(call, name):
            setattr(call, name, True)
    copy = call._copy()
    missing = [
        name
        for name in reliai.Call.__slots__
        if getattr(copy, name, "unset") is not getattr(call, name)
    ]
    assert missing == []


def test_a_copy_has_the_changes() -> None:
    seen: list[reliai.Call] = []

    async def middleware(call: reliai.Call, proceed: Any) -> Any:
        seen.append(call)
        return await proceed(call._copy(idle=5.0))

    reliai.reliable(middleware)(lambda prompt: prompt)("a")
    assert seen[0].idle is None
    assert seen[0]._copy(idle=5.0).idle == 5.0
