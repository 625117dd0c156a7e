"""The store's time, as far as it can be trusted: clocks of hosts are put right, and jump."""

from __future__ import annotations

from reliai import clock

__all__ = ["StoreClock"]


class StoreClock:
    """What the store said of its time, and how much has passed here since."""

    def __init__(self) -> None:
        self._heard: tuple[float, float] | None = None
        self._began: tuple[float, float] | None = None

    def hear(self, now: float) -> None:
        """The store has said what time it is."""
        self._heard = now, clock.active().monotonic()

    def begin(self, now: float) -> None:
        """It is now that something was read of which we want to know how long it lasts."""
        self._began = now, clock.active().monotonic()

    @property
    def now(self) -> float:
        """The store's time now."""
        return _since(self._heard)

    @property
    def steady(self) -> float:
        """The store's time at `begin`, and what has passed here since.

        So a clock that is put forward or back by an hour makes nothing older or younger.
        """
        return _since(self._began or self._heard)


def _since(told: tuple[float, float] | None) -> float:
    if told is None:
        return clock.active().time()
    at, heard = told
    return at + clock.active().monotonic() - heard
