"""Which guarded calls a request made: how its answer, good or bad, comes by a call's id."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from reliai._core.ambient import ambient

if TYPE_CHECKING:
    from reliai._core.record import CallRecord

__all__ = ["Calls", "calls_here"]

MOST = 16
"""Calls of one request that are remembered: the last; a connection may stay open for days."""


class Calls(list[Any]):
    """Gets each record that starts in a request; keeps those of the calls that are in no other."""

    def __init__(self) -> None:
        super().__init__()
        self._last: deque[CallRecord] = deque(maxlen=MOST)
        self._chosen: str | None = None

    def append(self, record: CallRecord) -> None:
        if record._parent is None:  # noqa: SLF001  asking for `parent_id` would draw an id
            self._last.append(record)

    def choose(self, call_id: str) -> None:
        """Say which call the answer is from."""
        self._chosen = call_id

    def answering(self) -> str | None:
        """The id of the call that the answer is from: the last one; None where there was none."""
        if self._chosen is not None:
            return self._chosen
        return self._last[-1].id if self._last else None

    def failing(self) -> str | None:
        """The id of the call that an error is from: the last that ended in one."""
        failed = [each for each in self._last if each.status in {"error", "rejected", "cancelled"}]
        return failed[-1].id if failed else self.answering()


def calls_here() -> Calls | None:
    """The calls of the request that this code serves; None outside of any."""
    return next((each for each in ambient.get().collectors if isinstance(each, Calls)), None)
