"""What this process counted of a bandit and has not told the others yet."""

from __future__ import annotations

from collections import deque
from math import log
from threading import Lock
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reliai._core.record import CallRecord
    from reliai.decisions.choice import Choice
    from reliai.rollout._bandit_book import Sums

__all__ = ["BanditTally"]

_MOST_WAITING: Final = 4_096


class BanditTally:
    """Adds up calls by batch and variant.

    Args:
        names: of the variants.
        read: what is read from each call; a value that is no event counts by its logarithm.
    """

    def __init__(self, names: Sequence[str], read: Callable[[CallRecord], float | None]) -> None:
        self._places = {name: 3 * number for number, name in enumerate(names)}
        self._read = read
        self._pending: dict[int, list[float]] = {}
        self._waiting: deque[tuple[Choice, CallRecord]] = deque()
        self._lock = Lock()

    def renew(self) -> None:
        """In a forked child: what was counted is its parent's to tell."""
        self._lock = Lock()
        self._pending = {}
        self._waiting.clear()

    def note(self, choice: Choice, record: CallRecord) -> None:
        """Remember a call, to be read off its own path."""
        self._waiting.append((choice, record))
        if len(self._waiting) > _MOST_WAITING:
            self._read_all()

    def _read_all(self) -> None:
        for _ in range(len(self._waiting)):
            try:
                choice, record = self._waiting.popleft()
            except IndexError:  # another thread was faster
                return
            value = self._read(record)
            if value is None:
                continue
            if value is not True and value is not False:
                if value <= 0:
                    continue
                value = log(value)
            at = self._places[choice.name]
            with self._lock:
                sums = self._pending.get(choice.phase)
                if sums is None:
                    sums = self._pending[choice.phase] = [0.0] * (3 * len(self._places))
                sums[at] += 1
                sums[at + 1] += value
                sums[at + 2] += value * value

    def take(self, batches: set[int]) -> dict[int, Sums]:
        """What was counted since the last time; what came too late for its batch is left out."""
        self._read_all()
        with self._lock:
            taken, self._pending = self._pending, {}
        return {number: tuple(sums) for number, sums in taken.items() if number in batches}

    def put_back(self, taken: Mapping[int, Sums]) -> None:
        """The others could not be told: tell them the next time."""
        with self._lock:
            for number, sums in taken.items():
                here = self._pending.get(number)
                both = sums if here is None else [a + b for a, b in zip(here, sums, strict=True)]
                self._pending[number] = list(both)
