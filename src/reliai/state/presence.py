"""How many processes share something: each counts itself once every few seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reliai.state.base import Count

if TYPE_CHECKING:
    from reliai.state.base import Exchanged

__all__ = ["PERIOD", "Presence"]

PERIOD: Final = 5.0
"""Seconds between two counts; a process that is gone is counted for up to two of them more."""


class Presence:
    """Counts the processes that share what `name` stands for; part of a participant.

    Attributes:
        processes: how many were seen lately, this one included; 1 before the store was heard.
    """

    __slots__ = ("_counted_in", "_key", "processes")

    def __init__(self, name: str) -> None:
        self._key = f"{name}:processes"
        self._counted_in: int | None = None
        self.processes = 1

    def count(self, now: float) -> Count:
        """This process, once each period, to be offered at every exchange."""
        period = int(now // PERIOD)
        amounts = () if self._counted_in == period else (1.0,)
        self._counted_in = period
        return Count(self._key, period, PERIOD, 2, amounts)

    def hear(self, exchanged: Exchanged) -> None:
        """What the others counted; the period before the present one is the complete one."""
        counted = exchanged.counted.get(self._key, {})
        self.processes = max(1, *(round(each[0]) for each in counted.values()), 1)

    def unsent(self) -> None:
        """The count did not arrive; perhaps it did, then one too many is seen for a while."""
        self._counted_in = None
