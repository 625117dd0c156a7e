"""Replays of a part whose containment was broken on purpose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.incidents import Incident, run_part

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from reliai.incidents import PartName, Trial

__all__ = ["missed"]

QUICK = 2_000


def missed(
    what: str | Callable[[Trial], Awaitable[None] | None],
    part: PartName = "guarded",
    *,
    calls: int = QUICK,
) -> list[str]:
    """The facts of a part that are not what they have to be, by name.

    Args:
        what: an incident's id, or a function of a trial that is a piece of its guarded part.
        part: which.
        calls: of the healthy part.
    """
    found = run_part(what if isinstance(what, str) else _piece(what), part, calls=calls)
    assert found.error is None, found.error
    return [each.name for each in found.findings if not each.ok]


def _piece(scenario: Callable[[Trial], Awaitable[None] | None]) -> Incident:
    made = Incident("T-1", "a piece", "-", "-", "-")
    made.guarded(scenario)
    return made
