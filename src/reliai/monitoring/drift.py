"""The slow detectors: windows of the traffic against a frozen reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reliai.monitoring.findings import Finding

__all__ = ["Drift"]


class Drift:
    """Takes the values of a field in and judges its windows."""

    __slots__ = ("_signal", "_tuning", "among", "ready")

    def __init__(self, signal: Any, tuning: Any, reference: Any) -> None:
        self._signal = signal
        self._tuning = tuning
        self.among = 1
        self.ready = reference is not None

    def take(self, value: Any, now: float) -> list[Finding] | None:
        """Take a value in."""
        return None

    def minute_ended(self, minutes: Sequence[list[float]]) -> list[Finding] | None:
        """A minute is over."""
        return None

    def absorb(self, window: Any, now: float) -> list[Finding] | None:
        """Add a window that another process counted."""
        return None

    def described(self) -> dict[str, Any]:
        """How it stands, as plain data."""
        return {}
