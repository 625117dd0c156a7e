"""What is known of other processes whose counts are merged: of so many at most."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Generic, TypeVar

__all__ = ["MOST_SOURCES", "Sources"]

MOST_SOURCES: Final = 1000
"""Sources that are remembered; the one that has been silent longest gives way."""

Known = TypeVar("Known")


class Sources(Generic[Known]):
    """What each source said last, in the order in which they spoke."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict()

    def get(self, source: str) -> Known | None:
        """What the source said last; None when it is new, or forgotten."""
        return self._known.get(source)

    def put(self, source: str, known: Known) -> Known | None:
        """Remember what a source says now; give what was known of the one that gave way for it."""
        gone = None
        if source not in self._known and len(self._known) >= MOST_SOURCES:
            _, gone = self._known.popitem(last=False)
        self._known[source] = known
        self._known.move_to_end(source)
        return gone
