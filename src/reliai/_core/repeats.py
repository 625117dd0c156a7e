"""Seeing that the same few steps come again and again: the loop of an agent that is stuck."""

from __future__ import annotations

from collections import deque
from typing import Final

__all__ = ["Repeats"]

LONGEST_CYCLE: Final = 4
"""Steps: one tool called over and over, or up to four that follow each other in a circle."""


class Repeats:
    """Counts how often a cycle of up to four steps was gone through without a pause.

    Args:
        limit: how often it may be, at least 1.

    Example:
        >>> repeats = Repeats(2)
        >>> [repeats.step("search") for _ in range(3)]
        ['new', 'last', 'refused']
        >>> repeats.step("read")
        'new'
    """

    __slots__ = ("_steps", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._steps: deque[object] = deque(maxlen=LONGEST_CYCLE * (limit + 1))

    def step(self, step: object) -> str:
        """Take in a step, which is compared by equality.

        Returns:
            "new"; "last" when it completes the last repetition there may be; "refused" when it
            would begin one more: such a step is not taken in, for it should not be made.
        """
        steps = [*self._steps, step]
        excess = max(
            _repeated(steps, length) + length - self.limit * length
            for length in range(1, LONGEST_CYCLE + 1)
        )
        if excess > 0:
            return "refused"
        self._steps.append(step)
        return "last" if excess == 0 and self.limit > 1 else "new"


def _repeated(steps: list[object], length: int) -> int:
    """How many of the last steps are what was done `length` steps before."""
    count = 0
    for later, earlier in zip(reversed(steps), reversed(steps[:-length]), strict=False):
        if later != earlier:
            break
        count += 1
    return count
