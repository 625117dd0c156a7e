"""The buckets of one rate limit, kept in step with those of other processes through a state.

Each process takes from a bucket of its own, so a call waits for no store: a share of the fleet's
bucket. A few times a second it tells what it took, hears what all took, and cuts its share anew
from what is left. Half of the shares is the same for all processes in use, half goes by what each
took of late; together they are the whole. While the store is away, each goes on with its share.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

from reliai._core.chance import chance
from reliai._core.forking import renew_after_fork
from reliai.policies._sharing import digest
from reliai.state import Count, StateUnavailable
from reliai.state.base import PROMPT
from reliai.state.keeper import INTERVAL, keeper_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from reliai._core.call import Call
    from reliai.clock import Clock
    from reliai.decisions.bucket import Buckets, TokenBucket
    from reliai.state import Exchanged, State

__all__ = ["RateSharing"]

_WIDTH: Final = 1.0
"""Seconds of a bucket of the counter, at least."""

_PARTS: Final = 20
"""Of the time in which a token bucket fills, the counter's buckets are a part each."""

_MARGIN: Final = 5
"""Buckets beyond that time: what is told late must still be heard."""

_LEAST: Final = 0.001
"""Share that a process keeps, whatever the others take."""

_LATELY: Final = 2.0
"""Seconds by which what was taken loses its weight in the shares, at least."""

_Sums = tuple[float, ...]
"""Taken, given back, processes in use; they only grow, so a store that lost them is recognised."""

_NOTHING: Final = (0.0, 0.0, 0.0)


class _Member:
    """What this process knows of one shared bucket."""

    __slots__ = (
        "at",
        "bucket",
        "gap",
        "heard",
        "here",
        "idle",
        "key",
        "level",
        "present",
        "sent",
        "share",
        "told",
        "total",
        "untold",
        "used_at",
    )

    def __init__(self, bucket: TokenBucket, key: str, now: float) -> None:
        self.bucket = bucket
        self.key = key
        self.told = 0.0
        """Of all that was taken here, what was told so far."""
        self.sent = 0.0
        """What is being told."""
        self.used_at = now
        """When somebody wanted something here, the last time."""
        self.idle = False
        """Whether nobody has wanted anything for as long as it takes to fill it."""
        self.present = -1
        """The bucket of the counter that this process has counted itself in."""
        self.heard: Mapping[int, _Sums] | None = None
        self.at = 0.0
        """When that was heard, by the monotonic clock."""
        self.level = 0.0
        """Of the fleet's bucket, at that time."""
        self.here = self.total = 0.0
        """What this process, and what all together, took of late."""
        self.share = 1.0
        self.untold = 0.0
        """What was taken here while the store was away."""
        self.gap = False
        """Whether an exchange failed since."""


class RateSharing:
    """One limit's buckets in step with other processes; a participant of the store's keeper.

    Args:
        buckets: this process's.
        place: the name that all processes know the limit by.
        state: the store.
        time: the clock the buckets live by.
    """

    def __init__(self, buckets: Buckets, place: str, state: State, time: Clock) -> None:
        self.state = state
        self.introduced = False
        """Whether the store was asked once, so that a late process begins where the fleet is."""
        self._buckets = buckets
        self._place = f"rate:{place}:{buckets.rate:g}:{buckets.capacity:g}"
        self._clock = time
        fills_in = buckets.capacity / buckets.rate
        self._width = max(_WIDTH, fills_in / _PARTS)
        self._keep = ceil(fills_in / self._width) + _MARGIN
        self._members: dict[Hashable, _Member] = {}
        self._keeper = keeper_of(state)
        renew_after_fork(self)
        self._keeper.join(self)

    def _renew(self) -> None:
        # In a forked child: what was taken before is the parent's to tell.
        for member in self._members.values():
            member.told, member.gap = member.bucket.taken, True

    async def introduce(self, call: Call) -> None:
        """Ask the store once before the first call; go on without it when it does not answer."""
        self.introduced = True
        try:
            await self._keeper.ask(call.runtime, self._keeper.step, PROMPT)
        except StateUnavailable:
            return

    # By the keeper's thread

    def offer(self, now: float) -> tuple[Sequence[Count], Sequence[str]]:
        known, self._members = self._members, {}
        at, monotonic = int(now // self._width), self._clock.monotonic()
        counts: list[Count] = []
        for key, bucket in self._buckets.items():
            member = known.get(key)
            if member is None or member.bucket is not bucket:
                place = self._place if key == _ONE else f"{self._place}:{digest(key)}"
                member = _Member(bucket, place, monotonic)
            self._members[key] = member
            count = self._count(member, at, monotonic)
            if count is not None:
                counts.append(count)
        return counts, ()

    def _count(self, member: _Member, at: int, now: float) -> Count | None:
        """What was taken since the last time, to be sent; None while nobody wants any."""
        bucket, taken = member.bucket, member.bucket.taken
        more, member.told = taken - member.told, taken
        member.sent = more
        if more or bucket.missed:
            member.used_at, member.idle = now, False
        elif not member.idle and now - member.used_at > self._width * self._keep:
            self._leave(member, now)
        if member.idle:
            return None
        in_use = now - member.used_at < self._width
        if more or (in_use and member.present != at):
            new, member.present = float(member.present != at), at
            amounts = (max(0.0, more), max(0.0, -more), new)
            return Count(member.key, at, self._width, self._keep, amounts)
        return Count(member.key, at, self._width, self._keep, ())

    def _leave(self, member: _Member, now: float) -> None:
        """A bucket out of use is whole again: it has been filled long ago."""
        bucket, whole = member.bucket, self._buckets.capacity
        member.idle, member.heard = True, None
        bucket.share(now, whole, told=member.told, inflow=bucket.rate, capacity=whole, ahead=0.0)

    def learn(self, exchanged: Exchanged, state: State) -> None:
        self.introduced = True
        now = self._clock.monotonic()
        for member in self._members.values():
            counted = exchanged.counted.get(member.key)
            if counted is not None:
                self._hear(member, counted, exchanged.now, now)
                self._cut(member, counted, int(exchanged.now // self._width), now)

    def keep(self, counts: Sequence[Count]) -> None:
        # Not told later: each process stays within its share meanwhile.
        for member in self._members.values():
            member.untold += member.sent
            member.gap, member.present = True, -1

    def _hear(self, member: _Member, counted: Mapping[int, _Sums], unix: float, now: float) -> None:
        """Find out how much is left in the fleet's bucket."""
        elapsed, heard = now - member.at, member.heard
        flown = elapsed * self._buckets.rate
        member.at, member.heard = now, counted
        if heard is None:
            member.level = self._replayed(counted, unix)
        elif member.gap:
            taken = (member.untold + member.sent) / member.share  # the others as much as we
            left = min(self._buckets.capacity, member.level + flown) - taken
            member.level = max(0.0, left)
        else:
            taken = sum(_grown(sums, heard.get(at, _NOTHING)) for at, sums in counted.items())
            member.level = min(self._buckets.capacity, member.level + flown) - taken
            left = max(0.0, 1 - elapsed / max(_LATELY, self._width))
            member.here = member.here * left + max(0.0, member.sent)
            member.total = max(member.total * left + max(0.0, taken), member.here)
        member.gap, member.untold = False, 0.0

    def _replayed(self, counted: Mapping[int, _Sums], unix: float) -> float:
        """The level of the fleet's bucket, from all that was taken lately."""
        level, width = self._buckets.capacity, self._width
        present = int(unix // width)
        for at in range(present - self._keep + 1, present + 1):
            flown = self._buckets.rate * (width if at < present else unix - present * width)
            taken, back, _ = counted.get(at, _NOTHING)
            level = min(self._buckets.capacity, level + flown) - taken + back
        return level

    def _cut(self, member: _Member, counted: Mapping[int, _Sums], at: int, now: float) -> None:
        """Cut this process's share from the fleet's bucket."""
        bucket, whole = member.bucket, self._buckets
        processes = max(counted.get(at, _NOTHING)[2], counted.get(at - 1, _NOTHING)[2], 1.0)
        even = 1 / processes
        used = member.here / member.total if member.total else even
        share = member.share = max((even + used) / 2, _LEAST)
        unit = min(max(1.0, bucket.missed), whole.capacity)
        bucket.missed = 0.0
        level, ahead, capacity = member.level, 0.0, whole.capacity
        if share < 1:
            capacity = min(capacity, max(share * capacity, unit))
            until_next = INTERVAL * whole.rate
            if level + until_next > 0:
                level, ahead = _portion(share * (level + until_next), unit), INTERVAL
            else:
                level *= share
        inflow = share * whole.rate
        bucket.share(now, level, told=member.told, inflow=inflow, capacity=capacity, ahead=ahead)


_ONE: Final = (None, None)
"""The bucket without a key, for the function itself."""


def _portion(level: float, unit: float) -> float:
    """A level in whole units: what is over makes one more, by lot.

    A share may be less than one call takes, for ever; so a few processes get one call each.
    """
    units = level / unit
    whole = int(units)
    return unit * (whole + (chance.random() < units - whole))


def _grown(sums: _Sums, before: _Sums) -> float:
    """What was taken since, less what was given back; all of it when the store lost the rest."""
    if any(now < then for now, then in zip(sums, before, strict=True)):
        before = _NOTHING
    return (sums[0] - before[0]) - (sums[1] - before[1])
