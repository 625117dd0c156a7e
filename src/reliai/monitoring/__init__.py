"""Watching calls while they happen: signals, drift, SLOs and alerts, in the process itself.

Floor 6. Reads call records, which come from the observers' queue, from a store or inline. Each name
is loaded when it is first used; numpy and scipy come with the extra `monitoring`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reliai.monitoring import alerts as alerts
    from reliai.monitoring import signals as signals
    from reliai.monitoring.alert import Alert, Change
    from reliai.monitoring.monitor import Monitor
    from reliai.monitoring.profile import FieldProfile, Profile
    from reliai.monitoring.slo import SLO

__all__ = ["SLO", "Alert", "Change", "FieldProfile", "Monitor", "Profile", "alerts", "signals"]

_MODULES = {
    "SLO": "slo",
    "Alert": "alert",
    "Change": "alert",
    "FieldProfile": "profile",
    "Monitor": "monitor",
    "Profile": "profile",
    "alerts": "alerts",
    "signals": "signals",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in _MODULES:
            message = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(message)
        from importlib import import_module  # noqa: PLC0415

        module = import_module(f"{__name__}.{_MODULES[name]}")
        return module if _MODULES[name] == name else getattr(module, name)
