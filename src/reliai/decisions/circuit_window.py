"""Which window a circuit counts in, and what of it stays when its settings change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reliai.decisions.fleet_window import FleetWindow
from reliai.decisions.window import CountWindow, TimeWindow

if TYPE_CHECKING:
    from reliai.decisions.circuit_settings import CircuitSettings
    from reliai.decisions.window import Window

__all__ = ["carried_over", "window_for"]


def window_for(settings: CircuitSettings) -> Window:
    """An empty window of a circuit's own."""
    return TimeWindow(settings.window) if settings.calls is None else CountWindow(settings.calls)


def carried_over(window: Window, settings: CircuitSettings) -> Window:
    """A window for other settings, with what it knew where it is of the same kind."""
    if isinstance(window, TimeWindow | FleetWindow) and settings.calls is None:
        return window if window.seconds == settings.window else window.resized(settings.window)
    if isinstance(window, CountWindow) and settings.calls is not None:
        return window if window.size == settings.calls else window.resized(settings.calls)
    return window_for(settings)
