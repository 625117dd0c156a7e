"""How many trials run at a time: a fixed number, or as many as the provider bears."""

from __future__ import annotations

from typing import Final

from reliai.errors import ConfigurationError

__all__ = ["Adaptive", "Fixed", "limit_of"]

FIRST: Final = 4
MOST: Final = 32


class Fixed:
    """Always the same number."""

    def __init__(self, value: int) -> None:
        self.value = value
        self.lowest = self.highest = value

    def served(self) -> None:
        """A trial came to its end."""

    def refused(self, started_at: float, now: float) -> None:
        """The provider sent an attempt away, or it ran out of time."""


class Adaptive:
    """Additive increase, multiplicative decrease: half of it when the provider refuses.

    Up to the first refusal every trial that is served adds one, so that the number doubles each
    time all have been served; from then on it takes as many as run at a time. Refusals of
    attempts that began before the last decrease belong to that one.

    Attributes:
        value: how many may run now, from 1 to 32.
        lowest, highest: what it has been.
    """

    def __init__(self, first: int = FIRST, most: int = MOST) -> None:
        self.value = first
        self.lowest = self.highest = first
        self._most = most
        self._served = 0
        self._cut_at: float | None = None

    def served(self) -> None:
        """A trial came to its end."""
        self._served += 1
        if self.value < self._most and (self._cut_at is None or self._served >= self.value):
            self._served = 0
            self.value += 1
            self.highest = max(self.highest, self.value)

    def refused(self, started_at: float, now: float) -> None:
        """The provider sent an attempt away that began at `started_at`, or it ran out of time."""
        if self._cut_at is not None and started_at < self._cut_at:
            return
        self._cut_at = now
        self._served = 0
        self.value = max(1, self.value // 2)
        self.lowest = min(self.lowest, self.value)


def limit_of(concurrency: int | str) -> Fixed | Adaptive:
    """The limit that `concurrency` asks for.

    Raises:
        ConfigurationError: when it is neither "adaptive" nor a whole number from 1 up.
    """
    if concurrency == "adaptive":
        return Adaptive()
    if isinstance(concurrency, int) and not isinstance(concurrency, bool) and concurrency >= 1:
        return Fixed(concurrency)
    raise ConfigurationError(
        f"concurrency={concurrency!r}: must be 'adaptive', or how many trials run at a time (>= 1)"
    )
