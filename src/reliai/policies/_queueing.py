"""Waiting for a place in the order of arrival, within the time of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from reliai._core.limits import nearest, overrun
from reliai.decisions.places import Ticket

if TYPE_CHECKING:
    from reliai._core.call import Call
    from reliai.decisions.places import Places
    from reliai.errors import CallTimeout

__all__ = ["queued"]


async def queued(
    call: Call, places: Places, max_wait: float | None
) -> CallTimeout | Literal["full"] | None:
    """Wait for a place.

    Args:
        call: who waits.
        places: for which.
        max_wait: seconds to wait at most; None: until the call's deadline.

    Returns:
        None with a place, which the caller has to give back; "full" without one; or the error of
        the call's own deadline, when that came first.
    """
    signal = call.runtime.signal()
    ticket = Ticket(signal.give)
    if not places.queue_up(ticket):
        return "full"
    if ticket.seated:
        return None
    until = call.until
    now = call.clock.monotonic()
    left = None if until is None else max(0.0, until - now)
    late = left is not None and (max_wait is None or left < max_wait)
    try:
        await signal.received(left if late else max_wait)
    except BaseException:
        if not places.give_up(ticket):
            places.give_back()
        raise
    if not places.give_up(ticket):
        waited = call.clock.monotonic() - now
        call.emit("queued", seconds=waited)
        return None
    if not late:
        return "full"
    return overrun(call, nearest(call, now))
