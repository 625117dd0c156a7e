"""Calls that wait for what is said of them later: so many, so large, so long, and no more."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reliai.datasets._capture_candidates import Candidate

__all__ = ["Waiting"]


class Waiting:
    """The candidates of the last while, by the id of their call; the oldest go first.

    Args:
        seconds: how long they wait.
        calls: how many wait at most.
        size: bytes of content that wait at most.
    """

    def __init__(self, seconds: float, calls: int, size: int) -> None:
        self._seconds, self._calls, self._size = seconds, calls, size
        self._candidates: OrderedDict[str, tuple[float, Candidate]] = OrderedDict()
        self.size = 0
        self.pushed_out = 0

    def __len__(self) -> int:
        return len(self._candidates)

    def put(self, candidate: Candidate, now: float) -> None:
        """Let a call wait from now on."""
        self._let_go(candidate.order)
        self._candidates[candidate.order] = (now, candidate)
        self.size += candidate.held.size
        while len(self._candidates) > self._calls or self.size > self._size:
            self._let_go(next(iter(self._candidates)))
            self.pushed_out += 1

    def get(self, call_id: str, now: float) -> Candidate | None:
        """The call, when it still waits."""
        self.expire(now)
        found = self._candidates.get(call_id)
        return None if found is None else found[1]

    def expire(self, now: float) -> None:
        """Let those go that have waited long enough."""
        while self._candidates:
            call_id, (since, _) = next(iter(self._candidates.items()))
            if now - since <= self._seconds:
                return
            self._let_go(call_id)

    def _let_go(self, call_id: str) -> None:
        found = self._candidates.pop(call_id, None)
        if found is not None:
            self.size -= found[1].held.size
