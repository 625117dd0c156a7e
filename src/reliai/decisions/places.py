"""A number of places, and a queue for them: who may run, who waits, who is turned away.

Used by the bulkhead and the adaptive limit. First come, first served: a place that becomes free
goes to who has waited longest, so nobody who comes later slips in before.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from typing import TYPE_CHECKING

from reliai._core.forking import renew_after_fork

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Places", "Ticket"]


class Ticket:
    """A turn in the queue.

    Attributes:
        call_up: called once, in any thread and outside the lock, when the place is there.
        seated: whether it was.
    """

    __slots__ = ("call_up", "seated")

    def __init__(self, call_up: Callable[[], None]) -> None:
        self.call_up = call_up
        self.seated = False


class Places:
    """Places for calls that run at the same time; safe to use from any thread and event loop.

    Args:
        limit: how many there are (>= 1).
        queue: how many may wait for one (>= 0).
    """

    __slots__ = ("__weakref__", "_lock", "_waiting", "limit", "queue", "taken")

    def __init__(self, limit: int, queue: int = 0) -> None:
        self.limit = limit
        self.queue = queue
        self.taken = 0
        self._waiting: deque[Ticket] = deque()
        self._renew()
        renew_after_fork(self)

    def _renew(self) -> None:
        self._lock = Lock()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def take(self) -> bool:
        """Take a place at once; False when all are taken, or somebody waits for one."""
        with self._lock:
            if self.taken >= self.limit or self._waiting:
                return False
            self.taken += 1
            return True

    def queue_up(self, ticket: Ticket) -> bool:
        """Wait for a place; False when the queue is full. The ticket may be seated at once."""
        with self._lock:
            if self.taken < self.limit and not self._waiting:
                self.taken += 1
                ticket.seated = True
            elif len(self._waiting) >= self.queue:
                return False
            else:
                self._waiting.append(ticket)
            return True

    def give_up(self, ticket: Ticket) -> bool:
        """Wait no longer; False when the place was there already, and is now to be given back."""
        with self._lock:
            if ticket.seated:
                return False
            self._waiting.remove(ticket)
            return True

    def give_back(self) -> None:
        """Leave a place to who has waited longest."""
        with self._lock:
            if not self._waiting:
                self.taken -= 1
                return
        self._hand_out(freed=1)

    def resize(self, limit: int) -> None:
        """Have another number of places (>= 1). Who has one keeps it, nobody is made to wait."""
        with self._lock:
            self.limit = limit
        self._hand_out(freed=0)

    def _hand_out(self, freed: int) -> None:
        called_up: list[Ticket] = []
        with self._lock:
            self.taken -= freed
            while self._waiting and self.taken < self.limit:
                ticket = self._waiting.popleft()
                ticket.seated = True
                self.taken += 1
                called_up.append(ticket)
        for ticket in called_up:
            ticket.call_up()
