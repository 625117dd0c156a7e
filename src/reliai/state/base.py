"""The few things a shared state can do, each in one atomic step, the same in every backend.

All of them block: they are called by the keeper's thread, or off the event loop with a short
bound. What fails raises `StateUnavailable` and nothing else, so that a policy can go on by itself.
Times are Unix seconds by the store's own clock, since those of several hosts differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = [
    "PATIENT",
    "PROMPT",
    "Count",
    "Counted",
    "Entry",
    "Exchanged",
    "State",
    "StateBusy",
    "StateUnavailable",
    "Taken",
]

PROMPT = 0.05
"""Seconds that a question on the path of a call may take."""

PATIENT = 2.0
"""Seconds that a question of the keeper's thread may take."""


class StateUnavailable(Exception):
    """The store did not answer in time, or at all. Never reaches the caller of a guarded call."""


class StateBusy(StateUnavailable):
    """Others kept the store busy for too long; nothing was done, and it is not away."""


class Entry(NamedTuple):
    """A value, and how often it was written: what `put(expected=)` compares."""

    value: bytes
    version: int


class Count(NamedTuple):
    """Amounts to add to one bucket of a windowed counter.

    Attributes:
        key: which counter.
        bucket: which bucket: the store's time divided by `width`, rounded down.
        width: seconds a bucket lasts.
        keep: how many buckets the window has, the current one included; older ones are dropped.
        amounts: what is added, one number a column; none asks only.
    """

    key: str
    bucket: int
    width: float
    keep: int
    amounts: tuple[float, ...]


Counted: TypeAlias = "Mapping[int, tuple[float, ...]]"
"""The amounts of all processes together, by bucket, for the buckets of the window."""


class Exchanged(NamedTuple):
    """What the store knows after an exchange.

    Attributes:
        now: the store's time.
        counted: for each key that was counted, its buckets.
        entries: for each key that was asked for, its value; None where there is none.
    """

    now: float
    counted: Mapping[str, Counted]
    entries: Mapping[str, Entry | None]


class Taken(NamedTuple):
    """What a token bucket gave.

    Attributes:
        amount: tokens granted: all that were asked for, fewer where that was allowed, or 0.
        level: tokens left; below 0 after a correction.
        wait: seconds until what was not granted will be there; 0 when all was.
    """

    amount: float
    level: float
    wait: float


class State(Protocol):
    """A store. Safe to use from any number of threads, and in a forked child."""

    shared: bool
    """Whether other processes see it."""

    def exchange(
        self, counts: Sequence[Count], keys: Sequence[str], *, within: float = PATIENT
    ) -> Exchanged:
        """Add counts and read values, in one round trip: how processes keep in step."""
        ...

    def reserve(
        self, count: Count, caps: tuple[float, ...], *, within: float = PROMPT
    ) -> tuple[bool, Counted]:
        """Add to a counter unless a column's sum over the window would exceed its cap.

        Args:
            count: what to add.
            caps: the most each column may sum up to; infinity for no cap.
            within: seconds the store has to answer.

        Returns:
            Whether it was added, and the buckets afterwards.
        """
        ...

    def take(
        self,
        key: str,
        amount: float,
        rate: float,
        capacity: float,
        *,
        partly: bool = False,
        within: float = PROMPT,
    ) -> Taken:
        """Take tokens from a bucket that begins full.

        Args:
            key: which bucket.
            amount: how many (>= 0).
            rate: tokens that flow in each second.
            capacity: the most it holds.
            partly: whether fewer may be granted when all are not there.
            within: seconds the store has to answer.
        """
        ...

    def correct(
        self, key: str, amount: float, rate: float, capacity: float, *, within: float = PATIENT
    ) -> float:
        """Take `amount` tokens (below 0: give back) whatever is there; the level afterwards."""
        ...

    def get(self, key: str, *, within: float = PROMPT) -> Entry | None:
        """A value."""
        ...

    def put(
        self,
        key: str,
        value: bytes,
        *,
        ttl: float | None = None,
        expected: int | None = None,
        within: float = PROMPT,
    ) -> int | None:
        """Write a value.

        Args:
            key: which.
            value: what.
            ttl: seconds it is kept; None for good.
            expected: write only when the value's version is this one; 0: when there is none.
            within: seconds the store has to answer.

        Returns:
            Its version, or None when another was there.
        """
        ...

    def delete(self, key: str, *, within: float = PROMPT) -> None:
        """Forget a value."""
        ...

    def lease(self, key: str, owner: str, ttl: float, *, within: float = PROMPT) -> int | None:
        """Hold something alone for `ttl` seconds; the owner may prolong it.

        Returns:
            The epoch, one higher with each new owner; None while another holds it.
        """
        ...

    def release(self, key: str, owner: str, *, within: float = PROMPT) -> None:
        """Give a lease back; nothing when somebody else holds it."""
        ...

    def close(self) -> None:
        """Let go of connections; what is stored stays."""
        ...
