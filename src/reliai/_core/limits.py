"""Deadlines at the leaf: which one is nearest, and what running out of it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.errors import CallTimeout

if TYPE_CHECKING:
    from reliai._core.call import Call, Limit

__all__ = ["nearest", "overrun"]


def nearest(call: Call, now: float) -> Limit:
    """The limit that ends an attempt which starts `now`; `remaining()` inside it reads the same.

    Only for a call that has one.
    """
    until, layer, limit = call.deadline, call.layer, call.limit
    cut = call.cut
    if cut is not None and (until is None or cut[0] < until):
        until, layer, limit = cut
    seconds = call.attempt_limit
    if seconds is not None and (until is None or now + seconds < until):
        until, layer, limit = now + seconds, "attempt", seconds
    assert until is not None  # noqa: S101  asked of limited calls only
    call.bound = until
    return until, layer, limit


def sooner(limit: Limit | None, other: Limit | None) -> Limit | None:
    """Of two limits the one that comes first."""
    if limit is None or other is None:
        return limit or other
    return limit if limit[0] <= other[0] else other


def overrun(call: Call, limit: Limit) -> CallTimeout:
    """The error for a limit that ran out."""
    return CallTimeout(limit[1], limit[2], call.name)
