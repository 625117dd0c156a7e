"""Deadlines at the leaf: which one is nearest, and what running out of it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.errors import CallTimeout

if TYPE_CHECKING:
    from reliai._core.call import Call, Limit

__all__ = ["nearest", "overrun"]


def nearest(call: Call, now: float) -> Limit | None:
    """The limit that ends the coming attempt, which starts `now`; None when nothing limits it."""
    limit: Limit | None = None
    if call.deadline is not None:
        limit = (call.deadline, call.layer, call.limit)
    if call.cut is not None and (limit is None or call.cut[0] < limit[0]):
        limit = call.cut
    seconds = call.attempt_limit
    if seconds is not None and (limit is None or now + seconds < limit[0]):
        limit = (now + seconds, "attempt", seconds)
    return limit


def sooner(limit: Limit | None, other: Limit | None) -> Limit | None:
    """Of two limits the one that comes first."""
    if limit is None or other is None:
        return limit or other
    return limit if limit[0] <= other[0] else other


def overrun(call: Call, limit: Limit) -> CallTimeout:
    """The error for a limit that ran out."""
    return CallTimeout(limit[1], limit[2], call.name)
